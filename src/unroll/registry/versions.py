"""What a component is, whatever its class is called and wherever it lies: a short name, a version, its defaults.

Trial ids hash these (`config.identity`). A class states `component = "name"` once it is renamed, and raises `version`
when its mathematics or a default changes. Of the package's own components the committed list `versions.json` tells,
with their former places and versions, so that naming a trial imports none of them; of another package's the class
itself, which a config then keeps under `KEPT`.
"""

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from unroll.errors import UserError
from unroll.registry.canonical import canonical
from unroll.registry.options import MISSING, options_of

LIST = Path(__file__).with_name("versions.json")
KEPT = "_component_"  # of a node whose class is not in the list: what it says of itself, for readers of its record
VERSION = "_version_"  # of a node whose class is in the list: that of the trial, where it is not the first


class Component(NamedTuple):
    """What trial ids say of a class: its short name, its version, and which options are at their defaults."""

    name: str
    version: int
    defaults: Mapping[str, Any]

    @property
    def title(self) -> str:
        return f"{self.name}@{self.version}"

    def hashed(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return what ids hash of a component with these options: those that differ from the defaults."""
        changed = {
            key: value
            for key, value in options.items()
            if key not in self.defaults or not _same(value, self.defaults[key])
        }
        return {"is": self.title, **changed}


def _same(one: Any, other: Any) -> bool:
    """Whether two values of a config are the same to an id."""
    if one is other or repr(one) == repr(other):
        return True
    if isinstance(one, str | bool | None) or isinstance(other, str | bool | None):
        return False
    return canonical(one) == canonical(other)


def described(kind: Any) -> Component:
    """Describe a class, or a function, by its own attributes and the signature of its constructor.

    Raises:
        UserError: `component` is no text, or `version` no whole number.
    """
    stated = {name: option.default for name, option in options_of(kind).items() if option.default is not MISSING}
    own = vars(kind)
    name, version = own.get("component", kind.__name__), own.get("version", 1)
    if not isinstance(name, str) or not isinstance(version, int) or isinstance(version, bool):
        saw = f"component = {name!r}, version = {version!r}"
        raise UserError(f"{kind.__name__} names itself by no text, or its version is no number.", saw=saw)
    defaults = {}
    for key, value in stated.items():
        try:
            defaults[key] = json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError):  # no value of a config, so one that a config states differs from it
            continue
    return Component(name, version, defaults)


def component(node: Mapping[str, Any]) -> Component:
    """Describe a config's node from the list, or from what it keeps of a class that is not in it; imports nothing.

    Raises KeyError for a node of neither, and for a version that the list does not know.
    """
    target = node["_target_"]
    if target in _by_place():
        return _by_place()[target][node.get(VERSION, 1)]
    try:
        found = Component(*(node[KEPT][key] for key in Component._fields))
    except TypeError as error:
        raise KeyError(KEPT) from error
    if not (isinstance(found.name, str) and isinstance(found.version, int) and isinstance(found.defaults, Mapping)):
        raise KeyError(KEPT)
    return found


def listed_version(target: Any) -> int | None:
    """Return the version of today of a class in the list, by its place; None where it is in none."""
    versions = _by_place().get(target)
    return None if versions is None else max(versions)


class Accepted(NamedTuple):
    """The options that a class takes: name -> JSON Schema, and those that it needs."""

    schemas: Mapping[str, Mapping[str, Any]]
    required: frozenset[str]


def listed_options(target: Any) -> Accepted | None:
    """Return what a class in the list takes, by its place; None where it is in none."""
    return _accepted().get(target)


def listed_declarations(target: Any) -> Mapping[str, Any] | None:
    """Return what a class in the list declares (`registry.declared`), by its place; None where it is in none."""
    return _declared().get(target)


@functools.cache
def _declared() -> dict[str, Mapping[str, Any]]:
    return {
        place: entry["declares"]
        for entry in _content()["components"].values()
        for place in (entry["target"], *entry["former"])
    }


@functools.cache
def _accepted() -> dict[str, Accepted]:
    return {
        place: Accepted(entry["options"], frozenset(entry["required"]))
        for entry in _content()["components"].values()
        for place in (entry["target"], *entry["former"])
    }


@functools.cache
def listed_facts() -> dict[str, Mapping[str, Any]]:
    """Return what each class in the list declares of its numbers, by its places; see `registry.facts`."""
    return {
        place: entry.get("facts", {})
        for entry in _content()["components"].values()
        for place in (entry["target"], *entry["former"])
    }


def is_listed_name(name: str) -> bool:
    """Whether a component of the package has this short name."""
    return name in _content()["components"]


def taken_back(value: Any, versions: int, defaults: bool) -> Any:
    """Return a config, or a part of one, with its nodes as they were some versions before, at least the first.

    An option that is new since then goes. With `defaults`, one at its default gets the default of then.
    """
    if not isinstance(value, Mapping):
        return value
    found = {key: taken_back(item, versions, defaults) for key, item in value.items()}
    if value.get(VERSION, 1) == 1 or value.get("_target_") not in _by_place():
        return found
    known, then = _by_place()[value["_target_"]], max(1, value[VERSION] - versions)
    now, before = known[value[VERSION]].defaults, known[then].defaults
    kept = {key: item for key, item in found.items() if key not in now or key in before}
    changed = {key: before[key] for key in kept if defaults and key in now and _same(kept[key], now[key])}
    return {**kept, **changed, VERSION: then}


def place_today(target: str) -> str:
    """Return where a class of the package lies now that lay there."""
    found = (entry["target"] for entry in _content()["components"].values() if target in entry["former"])
    return next(found, target)


def own_options(node: Mapping[str, Any]) -> dict[str, Any]:
    """Return a node's own options: all keys but those that begin with an underscore."""
    return {key: value for key, value in node.items() if not key.startswith("_")}


@functools.cache
def listed(kind: str) -> dict[str, Component]:
    """Return a part of the committed list by name: `components`, `readers` or `sections`."""
    entries = _content()[kind]
    return {name: Component(name, entry["version"], entry["defaults"]) for name, entry in entries.items()}


@functools.cache
def _by_place() -> dict[str, dict[int, Component]]:
    """Place of a class, of today or former -> version -> component."""
    found = {}
    for name, entry in _content()["components"].items():
        versions = {int(version): Component(name, int(version), then) for version, then in entry["earlier"].items()}
        versions[entry["version"]] = Component(name, entry["version"], entry["defaults"])
        for place in (entry["target"], *entry["former"]):
            found[place] = versions
    return found


@functools.cache
def _content() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(LIST.read_text(encoding="utf-8"))
    return content
