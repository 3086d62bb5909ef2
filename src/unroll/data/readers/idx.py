"""IDX files, as MNIST and Fashion-MNIST were published: a header of sizes, then bytes."""

import math
import struct
from typing import TYPE_CHECKING

from unroll.data.readers.columns import Files
from unroll.data.readers.table import uncompressed_name
from unroll.errors import UserError

if TYPE_CHECKING:
    import numpy

NAMES = {"train": ("train",), "test": ("t10k", "test")}
"""How the names of a split's files begin; `images` and `labels` follow."""


def is_idx(files: Files) -> bool:
    """Whether these are IDX files, by their names."""
    return all("idx" in uncompressed_name(name).rsplit("/", 1)[-1] for name in files)


def idx_arrays(files: Files, split: str) -> "tuple[numpy.ndarray, numpy.ndarray]":
    """Return a split's images uint8 [N, height, width] and labels uint8 [N].

    Raises UserError for a file that is not there, cut off or of other values, and for unequal numbers.
    """
    names = {part: _name(files, split, part) for part in ("images", "labels")}
    images = _array(names["images"], files[names["images"]], dimensions=3)
    labels = _array(names["labels"], files[names["labels"]], dimensions=1)
    if len(images) != len(labels):
        raise UserError(
            f"{names['images']} and {names['labels']} do not have the same number of rows",
            saw=f"{len(images)} and {len(labels)}",
        )
    return images, labels


def _name(files: Files, split: str, part: str) -> str:
    found = [name for name in files if name.rsplit("/", 1)[-1].startswith(NAMES[split]) and part in name]
    if len(found) != 1:
        raise UserError(
            f"no file holds the {part} of {split}" if not found else f"more than one file holds the {part} of {split}",
            saw=", ".join(found or files),
            allowed=f"one {NAMES[split][0]}-{part}-idx{3 if part == 'images' else 1}-ubyte, with or without .gz",
        )
    return found[0]


def _array(name: str, content: bytes, dimensions: int) -> "numpy.ndarray":
    import numpy

    start = 4 + 4 * dimensions
    if len(content) < start or content[:4] != bytes([0, 0, 8, dimensions]):
        raise UserError(
            f"{name} is no IDX file of bytes in {dimensions} dimension{'s' if dimensions > 1 else ''}",
            saw=f"it begins with {content[:4].hex(' ')}",
            allowed=f"00 00 08 0{dimensions}",
        )
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    if len(content) - start != math.prod(shape):
        raise UserError(
            f"{name} is cut off, or longer than its header says",
            saw=f"{len(content) - start} bytes",
            allowed=f"{' x '.join(map(str, shape))} = {math.prod(shape)}",
        )
    return numpy.frombuffer(content, numpy.uint8, offset=start).reshape(shape)
