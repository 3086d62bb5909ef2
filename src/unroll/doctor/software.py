"""Python, packages and code: what is installed beside what results were made with."""

import importlib
import importlib.metadata
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from unroll import DISTRIBUTION
from unroll.doctor.line import OK, PROBLEM, WARNING, Finding, Settings
from unroll.errors import UserError
from unroll.registry.plugins import Plugin
from unroll.registry.plugins import plugins as registered

NAMED = 6  # packages that a line names before it only counts


def constraints_file() -> Path:
    """Return the file of exact versions: inside an installed package, else the checkout's."""
    package = Path(__file__).resolve().parents[1]
    for file in (package / "constraints.txt", package.parents[1] / "constraints.txt"):
        if file.is_file():
            return file
    raise UserError(
        "The list of exact versions that Unroll ships with is not there: the installation is damaged.",
        saw=str(package / "constraints.txt"),
        run=f"pip install --force-reinstall {DISTRIBUTION}",
    )


def read_pins(text: str) -> dict[str, str]:
    """Return {canonical name: version} of the lines NAME==VERSION."""
    from packaging.utils import canonicalize_name

    found = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)$", text, re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def python_of_pins() -> str | None:
    """Return the Python that the pins were made with, such as "3.11", as their header says it."""
    found = re.search(r"^#.*\bon Python (\d+\.\d+)", constraints_file().read_text(encoding="utf-8"), re.MULTILINE)
    return found.group(1) if found else None


def python_needed() -> str:
    """Return Unroll's Requires-Python, such as ">=3.11"; empty where Unroll is run without being installed."""
    try:
        return importlib.metadata.metadata(DISTRIBUTION)["Requires-Python"] or ""
    except (importlib.metadata.PackageNotFoundError, KeyError):
        return ""


def required() -> list[str]:
    """Return the requirements of Unroll itself, extras left out; empty where it is run without being installed."""
    from packaging.requirements import Requirement

    try:
        lines = importlib.metadata.requires(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    markers = ((line, Requirement(line).marker) for line in lines)
    return [line for line, marker in markers if marker is None or marker.evaluate({"extra": ""})]


def installed() -> dict[str, str]:
    """Return {canonical name: version} of every distribution that this Python would import; the first on the path."""
    from packaging.utils import canonicalize_name

    found: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        if name:
            found.setdefault(canonicalize_name(name), distribution.version)
    return found


def plugins(settings: Settings) -> list[Finding]:
    """Each module that an installed package registers: whether it imports, and where its YAML lies."""
    return [_plugin(plugin) for plugin in registered()]


def _plugin(plugin: Plugin) -> Finding:
    try:
        importlib.import_module(plugin.module)
    except Exception as error:  # another package may hold anything
        seen = f"{plugin.package}: {plugin.module} cannot be imported: {type(error).__name__}: {error}"
        return Finding("plugins", WARNING, seen, f"pip install --upgrade {plugin.package}, or uninstall it")
    where = "no YAML" if plugin.conf is None else f"YAML from {plugin.conf}"
    return Finding("plugins", OK, f"{plugin.package}: {plugin.module}, {where}")


def judge_python(version: str, needed: str, pinned: str | None) -> Finding:
    """Compare the running Python with what Unroll needs and with what its pins were made with."""
    from packaging.specifiers import SpecifierSet

    if needed and not SpecifierSet(needed).contains(version, prereleases=True):
        todo = f"make the virtual environment with Python {pinned or needed}"
        return Finding("python", PROBLEM, f"{version}; Unroll needs {needed}", todo)
    if pinned and version.split(".")[:2] != pinned.split("."):
        return Finding("python", WARNING, f"{version}; the pinned packages are {pinned}'s", f"Python {pinned}")
    return Finding("python", OK, version)


def judge_packages(found: Mapping[str, str], pins: Mapping[str, str], needed: Sequence[str]) -> Finding:
    """Compare installed versions with the pins, local build tags aside, and with Unroll's own requirements.

    What is missing or outside the requirements is a problem; another version than the pinned one a warning.
    """
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name
    from packaging.version import Version

    wrong = []
    for requirement in map(Requirement, needed):
        version = found.get(canonicalize_name(requirement.name))
        if version is None:
            wrong.append(f"{requirement.name} is missing")
        elif not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement.name} {version} is not {requirement.specifier}")
    todo = (
        f"pip install -c constraints.txt {DISTRIBUTION}, with Unroll's own constraints.txt (in a checkout: make setup)"
    )
    if wrong:
        return Finding("packages", PROBLEM, _some(wrong), todo)
    pinned = [name for name in sorted(pins) if name in found]
    other = [
        f"{name} {found[name]} (pinned {pins[name]})"
        for name in pinned
        if Version(found[name]).public != Version(pins[name]).public
    ]
    if other:
        seen = f"{len(other)} of {len(pinned)} pinned packages have another version: {_some(other)}"
        return Finding("packages", WARNING, seen, f"numbers may differ from published ones; {todo}")
    return Finding("packages", OK, f"{len(pinned)} packages have their pinned versions")


def code(settings: Settings) -> list[Finding]:
    """The checkout's commit, and whether a record made now would name code that nobody else has."""
    from unroll.records.provenance import code

    return [judge_code(code(), in_checkout=(Path(__file__).resolve().parents[3] / ".git").exists())]


def judge_code(found: Mapping[str, object], in_checkout: bool) -> Finding:
    """Say whether records can name the code; `found` is what a record's `run.code` holds."""
    version, commit = found["version"], found["commit"]
    if commit is None and in_checkout:
        seen = f"{version}, in a checkout whose commit git does not tell"
        return Finding("code", WARNING, seen, "install git, or: git config --global --add safe.directory FOLDER")
    if commit is None:
        return Finding("code", OK, f"{version}, installed; records name the version alone")
    if found["dirty"]:
        seen = f"{version} at {str(commit)[:12]}, with changes that are not committed"
        return Finding("code", WARNING, seen, "git commit: records made now are not reportable")
    return Finding("code", OK, f"{version} at {str(commit)[:12]}")


def _some(words: Sequence[str]) -> str:
    rest = len(words) - NAMED
    return ", ".join(words[:NAMED]) + (f" and {rest} more" if rest > 0 else "")
