"""The profile of a data set: what its reader read, kept and left out, and what its examples are like.

Pure: what a reader returned in, JSON out. It is kept beside the cache, in short in every record (`data.profile`), and
shown by `unroll data check` and `unroll data show`. It holds counts, times, numbers and labels, never a row's text.

    rows       {read, left_out, train, validation, test, and each further test set}
    left_out   [{why, value, rows, first}], most rows first
    classes    split -> label -> rows, or words where each word has one
    lengths    column -> split -> words, or steps, at the quantiles 0, 0.05, 0.5, 0.95, 1; of texts and sequences
    words      column -> split -> words in all; of texts whose words or documents count
    documents  split -> documents
    repeated   {within: split -> rows, in_train: split -> rows}: equal inputs, and those that train has, too
    empty      split -> column -> rows without a word
    series     start, end, step, gaps, repeats, zone, ... (profile_series.py)
    columns    channel -> missing, filled, minimum, maximum, ... (profile_series.py)
    warnings   what may make a number mean less than it seems, a sentence each
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from unroll.data import kinds, profile_series
from unroll.data.kinds import Kind
from unroll.data.readers.columns import SPLITS, Columns, Notes, Splits, further, listed, nested
from unroll.errors import UserError

if TYPE_CHECKING:
    import numpy

QUANTILES = (0.0, 0.05, 0.5, 0.95, 1.0)
SHOWN = 20  # values of one reason, classes of a split, columns and warnings in a record


def profile(name: str, splits: Splits) -> dict[str, Any]:
    """Return the profile of what a reader returned of the kind of this name, JSON only.

    `columns.Read` brings the reader's notes. Raises UserError for a kind that there is not.
    """
    kind = kinds.get(name)
    notes = getattr(splits, "notes", None) or Notes()
    found: dict[str, Any] = {"kind": name, "rows": _rows(splits, notes), "left_out": _left_out(notes)}
    warnings: list[str] = []
    if kind.classes:
        found["classes"] = {split: _classes(columns, kind, notes) for split, columns in splits.items()}
        for split, counts in found["classes"].items():
            unknown = [label for label in counts if label not in found["classes"]["train"]]
            if unknown:
                warnings.append(f"{split} has classes that train has not: {', '.join(unknown[:SHOWN])}")
    if kind.sequences:
        lengths = {
            column: {split: list(map(kind.length, columns[column])) for split, columns in splits.items()}
            for column in kind.sequences
        }
        found["lengths"] = {
            column: {split: _quantiles(counts) for split, counts in each.items()} for column, each in lengths.items()
        }
    if kind.texts:
        if kind.separator or kind.documents:
            found["words"] = {
                column: {split: sum(counts) for split, counts in lengths[column].items()} for column in kind.texts
            }
        found["empty"] = {
            split: {column: sum(not text.strip() for text in columns[column]) for column in kind.texts}
            for split, columns in splits.items()
        }
        for split, empty in found["empty"].items():
            warnings += [f"{rows} of {split} have an empty {column}" for column, rows in empty.items() if rows]
    if kind.documents:
        found["documents"] = {split: len(set(columns[kind.documents])) for split, columns in splits.items()}
    if kind.input:
        found["repeated"] = _repeated({split: columns[kind.input] for split, columns in splits.items()})
        for split, rows in found["repeated"]["in_train"].items():
            if rows:
                warnings.append(f"{rows} of {found['rows'][split]} inputs of {split} are in train, too")
    if kind.series and all(found["rows"][split] for split in splits):
        of_series, said = profile_series.profile(splits, notes.facts)
        found |= of_series
        warnings += said
    left = sum(rows for (why, _), (rows, _) in notes.left_out.items() if why not in notes.asked)
    if left:
        read = f" of {found['rows']['read']}" if found["rows"]["read"] else ""
        warnings.insert(0, f"{left}{read} rows were left out")
    return found | {key: value for key, value in notes.facts.items() if key not in found} | {"warnings": warnings}


def in_short(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return a profile as records keep it: at most some tens of entries a part, whatever the data set holds."""
    short = dict(found)
    for part in ("left_out", "warnings"):
        short[part] = list(found.get(part, []))[:SHOWN]
    if "classes" in found:
        short["classes"] = {split: _largest(counts) for split, counts in found["classes"].items()}
    if "columns" in found:
        told = {name: column for name, column in found["columns"].items() if profile_series.worth_telling(column)}
        short["columns"] = dict(list(told.items())[:SHOWN])
    return short


def require_examples(found: Mapping[str, Any], options: Iterable[str]) -> None:
    """Raise UserError where a split is empty, or where a class can be learned by nobody and the kind refuses that.

    options: those of the reader, of which the message names the ones that size splits.
    """
    rows = found["rows"]
    sizing = [option for option in options if option in (*SPLITS, "rows", "sizes")]
    splits = (*SPLITS, *further(rows))
    for split in splits:
        if not rows[split]:
            counts = ", ".join(f"{each} {rows[each]}" for each in splits)
            raise UserError(
                f"No example is left for {split}.",
                saw=f"{counts}" + (f" of {rows['read']} rows" if rows["read"] is not None else "") + _reasons(found),
                allowed="one example or more in each split"
                + (
                    f": more rows, or other {' '.join(f'data.options.{option}' for option in sizing)}" if sizing else ""
                ),
            )
    if kinds.get(found["kind"]).unseen_classes == "refused":
        require_classes(found["classes"], left_out=_reasons(found))


def require_classes(classes: Mapping[str, Mapping[str, int]], fraction: float = 1.0, left_out: str = "") -> None:
    """Raise UserError for one class in train, and for a class that validation or test have and train has not.

    classes: split -> label -> rows; fraction: the share of train that was kept.
    """
    train = classes["train"]
    counts = _counted(train) + left_out
    cut = f" of the share that data.fraction={fraction:g} keeps" if fraction < 1 else ""
    mend = "a larger data.fraction" if fraction < 1 else "rows of each class, spread over the splits"
    if len(train) < 2:
        raise UserError(f"Train{cut} has one class only.", saw=counts, allowed=f"two classes or more: {mend}")
    for split in ("validation", "test", *further(classes)):
        unknown = {label: rows for label, rows in classes[split].items() if label not in train}
        if unknown:
            raise UserError(
                f"{split.capitalize()} has a class that train{cut} has not.",
                saw=f"{split}: {_counted(unknown)}; train: {counts}",
                allowed=f"classes that train has: {mend}",
            )


def _classes(columns: Columns, kind: Kind, notes: Notes) -> dict[str, int]:
    """Class -> rows of one split; where each word has one, class -> words, in order."""
    values = columns[str(kind.classes)]
    if kind.columns[str(kind.classes)] != "str":
        return class_counts(values, notes.classes)
    counts = Counter(item for value in values for item in (kind.items(value) if kind.separator else [value]))
    return dict(sorted(counts.items()))


def class_counts(labels: "Sequence[int] | numpy.ndarray", names: Sequence[str] = ()) -> dict[str, int]:
    """Return label -> rows, by the labels' numbers; a label is called by its name where there is one."""
    import numpy

    numbers, counts = numpy.unique(numpy.asarray(labels, dtype=numpy.int64), return_counts=True)
    named = [names[number] if 0 <= number < len(names) else str(number) for number in numbers.tolist()]
    return dict(zip(named, counts.tolist(), strict=True))


def _rows(splits: Splits, notes: Notes) -> dict[str, int | None]:
    left = sum(rows for rows, _ in notes.left_out.values())
    return {"read": notes.rows, "left_out": left} | {split: _length(columns) for split, columns in splits.items()}


def _length(columns: Columns) -> int:
    return len(next(iter(columns.values())))


def _left_out(notes: Notes) -> list[dict[str, Any]]:
    """One entry a reason and value, most rows first; of a reason with many values the rest are one entry."""
    found: list[dict[str, Any]] = []
    for (why, value), (rows, first) in sorted(notes.left_out.items(), key=lambda item: -item[1][0]):
        if sum(entry["why"] == why for entry in found) < SHOWN:
            value = value if value is None or len(value) <= 60 else value[:59] + "…"
            found.append({"why": why, "value": value, "rows": rows, "first": first})
        else:
            last = [entry for entry in found if entry["why"] == why][-1]
            last["value"], last["rows"] = "other values", last["rows"] + rows
    return found


def _reasons(found: Mapping[str, Any]) -> str:
    """What was left out, for a message: "; left out: 12 rows (the label is ...: 'Pos')"."""
    said = [
        f"{entry['rows']} ({entry['why']}" + (f": {entry['value']!r})" if entry["value"] is not None else ")")
        for entry in found["left_out"][:5]
    ]
    return f"; left out: {', '.join(said)}" if said else ""


def _counted(counts: Mapping[str, int]) -> str:
    shown = ", ".join(f"{label!r} {rows}" for label, rows in list(counts.items())[:SHOWN])
    return shown + (f", and {len(counts) - SHOWN} more" if len(counts) > SHOWN else "") if counts else "no rows"


def _largest(counts: Mapping[str, int]) -> dict[str, int]:
    if len(counts) <= SHOWN:
        return dict(counts)
    kept = dict(Counter(counts).most_common(SHOWN - 1))
    return kept | {f"{len(counts) - len(kept)} other classes": sum(counts.values()) - sum(kept.values())}


def _quantiles(lengths: Sequence[int]) -> list[int]:
    import numpy

    return [int(value) for value in numpy.quantile(lengths, QUANTILES, method="nearest")] if lengths else []


def _repeated(inputs: Mapping[str, Sequence[Any]]) -> dict[str, dict[str, int]]:
    inputs = {split: list(map(str, listed(values))) if nested(values) else values for split, values in inputs.items()}
    distinct = {split: set(values) for split, values in inputs.items()}
    return {
        "within": {split: len(values) - len(distinct[split]) for split, values in inputs.items()},
        "in_train": {
            split: sum(value in distinct["train"] for value in inputs[split]) for split in inputs if split != "train"
        },
    }
