"""Overrides in the words of `unroll data add`: keys below `data` with values, such as data.options.header=false."""

import json
from collections.abc import Sequence
from typing import Any

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from unroll.errors import UserError

_DECIDED = {
    "name": "--name NAME",
    "kind": "--kind KIND",
    "reader": "--kind KIND, which decides it",
    "origin": "licence, citation and homepage, written into the YAML afterwards",
}
"""Keys that the command itself writes."""


def is_override(word: str) -> bool:
    """Whether a word of the command line is an override, not a file."""
    return word.startswith("data.") and "=" in word


def below_data(words: Sequence[str]) -> dict[str, Any]:
    """Return overrides as what lies below `data`: {"options": {"separator": ";"}}.

    Raises UserError for a key that is none or that the command writes, and for a value that cannot be read.
    """
    found: dict[str, Any] = {}
    for word in words:
        key, _, text = word.removeprefix("data.").partition("=")
        *above, last = key.split(".")
        if not all([*above, last]):
            raise UserError("An override has a key.", saw=word, allowed="data.options.KEY=VALUE")
        if key.split(".")[0] in _DECIDED:
            raise UserError(f"'data.{key}' is not said by an override.", saw=word, allowed=_DECIDED[key.split(".")[0]])
        value = _without_nan(read(text), text)
        if len(text) > 1 and value == text and text[0] in "[{":
            raise UserError(
                "A list or mapping cannot be read.", saw=word, allowed="in quotes: \"data.options.columns=['a', 'b']\""
            )
        node = found
        for part in above:
            node = node.setdefault(part, {})
            if not isinstance(node, dict):
                raise UserError("Two overrides do not fit together.", saw=" ".join(words))
        node[last] = value
    if not isinstance(found.get("options") or {}, dict):
        raise UserError(
            "data.options holds a reader's options.", saw=found["options"], allowed="data.options.KEY=VALUE"
        )
    return found


def read(text: str) -> Any:
    """Return a value as Hydra reads it; what it cannot read as one value is the text, such as a ";" or ","."""
    try:
        override = OverridesParser.create().parse_override(f"key={text}")
    except HydraException:
        return text
    return text if override.is_sweep_override() or not text.strip() else override.value()


def _without_nan(value: Any, text: str) -> Any:
    """A value with NaN and inf as the words that they are to YAML: what is missing in a table, never a number."""
    try:
        json.dumps(value, allow_nan=False)
        return value
    except ValueError:
        pass
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text
