"""Labelled texts in a CSV, split so that no group (a film, an author) is on both sides of a split."""

import io
from typing import Any

from unroll.data.readers.columns import Files, hash_order
from unroll.errors import UserError, suggest


def reviews(
    files: Files,
    *,
    text: str = "text",
    label: str = "label",
    labels: list[str],
    group: str | None = None,
    validation: float = 0.1,
    test: float = 0.1,
) -> dict[str, dict[str, list[Any]]]:
    """Read one CSV with a header; rows whose `label` column is not one of `labels` are left out.

    A label's number is its place in `labels`. White space runs become one space; empty texts are dropped;
    of equal texts the first is kept, before splitting. Groups (rows, without `group`) are ordered by a fixed
    hash of their names: the first share `test` of them is test, the next `validation`, the rest train.
    Rows keep the file's order.
    """
    import polars

    ((name, content),) = files.items()
    table = polars.read_csv(io.BytesIO(content), infer_schema=False)
    for column in filter(None, (text, label, group)):
        if column not in table.columns:
            raise UserError(f"{name} has no column '{column}'.{suggest(column, table.columns)}", allowed=table.columns)
    number = {value: index for index, value in enumerate(labels)}
    kept: dict[str, tuple[int, str]] = {}
    for row in table.select(text, label, *([group] if group else [])).iter_rows():
        words = " ".join((row[0] or "").split())
        if words and row[1] in number and words not in kept:
            kept[words] = (number[row[1]], row[2] if group else words)

    groups = hash_order({of for _, of in kept.values()}, salt="reviews")
    tests, validations = int(len(groups) * test), int(len(groups) * validation)
    split_of = {of: "test" for of in groups[:tests]}
    split_of |= {of: "validation" for of in groups[tests : tests + validations]}

    splits: dict[str, dict[str, list[Any]]] = {
        split: {"text": [], "label": [], "phrase": [], "tree": []} for split in ("train", "validation", "test")
    }
    for words, (target, of) in kept.items():
        columns = splits[split_of.get(of, "train")]
        for column, value in zip(columns, (words, target, False, ""), strict=True):
            columns[column].append(value)
    return splits
