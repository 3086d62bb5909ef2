"""Which files make a config, in which order, and where in it: Hydra's defaults lists, read on plain data.

Hydra's own composing takes a tenth of a second a config, and a suite has thousands. This follows the part of its rules
(https://hydra.cc/docs/advanced/defaults_list/) that groups need: `_self_`, relative and absolute groups, `@package`,
`override`, lists of options, `null`. Everything else, mistakes too, raises `Unusual`: then Hydra itself composes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from unroll.registry.yaml_files import YamlFile

Load = Callable[[str], YamlFile | None]  # a path below the groups, without .yaml -> the file
Option = str | list[str] | None


class Unusual(Exception):
    """A config that Hydra is to compose, or to refuse."""


class Placed(NamedTuple):
    """A file's own content, and the dotted key below which it is merged; "" is the root."""

    path: str
    package: str


class Entry(NamedTuple):
    """An entry of a defaults list: a file beside the list's own (`group` is None), or an option of a group."""

    group: str | None
    option: Option
    package: str | None = None
    override: bool = False


def placed_files(root: str, load: Load, chosen: Mapping[str, Option], added: Sequence[Entry] = ()) -> list[Placed]:
    """Return the files of the config `root` in the order in which they are merged.

    Args:
        root: path of the primary config.
        load: of a file by its path; None where there is none.
        chosen: `group` or `group@package` -> option, of overrides.
        added: what overrides with `+` add to the root's list.

    Raises:
        Unusual: something that this does not know, a file that is not there, a choice that nothing takes.
    """
    walk = _Walk(load, dict(chosen))
    found = list(walk.files(root, "", "", [*added]))
    if walk.choices.keys() - walk.used:
        raise Unusual
    return found


class _Walk:
    def __init__(self, load: Load, choices: dict[str, Option]):
        self.load, self.choices = load, choices
        self.used: set[str] = set()
        self.seen: set[str] = set()
        self.under_way: list[str] = []

    def files(self, path: str, group: str, package: str, added: Sequence[Entry] = ()) -> Iterator[Placed]:
        """Those of a file and of its defaults list. `group` and `package` are the file's."""
        file = self.load(path)
        if file is None or not isinstance(file.content, dict) or path in self.under_way:
            raise Unusual
        self.under_way.append(path)
        entries = [*_entries(file.content.get("defaults", [])), *added]
        for entry in entries:
            if entry.override:
                self.choices.setdefault(self._key(entry, group, package), entry.option)
        plain = [entry for entry in entries if not entry.override]
        order = [entry.override for entry in entries if entry.option != "_self_"]
        if order != sorted(order):  # overrides come last
            raise Unusual
        if not any(entry.option == "_self_" for entry in plain):
            plain.append(Entry(None, "_self_"))
        parts = []
        for entry in reversed(plain):  # as Hydra does: what a later file overrides goes for those before it
            parts.append([Placed(path, package)] if entry.option == "_self_" else self._entry(entry, group, package))
        self.under_way.remove(path)
        for part in reversed(parts):
            yield from part

    def _entry(self, entry: Entry, group: str, package: str) -> list[Placed]:
        if entry.group is not None:
            key = self._key(entry, group, package)
            if key in self.choices:
                entry = entry._replace(option=self.choices[key])
                self.used.add(key)
            if isinstance(entry.option, list):
                paths = [f"{entry.group}/{option}" for option in entry.option]
                entries = [Entry(None, path, entry.package) for path in paths]
                parts = [self._entry(one, group, package) for one in reversed(entries)]
                return [file for part in reversed(parts) for file in part]
            if key in self.seen:
                raise Unusual
            self.seen.add(key)
        if not isinstance(entry.option, str):
            return []
        if entry.option == "???" or any(part in ("", ".", "..") for part in entry.option.lstrip("/").split("/")):
            raise Unusual
        if entry.group is None:
            path = _path(entry.option, group)
            folder, own = path.rpartition("/")[0], entry.option.lstrip("/").rpartition("/")[0]
        else:  # an option may lie in a folder of its group, which is no part of its place
            folder, own = _path(entry.group, group), entry.group.lstrip("/")
            path = f"{folder}/{entry.option}"
        file = self.load(path)
        header = None if file is None else _absolute(file.package)
        place = next((one for one in (entry.package, header) if one is not None), own.replace("/", "."))
        return list(self.files(path, folder, _joined(package, place)))

    def _key(self, entry: Entry, group: str, package: str) -> str:
        """How an override says which choice it is: the package is named where it is not the group's own."""
        assert entry.group is not None
        path = _path(entry.group, group)
        own = entry.group.lstrip("/").replace("/", ".")
        place = _joined(package, own if entry.package is None else entry.package)
        return path if place == path.replace("/", ".") else f"{path}@{place or '_global_'}"


def _entries(listed: Any) -> list[Entry]:
    if not isinstance(listed, list):
        raise Unusual
    found = []
    for item in listed:
        if isinstance(item, dict) and len(item) == 1:
            ((key, option),) = item.items()
            words = str(key).split(" ")
            if words[:-1] not in ([], ["override"]):
                raise Unusual
            group, _, package = words[-1].partition("@")
            entry = Entry(group, option, _package(package, "@" in words[-1]), len(words) > 1)
        elif isinstance(item, str):
            name, _, package = item.partition("@")
            entry = Entry(None, name, _package(package, "@" in item))
        else:
            raise Unusual
        if (entry.group or "").lstrip("/").startswith("hydra"):
            continue
        options = entry.option if isinstance(entry.option, list) else [entry.option]
        if any(not isinstance(one, str | None) or "${" in (one or "") for one in options):
            raise Unusual
        found.append(entry)
    return found


def _package(text: str, given: bool) -> str | None:
    if not given:
        return None
    if ":" in text or "_name_" in text or "_group_" in text:
        raise Unusual
    return "" if text == "_here_" else text


def _absolute(header: str | None) -> str | None:
    if header is None:
        return None
    if header == "_group_":
        raise Unusual
    return header if header.split(".")[0] == "_global_" else f"_global_.{header}"


def _path(relative: str, group: str) -> str:
    return relative[1:] if relative.startswith("/") else f"{group}/{relative}" if group else relative


def _joined(parent: str, package: str) -> str:
    """A package below its parent's; what comes before `_global_` does not count."""
    joined = ".".join(filter(None, (parent, package)))
    place = joined.rfind("_global_")
    return joined if place < 0 else joined[place + len("_global_") + 1 :]
