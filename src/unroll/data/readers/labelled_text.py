"""Labelled texts in a table or in folders, split so that no group (a film, an author) is on both sides of a split."""

from collections import Counter
from typing import Any, Literal

from unroll.data.readers import labels as named
from unroll.data.readers.columns import SPLITS, Files, Notes, Read
from unroll.data.readers.parts import cut, shares_of, tables
from unroll.errors import UserError


def labelled_text(
    files: Files,
    *,
    text: str = "text",
    label: str = "label",
    labels: list[Any] | None = None,
    others: Literal["refused", "left_out"] = "refused",
    group: str | None = None,
    train: str | None = None,
    validation: float | str = 0.1,
    test: float | str = 0.1,
    header: bool = True,
    separator: str | None = None,
    encoding: str = "utf-8",
    quote: str | None = '"',
) -> Read:
    """Read a table with a column of texts and one of labels, or .txt files in a folder a class.

    A label's number is its place in `labels` (null: all labels of the column, in order). Rows with another label are
    refused, or left out with others=left_out. White space runs become one space; empty texts are dropped.
    train, validation, test: the names of their files or folders, which are kept whole; or the share of the groups
    (rows, without `group`) that is cut from train: groups are ordered by a fixed hash of their names (a text without
    one is its own), the first share `test` of them is test, the next `validation`. Of equal texts in what is cut the
    first is kept, before splitting.
    Rows keep the file's order. Without a header (header=false) columns are called by their numbers, from 1.
    """
    parts = {"train": train, "validation": validation, "test": test}
    read = tables(files, parts, header=header, separator=separator, encoding=encoding, quote=quote)
    columns = {split: table.column(str(label), "label") for split, table in read.items()}
    counts = Counter(cell for cells in columns.values() for cell in cells)
    names, number = named.classes(labels, counts, label)
    unknown = {cell: count for cell, count in counts.items() if cell not in number}
    if unknown and others == "refused":
        first = next(
            table.where(row)
            for split, table in read.items()
            for row, cell in enumerate(columns[split])
            if cell in unknown
        )
        raise UserError(
            f"{sum(unknown.values()):,} of {sum(counts.values()):,} rows have a label that data.options.labels lacks",
            saw=f"{named.shown(unknown)}; first at {first}",
            allowed="labels that name every value of the column, or data.options.others=left_out to leave the rows out",
        )

    notes = Notes(rows=sum(counts.values()), classes=names)
    splits: dict[str, dict[str, list[Any]]] = {
        split: {"text": [], "label": [], "phrase": [], "tree": []} for split in SPLITS
    }
    for split, table in read.items():
        groups = table.column(str(group), "group") if group else None
        shares = shares_of(parts) if split == "train" else {}
        rows: list[tuple[str, int, str]] = []
        seen: dict[str, int] = {}
        for row, (cell, of) in enumerate(zip(table.column(str(text), "text"), columns[split], strict=True)):
            words = " ".join((cell or "").split())
            if of not in number:
                notes.leave_out("the label is not in data.options.labels", of or "", table.where(row))
            elif not words:
                notes.leave_out("the text is empty", where=table.where(row))
            elif shares and words in seen:
                same = seen[words] == number[of]
                why = "the text was there before" + ("" if same else ", with another label")
                notes.leave_out(why, where=table.where(row))
            else:
                seen[words] = number[of]
                rows.append((words, number[of], (groups[row] if groups else None) or words))
        goes = cut([key for _, _, key in rows], shares, salt="reviews")
        for words, target, key in rows:
            into = splits[goes.get(key, split)]
            for name, value in zip(into, (words, target, False, ""), strict=True):
                into[name].append(value)
    return Read(splits, notes)
