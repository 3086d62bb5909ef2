"""The one way to get a data set's examples: the first source that is there, read, cached and verified."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from unroll.data import cache, freshness, kinds, readers, sources
from unroll.data.profile import profile, require_examples
from unroll.data.readers.columns import Splits, content_sha256, require_columns
from unroll.errors import UserError
from unroll.names import check_id

if TYPE_CHECKING:
    import datasets


@dataclass(frozen=True)
class Examples:
    """A data set as every task sees it.

    splits: "train", "validation", "test"; the columns of each kind are in `conf/kind`.
    content_sha256: of the normalised examples, the same for every source that holds the same examples.
    source: where they came from, e.g. "local sst" or "hub owner/name@0123456789ab".
    verified: content_sha256 is the one that the YAML states for these options.
    note: why it is not verified; empty where it is.
    profile: what was read, kept and left out, and what the examples are like; see `unroll.data.profile`.
    files_sha256: one hash over the source's files.
    """

    splits: "dict[str, datasets.Dataset]"
    content_sha256: str
    source: str
    verified: bool
    note: str = ""
    profile: Mapping[str, Any] = field(default_factory=dict)
    files_sha256: str = ""


def load_examples(data: Mapping[str, Any], paths: Mapping[str, Any], download: bool = True) -> Examples:
    """Return the examples of one `data` node, preparing them at most once per machine and fingerprint.

    paths needs `cache` (a folder that may be created) and `data` (the benchmark data folder, or null).
    download=False takes wheels and hub files only where they lie on this machine already.
    Raises UserError for an unknown kind, reader or option, a file that is missing, changed or unreadable, a reader that
    fails or returns something else than its kind's columns, and when no source is there (saying why, for each). Options
    are checked before any file is looked at.
    """
    node = sources.plain(data)
    name, options = check_id(node["name"], "a data set"), dict(node.get("options") or {})
    reader = readers.described(node["reader"])
    kinds.get(node["kind"])
    readers.check(reader, options)
    called = readers.name_of(reader)
    origin = node.get("origin") or {}
    found = sources.locate(name, origin.get("sources") or [], paths, download)

    def prepare() -> Splits:
        files = found.read()
        try:
            splits = readers.get(reader)(files, **options)
        except UserError:
            raise
        except Exception as error:
            raise UserError(
                f"data set '{name}': reader '{called}' cannot read the files of source '{found.source}'",
                saw=f"{type(error).__name__}: {error}",
                allowed=readers.layout(reader),
            ) from error
        require_columns(node["kind"], splits, called)
        return splits

    def describe(splits: Splits) -> dict[str, Any]:
        profiled = profile(node["kind"], splits)
        require_examples(profiled, readers.options_of(reader))
        return _about(splits, source=found.source, options=options) | {"profile": profiled}

    folder = freshness.folder(node, paths, found.sha256, readers.code_sha256(reader))
    prepared = cache.prepare(folder, prepare, describe)
    digest = prepared.about["content_sha256"]
    stated = stated_content_sha256(reader, options, origin.get("content_sha256"))
    note = ""
    if stated is None:
        note = f"no content hash is stated for options '{readers.variant(reader, options)}'"
    elif stated != digest:
        note = f"source '{found.source}' holds other examples: {digest[:12]}, stated {stated[:12]}"
    files = freshness.files_sha256(found.sha256)
    return Examples(prepared.splits, digest, found.source, not note, note, prepared.about["profile"], files)


def stated_content_sha256(reader: readers.Reader, options: Mapping[str, Any], stated: Any) -> str | None:
    """Look up the hash that a YAML states: a mapping from `readers.variant(...)` to the hash, or null."""
    if isinstance(stated, Mapping):
        return stated.get(readers.variant(reader, options))
    return None


def _about(splits: Splits, *, source: str, options: Mapping[str, Any]) -> dict[str, Any]:
    rows = {split: len(next(iter(columns.values()))) for split, columns in splits.items()}
    return {
        "content_sha256": content_sha256(splits),
        "rows": rows,
        "source": source,
        "options": dict(options),
    }
