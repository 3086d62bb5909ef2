"""Small made-up data sets in memory, and trials on them: what unit tests train and measure."""

import copy
import functools
from collections.abc import Mapping
from typing import Any

import datasets
import numpy as np
import torch

from unroll.config.compose import compose
from unroll.config.trial import Trial
from unroll.data.examples import Examples
from unroll.models.network import Network
from unroll.tasks.task import Task
from unroll.training.prepared import build_task

ARCHITECTURES = ("rnn", "lstm", "gru", "birnn", "bilstm", "bigru", "mlp", "ae", "ae_variational")
TASKS = ("sentiment", "translation", "forecasting", "compression", "generation", "classification")
SMALL = ["architecture.width=6"]
WHITESPACE = [
    "data.tokenizer.words=whitespace",
    "data.tokenizer.lowercase=false",
    "data.tokenizer.vocabulary_size=60",
    "data.tokenizer.min_count=1",
]
TASK_OPTIONS = {
    "sentiment": ["task.embedding=5", "task.dropout=0"],
    "translation": ["task.embedding=5", "task.dropout=0"],
    "forecasting": ["task.window=6", "task.horizon=3", "task.channels=joint"],
    "compression": [],
    "classification": [],
    "generation": ["task.samples=20", "task.density_components=1", "task.importance_samples=7"],
    "tagging": ["task.embedding=5", "task.dropout=0", *WHITESPACE],
    "masked_words": ["task.embedding=5", "task.dropout=0", *WHITESPACE],
    "language_modelling": ["task.embedding=5", "task.dropout=0", "task.steps=4", "task.block=6", *WHITESPACE],
}
WORDS = ["good", "fine", "bad", "dull", "the", "film", "plot", "is"]

Rows = dict[str, list[Any]]


def examples_of(**splits: Mapping[str, list[Any]]) -> Examples:
    tables = {name: datasets.Dataset.from_dict(dict(rows)) for name, rows in splits.items()}
    return Examples(tables, "0" * 64, "made up", files_sha256="0" * 64, verified=True)


def _sentences(random: np.random.Generator, count: int) -> list[str]:
    return [" ".join(random.choice(WORDS, size)) for size in random.integers(1, 7, count)]


def labelled_text() -> dict[str, Rows]:
    random = np.random.default_rng(0)
    splits: dict[str, Rows] = {}
    for name, count in (("train", 24), ("validation", 9), ("test", 11)):
        texts = _sentences(random, count)
        labels = [int("bad" in text or "dull" in text) for text in texts]
        splits[name] = {"text": texts, "label": labels, "phrase": [False] * count, "tree": [""] * count}
    return splits


def pairs() -> dict[str, Rows]:
    """The target is the source in reverse, in capitals."""
    random = np.random.default_rng(1)
    splits: dict[str, Rows] = {}
    for name, count in (("train", 24), ("validation", 9), ("test", 11)):
        sources = _sentences(random, count)
        targets = [" ".join(reversed(text.upper().split())) for text in sources]
        splits[name] = {"source": sources, "target": targets}
    return splits


def series(channels: int = 2) -> dict[str, Rows]:
    """Sines of different periods, offsets and sizes, with a little noise; 60 / 15 / 20 rows."""
    random = np.random.default_rng(2)
    steps = np.arange(95)
    columns = {
        f"c{i}": 10 * i + (i + 1) * np.sin(steps / (2 + i)) + 0.1 * random.standard_normal(95) for i in range(channels)
    }
    bounds = {"train": (0, 60), "validation": (60, 75), "test": (75, 95)}
    return {
        split: {"timestamp": [str(i) for i in range(a, b)], **{n: list(c[a:b]) for n, c in columns.items()}}
        for split, (a, b) in bounds.items()
    }


def images(side: int = 28, sizes: tuple[int, int, int] = (24, 9, 11)) -> dict[str, Rows]:
    """A bright square somewhere on a dark ground."""
    random = np.random.default_rng(3)
    splits: dict[str, Rows] = {}
    for name, count in zip(("train", "validation", "test"), sizes, strict=True):
        pixels = np.zeros((count, side, side), np.uint8)
        for image in pixels:
            top, left = random.integers(0, side // 2, 2)
            image[top : top + side // 2, left : left + side // 2] = random.integers(100, 256)
        splits[name] = {"pixels": [image.tobytes() for image in pixels], "label": [i % 10 for i in range(count)]}
    return splits


def tagged_words() -> dict[str, Rows]:
    """A word has one tag, its length."""
    sentences = {name: [text.split() for text in rows["text"]] for name, rows in labelled_text().items()}
    return {
        name: {
            "words": ["\t".join(words) for words in rows],
            "tags": ["\t".join(f"L{len(word)}" for word in words) for words in rows],
        }
        for name, rows in sentences.items()
    }


def running_text() -> dict[str, Rows]:
    return {name: {"text": rows["text"], "document": [0] * len(rows["text"])} for name, rows in labelled_text().items()}


DATA = {
    "sentiment": labelled_text,
    "translation": pairs,
    "forecasting": series,
    "compression": images,
    "generation": images,
    "classification": images,
    "tagging": tagged_words,
    "masked_words": running_text,
    "language_modelling": running_text,
}


@functools.cache
def _composed(*overrides: str) -> Trial:
    return compose(overrides)


def trial(task: str, *overrides: str) -> Trial:
    """A trial with small options; composing takes a fifth of a second, so each is composed once."""
    return copy.deepcopy(_composed(f"task={task}", *TASK_OPTIONS[task], *overrides))


def prepared(chosen: Trial, splits: Mapping[str, Mapping[str, list[Any]]] | None = None) -> Task:
    """The task of a trial, prepared on made-up data (or on `splits`)."""
    task = build_task(chosen)
    given = DATA[chosen.plain["task"]["name"]]() if splits is None else splits
    task.prepare(examples_of(**given), chosen.plain["data"])
    return task


def network_of(chosen: Trial, task: Task) -> Network:
    return task.network(chosen.plain["architecture"], chosen.plain["bottleneck"])


def built(task: str, architecture: str, *overrides: str) -> tuple[Task, Network]:
    """A prepared task and a small network of an architecture."""
    chosen = trial(task, f"architecture={architecture}", *SMALL, *overrides)
    ready = prepared(chosen)
    return ready, network_of(chosen, ready)


def frozen(task: str, architecture: str, *overrides: str) -> tuple[Any, Network]:
    """As `built`, the weights always the same, to evaluate and not to train."""
    torch.manual_seed(0)
    ready, network = built(task, architecture, *overrides)
    return ready, network.eval().requires_grad_(False)
