"""What a component is, whatever its class is called and wherever it lies: a short name, a version, its defaults.

Trial ids hash these (`config.identity`). A class states `component = "name"` once it is renamed, and raises `version`
when its mathematics or a default changes. Of the package's own components the committed list `versions.json` tells, so
that naming a trial imports none of them; of another package's the class itself, which a config then keeps under `KEPT`.
"""

import functools
import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

LIST = Path(__file__).with_name("versions.json")
KEPT = "_component_"  # of a node whose class is not in the list: what `described` found, for readers of its record


class Component(NamedTuple):
    """What trial ids say of a class: its short name, its version, and which options are at their defaults."""

    name: str
    version: int
    defaults: Mapping[str, Any]

    def changed(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options that differ from the defaults; 1.0 is 1, and a tuple a list."""
        return {
            key: value
            for key, value in options.items()
            if key not in self.defaults or _plain(value) != _plain(self.defaults[key])
        }

    def hashed(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return what ids hash of a component with these options."""
        return {"is": f"{self.name}@{self.version}", **self.changed(options)}


def described(kind: Any) -> Component:
    """Describe a class, or a function, by its own attributes and the signature of its constructor."""
    parameters = inspect.signature(kind).parameters.values()
    defaults = {each.name: each.default for each in parameters if each.default is not inspect.Parameter.empty}
    name, version = getattr(kind, "component", kind.__name__), getattr(kind, "version", 1)
    return Component(name, version, {key: value for key, value in defaults.items() if _is_json(value)})


def component(node: Mapping[str, Any]) -> Component:
    """Describe a config's node from the list, or from what it keeps of a class that is not in it; imports nothing.

    Raises KeyError for a node of neither.
    """
    return Component(**node[KEPT]) if KEPT in node else listed("components")[node["_target_"]]


def own_options(node: Mapping[str, Any]) -> dict[str, Any]:
    """Return a node's own options: all keys but those that begin with an underscore."""
    return {key: value for key, value in node.items() if not key.startswith("_")}


@functools.cache
def listed(kind: str) -> dict[str, Component]:
    """Return a part of the committed list: `components` by their classes' places, `readers` and `sections` by name."""
    content = json.loads(LIST.read_text(encoding="utf-8"))
    return {key: Component(**entry) for key, entry in content[kind].items()}


def _plain(value: Any) -> Any:
    return list(map(_plain, value)) if isinstance(value, list | tuple) else value


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value)
    except TypeError:
        return False
    return True
