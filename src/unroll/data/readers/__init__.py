"""Readers: raw files (name -> bytes) and keyword options in, normalised columns per split out.

A data set's YAML names one reader of `READERS`; its options are the reader's keyword arguments, checked
against the signature. Every split is a pure function of the files' bytes; of synthetic data those are seeds. What a
reader left out, and why, it hands over beside the splits (`columns.Read`).
"""

import functools
import importlib
import inspect
import json
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from unroll.errors import UserError, suggest

VERSION = 5
"""Part of every cache fingerprint; raise it when a reader's output changes."""

READERS = {
    "sst": "sst",
    "labelled_text": "labelled_text",
    "parallel_lines": "pairs",
    "parallel_table": "pairs",
    "language_pack": "pairs",
    "series": "series",
    "mnist": "images",
    "images_csv": "images",
    "adding": "synthetic",
    "copying": "synthetic",
}
"""Reader -> the module of this package that defines it."""

GUARDS = ("others",)
"""Options that decide whether data are refused, never what the examples are: no part of a variant's name or an id."""


def get(name: str) -> Callable[..., Any]:
    """Return a reader by its name; raises UserError for an unknown one."""
    if name not in READERS:
        raise UserError(f"unknown reader '{name}' (data.reader).{suggest(name, READERS)}", allowed=READERS)
    return getattr(importlib.import_module(f"unroll.data.readers.{READERS[name]}"), name)


def check(name: str, options: Mapping[str, Any]) -> None:
    """Raise UserError for an option that the reader has not, needs, or does not take that value."""
    function = get(name)
    known = _options(function)
    _require_known(name, options)
    for key, value in options.items():
        choices = _choices(function, key)
        if choices and not any(value == choice and type(value) is type(choice) for choice in choices):
            raise UserError(f"data.options.{key} of reader '{name}'", saw=repr(value), allowed=choices)
        _require_type(name, key, known[key].annotation, value)
    _require_shares(function, options)
    for key, parameter in known.items():
        if parameter.default is parameter.empty and options.get(key) is None:
            raise UserError(f"reader '{name}' needs data.options.{key}", saw="nothing")


def options_of(name: str) -> list[str]:
    """Return the names of a reader's options."""
    return list(_options(get(name)))


def variant(name: str, options: Mapping[str, Any]) -> str:
    """Name a set of options by those that differ from the reader's own defaults, e.g. "classes=5".

    Raises UserError for an option that the reader has not.
    """
    _require_known(name, options)
    known = _options(get(name))
    changed = {key: value for key, value in options.items() if value != known[key].default and key not in GUARDS}
    compact = {key: json.dumps(value, separators=(",", ":")) for key, value in sorted(changed.items())}
    return ",".join(f"{key}={value}" for key, value in compact.items()) or "default"


def _require_known(name: str, options: Mapping[str, Any]) -> None:
    known = options_of(name)
    for key in options:
        if key not in known:
            raise UserError(
                f"unknown option 'data.options.{key}' of reader '{name}'.{suggest(key, known)}", allowed=known
            )


def _require_type(reader: str, key: str, annotation: Any, value: Any) -> None:
    """Raise UserError for an option that is not true or false where that is meant, or no list."""
    kinds = typing.get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
    what = f"data.options.{key} of reader '{reader}'"
    if bool in kinds and not isinstance(value, bool):
        raise UserError(what, saw=repr(value), allowed="true or false")
    if any(typing.get_origin(kind) is list for kind in kinds):
        text = isinstance(value, str)
        if (text and str not in kinds) or not isinstance(value, Sequence | None):
            raise UserError(what, saw=repr(value), allowed=f"a list, such as data.options.{key}=[{value}]")


def _require_shares(function: Callable[..., Any], options: Mapping[str, Any]) -> None:
    """Raise UserError for shares of validation and test that are none, or that leave nothing to train on."""
    shares = {
        key: options.get(key, parameter.default)
        for key, parameter in _options(function).items()
        if key in ("validation", "test") and isinstance(parameter.default, float)
    }
    stated = " ".join(f"data.options.{key}={share}" for key, share in shares.items())
    for share in shares.values():
        if isinstance(share, str):
            continue  # the name of a file
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < 1:
            raise UserError(
                "The shares of validation and test are not between 0 and 1.", saw=stated, allowed="e.g. 0.1"
            )
    numbers = [share for share in shares.values() if not isinstance(share, str)]
    if numbers and not sum(numbers) < 1:
        raise UserError("Validation and test leave nothing to train on.", saw=stated, allowed="a sum below 1")


def layout(name: str) -> str:
    """Return how a reader wants its files laid out: the first paragraph of its docstring, as one line."""
    return " ".join((inspect.getdoc(get(name)) or "").partition("\n\n")[0].split())


@functools.cache
def _options(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    parameters = inspect.signature(function).parameters.values()
    return {each.name: each for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY}


def _choices(function: Callable[..., Any], option: str) -> tuple[Any, ...]:
    annotation = _options(function)[option].annotation
    return typing.get_args(annotation) if typing.get_origin(annotation) is typing.Literal else ()
