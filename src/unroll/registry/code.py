"""Python files beside a user's YAML: `--config-dir mine` makes mine/attentive.py importable, and nothing else of it.

Of a folder mine/hydra_plugins/ the files become modules of `hydra_plugins`, where Hydra wants its launchers and
sweepers to lie. The folder itself is never on `sys.path`: its YAML folders (bottleneck, data, task, ...) would be
namespace packages there, found in place of packages that are not installed. Processes that this one starts find the
same files.
"""

import importlib
import importlib.machinery
import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import ModuleType

OF_HYDRA = "hydra_plugins"
VARIABLE = "UNROLL_CONFIG_CODE"  # the folders, as PATH has them: workers and jobs inherit it


class _Finder(MetaPathFinder):
    """Finds the modules and regular packages of one folder, after every installed one."""

    def __init__(self, folder: str):
        self.folder = folder
        loaders = (importlib.machinery.SourceFileLoader, importlib.machinery.SOURCE_SUFFIXES)
        self.files = importlib.machinery.FileFinder(folder, loaders)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if path is not None:  # inside a package, which looks by itself
            return None
        found = self.files.find_spec(fullname)
        return found if found is not None and found.loader is not None else None

    def invalidate_caches(self) -> None:
        self.files.invalidate_caches()


def make_importable(folder: Path) -> None:
    """Make the Python files of a folder importable, here and in processes that are started from here."""
    name = str(folder.resolve())
    others = [path for path in folders() if path != name]
    os.environ[VARIABLE] = os.pathsep.join([name, *others])  # the latest comes first
    inherited()


def folders() -> list[str]:
    """Return the users' folders of this process and of those that started it, the latest first."""
    return [path for path in os.environ.get(VARIABLE, "").split(os.pathsep) if path]


def inherited() -> None:
    """Make importable what the process that started this one did."""
    known = folders()
    sys.path[:] = [entry for entry in sys.path if not entry or os.path.realpath(entry) not in known]
    if [finder.folder for finder in sys.meta_path if isinstance(finder, _Finder)] != known:
        sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]
        sys.meta_path.extend(_Finder(folder) for folder in known)
        _add_to_hydra([place for folder in known if (place := Path(folder, OF_HYDRA)).is_dir()])


def _add_to_hydra(places: Sequence[Path]) -> None:
    """Add folders to the namespace package of Hydra's plugins."""
    if places:
        package = importlib.import_module(OF_HYDRA)
        package.__path__ = list(dict.fromkeys([*package.__path__, *map(str, places)]))
