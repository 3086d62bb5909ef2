"""Labelled images in the layouts that people have: where the label is, what it may be, and what a pixel may be."""

import gzip
import struct
from typing import Any

import numpy
import pytest

from unroll.data.readers.columns import content_sha256
from unroll.data.readers.images import images_csv, mnist
from unroll.data.sources import uncompressed
from unroll.errors import UserError

PIXELS = numpy.random.default_rng(0).integers(1, 256, (60, 784))
PIXELS[:, [0, -1]] = 0
LABELS = numpy.arange(60) % 10


def csv_of(pixels: numpy.ndarray, labels: numpy.ndarray, label: str = "last", header: str = "") -> bytes:
    columns = (pixels, labels[:, None]) if label == "last" else (labels[:, None], pixels)
    rows = [",".join(map(str, row)) for row in numpy.hstack(columns).tolist()]
    return "\n".join([header, *rows] if header else rows).encode()


def all_of(splits: dict[str, dict[str, list[Any]]]) -> list[tuple[bytes, int]]:
    return sorted(pair for images in splits.values() for pair in zip(images["pixels"], images["label"], strict=True))


SIZES = {"sizes": [40, 10, 10]}
KAGGLE = "label," + ",".join(f"pixel{number}" for number in range(784))
SIDES = "label," + ",".join(f"{row}x{column}" for row in range(1, 29) for column in range(1, 29))


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (csv_of(PIXELS, LABELS), {}),
        (csv_of(PIXELS, LABELS), {"label": "last"}),
        (csv_of(PIXELS, LABELS, "first"), {"label": "first"}),
        (csv_of(PIXELS, LABELS, "first", KAGGLE), {"label": "first"}),
        (csv_of(PIXELS, LABELS, "first", SIDES), {"label": "first"}),
        (csv_of(PIXELS, LABELS, "first", "label" + ",pixel" * 784), {"label": "first"}),
        (csv_of(PIXELS, LABELS, "first", "label," + ",".join(map(str, range(784)))), {"label": "first"}),
        (csv_of(PIXELS, LABELS, "first", ",".join(map(str, range(785)))), {"label": "first"}),
        (csv_of(PIXELS, LABELS).replace(b",", b";"), {"separator": ";"}),
        (csv_of(PIXELS, LABELS).replace(b",", b", "), {}),
        (b"\xef\xbb\xbf" + csv_of(PIXELS, LABELS).replace(b"\n", b"\r\n"), {}),
    ],
)
def test_a_label_stands_first_or_last(content: bytes, options: dict[str, Any]) -> None:
    splits = images_csv({"d.csv": content}, **SIZES, **options)
    assert [len(images["label"]) for images in splits.values()] == [40, 10, 10]
    assert content_sha256(splits) == content_sha256(images_csv({"d.csv": csv_of(PIXELS, LABELS)}, **SIZES))
    wanted = [
        (image.astype(numpy.uint8).tobytes(), label) for image, label in zip(PIXELS, LABELS.tolist(), strict=True)
    ]
    assert all_of(splits) == sorted(wanted)


def varied(column: int, values: numpy.ndarray) -> numpy.ndarray:
    pixels = PIXELS.copy()
    pixels[:, column] = values
    return pixels


GREY = numpy.random.default_rng(1).integers(0, 256, 60)  # not 0 to K-1
BINARY = numpy.arange(60) // 3 % 2


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        (csv_of(PIXELS, LABELS, "first"), {}, "the first column of the images looks like.*data.options.label=first"),
        (csv_of(varied(-1, GREY), LABELS, "first"), {}, "data.options.label=first"),
        (csv_of(varied(-1, GREY), LABELS, "first"), {"label": "last"}, "data.options.label=first"),
        (csv_of(varied(-1, BINARY), LABELS, "first"), {}, "both the first and the last column hold 0 to K-1"),
        (csv_of(varied(0, GREY), LABELS), {"label": "first"}, "data.options.label=last"),
        (csv_of(PIXELS, LABELS - 1), {}, r"not 0 to K-1.*-1 \(6\), 0 \(6\)"),
        (csv_of(PIXELS, LABELS + 1), {}, "not 0 to K-1"),
        (csv_of(PIXELS, LABELS * 1_000_000), {}, r"not 0 to K-1.*9000000 \(6\)"),
        (csv_of(PIXELS, LABELS * 0), {}, "not 0 to K-1"),
        (csv_of(varied(5, -GREY - 1), LABELS), {}, r"image 1, pixel 6: not a grey value"),
        (csv_of(varied(5, GREY + 255), LABELS), {}, "pixel 6: not a grey value"),
        (csv_of(PIXELS / 255, LABELS), {}, "d.csv, line 1: not a whole number.*0.0"),
        (csv_of(PIXELS, LABELS).replace(b",", b";"), {}, "1 cells; the file seems to be separated by ';'"),
        (csv_of(PIXELS, LABELS)[:-40], {}, "d.csv, line 60: not 784 grey values"),
        (csv_of(PIXELS, LABELS).replace(b",", b"a,", 1), {}, "d.csv, line 1: not a whole number.*0a"),
        (csv_of(PIXELS, LABELS).replace(b"0,", b"NA,", 1), {}, "d.csv, line 1: not a whole number.*NA"),
        (KAGGLE.encode(), {}, "has no rows"),
        ((KAGGLE + "\n" + KAGGLE).encode(), {}, "line 2: not a whole number"),
        (b"", {}, "has no rows"),
    ],
)
def test_what_is_no_labelled_image_is_refused(content: bytes, options: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError) as caught:
        images_csv({"d.csv": content}, **SIZES, **options)
    assert caught.match(f"(?s){says}")


def test_a_first_pixel_of_two_values_needs_the_option_alone() -> None:
    content = csv_of(varied(0, BINARY), LABELS)
    with pytest.raises(UserError, match=r"label=first or data\.options\.label=last"):
        images_csv({"d.csv": content}, **SIZES)
    assert len(images_csv({"d.csv": content}, **SIZES, label="last")["train"]["label"]) == 40


def test_files_a_split_stay_whole() -> None:
    files = {"mnist_train.csv": csv_of(PIXELS, LABELS), "mnist_test.csv": csv_of(PIXELS[:20], LABELS[:20])}
    splits = images_csv(files, train="mnist_train.csv", test="mnist_test.csv", validation=0.25)
    assert [len(images["label"]) for images in splits.values()] == [45, 15, 20]
    assert splits["test"]["label"] == LABELS[:20].tolist()


def idx(array: numpy.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(numpy.uint8).tobytes()


def idx_files(**changed: bytes) -> dict[str, bytes]:
    files = {
        "train-images-idx3-ubyte.gz": idx(PIXELS.reshape(-1, 28, 28)),
        "train-labels-idx1-ubyte.gz": idx(LABELS),
        "t10k-images-idx3-ubyte.gz": idx(PIXELS[:20].reshape(-1, 28, 28)),
        "t10k-labels-idx1-ubyte.gz": idx(LABELS[:20]),
    }
    return files | {name: changed[key] for key in changed for name in files if key in name.replace("-", "_")}


def test_mnist_as_it_was_published() -> None:
    splits = mnist(idx_files(), validation=10)
    assert [len(images["label"]) for images in splits.values()] == [50, 10, 20]
    assert splits["test"]["label"] == LABELS[:20].tolist()
    assert splits["test"]["pixels"][3] == PIXELS[3].astype(numpy.uint8).tobytes()
    assert splits == mnist({name.replace("-idx", ".idx")[:-3]: c for name, c in idx_files().items()}, validation=10)
    name = "train-labels-idx1-ubyte.gz"
    assert uncompressed(name, gzip.compress(idx(LABELS))) == idx_files()[name]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (idx_files(train_labels=idx(LABELS[:59])), "do not have the same number of rows.*60 and 59"),
        (idx_files(train_labels=idx(LABELS)[:-1]), "cut off"),
        (idx_files(train_labels=idx(LABELS) + b"x"), "longer than its header"),
        (idx_files(train_labels=idx(PIXELS)), "no IDX file of bytes in 1 dimension.*00 00 08 02"),
        (idx_files(train_labels=idx(LABELS + 1), t10k_labels=idx(LABELS[:20] + 1)), "not 0 to K-1"),
        (idx_files(t10k_images=idx(PIXELS[:20, :400].reshape(-1, 20, 20))), "images of test"),
        ({name: content for name, content in idx_files().items() if "t10k" not in name}, "no file holds the images of"),
        ({"a.npz": b""}, "no file is one of MNIST's"),
    ],
)
def test_idx_files_that_do_not_fit_are_refused(files: dict[str, bytes], says: str) -> None:
    with pytest.raises(UserError) as caught:
        mnist(files, validation=10)
    assert caught.match(f"(?s){says}")
