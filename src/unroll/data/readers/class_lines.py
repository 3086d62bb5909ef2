"""Texts in a file a class, one text a line, as Pang & Lee (2005) give their review sentences."""

from typing import Any

from unroll.data.readers.columns import SPLITS, Files, Notes, Read
from unroll.data.readers.decoding import decoded
from unroll.data.readers.parts import cut
from unroll.errors import UserError


def class_lines(
    files: Files,
    *,
    classes: list[str],
    validation: float = 0.1,
    test: float = 0.1,
    encoding: str = "utf-8",
) -> Read:
    """Read a text a line of the files in `classes`; a label is the place of its file there.

    White space runs become one space; empty lines are dropped, and so is a text that was there before. Texts are
    ordered by a fixed hash, the first share `test` of them is test, the next `validation`; rows keep the files' order.

    Raises UserError for a name that no file has, and for fewer than two.
    """
    if len(classes) < 2 or any(name not in files for name in classes):
        raise UserError(
            "data.options.classes does not name a file for each of two classes or more",
            saw=", ".join(map(str, classes)) or "none",
            allowed=sorted(files),
        )
    notes, rows = Notes(rows=0, classes=classes), []
    seen: dict[str, int] = {}
    for label, name in enumerate(classes):
        for number, line in enumerate(decoded(name, files[name], encoding).split("\n"), 1):
            text, where = " ".join(line.split()), f"{name}, line {number}"
            if not text:
                continue
            notes.rows = (notes.rows or 0) + 1
            if text in seen:
                why = "the text was there before" + ("" if seen[text] == label else ", with another label")
                notes.leave_out(why, where=where)
                continue
            seen[text] = label
            rows.append((text, label))
    goes = cut([text for text, _ in rows], {"validation": validation, "test": test}, salt="class_lines")
    splits: dict[str, dict[str, list[Any]]] = {}
    for split in SPLITS:
        kept = [(text, label) for text, label in rows if goes.get(text, "train") == split]
        splits[split] = {
            "text": [text for text, _ in kept],
            "label": [label for _, label in kept],
            "phrase": [False] * len(kept),
            "tree": [""] * len(kept),
        }
    return Read(splits, notes)
