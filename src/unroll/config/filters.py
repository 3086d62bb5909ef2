"""`--filter`: picks trials of a suite by any key of their configs."""

import fnmatch
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from unroll.config.planned import Planned
from unroll.config.trial import Trial
from unroll.config.written import written
from unroll.errors import UserError, suggest

_FORM = re.compile(r"([A-Za-z_][\w.]*)\s*(!=|<=|>=|=|<|>)\s*(.*)")
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def keep(planned: Sequence[Planned], filters: Sequence[str]) -> list[Planned]:
    """Return the trials that every filter keeps.

    `KEY=A,B*` keeps values that match one of the patterns, `KEY!=...` those that match none; `KEY<N`, `<=`, `>`, `>=`
    compare numbers. KEY is a path in the config, `row` (architecture or baseline), `trial_id`, or a section with a
    name: `task` is `task.name`.

    Raises:
        UserError: a filter of another form, with a key that no trial has, or that keeps nothing.
    """
    kept = list(planned)
    for text in filters:
        match = _FORM.fullmatch(text.strip())
        if match is None:
            raise UserError(
                "A filter that cannot be read.", saw=text, allowed="KEY=VALUES, KEY!=VALUES, KEY<NUMBER ..."
            )
        key, sign, wanted = match.groups()
        known = [item for item in planned if _has(item.trial, key)]
        if not known:
            paths = sorted({path for item in planned for path in _paths(item.trial.plain)} | {"row", "trial_id"})
            raise UserError(f"No trial has the key '{key}' of a filter.{suggest(key, paths)}", saw=text)
        if sign in _COMPARE:
            kept = [item for item in kept if _has(item.trial, key) and _compares(item.trial, key, sign, wanted, text)]
        else:
            patterns = [part.strip() for part in wanted.split(",")]
            found = [item for item in kept if _has(item.trial, key) and _matches(_value(item.trial, key), patterns)]
            names = {item.trial.trial_id for item in found}
            kept = found if sign == "=" else [item for item in kept if item.trial.trial_id not in names]
    if not kept:
        values = sorted({_written(_value(item.trial, key)) for item in known}) if filters else []
        raise UserError("The filters keep no trial.", saw=" ".join(filters), allowed=f"{key}: {', '.join(values)}")
    return kept


def _compares(trial: Trial, key: str, sign: str, wanted: str, text: str) -> bool:
    try:
        limit = float(wanted)
    except ValueError:
        raise UserError("A filter compares with a number.", saw=text, allowed=f"{key}{sign}NUMBER") from None
    value = _value(trial, key)
    return isinstance(value, int | float) and _COMPARE[sign](value, limit)


def _matches(value: Any, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(_written(value), pattern) for pattern in patterns)


def _written(value: Any) -> str:
    return value if isinstance(value, str) else written(value)


def _has(trial: Trial, key: str) -> bool:
    try:
        _value(trial, key)
    except KeyError:
        return False
    return True


def _value(trial: Trial, key: str) -> Any:
    if key in ("row", "trial_id"):
        return getattr(trial, key)
    found: Any = trial.plain
    for part in key.split("."):
        if not isinstance(found, Mapping):
            raise KeyError(key)
        found = found[part]
    return found["name"] if isinstance(found, Mapping) and "name" in found else found


def _paths(config: Mapping[str, Any], prefix: str = "") -> list[str]:
    found = []
    for key, value in config.items():
        found.append(f"{prefix}{key}")
        if isinstance(value, Mapping):
            found += _paths(value, f"{prefix}{key}.")
    return found
