"""What `unroll data list`, `fetch` and `check` do: YAML files of data sets in, rows for a table out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unroll.data import readers
from unroll.errors import UserError, suggest


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
class Outcome:
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


def list_data(config_dirs: Sequence[Path]) -> list[DataSet]:
    """Describe every data set of the config folders, by name; imports neither torch nor datasets."""
    rows = []
    for name, node in sorted(_nodes(config_dirs).items()):
        origin = node.get("origin") or {}
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
    return rows


def fetch(
    names: Iterable[str], paths: Mapping[str, Any], config_dirs: Sequence[Path], download: bool = True
) -> list[Outcome]:
    """Bring data sets (none named: all) to this machine and prepare them; a failure is a row, not an end.

    Raises UserError for a name that no config folder has, before anything is fetched.
    """
    return [_try(node, paths, download, source="") for node in _named(names, config_dirs)]


def fetch_for(configs: Iterable[Mapping[str, Any]]) -> list[Outcome]:
    """Bring here and prepare what trials with these configs read, with their options: each once."""
    nodes: dict[str, tuple[dict[str, Any], Mapping[str, Any]]] = {}
    for config in configs:
        data = config["data"]
        nodes.setdefault(f"{data['name']} {readers.variant(data['reader'], data['options'])}", (data, config["paths"]))
    return [_try(data, paths, download=True, source="") for data, paths in nodes.values()]


def check(names: Iterable[str], paths: Mapping[str, Any], config_dirs: Sequence[Path]) -> list[Outcome]:
    """Verify every source of the data sets that lies on this machine, downloading nothing."""
    outcomes = []
    for node in _named(names, config_dirs):
        for source in node["origin"]["sources"]:
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

    (node,) = _named([name], config_dirs)
    examples = load_examples(node, paths, download=False)
    first = {split: [table[row] for row in range(min(rows, len(table)))] for split, table in examples.splits.items()}
    return Shown(node, examples.source, examples.content_sha256, examples.note, examples.profile, first)


def _try(node: dict[str, Any], paths: Mapping[str, Any], download: bool, source: str) -> Outcome:
    from unroll.data.examples import load_examples, stated_content_sha256
    from unroll.data.sources import NoSource

    try:
        examples = load_examples(node, paths, download)
    except NoSource as error:
        return Outcome(node["name"], source, "absent", {}, None, "; ".join(error.reasons))
    except UserError as error:
        return Outcome(node["name"], source, "damaged", {}, None, str(error))
    state = "verified"
    if not examples.verified:
        stated = node["origin"].get("content_sha256")
        known = stated_content_sha256(node["reader"], node.get("options") or {}, stated)
        state = "differs" if known else "unverified"
    rows = {split: table.num_rows for split, table in examples.splits.items()}
    digest, profiled = examples.content_sha256, examples.profile
    return Outcome(node["name"], source or examples.source, state, rows, digest, examples.note, profiled)


def _named(names: Iterable[str], config_dirs: Sequence[Path]) -> list[dict[str, Any]]:
    nodes = _nodes(config_dirs)
    wanted = list(names) or sorted(nodes)
    for name in wanted:
        if name not in nodes:
            raise UserError(f"unknown data set '{name}'.{suggest(name, nodes)}", allowed=sorted(nodes))
    return [nodes[name] for name in wanted]


def _nodes(config_dirs: Sequence[Path]) -> dict[str, dict[str, Any]]:
    files = [file for folder in config_dirs for file in sorted(Path(folder).glob("data/*.yaml"))]
    nodes: dict[str, dict[str, Any]] = {}
    for file in files:
        node = _node(file)
        if not {"name", "kind", "reader"} <= set(node):
            raise UserError(f"{file} does not describe a data set", saw=sorted(node), allowed="name, kind, reader, ...")
        nodes.setdefault(node["name"], node)
    return nodes


def _node(file: Path) -> dict[str, Any]:
    """Read one YAML, what its defaults list names in the same folder merged under it."""
    import yaml

    try:
        node = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise UserError(f"{file} is not YAML", saw=str(error)) from error
    if not isinstance(node, dict):
        raise UserError(f"{file} does not describe a data set", saw=repr(node)[:80])
    merged: dict[str, Any] = {}
    for parent in node.pop("defaults", []):
        if isinstance(parent, str) and parent != "_self_":
            merged |= _node(file.with_name(f"{parent}.yaml"))
    return merged | node


def _label(source: Mapping[str, Any]) -> str:
    if "hub" in source:
        return f"hub {source['hub']}@{source.get('revision') or 'main'}"
    kind = next(iter(source))
    if kind == "generated":
        return kind
    return f"{kind} {source[kind]}"
