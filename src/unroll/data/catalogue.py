"""What `unroll data list`, `fetch` and `check` do: YAML files of data sets in, rows for a table out."""

import copy
import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unroll.data import readers, shape
from unroll.errors import UserError, suggest
from unroll.registry.plugins import troubles


@dataclass(frozen=True)
class DataSet:
    """One data set as `unroll data list` shows it."""

    name: str
    kind: str
    licence: str
    citation: str
    homepage: str
    sources: tuple[str, ...]
    content_sha256: str | None
    """Stated for the YAML's own options; null: the set will be called unverified."""


@dataclass(frozen=True)
class SourceOutcome:
    """What became of one data set (fetch) or of one of its sources (check).

    state: "verified" (the stated content hash), "unverified" (there, but no hash is stated), "differs" (other
    examples than stated), "absent" (not on this machine) or "damaged" (a file is wrong or unreadable).
    """

    name: str
    source: str
    state: str
    rows: Mapping[str, int]
    content_sha256: str | None
    detail: str
    profile: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the examples can be used."""
        return self.state in ("verified", "unverified")


def list_data(config_dirs: Sequence[Path]) -> tuple[list[DataSet], list[UserError]]:
    """Describe every data set of the config folders, by name, and say which YAML describes none.

    Imports neither torch nor datasets.
    """
    rows = []
    nodes, wrong = _nodes(config_dirs)
    for name, node in sorted(nodes.items()):
        origin = node["origin"]
        stated = origin.get("content_sha256") or {}
        rows.append(
            DataSet(
                name=name,
                kind=str(node["kind"]),
                licence=str(origin.get("licence") or "not stated"),
                citation=str(origin.get("citation") or "not stated"),
                homepage=str(origin.get("homepage") or "not stated"),
                sources=tuple(_label(source) for source in origin.get("sources") or []),
                content_sha256=stated.get(readers.variant(node["reader"], node.get("options") or {})),
            )
        )
    return rows, [error for _, error in wrong]


def fetch(
    names: Iterable[str], paths: Mapping[str, Any], config_dirs: Sequence[Path], download: bool = True
) -> list[SourceOutcome]:
    """Bring data sets (none named: all) to this machine and prepare them; a failure is a row, not an end.

    Raises UserError for a name that no config folder has, before anything is fetched.
    """
    nodes, wrong = _named(names, config_dirs)
    return [*(_try(node, paths, download, source="") for node in nodes), *wrong]


def fetch_for(configs: Iterable[Mapping[str, Any]]) -> list[SourceOutcome]:
    """Bring here and prepare what trials with these configs read, with their options: each once."""
    nodes: dict[str, tuple[dict[str, Any], Mapping[str, Any]]] = {}
    for config in configs:
        data = config["data"]
        nodes.setdefault(f"{data['name']} {readers.variant(data['reader'], data['options'])}", (data, config["paths"]))
    return [_try(data, paths, download=True, source="") for data, paths in nodes.values()]


def check(names: Iterable[str], paths: Mapping[str, Any], config_dirs: Sequence[Path]) -> list[SourceOutcome]:
    """Verify every source of the data sets that lies on this machine, downloading nothing."""
    nodes, outcomes = _named(names, config_dirs)
    for node in nodes:
        for source in node["origin"].get("sources") or []:
            alone = node | {"origin": node["origin"] | {"sources": [source]}}
            outcomes.append(_try(alone, paths, download=False, source=_label(source)))
    return outcomes


@dataclass(frozen=True)
class Shown:
    """One data set as `unroll data show` shows it: its profile, and the first rows of each split."""

    node: Mapping[str, Any]
    source: str
    content_sha256: str
    note: str
    profile: Mapping[str, Any]
    first: Mapping[str, list[dict[str, Any]]]


def show(name: str, paths: Mapping[str, Any], config_dirs: Sequence[Path], rows: int = 3) -> Shown:
    """Prepare one data set, downloading nothing, and return what it is.

    Raises UserError where it is unknown, not on this machine, or cannot be read.
    """
    from unroll.data.examples import load_examples

    ((node,), _) = _named([name], config_dirs)
    examples = load_examples(node, paths, download=False)
    first = {split: [table[row] for row in range(min(rows, len(table)))] for split, table in examples.splits.items()}
    return Shown(node, examples.source, examples.content_sha256, examples.note, examples.profile, first)


def check_name(data: Mapping[str, Any], config_dirs: Sequence[Path]) -> None:
    """Refuse a `data` node that is not the data set that its name says, since a trial's id says no more of it.

    Raises UserError where a shipped set of that name has another reader, sources or content hashes, and where two
    files of the config folders have one name.
    """
    shipped = Path(config_dirs[0]) / "data" / f"{data['name']}.yaml"
    if shipped.is_file() and _what(_node(shipped, config_dirs[:1])) != _what(data):
        raise UserError(
            f"The name '{data['name']}' is that of a data set that ships with Unroll.",
            saw=f"data.name={data['name']} with another reader, other sources or other content hashes",
            allowed=f"another name: data.name=my_{data['name']}, or 'name:' in the YAML",
        )
    named = [file for file in _files(config_dirs[1:]) if _name(file, config_dirs) == data["name"]]
    if len(named) > 1:
        raise _two(data["name"], named[0], named[1])


def _two(name: str, first: Path, second: Path) -> UserError:
    return UserError(
        f"Two files describe a data set of the name '{name}'.",
        saw=f"{first} and {second}",
        allowed="one file a name: trials, their records and tables tell data sets by it",
    )


def _what(node: Mapping[str, Any]) -> list[Any]:
    """Return what makes a data set the one that it is."""
    origin = node.get("origin") or {}
    return [node["reader"], origin.get("sources") or [], origin.get("content_sha256") or {}]


def _try(node: dict[str, Any], paths: Mapping[str, Any], download: bool, source: str) -> SourceOutcome:
    from unroll.data.examples import load_examples, stated_content_sha256
    from unroll.data.sources import NoSource

    try:
        examples = load_examples(node, paths, download)
    except NoSource as error:
        return SourceOutcome(node["name"], source, "absent", {}, None, "; ".join(error.reasons))
    except UserError as error:
        return SourceOutcome(node["name"], source, "damaged", {}, None, str(error))
    state = "verified"
    if not examples.verified:
        stated = node["origin"].get("content_sha256")
        known = stated_content_sha256(node["reader"], node.get("options") or {}, stated)
        state = "differs" if known else "unverified"
    rows = {split: table.num_rows for split, table in examples.splits.items()}
    digest, profiled = examples.content_sha256, examples.profile
    return SourceOutcome(node["name"], source or examples.source, state, rows, digest, examples.note, profiled)


def _named(names: Iterable[str], config_dirs: Sequence[Path]) -> tuple[list[dict[str, Any]], list[SourceOutcome]]:
    """Return the nodes of some data sets; none named: of all, and what became of each YAML that describes none."""
    nodes, wrong = _nodes(config_dirs)
    wanted = list(names)
    for name in wanted:
        if name not in nodes:
            what = f"unknown data set '{name}'.{suggest(name, nodes)}{troubles()}"
            unknown = UserError(what, allowed=sorted(nodes))
            raise next((error for of, error in wrong if of == name), unknown)
    if wanted:
        return [nodes[name] for name in wanted], []
    damaged = [SourceOutcome(name, "", "damaged", {}, None, str(error)) for name, error in wrong]
    return [nodes[name] for name in sorted(nodes)], damaged


def _nodes(config_dirs: Sequence[Path]) -> tuple[dict[str, dict[str, Any]], list[tuple[str, UserError]]]:
    """Return the data sets by name; and the name, else the file's, of each that is described wrongly, and what is."""
    nodes: dict[str, dict[str, Any]] = {}
    places: dict[str, Path] = {}
    wrong = []
    for file in _files(config_dirs):
        name: Any = None
        try:
            node = _node(file, config_dirs)
            name = node.get("name")
            shape.check(node, str(file))
            if name in places:
                nodes.pop(name, None)
                raise _two(name, places[name], file)
            places[name] = file
            node = _with_reader(node, file)
        except UserError as error:
            wrong.append((name if isinstance(name, str) else file.stem, error))
            continue
        nodes[name] = node | {"origin": node.get("origin") or {}}
    return nodes, wrong


def _with_reader(node: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """The node with what ids say of a reader of one's own; UserError for a reader or an option that is none."""
    try:
        reader = readers.described(node["reader"])
        readers.variant(reader, node.get("options") or {})
    except UserError as error:
        raise UserError(f"{file}: {error.what}", saw=error.saw, allowed=error.allowed) from error
    return {**node, "reader": reader}


def _files(config_dirs: Sequence[Path]) -> list[Path]:
    """Return the YAML of data sets; files that start with _ are parts of others."""
    found = [file for folder in config_dirs for file in sorted(Path(folder).glob("data/*.yaml"))]
    return [file for file in found if not file.name.startswith("_")]


def _name(file: Path, config_dirs: Sequence[Path]) -> Any:
    try:
        return _node(file, config_dirs).get("name")
    except UserError:  # told of where it is chosen
        return None


def _node(file: Path, config_dirs: Sequence[Path], above: Sequence[Path] = ()) -> dict[str, Any]:
    """Read one YAML, what its defaults list names among the data sets merged under it.

    above: the files that build on it.
    """
    try:
        node = copy.deepcopy(_loaded(file, file.stat().st_mtime_ns))
    except OSError as error:
        raise UserError(f"{file} cannot be read", saw=error.strerror) from error
    if not isinstance(node, dict):
        raise UserError(f"{file} does not describe a data set", saw=repr(node)[:80])
    defaults = node.pop("defaults", None) or []
    if not isinstance(defaults, list):
        raise UserError(f"{file}: 'defaults' is no list", saw=repr(defaults)[:80], allowed="[NAME, _self_]")
    parents = []
    for parent in defaults:
        if isinstance(parent, str) and parent != "_self_":
            places = [folder / "data" / f"{parent}.yaml" for folder in map(Path, config_dirs)]
            place = next((place for place in places if place.is_file() and place not in (file, *above)), None)
            if place is None:
                raise UserError(f"{file} builds on a data set that is not there.", saw=parent)
            parents.append(_node(place, config_dirs, (file, *above)))
    return _merged(file, *parents, node) if parents else node


def _merged(file: Path, *nodes: dict[str, Any]) -> dict[str, Any]:
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        merged: Any = OmegaConf.to_container(OmegaConf.merge(*nodes))
    except OmegaConfBaseException as error:
        raise UserError(f"{file} does not fit what it builds on", saw=str(error).splitlines()[0]) from error
    return dict(merged)


@functools.lru_cache(maxsize=256)
def _loaded(file: Path, changed: int) -> Any:
    """A YAML's content as JSON has it: dates and keys are texts, as where a trial is composed."""
    import yaml

    try:
        found = yaml.load(file.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return json.loads(json.dumps(found, default=str))
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise UserError(f"{file} is not YAML of a data set", saw=str(error)) from error


def _label(source: Mapping[str, Any]) -> str:
    kind = shape.kind_of(source)
    if kind == "hub":
        return f"hub {source['hub']}@{source.get('revision') or 'main'}"
    if kind == "generated":
        return kind
    return f"{kind} {source[kind]}"
