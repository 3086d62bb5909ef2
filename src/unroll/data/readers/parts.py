"""Which of a source's files make the splits: one file, a file a split, or folders of text files, one a class."""

from collections.abc import Mapping, Sequence
from typing import Any

from unroll.data.readers.columns import SPLITS, Files, hash_order
from unroll.data.readers.decoding import decoded
from unroll.data.readers.table import SUFFIXES, TextTable, read_table, uncompressed_name
from unroll.errors import UserError, suggest

Parts = Mapping[str, str | float | None]
"""Split -> the name of its file or folder, or the share of train's examples that is cut off for it."""


def tables(files: Files, parts: Parts, **options: Any) -> dict[str, TextTable]:
    """Return the tables of the splits that have a file or a folder of their own; `options` are those of `read_table`.

    Raises UserError as `chosen` and `read_table` do.
    """
    return {split: _table(str(parts[split] or ""), of, **options) for split, of in chosen(files, parts).items()}


def chosen(files: Files, parts: Parts) -> dict[str, dict[str, bytes]]:
    """Return the files of each split that has some of its own; a train that is not named has those that are left.

    Raises UserError for a name that no file or folder has, and where it is not clear what train is.
    """
    named = {split: _of(files, split, name) for split in SPLITS if isinstance(name := parts[split], str)}
    if "train" not in named:
        used = {file for part in named.values() for file in part}
        named["train"] = {file: content for file, content in files.items() if file not in used}
        if len(named["train"]) != 1 and not (named["train"] and all("/" in file for file in named["train"])):
            raise UserError(
                "data.options.train does not say which file train is",
                saw=", ".join(list(named["train"])[:10]) or "no file beside those of the other splits",
                allowed="the name of one of them: data.options.train=NAME",
            )
    return {split: named[split] for split in SPLITS if split in named}


def chosen_or_all(files: Files, parts: Parts) -> dict[str, dict[str, bytes]]:
    """Return the files of each split as `chosen` does; all files as train's where no part names one."""
    named = any(isinstance(name, str) for name in parts.values())
    return chosen(files, parts) if named else {"train": dict(files)}


def cut(groups: Sequence[str], shares: Mapping[str, float], salt: str) -> dict[str, str]:
    """Return the groups that go from train to another split: ordered by a fixed hash, test's share first."""
    ordered = hash_order(set(groups), salt) if shares else []
    found: dict[str, str] = {}
    start = 0
    for split in reversed(SPLITS):
        end = start + int(len(ordered) * shares.get(split, 0))
        found |= dict.fromkeys(ordered[start:end], split)
        start = end
    return found


def shares_of(parts: Parts) -> dict[str, float]:
    """The shares that are cut from train, by split; the splits that have a file have none."""
    return {split: float(share) for split in SPLITS[1:] if not isinstance(share := parts[split] or 0, str)}


def _of(files: Files, split: str, name: str) -> dict[str, bytes]:
    """The file of that name, with or without an ending of compression, or the files below that folder."""
    found = {file: content for file, content in files.items() if name in (file, uncompressed_name(file))}
    folder = name.rstrip("/") + "/"
    found = found or {file: content for file, content in files.items() if file.startswith(folder)}
    if not found:
        places = sorted({file.rsplit("/", 1)[0] if "/" in file else file for file in files})
        raise UserError(
            f"data.options.{split}: no file or folder of that name.{suggest(name, places)}", saw=name, allowed=places
        )
    return found


def _table(folder: str, files: Mapping[str, bytes], **options: Any) -> TextTable:
    if len(files) == 1:
        ((name, content),) = files.items()
        if "/" not in name or uncompressed_name(name).lower().endswith(SUFFIXES):
            return read_table(name, content, **options)
    return _folders(folder.rstrip("/"), files, str(options.get("encoding", "utf-8")))


def _folders(folder: str, files: Mapping[str, bytes], encoding: str) -> TextTable:
    """A row for each text file that lies in a folder of its class: columns text and label, files in order of name.

    Files that lie in no such folder are passed over: collections keep word lists and addresses beside the texts.
    """
    within = {file.removeprefix(f"{folder}/") if folder else file: file for file in files}
    names = sorted(name for name in within if name.count("/") == 1 and uncompressed_name(name).lower().endswith(".txt"))
    if not names:
        raise UserError(
            f"folder {folder or 'of the source'} has no folders of text files, one a class",
            saw=", ".join(sorted(within)[:5]),
            allowed="CLASS/NAME.txt, e.g. pos/0.txt and neg/1.txt",
        )
    texts = [decoded(within[name], files[within[name]], encoding) for name in names]
    labels: Sequence[str] = [name.split("/")[0] for name in names]
    return TextTable(folder or "the source", {"text": list(texts), "label": list(labels)}, names, unit="file")
