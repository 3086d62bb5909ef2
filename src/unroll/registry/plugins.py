"""Installed packages that extend Unroll: each names a module as an entry point of the group `unroll.plugins`.

Its classes are trusted as Unroll's own are. A folder `conf/` beside the module (package data) joins the folders that
are searched for YAML, after the shipped one. Entry points are read from files: no code of a package runs before a
config names a class of it.
"""

import functools
import importlib.metadata
import importlib.util
import sys
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import NamedTuple

PLUGINS = "unroll.plugins"


class Plugin(NamedTuple):
    """A module that an installed package registers, and the folder of YAML beside it, None without one."""

    package: str
    module: str
    conf: Path | None
    trouble: str | None  # why nothing of it can be read


def plugins() -> tuple[Plugin, ...]:
    """Return what installed packages register, by the names of the packages."""
    return _registered(tuple(sys.path))


def plugin_of(target: str) -> Plugin | None:
    """Return the plugin whose module a dotted name lies in; None where it is in none."""
    return next((plugin for plugin in plugins() if target.startswith(f"{plugin.module}.")), None)


def troubles() -> str:
    """Return a sentence for each plugin that cannot be read, with a space before; "" where all can."""
    return "".join(f" {plugin.trouble}" for plugin in plugins() if plugin.trouble is not None)


@functools.lru_cache(maxsize=1)
def _registered(_path: tuple[str, ...]) -> tuple[Plugin, ...]:
    found = []
    for point in importlib.metadata.entry_points(group=PLUGINS):
        package = point.dist.name if point.dist is not None else point.name
        module = point.value.partition(":")[0].strip()
        try:
            conf, trouble = _beside(module), None
        except (ImportError, ValueError) as error:
            conf, trouble = None, f"The installed package {package} is broken: {error}."
        found.append(Plugin(package, module, conf, trouble))
    return tuple(sorted(found, key=lambda plugin: (plugin.package, plugin.module)))


def _beside(module: str) -> Path | None:
    """The folder `conf/` in a package, or beside a module of a package; imports neither. ImportError without a module.

    A module that lies in no package has none: the folder would be everybody's.
    """
    above: ModuleSpec | None = None
    spec = importlib.util.find_spec(module.partition(".")[0])
    for part in module.split(".")[1:]:
        places = spec.submodule_search_locations if spec is not None else None
        above, spec = spec, PathFinder.find_spec(f"{spec.name}.{part}", places) if spec and places else None
    if spec is None:
        raise ImportError(f"there is no module {module}")
    package = spec if spec.submodule_search_locations is not None else above
    places = [] if package is None else list(package.submodule_search_locations or ())
    return next((conf for conf in (Path(place) / "conf" for place in places) if conf.is_dir()), None)
