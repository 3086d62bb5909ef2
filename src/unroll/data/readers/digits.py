"""MNIST's images, from the Keras .npz, from Parquet with PNG images, or from a CSV of pixel rows."""

import io
from typing import TYPE_CHECKING, Any

from unroll.data.readers.columns import Files, hash_order, rows
from unroll.errors import UserError

if TYPE_CHECKING:
    import numpy


def mnist(files: Files, *, validation: int = 10_000) -> dict[str, dict[str, list[Any]]]:
    """Read mnist.npz (x_train, y_train, x_test, y_test) or train.parquet and test.parquet (image, label).

    `validation` images, chosen by a fixed hash of their place, are cut from the 60,000 of train; the others
    keep the file's order. Raises UserError where arrays are missing or not N x 28 x 28 bytes.
    """
    if "mnist.npz" in files:
        parts = _npz(files["mnist.npz"])
    else:
        parts = {split: _parquet(files[f"{split}.parquet"]) for split in ("train", "test")}
    train, test = parts["train"], parts["test"]
    total = len(train["label"])
    if not 0 < validation < total:
        raise UserError("data.options.validation", saw=validation, allowed=f"1 to {total - 1}")
    order = [int(place) for place in hash_order(map(str, range(total)), salt="mnist")]
    return {
        "train": rows(train, sorted(order[validation:])),
        "validation": rows(train, sorted(order[:validation])),
        "test": test,
    }


def digits_csv(files: Files, *, sizes: list[int]) -> dict[str, dict[str, list[Any]]]:
    """Read one CSV without header: 784 grey values 0-255 and the label in each row, in any order.

    `sizes` are those of train, validation and test. Rows are put into a fixed hashed order first, because
    such files come sorted by label; the splits are consecutive in that order.
    """
    import numpy

    ((name, content),) = files.items()
    table = numpy.loadtxt(io.BytesIO(content), delimiter=",", dtype=numpy.int64, ndmin=2)
    if table.shape[1] != 785 or table[:, :784].min() < 0 or table[:, :784].max() > 255:
        raise UserError(f"{name}: not 784 grey values 0-255 and a label in each row", saw=table.shape)
    if len(sizes) != 3 or min(sizes) < 1 or sum(sizes) > len(table):
        raise UserError("data.options.sizes", saw=list(sizes), allowed=f"three sizes of at most {len(table)} together")
    columns = _columns(table[:, :784].astype(numpy.uint8), table[:, 784])
    order = [int(place) for place in hash_order(map(str, range(len(table))), salt="digits_csv")]
    ends = numpy.cumsum([0, *sizes])
    return {
        split: rows(columns, order[ends[place] : ends[place + 1]])
        for place, split in enumerate(("train", "validation", "test"))
    }


def _columns(images: "numpy.ndarray", labels: "numpy.ndarray") -> dict[str, list[Any]]:
    return {"pixels": [image.tobytes() for image in images], "label": [int(label) for label in labels]}


def _npz(content: bytes) -> dict[str, dict[str, list[Any]]]:
    import numpy

    arrays = numpy.load(io.BytesIO(content), allow_pickle=False)
    parts = {}
    for split in ("train", "test"):
        for key in (f"x_{split}", f"y_{split}"):
            if key not in arrays:
                raise UserError(f"mnist.npz has no array '{key}'", saw=sorted(arrays))
        images, labels = arrays[f"x_{split}"], arrays[f"y_{split}"]
        if images.dtype != numpy.uint8 or images.shape != (len(labels), 28, 28):
            raise UserError(f"mnist.npz, x_{split}", saw=f"{images.dtype} {images.shape}", allowed="uint8 [N, 28, 28]")
        parts[split] = _columns(images, labels)
    return parts


def _parquet(content: bytes) -> dict[str, list[Any]]:
    import numpy
    import pyarrow.parquet
    from PIL import Image

    table = pyarrow.parquet.read_table(io.BytesIO(content))
    images = [Image.open(io.BytesIO(cell["bytes"])).convert("L") for cell in table["image"].to_pylist()]
    return _columns(numpy.stack([numpy.asarray(image) for image in images]), table["label"].to_numpy())
