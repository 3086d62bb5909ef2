"""Reconstructions and samples, a strip a network, from the images.npz that trials keep beside their predictions."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unroll.results.arrays import names, read_array
from unroll.results.figures import style
from unroll.results.tables import Row, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LARGEST = 2**26  # bytes of the images of a kind, of which there are few
IMAGES = "images.npz"  # in a trial's directory: uint8 [n, H, W] by kind
ONE_COLUMN = 12  # strips that stand below each other; more stand in two columns
Strip = tuple[str, np.ndarray]  # a label, images [n, H, W]


def images_of(row: Row, folder: Path) -> tuple[int, dict[str, np.ndarray]] | None:
    """Return the first seed of a row that has images, and those; None where no finished trial kept any."""
    for trial in row.finished:
        path = folder / trial["trial_id"] / IMAGES
        if path.is_file():
            return trial["config"]["seed"], {name: read_array(path, name, LARGEST) for name in names(path)}
    return None


def strips(table: Table, folder: Path, kind: str) -> list[Strip]:
    """Return the images of a kind of each row that has them: best network first, then baselines.

    Reconstructions come below what was reconstructed, which is the same for every row.
    """
    found: list[Strip] = []
    for row in table.rows:
        kept = images_of(row, folder)
        for name, images in (kept[1] if kept else {}).items():
            if name == "original" and kind == "reconstruction" and not found:
                found.append(("original", images))
        for name, images in (kept[1] if kept else {}).items():
            if name.startswith(kind):
                suffix = name.removeprefix(kind).replace("_", " ")
                label = row.label + (" (baseline)" if row.baseline else "") + suffix
                found.append((label if not kept or kept[0] == 0 else f"{label}, seed {kept[0]}", images))
    return found


def mosaic(images: np.ndarray, count: int, gap: int = 2) -> np.ndarray:
    """Return the first images [n, H, W] side by side on white: [H, count (W + gap) - gap], grey values to 255."""
    height, width = images.shape[1:]
    canvas = np.full((height, count * (width + gap) - gap), 255, np.uint8)
    for place, image in enumerate(images[:count]):
        canvas[:, place * (width + gap) : place * (width + gap) + width] = image
    return canvas


def draw_strips(title: str, notes: Sequence[str], shown: Sequence[Strip]) -> "Figure":
    """Draw labelled strips of images, black on white as digits are written, in one column or two."""
    columns = 1 if len(shown) <= ONE_COLUMN else 2
    count = 16 if columns == 1 else 8
    rows = -(-len(shown) // columns)
    figure = style.figure(title, notes, 0.2 + 0.36 * rows)
    cells = figure.subplots(rows, columns, squeeze=False)
    for place, axes in enumerate(cells.T.flat):
        axes.axis("off")
        if place < len(shown):
            label, images = shown[place]
            axes.imshow(mosaic(255 - images, count), cmap="gray", vmin=0, vmax=255, interpolation="none")
            axes.text(-0.02, 0.5, label, transform=axes.transAxes, ha="right", va="center", fontsize=7)
    return figure
