"""Rooms: each folder of the package imports from those above it in the list only, lazy imports included."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import unroll

SRC = Path(unroll.__file__).parent
ROOMS = (
    *("registry", "data", "config", "records", "models", "tasks", "tracking", "training", "verification"),
    *("analysis", "inference", "sweeps", "tuning", "reproduction", "doctor"),
)
# files, for all rooms
FIRST = (
    *("atomic", "collection", "durations", "errors", "interruption", "limits", "names", "seeds", "storage", "threads"),
    "visible",
)
# files that no room knows; the package's own is a door, too
LAST = (
    "",
    "api",
    "cli",
    "data_cli",
    "models_cli",
    "planning_cli",
    "report_cli",
    "tracking_cli",
    "pages",
    "whole_help",
    "__main__",
)
PURE = ("registry", "config", "records", "analysis", "sweeps", "tuning", "tracking", "doctor")


def room(module: str) -> int:
    """The place of a module in the order; `module` without the package's name, empty for the package itself."""
    first = module.partition(".")[0]
    if first in ROOMS:
        return ROOMS.index(first)
    if first in LAST:
        return len(ROOMS)
    assert first in FIRST, f"{first} is in no room: add it to the list"
    return -1


def imported(path: Path) -> set[str]:
    """The package's modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "unroll":
            whole = str(node.module).partition(".")[2]
            found |= {whole} if whole else {alias.name for alias in node.names if _is_module(alias.name)}
        elif isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[2] for alias in node.names if alias.name.startswith("unroll.")}
    return found


def _is_module(name: str) -> bool:
    return (SRC / name).is_dir() or (SRC / f"{name}.py").is_file()


def test_arrows_point_one_way() -> None:
    back = []
    for path in SRC.rglob("*.py"):
        module = ".".join(path.relative_to(SRC).with_suffix("").parts).removesuffix("__init__").rstrip(".")
        back += [f"{module} -> {other}" for other in imported(path) if room(other) > room(module)]
    assert back == []


def test_every_room_says_what_comes_in_and_what_goes_out() -> None:
    for path in SRC.rglob("__init__.py"):
        doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        assert doc, path


def test_no_file_is_too_long_to_be_read() -> None:
    assert [str(path) for path in SRC.rglob("*.py") if path.read_text(encoding="utf-8").count("\n") > 400] == []


@pytest.mark.parametrize("name", PURE)
def test_what_plans_and_reports_loads_no_torch(name: str) -> None:
    code = (
        "import importlib, pkgutil, sys\n"
        f"import unroll.{name} as room\n"
        f"for module in pkgutil.walk_packages(room.__path__, 'unroll.{name}.'):\n"
        "    importlib.import_module(module.name)\n"
        "print({'torch', 'pytorch_lightning'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_tests_mirror_the_rooms() -> None:
    here = Path(__file__).parent
    assert {path.name for path in here.iterdir() if path.is_dir() and path.name != "__pycache__"} <= set(ROOMS)
