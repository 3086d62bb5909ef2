"""Plain configs merged, and changed by overrides, as OmegaConf and Hydra do it; what they would refuse is `Unusual`."""

from collections.abc import Mapping, Sequence
from typing import Any

from unroll.config.defaults_list import Unusual
from unroll.errors import UserError

# Mappings that take any key, which is checked afterwards: by a data set's reader, by the classes that they name.
OPEN = ("data", "architecture", "optimizer.options")


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Merge as OmegaConf does: mappings key by key, all else is replaced, and ??? replaces nothing."""
    found = dict(below)
    for key, value in above.items():
        present = found.get(key)
        if isinstance(value, Mapping) and isinstance(present, Mapping):
            found[key] = merged(present, value)
        elif isinstance(value, Mapping) and isinstance(present, str) and "${" in present:
            raise Unusual
        elif key not in found or value != "???":
            found[key] = value
    return found


def with_values(config: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Return a plain config with the values that overrides give to keys that it has.

    Raises:
        UserError: an override that cannot be read, or of another key.
    """
    found = dict(config)
    for text in overrides:
        try:
            found = applied(found, parsed(text))
        except Unusual:
            raise UserError("There is no such key to set here.", saw=text, allowed=sorted(found)) from None
    return found


def applied(config: dict[str, Any], override: Any) -> dict[str, Any]:
    """Return a config with the value of one override; what Hydra would refuse is Unusual."""
    key, value = override.key_or_group, override.value()
    parts = key.split(".")
    if override.package is not None or "[" in key or not all(parts) or "\\$" in str(value):
        raise Unusual
    grows = override.is_add() or override.is_force_add()
    is_open = grows or any(f"{key}.".startswith(f"{mapping}.") for mapping in OPEN)
    root = node = dict(config)
    for part in parts[:-1]:
        inner = node.get(part, {} if is_open else None)
        if not isinstance(inner, Mapping):
            raise Unusual
        node[part] = dict(inner)
        node = node[part]
    last = parts[-1]
    present = node.get(last)
    if override.is_delete():
        if present is None or value is not None or (isinstance(present, str) and ("${" in present or present == "???")):
            raise Unusual
        del node[last]
    elif not isinstance(value, Mapping):
        if (override.is_add() and present is not None and not isinstance(value, list)) or (
            last not in node and not is_open
        ):
            raise Unusual
        node[last] = value
    elif isinstance(present, Mapping):
        if not is_open and not _has(present, value):
            raise Unusual
        node[last] = merged(present, value)
    elif (last not in node and not is_open) or isinstance(present, str):
        raise Unusual
    else:
        node[last] = value
    return root


def _has(present: Mapping[str, Any], value: Mapping[str, Any]) -> bool:
    """Whether a mapping has every key of another one."""
    return all(
        key in present
        and (not isinstance(inner, Mapping) or not isinstance(present[key], Mapping) or _has(present[key], inner))
        for key, inner in value.items()
    )


def parsed(text: str) -> Any:
    """Read an override; Unusual for one that cannot be read, or that has several values."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        override = OverridesParser.create().parse_override(text)
    except HydraException as error:
        raise Unusual from error
    if override.is_sweep_override():
        raise Unusual
    return override
