"""Stated types of options: whether a value is of one, which choices it leaves, how a user would say it."""

from collections.abc import Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types

_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", NoneType: "null"}
_LIMITS: dict[type, str] = {
    annotated_types.Gt: "more than",
    annotated_types.Ge: "at least",
    annotated_types.Lt: "less than",
    annotated_types.Le: "at most",
}


def fits(value: Any, hint: Any) -> bool:
    """Whether a value of a config is of a stated type: a bool is no number, a text no bool; of containers the kind."""
    kind = get_origin(hint) or hint
    if kind is Annotated:
        return fits(value, get_args(hint)[0]) and not out_of_range(value, hint)
    if kind in (Union, UnionType):
        return any(fits(value, one) for one in get_args(hint))
    if kind is Literal:
        return any(value == choice and type(value) is type(choice) for choice in get_args(hint))
    if hint is None or kind is NoneType:
        return value is None
    if kind in (bool, str):
        return isinstance(value, kind)
    if kind in (int, float):
        return isinstance(value, (int, float) if kind is float else int) and not isinstance(value, bool)
    if isinstance(kind, type) and issubclass(kind, Mapping):
        return isinstance(value, Mapping)
    if isinstance(kind, type) and issubclass(kind, Sequence):
        return isinstance(value, list | tuple)
    return True


def out_of_range(value: Any, hint: Any) -> bool:
    """Whether a number is outside the interval that its type states."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    compare = {
        annotated_types.Gt: lambda limit: value > limit.gt,
        annotated_types.Ge: lambda limit: value >= limit.ge,
        annotated_types.Lt: lambda limit: value < limit.lt,
        annotated_types.Le: lambda limit: value <= limit.le,
    }
    return not all(compare[type(limit)](limit) for limit in _limits(hint))


def choices(hint: Any) -> list[Any]:
    """Return the values that a type leaves where they are few; empty where they are not."""
    kind = get_origin(hint)
    if kind is Literal:
        return list(get_args(hint))
    if kind in (Union, UnionType):
        found = [choices(one) or ([None] if one is NoneType else []) for one in get_args(hint)]
        return [choice for part in found for choice in part] if all(found) else []
    return []


def in_words(hint: Any) -> str:
    """Return a stated type as a user would say it, such as "a number more than 0, or null"."""
    kind, arguments = get_origin(hint), get_args(hint)
    if kind is Annotated:
        limits = [f"{_LIMITS[type(limit)]} {_bound(limit):g}" for limit in _limits(hint)]
        return " ".join([in_words(arguments[0]), " and ".join(limits)]).strip()
    if kind in (Union, UnionType):
        return " or ".join(in_words(one) for one in arguments)
    if kind is Literal:
        return ", ".join({None: "null", True: "true", False: "false"}.get(one, str(one)) for one in arguments)
    if kind is list:
        return f"a list of {in_words(arguments[0])}"
    if kind is dict:
        return f"a mapping to {in_words(arguments[1])}"
    return _WORDS.get(hint, getattr(hint, "__name__", str(hint)))


def _limits(hint: Any) -> list[Any]:
    """The bounds of an annotated type; pydantic keeps those of `Field` in its own list."""
    stated = [one for item in get_args(hint)[1:] for one in getattr(item, "metadata", [item])]
    return [one for one in stated if type(one) in _LIMITS]


def _bound(limit: Any) -> float:
    return float(next(getattr(limit, name) for name in ("gt", "ge", "lt", "le") if hasattr(limit, name)))
