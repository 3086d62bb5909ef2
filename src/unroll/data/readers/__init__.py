"""Readers: raw files (name -> bytes) and keyword options in, normalised columns per split out.

A data set's YAML names one reader of `READERS`, or a function of one's own: `reader: {_target_: module.function}`. Its
options are the function's keyword-only arguments, checked against the signature. Every split is a pure function of the
files' bytes; of synthetic data those are seeds. What a reader left out, and why, it hands over beside the splits
(`columns.Read`).
"""

import functools
import hashlib
import importlib
import inspect
import json
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from unroll.errors import UserError, suggest
from unroll.registry import versions
from unroll.registry.components import accepted_by, check_options, locate_function
from unroll.registry.versions import KEPT, Component, component, listed

Reader = str | Mapping[str, Any]
"""The name of a reader, or a node that names a function of one's own; `described` keeps there what ids say of it."""

VERSION = 5
"""Part of every cache fingerprint; raise it when a reader's output changes."""

READERS = {
    "sst": "sst",
    "subregular": "subregular",
    "labelled_text": "labelled_text",
    "class_lines": "class_lines",
    "parallel_lines": "pairs",
    "parallel_table": "pairs",
    "language_pack": "pairs",
    "series": "series",
    "mnist": "images",
    "images_csv": "images",
    "adding": "synthetic",
    "copying": "synthetic",
    "addition": "synthetic",
    "human_numbers": "synthetic",
    "conllu": "conllu",
    "text_files": "running_text",
    "wikitext": "running_text",
    "mediawiki_dump": "mediawiki",
}
"""Reader -> the module of this package that defines it."""

GUARDS = ("others",)
"""Options of the readers here that decide whether data are refused, never what the examples are: part of no id."""
_WHERE, _GIVEN = "data.reader", ("files",)


def get(reader: Reader) -> Callable[..., Any]:
    """Return a reader, importing one's own.

    Raises:
        UserError: there is none of this name, or the node names no function `(files, *, option=default, ...)`.
    """
    if not isinstance(reader, str):
        return locate_function(reader, _WHERE, *_GIVEN)
    if reader not in READERS:
        raise UserError(f"unknown reader '{reader}' (data.reader).{suggest(reader, READERS)}", allowed=READERS)
    found: Callable[..., Any] = getattr(importlib.import_module(f"unroll.data.readers.{READERS[reader]}"), reader)
    return found


def described(reader: Reader) -> Reader:
    """Return a reader as a config keeps it: of one's own with its name, version and defaults, for readers of a record.

    Raises:
        UserError: as `get`; the node holds more than `_target_`; or its function has the name of a reader here.
    """
    if isinstance(reader, str) or KEPT in reader:
        return reader
    more = [key for key in reader if key != "_target_"]
    if more:
        raise UserError(
            f"'{_WHERE}.{more[0]}' is no option of a reader: those stand below data.options.",
            saw=f"{_WHERE}.{more[0]}={reader[more[0]]}",
            allowed=f"data.options.{more[0]}={reader[more[0]]}",
        )
    found = versions.described(get(reader))
    if found.name in READERS:
        raise UserError(
            f"{_WHERE} has the name of a reader that ships with Unroll.",
            saw=f"{found.name}: {reader['_target_']}",
            allowed=f'data.reader={found.name}, another name of the function, or component = "NAME" on it',
        )
    return {**reader, KEPT: found._asdict()}


def component_of(reader: Reader) -> Component:
    """Return what ids say of a reader; of one's own from what its node keeps, importing nothing.

    Raises KeyError for a reader that is not here, and for a node that keeps no description.
    """
    return listed("readers")[reader] if isinstance(reader, str) else component(reader)


def name_of(reader: Reader) -> str:
    """Return a reader's name as messages say it."""
    return reader if isinstance(reader, str) else str(reader.get("_target_"))


def deciding(reader: Reader, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that decide what the examples are."""
    return {key: value for key, value in options.items() if not isinstance(reader, str) or key not in GUARDS}


def check(reader: Reader, options: Mapping[str, Any]) -> None:
    """Raise UserError for an option that the reader has not, needs, or does not take that value."""
    function = get(reader)
    if not isinstance(reader, str):
        check_options(accepted_by(function), options, "data.options", _GIVEN)
        _require_shares(function, options)
        return
    known = _options(function)
    _require_known(reader, options)
    for key, value in options.items():
        choices = _choices(function, key)
        if choices and not any(value == choice and type(value) is type(choice) for choice in choices):
            raise UserError(f"data.options.{key} of reader '{reader}'", saw=repr(value), allowed=choices)
        _require_type(reader, key, known[key].annotation, value)
    _require_shares(function, options)
    for key, parameter in known.items():
        if parameter.default is parameter.empty and options.get(key) is None:
            raise UserError(f"reader '{reader}' needs data.options.{key}", saw="nothing")


def options_of(reader: Reader) -> list[str]:
    """Return the names of a reader's options."""
    return list(_options(get(reader)))


def variant(reader: Reader, options: Mapping[str, Any]) -> str:
    """Name a set of options by those that differ from the reader's own defaults, e.g. "classes=5".

    Of a reader of one's own nothing is imported: its node keeps the defaults (`described`).

    Raises UserError for an option that a reader here has not, and for a node that keeps no description.
    """
    if isinstance(reader, str):
        _require_known(reader, options)
        defaults: Mapping[str, Any] = {key: each.default for key, each in _options(get(reader)).items()}
    else:
        try:
            defaults = component(reader).defaults
        except KeyError as error:
            raise UserError("A reader of one's own has no description in this config.", saw=name_of(reader)) from error
    changed = {
        key: value for key, value in deciding(reader, options).items() if key not in defaults or value != defaults[key]
    }
    compact = {key: json.dumps(value, separators=(",", ":")) for key, value in sorted(changed.items())}
    return ",".join(f"{key}={value}" for key, value in compact.items()) or "default"


def code_sha256(reader: Reader) -> str | None:
    """Return the hash of the file that a reader of one's own lies in; None for the readers here.

    Where it changes, examples are prepared again. `VERSION` stands for the readers here.
    """
    if isinstance(reader, str):
        return None
    file = inspect.getsourcefile(get(reader))
    if file is None:
        return None
    with open(file, "rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


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


def layout(reader: Reader) -> str:
    """Return how a reader wants its files laid out: the first paragraph of its docstring, as one line."""
    return " ".join((inspect.getdoc(get(reader)) or "").partition("\n\n")[0].split())


@functools.cache
def _options(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    parameters = inspect.signature(function).parameters.values()
    return {each.name: each for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY}


def _choices(function: Callable[..., Any], option: str) -> tuple[Any, ...]:
    annotation = _options(function)[option].annotation
    return typing.get_args(annotation) if typing.get_origin(annotation) is typing.Literal else ()
