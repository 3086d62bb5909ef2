"""What is tuned: the studies of a suite, checked before any of their points is trained."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unroll.config.identity import identity
from unroll.config.planned import Planned
from unroll.config.search_space import Space, overrides
from unroll.config.trial import Trial
from unroll.errors import UserError, suggest
from unroll.registry.canonical import canonical
from unroll.registry.facts import facts

Compose = Callable[[Sequence[str]], Trial]
SAMPLERS = ("tpe", "random")


@dataclass(frozen=True)
class TuningOptions:
    """How studies search: `conf/hydra/sweeper/optuna.yaml` says what each key means."""

    trials: int
    parallel: int = 4
    sampler: str = "tpe"
    random_points: int = 10
    seed: int = 0
    tuning_seed: int | None = None
    skip_absent: bool = False
    final_seeds: bool = True

    def check(self) -> None:
        """Raise UserError for what no study can do."""
        if self.sampler not in SAMPLERS:
            raise UserError(
                f"There is no sampler '{self.sampler}'.{suggest(str(self.sampler), SAMPLERS)}",
                saw=f"hydra.sweeper.sampler={self.sampler}",
                allowed=SAMPLERS,
            )
        least = {"trials": 1, "parallel": 1, "random_points": 1, "seed": 0, "tuning_seed": 0}
        for key, low in least.items():
            value = getattr(self, key)
            if value is None and key == "tuning_seed":
                continue
            if not isinstance(value, int) or isinstance(value, bool) or value < low:
                raise UserError(
                    f"'hydra.sweeper.{key}' is out of range.", saw=value, allowed=f"a whole number, at least {low}"
                )


@dataclass(frozen=True)
class Study:
    """What is tuned together: trials that differ by seed and point only.

    Args:
        name: of its folder: task, data, architecture, and a hash of all that decides its points.
        overrides: of its trials, without the seed and the space's keys.
        absent: keys of the space that its architecture does not have.
        seeds: the suite's; `tuning_seed` is that of the points.
        metric: the selection metric's name and direction; its value is the one on validation.
    """

    name: str
    overrides: tuple[str, ...]
    space: Space
    absent: tuple[str, ...]
    seeds: tuple[int, ...]
    tuning_seed: int
    metric: dict[str, str]
    example: Trial
    trials: int  # points to try

    def planned(self, values: dict[str, str], seed: int, compose: Compose) -> Planned:
        """Return the trial of a point and a seed."""
        given = (*self.overrides, *overrides(values), f"seed={seed}")
        return Planned(compose(given), given)


def make_studies(planned: Sequence[Planned], space: Space, options: TuningOptions, compose: Compose) -> list[Study]:
    """Return a study for each network of a suite: its trials, grouped by all overrides but seed and space.

    Raises:
        UserError: a key that an architecture does not have, a value that it cannot have, a key that changes nothing or
            poses another problem, a space with too few points.
    """
    options.check()
    _check_keys(space, (item.trial.plain["task"] for item in planned))
    apart = {"seed", *(key.lstrip("+") for key in space.keys)}
    groups: dict[tuple[str, ...], list[int]] = {}
    for item in planned:
        if not item.trial.is_baseline:
            kept = tuple(text for text in item.overrides if text.lstrip("+").partition("=")[0] not in apart)
            groups.setdefault(kept, []).append(item.trial.plain["seed"])
    return [_study(kept, tuple(dict.fromkeys(seeds)), space, options, compose) for kept, seeds in groups.items()]


def _check_keys(space: Space, tasks: Iterable[Mapping[str, Any]]) -> None:
    posing = {option for task in tasks for option in facts(task).poses}
    refused = {"seed", "task", "data", "baseline", *(f"task.{option}" for option in posing)}
    for key, written in space.written.items():
        if key.lstrip("+") in refused or key.startswith("~"):
            raise UserError(
                f"'{key}' cannot be tuned: values of validation would not compare.",
                saw=f"{key}={written}",
                allowed="keys of architecture, bottleneck, optimizer, budget, and others that pose the same problem",
            )


def _study(
    kept: tuple[str, ...], seeds: tuple[int, ...], space: Space, options: TuningOptions, compose: Compose
) -> Study:
    from unroll.records.store import flatten

    seed = seeds[0] if options.tuning_seed is None else options.tuning_seed
    plain = compose([*kept, f"seed={seed}"])
    leaves = list(flatten(plain.plain))
    absent = [key for key in space.keys if not _has(leaves, key)]
    if absent and not options.skip_absent:
        section = absent[0].partition(".")[0]
        known = [leaf for leaf in leaves if leaf.startswith(f"{section}.") and leaf.count(".") == 1]
        raise UserError(
            f"{plain.row} has no '{absent[0]}' that could be tuned.{suggest(absent[0], leaves)}",
            saw=f"{absent[0]}={space.written[absent[0]]}",
            allowed=known or leaves,
            change=["hydra.sweeper.skip_absent=true"],
        )
    own = space.without(absent)
    if own.size is not None and own.size < options.trials and not options.skip_absent:
        raise UserError(
            "The space has fewer points than each study is to try.",
            saw=f"{own.size} points, hydra.sweeper.trials={options.trials}",
            allowed=f"at most {own.size} trials, or a larger space",
            change=[f"hydra.sweeper.trials={own.size}"],
        )
    first = _checked(kept, own, seed, compose) or plain
    decides: dict[str, Any] = {
        "trial": {key: value for key, value in identity(first.plain).items() if key != "seed"},
        "space": own.written,
        "training": seed,
        "suggestions": [options.sampler, options.random_points, options.seed],
    }
    digest = hashlib.sha256(canonical(decides).encode()).hexdigest()[:10]
    config = first.plain
    name = f"{config['task']['name']}-{config['data']['name']}-{first.row}-{digest}"
    metric = {key: config["task"]["selection"][key] for key in ("name", "direction")}
    trials = min(options.trials, own.size) if own.size is not None else options.trials
    return Study(name, kept, own, tuple(absent), seeds, seed, metric, first, trials)


def _has(leaves: Sequence[str], key: str) -> bool:
    key = key.partition("@")[0]
    return key.startswith("+") or any(leaf == key or leaf.startswith(f"{key}.") for leaf in leaves)


def _checked(kept: Sequence[str], space: Space, seed: int, compose: Compose) -> Trial | None:
    """Compose the space's probes, so that what cannot be trained is said now; return the first one's trial."""
    found: dict[str, list[Trial]] = {}
    for key, values in space.probes():
        try:
            found.setdefault(key, []).append(compose([*kept, *overrides(values), f"seed={seed}"]))
        except UserError as error:
            saw = f"{key}={values[key]}, which {key}={space.written[key]} may give"
            whole = "; whole numbers of an interval: int(interval(...))" if "whole" in str(error) else ""
            allowed = None if error.allowed is None else f"{error.allowed}{whole}"
            raise UserError(error.what, saw=saw, allowed=allowed, run=error.run, change=error.change) from error
    for key, trials in found.items():
        if len(trials) > 1 and len({trial.trial_id for trial in trials}) == 1:
            raise UserError(
                f"'{key}' does not change a trial's result, so it cannot be tuned.", saw=f"{key}={space.written[key]}"
            )
    return next((trials[0] for trials in found.values()), None)
