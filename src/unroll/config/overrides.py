"""Overrides as text: read by Hydra's grammar, expanded into combinations, refused where a key is given twice."""

import itertools
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from unroll.config.explain import explain
from unroll.errors import UserError


def expand(overrides: Sequence[str]) -> list[list[str]]:
    """Return every combination of overrides that hold several values, such as `seed=0,1`.

    Raises:
        UserError: an override that cannot be read, or an interval, whose values nothing could list.
    """
    choices = []
    for override, text in zip(parse(overrides), overrides, strict=True):
        key = override.get_key_element()
        if override.is_discrete_sweep():
            choices.append([f"{key}={value}" for value in override.sweep_string_iterator()])
        elif override.is_sweep_override():
            raise UserError(
                "An interval is a space to tune in, not a list of values.",
                saw=text,
                allowed="choice, range, or the sweeper that tunes",
                change=["hydra/sweeper=optuna"],
            )
        else:
            choices.append([text])
    return [list(combination) for combination in itertools.product(*choices)]


def parse(overrides: Sequence[str]) -> list[Override]:
    """Read overrides; UserError where Hydra cannot."""
    try:
        return OverridesParser.create().parse_overrides(list(overrides))
    except HydraException as error:
        raise explain(error, "train", overrides, [], None) from error


def refuse_repeated(overrides: Sequence[str]) -> None:
    """Raise UserError for a key that has two values on one command line: Hydra would take the last in silence."""
    values: dict[str, str] = {}
    for text in overrides:
        key, _, value = text.partition("=")
        if text.startswith("~") or "=" not in text:
            continue
        if values.setdefault(key, value) != value:
            raise UserError(
                f"'{key}' is given twice, and only the last would count.",
                saw=f"{key}={values[key]} {text}",
                allowed=f"one of them; of several trials: -m {key}={values[key]},{value}",
                change=[text],
            )
