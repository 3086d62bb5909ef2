"""Labelled images of 28 x 28 grey values: MNIST's own layouts, and CSV with an image a row."""

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from unroll.data.readers.columns import SPLITS, Files, hash_order, rows
from unroll.data.readers.decoding import decoded
from unroll.data.readers.idx import idx_arrays, is_idx
from unroll.data.readers.numbers import NUMBER
from unroll.data.readers.parts import chosen
from unroll.data.readers.table import likely_separator, separated_rows, separator_of
from unroll.errors import UserError

if TYPE_CHECKING:
    import numpy

SIDE = 28
PIXELS = SIDE * SIDE
Images = dict[str, list[Any]]

_INTEGER = re.compile(r" *[+-]?[0-9]{1,18} *")
_INTEGERS = re.compile(rf"{_INTEGER.pattern}(\0{_INTEGER.pattern})*")


def mnist(files: Files, *, validation: int = 10_000) -> dict[str, Images]:
    """Read images as MNIST comes: mnist.npz (x_train, y_train, x_test, y_test), train.parquet and test.parquet (image,
    label), or four IDX files (train-images-idx3-ubyte, train-labels-idx1-ubyte, and the same of t10k).

    `validation` images, chosen by a fixed hash of their place, are cut from train; the others keep the file's order.
    Raises UserError where files or arrays are missing, not N x 28 x 28 bytes, or labels are not 0 to K-1.
    """
    if is_idx(files):
        parts = {split: _checked(f"images of {split}", *idx_arrays(files, split)) for split in ("train", "test")}
    elif "mnist.npz" in files:
        parts = _npz(files["mnist.npz"])
    elif {"train.parquet", "test.parquet"} <= set(files):
        parts = {split: _parquet(f"{split}.parquet", files[f"{split}.parquet"]) for split in ("train", "test")}
    else:
        raise UserError(
            "no file is one of MNIST's",
            saw=", ".join(files),
            allowed="mnist.npz, or train.parquet and test.parquet, or the four files ...-images-idx3-ubyte and "
            "...-labels-idx1-ubyte of train and t10k",
        )
    train, test = parts["train"], parts["test"]
    _require_labels("the files", train["label"] + test["label"])
    total = len(train["label"])
    if not 0 < validation < total:
        raise UserError("data.options.validation", saw=validation, allowed=f"1 to {total - 1}")
    order = [int(place) for place in hash_order(map(str, range(total)), salt="mnist")]
    return {
        "train": rows(train, sorted(order[validation:])),
        "validation": rows(train, sorted(order[:validation])),
        "test": test,
    }


def images_csv(
    files: Files,
    *,
    sizes: list[int] | None = None,
    label: Literal["first", "last"] | None = None,
    train: str | None = None,
    validation: float | str = 0.1,
    test: float | str = 0.1,
    separator: str | None = None,
) -> dict[str, Images]:
    """Read CSV with 784 grey values 0-255 and a label 0 to K-1 in each row, with a header or without.

    label: which column holds it; null: the last, unless the first looks like labels.
    sizes: those of train, validation and test, cut from one file. Without: train, validation and test are the names of
    their files, or the share that is cut from train. Rows that are cut are put into a fixed hashed order first, because
    such files come sorted by label; the splits are consecutive in that order.
    """
    parts = {"train": train, "validation": validation, "test": test}
    if sizes is not None:
        parts = {"train": train, "validation": 0.0, "test": 0.0}
    read = {split: _csv(of, separator) for split, of in chosen(files, parts).items()}
    place = _label_place({split: table for split, (_, table) in read.items()}, label)
    splits: dict[str, Images] = {}
    for split, (name, table) in read.items():
        splits[split] = _split_csv(name, table, place)
    _require_labels("the label column", [label for images in splits.values() for label in images["label"]])
    total = len(splits["train"]["label"])
    if sizes is not None and (len(sizes) != 3 or min(sizes) < 1 or sum(sizes) > total):
        raise UserError("data.options.sizes", saw=list(sizes), allowed=f"three sizes of at most {total} together")
    cut = {split: int(total * float(parts[split] or 0)) for split in SPLITS[1:] if split not in splits}
    counts = sizes or [total - sum(cut.values()), cut.get("validation", 0), cut.get("test", 0)]
    order = [int(row) for row in hash_order(map(str, range(total)), salt="digits_csv")]
    images, start = splits["train"], 0
    for split, count in zip(SPLITS, counts, strict=True):
        if split == "train" or split not in splits:
            splits[split] = rows(images, order[start : start + count])
        start += count
    return {split: splits[split] for split in SPLITS}


def _csv(files: Files, separator: str | None) -> "tuple[str, numpy.ndarray]":
    """The numbers of one file [N, 785]; a first row of names is its header."""
    import numpy

    ((name, content),) = files.items()
    text = decoded(name, content)
    found: list[Any] = []
    header = False
    for line, cells in separated_rows(name, text, separator_of(name, separator)):
        if len(cells) != PIXELS + 1:
            likely = likely_separator(text)
            raise UserError(
                f"{name}, line {line}: not {PIXELS} grey values and a label",
                saw=f"{len(cells)} cells" + (f"; the file seems to be separated by {likely!r}" if likely else ""),
                allowed=f"{PIXELS + 1} cells, separated by data.options.separator",
            )
        whole = _INTEGERS.fullmatch("\0".join(cells)) is not None
        wrong = [] if whole else [cell for cell in cells if not _INTEGER.fullmatch(cell)]
        if not found and not header and _is_header(cells):
            header = True
        elif wrong:
            raise UserError(
                f"{name}, line {line}: not a whole number",
                saw=repr(wrong[0][:40]),
                allowed="grey values 0-255 and a label",
            )
        else:
            found.append(numpy.array([int(cell) for cell in cells], numpy.int64))
    if not found:
        raise UserError(f"{name} has no rows", saw=f"{len(text)} characters")
    return name, numpy.stack(found)


def _is_header(cells: Sequence[str]) -> bool:
    """Whether a first row names the columns: no number, or names that differ, as so many of 256 grey values cannot."""
    numbers = [NUMBER.fullmatch(cell.strip()) is not None for cell in cells]
    differ = len(set(cells)) == len(cells)
    return not any(numbers) or (differ and (not all(numbers) or all(map(_INTEGER.fullmatch, cells))))


def _label_place(tables: "dict[str, numpy.ndarray]", label: str | None) -> int:
    """The column of the labels, 0 or -1. Raises UserError where the other one looks like them."""
    import numpy

    looks = {}
    for name, column in (("first", 0), ("last", -1)):
        values = numpy.concatenate([table[:, column] for table in tables.values()])
        looks[name] = _are_labels(values)
    wanted = label or "last"
    other = "first" if wanted == "last" else "last"
    if looks[other] and (label is None or not looks[wanted]):
        saw = (
            "both the first and the last column hold 0 to K-1"
            if looks[wanted]
            else f"the {other} column holds 0 to K-1"
        )
        raise UserError(
            f"the {other} column of the images looks like their labels",
            saw=saw,
            allowed="data.options.label=" + ("first or data.options.label=last" if looks[wanted] else other),
        )
    return 0 if wanted == "first" else -1


def _split_csv(name: str, table: "numpy.ndarray", place: int) -> Images:
    import numpy

    pixels = table[:, 1:] if place == 0 else table[:, :-1]
    outside = numpy.argwhere((pixels < 0) | (pixels > 255))
    if len(outside):
        row, column = outside[0]
        raise UserError(
            f"{name}, image {row + 1}, pixel {column + 1}: not a grey value",
            saw=pixels[row, column],
            allowed="0 to 255; where another column is the label: data.options.label=first or last",
        )
    return _columns(pixels.astype(numpy.uint8), table[:, place])


def _are_labels(values: "numpy.ndarray") -> bool:
    """Whether these are 0 to K-1, each there, of two classes or more with two images on average."""
    import numpy

    found = numpy.unique(values)
    return 2 <= len(found) <= max(2, len(values) // 2) and found[0] == 0 and found[-1] == len(found) - 1


def _require_labels(where: str, labels: Sequence[int]) -> None:
    """Raise UserError unless labels are 0 to K-1, all of them there."""
    found = sorted(set(labels))
    if found != list(range(len(found))) or len(found) < 2:
        counts = ", ".join(f"{label} ({labels.count(label)})" for label in found[:20])
        raise UserError(
            f"labels in {where} are not 0 to K-1",
            saw=counts + (f" and {len(found) - 20} others up to {found[-1]}" if len(found) > 20 else ""),
            allowed="whole numbers from 0, each with an image, two classes or more",
        )


def _columns(images: "numpy.ndarray", labels: "numpy.ndarray") -> Images:
    return {"pixels": [image.tobytes() for image in images], "label": [int(label) for label in labels]}


def _checked(name: str, images: "numpy.ndarray", labels: "numpy.ndarray") -> Images:
    import numpy

    if images.dtype != numpy.uint8 or images.shape != (len(labels), SIDE, SIDE):
        raise UserError(name, saw=f"{images.dtype} {images.shape}", allowed=f"uint8 [N, {SIDE}, {SIDE}], a label each")
    return _columns(images, labels)


def _npz(content: bytes) -> dict[str, Images]:
    import numpy

    arrays = numpy.load(io.BytesIO(content), allow_pickle=False)
    parts = {}
    for split in ("train", "test"):
        for key in (f"x_{split}", f"y_{split}"):
            if key not in arrays:
                raise UserError(f"mnist.npz has no array '{key}'", saw=sorted(arrays))
        parts[split] = _checked(f"mnist.npz, x_{split}", arrays[f"x_{split}"], arrays[f"y_{split}"])
    return parts


def _parquet(name: str, content: bytes) -> Images:
    import numpy
    import pyarrow.parquet
    from PIL import Image

    table = pyarrow.parquet.read_table(io.BytesIO(content))
    images = [Image.open(io.BytesIO(cell["bytes"])).convert("L") for cell in table["image"].to_pylist()]
    return _checked(name, numpy.stack([numpy.asarray(image) for image in images]), table["label"].to_numpy())
