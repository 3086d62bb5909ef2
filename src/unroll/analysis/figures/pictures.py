"""Reconstructions and samples, a strip a network, from the images.npz that trials keep beside their predictions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unroll.analysis.figures import style
from unroll.analysis.tables import Row, Table
from unroll.errors import UserError
from unroll.records.arrays import names, read_array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIDE = 512  # pixels of an image at most
MOST = 2**26  # bytes of the images of a kind, of which there are few
KINDS = 12  # arrays of a file at most: the tasks keep two or three
IMAGES = "images.npz"  # in a trial's directory: uint8 [n, H, W] by kind
ONE_COLUMN = 12  # strips that stand below each other; more stand in two columns
Strip = tuple[str, np.ndarray]  # a label, images [n, H, W]


@dataclass(frozen=True)
class Kept:
    """The images of a row: of its first seed that has any."""

    seed: int
    images: dict[str, np.ndarray]

    def of(self, kind: str) -> Iterator[tuple[str, np.ndarray]]:
        """What a kind's images are called beyond it, and they."""
        for name, images in self.images.items():
            if name.startswith(kind):
                yield name.removeprefix(kind).replace("_", " "), images


def images_of(table: Table, directories: Mapping[str, Path], refused: list[UserError]) -> list[tuple[Row, Kept]]:
    """Return the rows whose trials kept images, with these; `refused` takes an error for each file that is none.

    Args:
        table: of the rows.
        directories: a trial's id -> where it lies.
        refused: see above.
    """
    found = []
    for row in table.rows:
        for trial in row.finished:
            directory = directories.get(trial["trial_id"])
            if directory is None or not (path := directory / IMAGES).is_file():
                continue
            try:
                found.append((row, Kept(trial["config"]["seed"], _read(path))))
            except UserError as error:
                refused.append(error)
                continue
            break
    return found


def _read(path: Path) -> dict[str, np.ndarray]:
    kinds = names(path)
    if len(kinds) > KINDS:
        raise UserError(f"{path} cannot be used.", saw=f"{len(kinds)} arrays", allowed=f"{KINDS} at most")
    found = {name: read_array(path, name, MOST) for name in kinds}
    for name, images in found.items():
        count, height, width = images.shape if images.ndim == 3 else (0, 0, 0)
        if images.dtype != np.uint8 or not (count and 0 < height <= SIDE and 0 < width <= SIDE):
            raise UserError(
                f"{path} cannot be used.",
                saw=f"'{name}' {images.shape} of {images.dtype}",
                allowed=f"images [n, H, W] of uint8, {SIDE} pixels a side at most",
            )
    return found


def strips(kept: Sequence[tuple[Row, Kept]], kind: str) -> list[Strip]:
    """Return the images of a kind of each row that has them: best network first, then baselines.

    Reconstructions come below what was reconstructed, the same for every row of one version of Unroll; where rows of
    others stand among them, it is said again.
    """
    found: list[Strip] = []
    above = None
    for row, one in kept:
        original = one.images.get("original")
        if kind == "reconstruction" and original is not None and (above is None or not np.array_equal(above, original)):
            above = original
            found.append(("original", original))
        for suffix, images in one.of(kind):
            label = row.label + (" (baseline)" if row.baseline else "") + suffix
            found.append((label if one.seed == 0 else f"{label}, seed {one.seed}", images))
    return found


def mosaic(images: np.ndarray, count: int, gap: int = 2) -> np.ndarray:
    """Return the first images [n, H, W] side by side on white: [H, count (W + gap) - gap], grey values to 255."""
    height, width = images.shape[1:]
    canvas = np.full((height, count * (width + gap) - gap), 255, np.uint8)
    for place, image in enumerate(images[:count]):
        canvas[:, place * (width + gap) : place * (width + gap) + width] = image
    return canvas


def draw_strips(shown: Sequence[Strip]) -> "Figure":
    """Draw labelled strips of images, black on white as digits are written, in one column or two."""
    columns = 1 if len(shown) <= ONE_COLUMN else 2
    count = 16 if columns == 1 else 8
    rows = -(-len(shown) // columns)
    figure = style.figure(0.2 + 0.36 * rows)
    cells, size = figure.subplots(rows, columns, squeeze=False), style.small()
    for place, axes in enumerate(cells.T.flat):
        axes.axis("off")
        if place < len(shown):
            label, images = shown[place]
            axes.imshow(mosaic(255 - images, count), cmap="gray", vmin=0, vmax=255, interpolation="none")
            axes.text(-0.02, 0.5, label, transform=axes.transAxes, ha="right", va="center", fontsize=size)
    return figure
