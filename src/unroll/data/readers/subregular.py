"""Strings of six subregular languages, and strings that are in none (Avcu, Shibata, Heinz 2017)."""

from typing import Any, Literal

from unroll.data.readers.columns import Files, Notes, Read
from unroll.data.readers.decoding import decoded
from unroll.errors import UserError

CLASSES = ("FALSE", "TRUE")  # 0: not in the language
HELD_OUT = 10  # of train, every so many-th line from the first on is validation, as in the authors' code


def subregular(
    files: Files,
    *,
    language: Literal["SL2", "SL4", "SL8", "SP2", "SP4", "SP8"] = "SL2",
    strings: Literal["1k", "10k"] = "1k",
) -> Read:
    """Read LANGUAGE-STRINGS-Training.txt, -Test1.txt and -Test2.txt: a string, a tab, and TRUE or FALSE a line.

    Validation is every tenth line of Training, from the first on; test is Test1, with strings as long as train's, and
    the further test set `test_long` is Test2, with longer ones than any of those. Every line is an example, repeated
    ones as often as they are there. A letter is a token of its own, so a string is one text without spaces.

    Raises UserError for a line that is no such pair.
    """
    notes = Notes(rows=0, classes=CLASSES)
    read = {part: _rows(files, f"{language}-{strings}-{part}.txt", notes) for part in ("Training", "Test1", "Test2")}
    training = read["Training"]
    kept = [row for number, row in enumerate(training) if number % HELD_OUT]
    splits = {"train": kept, "validation": training[::HELD_OUT], "test": read["Test1"], "test_long": read["Test2"]}
    return Read({split: _columns(rows) for split, rows in splits.items()}, notes)


def _rows(files: Files, name: str, notes: Notes) -> list[tuple[str, int]]:
    found = []
    for number, line in enumerate(decoded(name, files[name], "utf-8").split("\n"), 1):
        cells = line.split()
        if len(cells) == 2 and cells[1] in CLASSES:
            found.append((cells[0], CLASSES.index(cells[1])))
        elif cells:
            raise UserError(
                f"{name}, line {number} is not a string and what it is.", saw=line[:80], allowed="abcd<TAB>TRUE"
            )
    notes.rows = (notes.rows or 0) + len(found)
    return found


def _columns(rows: list[tuple[str, int]]) -> dict[str, list[Any]]:
    texts, labels = [text for text, _ in rows], [label for _, label in rows]
    return {"text": texts, "label": labels, "phrase": [False] * len(rows), "tree": [""] * len(rows)}
