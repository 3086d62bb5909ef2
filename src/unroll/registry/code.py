"""Python files beside a user's YAML: `--config-dir mine` makes mine/attentive.py importable, and nothing else of it.

The folder itself is never on `sys.path`: its YAML folders (bottleneck, data, task, ...) would be namespace packages
there, found in place of packages that are not installed. Processes that this one starts find the same files.
"""

import importlib.machinery
import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import ModuleType

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
    others = [path for path in os.environ.get(VARIABLE, "").split(os.pathsep) if path and path != name]
    os.environ[VARIABLE] = os.pathsep.join([name, *others])  # the latest comes first
    inherited()


def inherited() -> None:
    """Make importable what the process that started this one did."""
    folders = [path for path in os.environ.get(VARIABLE, "").split(os.pathsep) if path]
    sys.path[:] = [entry for entry in sys.path if not entry or os.path.realpath(entry) not in folders]
    if [finder.folder for finder in sys.meta_path if isinstance(finder, _Finder)] != folders:
        sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]
        sys.meta_path.extend(_Finder(folder) for folder in folders)
