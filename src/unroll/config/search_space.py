"""The space that a tuning searches, written in Hydra's override grammar; reading it needs no optuna."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unroll.errors import UserError

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

ALLOWED = "interval(1e-4, 1e-2), int(interval(8, 64)), range(1, 5), choice(32, 64), tag(log, interval(1e-4, 1e-2))"
_DIGITS = 6  # of a number from an interval: enough to tell points apart, few enough to read
_GOLDEN = (math.sqrt(5) - 1) / 2  # of an interval between round numbers, nothing round


@dataclass(frozen=True)
class Dimension:
    """A key and the values that it may have: `choices`, or the numbers from `low` to `high`, both included.

    A value is known by its text in the override grammar, so that a point is the same on every machine. Numbers are
    whole where `low` is.
    """

    key: str
    written: str
    choices: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    step: float | None = None
    log: bool = False

    @property
    def texts(self) -> list[str] | None:
        """Every value's text, or None where they are a continuum."""
        if self.choices:
            return list(self.choices)
        if self.step is None:
            return None
        count = math.floor((self.high - self.low) / self.step + 1e-9) + 1
        return [self.text(self.low + number * self.step) for number in range(count)]

    @property
    def probes(self) -> list[str]:
        """Values to check before training: every choice, or both ends and a number between them."""
        if self.choices:
            return list(self.choices)
        between = self.low + _GOLDEN * (self.high - self.low)
        if self.step is not None:
            between = self.low + self.step * round((between - self.low) / self.step)
        return list(dict.fromkeys(map(self.text, (self.low, between, self.high))))

    def distribution(self) -> "BaseDistribution":
        """Return the values as optuna samples them."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        if self.choices:
            return CategoricalDistribution(self.choices)
        if isinstance(self.low, int):
            return IntDistribution(self.low, int(self.high), log=self.log, step=int(self.step or 1))
        return FloatDistribution(self.low, self.high, log=self.log, step=self.step)

    def text(self, value: Any) -> str:
        """Write a value as an override does."""
        if self.choices:
            return str(value)
        if isinstance(self.low, int):
            return str(int(value))
        digits = _DIGITS if self.step is None else 12
        return repr(min(max(float(f"{value:.{digits}g}"), self.low), self.high))

    def value(self, text: str) -> Any:
        """Read what `text` wrote, as optuna wants it."""
        return text if self.choices else int(text) if isinstance(self.low, int) else float(text)


@dataclass(frozen=True)
class Space:
    """Dimensions in the order of their keys."""

    dimensions: tuple[Dimension, ...]

    @property
    def keys(self) -> list[str]:
        return [dimension.key for dimension in self.dimensions]

    @property
    def written(self) -> dict[str, str]:
        return {dimension.key: dimension.written for dimension in self.dimensions}

    @property
    def size(self) -> int | None:
        """How many points there are, or None where a dimension is a continuum."""
        counts = [None if found is None else len(found) for found in (one.texts for one in self.dimensions)]
        return None if None in counts else math.prod(count for count in counts if count is not None)

    def without(self, keys: Sequence[str]) -> "Space":
        return Space(tuple(one for one in self.dimensions if one.key not in keys))

    def points(self) -> Iterator[dict[str, str]]:
        """Every point of a finite space."""
        for texts in itertools.product(*(one.texts or [] for one in self.dimensions)):
            yield dict(zip(self.keys, texts, strict=True))

    def probes(self) -> list[tuple[str, dict[str, str]]]:
        """Points that have each probe of each dimension, the others at their first; with the key that varies."""
        first = {one.key: one.probes[0] for one in self.dimensions}
        return [(one.key, {**first, one.key: text}) for one in self.dimensions for text in one.probes]


def overrides(point: Mapping[str, str]) -> tuple[str, ...]:
    """Return the overrides that set a point's values."""
    return tuple(f"{key}={text}" for key, text in point.items())


def read_space(written: Mapping[str, Any]) -> Space:
    """Parse the space: key -> values in the override grammar.

    Raises:
        UserError: nothing to search, or values that cannot be read.
    """
    if not written:
        raise UserError(
            "There is no space to search.",
            saw="hydra.sweeper.space={}",
            allowed="hydra.sweeper.space={KEY: VALUES, ...}; of unroll train -m also KEY=VALUES",
            change=['hydra.sweeper.space={optimizer.learning_rate: "tag(log, interval(1e-4, 1e-2))"}'],
        )
    return Space(tuple(_dimension(key, text) for key, text in sorted(_flat(written).items())))


def tunes(overrides: Sequence[str]) -> bool:
    """Whether overrides choose the sweeper that tunes."""
    chosen = [text.partition("=")[2] for text in overrides if text.startswith("hydra/sweeper=")]
    return chosen[-1:] == ["optuna"]


@dataclass(frozen=True)
class Given:
    """A multirun's overrides: those with one value, those of the seed, and the space that the others are."""

    fixed: list[str]
    seeds: list[str]
    space: dict[str, str]


def split(overrides: Sequence[str]) -> Given:
    """Tell a tuned multirun's overrides apart: what has several values is tuned, but for seeds."""
    from unroll.config.overrides import parse

    given = Given([], [], {})
    for override, text in zip(parse(overrides), overrides, strict=True):
        if override.key_or_group == "seed":
            given.seeds.append(text)
        elif override.is_sweep_override():
            given.space[override.get_key_element()] = text.partition("=")[2]
        else:
            given.fixed.append(text)
    return given


def probing(given: Given) -> list[list[str]]:
    """Return combinations of a tuned multirun that show what is wrong with it: each seed, each probe of the space."""
    from unroll.config.overrides import expand

    plain = expand([*given.fixed, *given.seeds])
    probes = [overrides(values) for _, values in read_space(given.space).probes()] if given.space else [()]
    return [[*plain[0], *probe] for probe in probes] + [[*other, *probes[0]] for other in plain[1:]]


def _flat(written: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Keys with dots, also where the space was written as nested mappings."""
    found: dict[str, str] = {}
    for key, value in written.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = str(value)
    return found


def _dimension(key: str, written: str) -> Dimension:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, RangeSweep
    from hydra.errors import HydraException

    saw = f"{key}={written}"
    try:
        override = OverridesParser.create().parse_override(saw)
    except (HydraException, ValueError) as error:
        raise _unreadable(saw, "Values of the space are not written as Hydra reads them.") from error
    found = override.value()
    tags = found.tags if isinstance(found, ChoiceSweep | IntervalSweep | RangeSweep) else set()
    if tags - {"log"}:
        raise _unreadable(saw, f"There is no tag '{min(tags - {'log'})}'.")
    log = "log" in tags
    if isinstance(found, ChoiceSweep):
        if log:
            raise _unreadable(saw, "A choice has no scale that could be logarithmic.")
        return Dimension(key, written, choices=tuple(dict.fromkeys(override.sweep_string_iterator())))
    low: float
    high: float
    step: float | None
    if isinstance(found, IntervalSweep):
        assert found.start is not None
        assert found.end is not None
        low, high, step = found.start, found.end, 1 if isinstance(found.start, int) else None
    elif isinstance(found, RangeSweep):
        values = sorted(found.range())
        if not values:
            raise _unreadable(saw, "A range of the space is empty.")
        low, high = values[0], values[-1]
        step = abs(found.step)
    else:
        raise _unreadable(saw, "The space gives a key one value, or what only Hydra could list.")
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise _unreadable(saw, "An interval goes from the lower number to the higher.")
    if log and (low <= 0 or not (step is None or (step == 1 and isinstance(low, int)))):
        raise _unreadable(saw, "A logarithmic scale needs positive numbers, without steps.")
    return Dimension(key, written, low=low, high=high, step=step, log=log)


def _unreadable(saw: str, what: str) -> UserError:
    return UserError(what, saw=saw, allowed=ALLOWED)
