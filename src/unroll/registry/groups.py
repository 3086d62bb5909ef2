"""Where the YAML groups lie, and what a group offers; read straight from the files."""

import functools
import shlex
from pathlib import Path
from typing import Any

from unroll import DISTRIBUTION
from unroll.errors import UserError
from unroll.registry.code import make_importable
from unroll.registry.yaml_files import yaml_file


def conf_directory() -> Path:
    """Return the folder of the shipped YAML groups: inside an installed package, else the checkout's."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "conf", package.parents[1] / "conf"):
        if (folder / "train.yaml").is_file():
            return folder
    raise UserError(
        "The YAML files that Unroll ships with are not there: the installation is damaged.",
        saw=str(package / "conf"),
        run=f"pip install --force-reinstall {DISTRIBUTION}",
    )


def config_directories(config_dir: str | None = None) -> list[Path]:
    """Return the folders that are searched for YAML, shipped ones first; UserError where one is no folder.

    The Python files of a user's folder become importable: its YAML names classes in them.
    """
    folders = [conf_directory()]
    if config_dir is not None:
        folder = Path(config_dir).expanduser()
        if not folder.is_dir():
            raise UserError("The folder given to --config-dir is not there.", saw=config_dir)
        if not folder.samefile(folders[0]):
            folders.append(folder.resolve())
        make_importable(folder)
    return folders


def refuse_shadowed(config_dir: str) -> None:
    """Raise UserError for a file in a user's folder that would never be read: the shipped one of its name is first."""
    folder = Path(config_dir).expanduser()
    if folder.is_dir() and folder.samefile(conf_directory()):
        return
    for group, shipped in _shipped_files().items():
        for file in (folder / group).glob("*.yaml"):
            if file.name in shipped:
                raise UserError(
                    f"{file} has the name of a file that ships with Unroll, which is read in its place.",
                    saw=f"{group}={file.stem}",
                    allowed="another file name",
                    run=shlex.join(["mv", str(file), str(file.with_name(f"my_{file.name}"))]),
                )


@functools.cache
def _shipped_files() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for file in conf_directory().rglob("*.yaml"):
        if file.parent != conf_directory():
            found.setdefault(str(file.parent.relative_to(conf_directory())), set()).add(file.name)
    return found


def group_options(group: str, config_dir: str | None = None) -> list[str]:
    """Return the names that `group=NAME` accepts, sorted; files that start with _ are parts of others."""
    names = {
        file.stem
        for folder in config_directories(config_dir)
        for file in (folder / group).glob("*.yaml")
        if not file.stem.startswith("_")
    }
    return sorted(names)


def group_value(group: str, name: str, key: str, config_dir: str | None = None) -> Any:
    """Return what one option of a group says for a key, looking through the files that it builds on."""
    for folder in config_directories(config_dir):
        file = folder / group / f"{name}.yaml"
        if not file.is_file():
            continue
        content = yaml_file(file).content
        if not isinstance(content, dict):
            return None
        if key in content:
            return content[key]
        listed = content.get("defaults")
        parents = [entry for entry in listed if isinstance(entry, str)] if isinstance(listed, list) else []
        for parent in reversed([entry for entry in parents if entry != "_self_"]):
            value = group_value(group, parent, key, config_dir)
            if value is not None:
                return value
    return None


def options_where(
    group: str, key: str, value: Any, config_dir: str | None = None, *, contains: str | None = None
) -> list[str]:
    """Return the options of a group whose key equals value, or whose list at key contains `contains`."""
    found = {name: group_value(group, name, key, config_dir) for name in group_options(group, config_dir)}
    if contains is not None:
        return [name for name, seen in found.items() if contains in (seen or ())]
    return [name for name, seen in found.items() if seen == value]
