"""Sections of a config with the types of their dataclasses: no unknown key, no value of another type."""

import functools
import json
import re
from collections.abc import Mapping
from typing import Any, get_args, get_type_hints

from omegaconf import OmegaConf
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException

from unroll.config.schema import SECTIONS
from unroll.errors import UserError, suggest
from unroll.registry.components import in_words


def typed(values: Mapping[str, Any], kind: type, section: str) -> dict[str, Any]:
    """Merge a section into its dataclass: no unknown keys, no wrong types, numbers of the right type."""
    text = json.dumps(values, sort_keys=False, default=str)
    plain: dict[str, Any] = json.loads(_typed(text, kind, section))
    return plain


def completed(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recorded config with the options that came after it, at their defaults.

    Options of components need none of this: their constructors have the defaults. Paths are the machine's.
    """
    kinds = {section: kind for section, kind in SECTIONS.items() if section != "paths"}
    return {key: typed(value, kinds[key], key) if key in kinds else value for key, value in config.items()}


@functools.lru_cache(maxsize=1024)
def _typed(text: str, kind: type, section: str) -> str:
    """Merging takes longest of all checks, and most sections are the same in all trials of a suite."""
    try:
        merged = OmegaConf.merge(OmegaConf.structured(kind), json.loads(text))
        plain = OmegaConf.to_container(merged, resolve=True, throw_on_missing=True)
    except ConfigKeyError as error:
        parent, _, key = str(error.full_key or error.key).rpartition(".")
        known = _known_keys(kind, parent)
        where = f"{section}.{parent}" if parent else section
        raise UserError(
            f"There is no key '{key}' in '{where}'.{suggest(key, known)}", saw=f"{where}.{key}", allowed=known
        ) from error
    except OmegaConfBaseException as error:
        place = f"{section}.{error.full_key}" if error.full_key else section
        allowed = _kind_in_words(kind, str(error.full_key or ""))
        raise UserError(f"'{place}' has a value that it cannot hold.", saw=brief(error), allowed=allowed) from error
    return json.dumps(plain)


def _kind_in_words(kind: type, key: str) -> str | None:
    """What the field of a dataclass holds, by its dotted key; None where that leads to no field."""
    hint: Any = kind
    for part in filter(None, re.split(r"[.\[\]]+", key)):
        inner = [one for one in (hint, *get_args(hint)) if hasattr(one, "__dataclass_fields__")]
        if not inner:  # an item of a list, a value of a mapping
            return f"{in_words(get_args(hint)[-1])} each" if get_args(hint) else None
        hint = get_type_hints(inner[0]).get(part)
    return in_words(hint) if key and hint is not None else None


def _known_keys(kind: type, parent: str) -> list[str]:
    node: Any = OmegaConf.structured(kind)
    for part in filter(None, parent.split(".")):
        inner = node._get_node(part)
        if inner is None:  # a key that the user chose: suite.parts.NAME
            node = OmegaConf.structured(node._metadata.element_type)
            continue
        reference = getattr(inner._metadata, "ref_type", None)
        node = OmegaConf.structured(reference) if inner._is_none() and reference else inner
    return sorted(str(key) for key in node)


def brief(error: OmegaConfBaseException) -> str:
    return str(error).strip().splitlines()[0]
