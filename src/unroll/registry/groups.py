"""Where the YAML groups lie, and what a group offers; read straight from the files."""

import functools
import itertools
import shlex
from pathlib import Path
from typing import Any

from unroll import DISTRIBUTION
from unroll.errors import UserError
from unroll.registry.code import make_importable
from unroll.registry.plugins import plugins
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
    """Return the folders that are searched for YAML; UserError where one is no folder.

    Shipped ones come first, then those of installed packages, then the user's. The Python files of a user's folder
    become importable: its YAML names classes in them.
    """
    folders = [conf_directory(), *_of_packages()]
    if config_dir is not None:
        folder = Path(config_dir).expanduser()
        if not folder.is_dir():
            raise UserError("The folder given to --config-dir is not there.", saw=config_dir)
        if not any(folder.samefile(other) for other in folders):
            folders.append(folder.resolve())
        make_importable(folder)
    return folders


def _of_packages() -> dict[Path, str]:
    """The YAML folders of installed packages, each with the package's name."""
    return {plugin.conf: plugin.package for plugin in plugins() if plugin.conf is not None}


def refuse_shadowed(config_dir: str | None = None) -> None:
    """Raise UserError for a file that would never be read: another folder's of its name comes before it."""
    for first, second in itertools.combinations(config_directories(config_dir), 2):
        for group, names in _files(first).items():
            for file in (second / group).glob("*.yaml"):
                if file.name in names:
                    raise _shadowed(file, f"{group}={file.stem}", first, second)


def _shadowed(file: Path, saw: str, first: Path, second: Path) -> UserError:
    packages = _of_packages()
    owner = f"comes with the installed package {packages[first]}" if first in packages else "ships with Unroll"
    what = f"{file} has the name of a file that {owner}, which is read in its place."
    if second in packages:
        return UserError(
            what,
            saw=f"{saw}, of the installed package {packages[second]}",
            allowed=f"packages whose files have other names: without {packages[second]}, or with its file renamed",
        )
    renamed = str(file.with_name(f"my_{file.name}"))
    return UserError(what, saw=saw, allowed="another file name", run=shlex.join(["mv", str(file), renamed]))


@functools.cache
def _files(folder: Path) -> dict[str, set[str]]:
    """The YAML files of each group of a shipped or an installed folder."""
    found: dict[str, set[str]] = {}
    for file in folder.rglob("*.yaml"):
        if file.parent != folder:
            found.setdefault(str(file.parent.relative_to(folder)), set()).add(file.name)
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
