"""Tiny made-up data sets as files: what whole trials are trained on, through readers, hashes and caches.

64 / 32 / 32 examples of each kind of data, in folders and YAML as a user would write them.
"""

import functools
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from unroll.config.compose import compose
from unroll.config.trial import Trial
from unroll.data import kinds, readers
from unroll.data.readers.columns import SPLITS, content_sha256
from unroll.errors import UserError, override_key
from unroll.registry.groups import group_value

CONF = Path(__file__).resolve().parents[1] / "conf"
Sizes = Mapping[str, int]
SIZES = {"train": 64, "validation": 32, "test": 32}
WINDOW, HORIZON = 12, 4
FRENCH = {
    "the": "le", "a": "un", "red": "rouge", "small": "petit", "old": "vieux", "cat": "chat", "dog": "chien",
    "tree": "arbre", "sees": "voit", "finds": "trouve", "hides": "cache",
}  # fmt: skip
GOOD, BAD = ("good", "fine", "lovely"), ("bad", "dull", "awful")
PLAIN = ("film", "plot", "actor", "the", "a", "is", "very", "and")

# What makes a trial small, wherever its task, architecture or bottleneck gives such a key a value.
SMALL = {
    "task": {
        "embedding": 12,
        "window": WINDOW,
        "horizon": HORIZON,
        "samples": 32,
        "density_components": 2,
        "importance_samples": 5,
        "steps": 5,
        "block": 5,
    },
    "architecture": {"width": 24},
    "bottleneck": {"ratio": 0.1},
    "baseline": {"period": 6},
}


def names(group: str) -> list[str]:
    """The YAML files of a config group that a user can choose."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml") if not path.stem.startswith("_"))


TASKS = names("task")
ARCHITECTURES = [name for name in names("architecture") if name != "baseline"]
KINDS = {task: str(group_value("task", task, "kind")) for task in TASKS}


@functools.cache
def misfit(task: str, architecture: str, *overrides: str) -> str | None:
    """Why a trial of shipped parts is refused where it is composed; None where it runs."""
    try:
        compose([f"task={task}", f"architecture={architecture}", *overrides])
    except UserError as error:
        return error.what
    return None


PAIRS = [(task, architecture) for task in TASKS for architecture in ARCHITECTURES]
FITTING = [pair for pair in PAIRS if misfit(*pair) is None]


def _tree(words: Sequence[str], label: int) -> str:
    """A right-branching PTB tree whose words and inner nodes are neutral."""
    tree = f"(2 {words[-1]})"
    for word in reversed(words[1:-1]):
        tree = f"(2 (2 {word}) {tree})"
    return f"({label} (2 {words[0]}) {tree})"


def _labelled_text(random: np.random.Generator, sizes: Sizes, corrupt: bool) -> dict[str, bytes]:
    """Sentences of 3 to 9 words, positive where the one telling word is."""
    files, seen = {}, set()
    for name, split in (("train.txt", "train"), ("dev.txt", "validation"), ("test.txt", "test")):
        lines: list[str] = []
        while len(lines) < sizes[split]:
            label = len(lines) % 2
            words = list(random.choice(PLAIN, random.integers(2, 9)))
            words.insert(random.integers(0, len(words) + 1), random.choice((BAD, GOOD)[label]))
            if corrupt and split == "test":
                words, label = [f"unheard{len(lines)}", *["of"] * 20], 1
            if tuple(words) not in seen or corrupt:
                seen.add(tuple(words))
                lines.append(_tree(words, 1 + 2 * label))
        files[name] = "\n".join(lines).encode()
    return files


def _pairs(random: np.random.Generator, sizes: Sizes, corrupt: bool) -> dict[str, bytes]:
    """English of 2 to 8 words, and the same in French word by word."""
    files = {}
    for name, split in (("train", "train"), ("val", "validation"), ("test", "test")):
        sources = [list(random.choice(list(FRENCH), random.integers(2, 9))) for _ in range(sizes[split])]
        targets = [[FRENCH[word] for word in words] for words in sources]
        if corrupt and split == "test":
            sources = [[f"unheard{i}", *["of"] * 20] for i in range(sizes[split])]
            targets = [["inconnu"] * 20] * sizes[split]
        for language, sentences in (("en", sources), ("fr", targets)):
            files[f"{name}.{language}"] = "\n".join(" ".join(words) for words in sentences).encode()
    return files


def series_rows(sizes: Sizes) -> list[int]:
    """Rows of train, validation and test that give each split its number of windows."""
    return [sizes["train"] + WINDOW + HORIZON - 1, *(sizes[split] + HORIZON - 1 for split in ("validation", "test"))]


def _series(random: np.random.Generator, sizes: Sizes, corrupt: bool) -> dict[str, bytes]:
    """Three smooth channels of different offsets and sizes."""
    rows = series_rows(sizes)
    steps = np.arange(sum(rows))
    channels = [10 * i + (i + 1) * (np.sin(steps / (3 + i)) + 0.3 * np.cos(steps / 11)) for i in range(3)]
    values = np.stack(channels, axis=1) + 0.02 * random.standard_normal((len(steps), 3))
    if corrupt:
        values[sum(rows[:2]) :] = 1000 * random.standard_normal((rows[2], 3))
    lines = [f"{step},{','.join(f'{value:.5f}' for value in row)}" for step, row in enumerate(values)]
    return {"series.csv": "\n".join(["date,first,second,third", *lines]).encode()}


def _images(random: np.random.Generator, sizes: Sizes, corrupt: bool) -> dict[str, bytes]:
    """White upright bars on black: a thin one, a wide one, two, three; the kind is the label.

    All rows of an image are alike: what a plain RNN can learn in few steps. It needs more of them where rows differ.
    """

    def shapes(count: int) -> np.ndarray:
        pixels = np.zeros((count, 28, 28), np.uint8)
        for number, image in enumerate(pixels):
            left = int(random.integers(1, 10))
            width = 6 if number % 4 == 1 else 3
            for bar in range(max(1, number % 4)):
                image[:, left + 6 * bar : left + 6 * bar + width] = 255
        return pixels

    seen, unseen = shapes(sizes["train"] + sizes["validation"]), shapes(sizes["test"])
    labels = {"y_train": np.arange(len(seen)) % 4, "y_test": np.arange(len(unseen)) % 4}
    if corrupt:
        unseen = 255 - random.integers(0, 200, unseen.shape).astype(np.uint8)
        labels["y_test"] = (labels["y_test"] + 1) % 4
    buffer = io.BytesIO()
    np.savez(buffer, x_train=seen, x_test=unseen, **labels)
    return {"mnist.npz": buffer.getvalue()}


TAGS = {
    "the": "DET", "a": "DET", "red": "ADJ", "small": "ADJ", "old": "ADJ", "cat": "NOUN", "dog": "NOUN", "tree": "NOUN",
    "sees": "VERB", "finds": "VERB", "hides": "VERB",
}  # fmt: skip


def _tagged_words(random: np.random.Generator, sizes: Sizes, corrupt: bool) -> dict[str, bytes]:
    """Sentences of 2 to 8 words in CoNLL-U. A word has one tag, but "light": a NOUN after DET or ADJ, else a VERB."""
    files = {}
    for split in SPLITS:
        blocks = []
        for number in range(sizes[split]):
            words = list(random.choice([*TAGS, "light", "light"], random.integers(2, 9)))
            tags: list[str] = []
            for word in words:
                told = TAGS.get(word) or ("NOUN" if tags and tags[-1] in ("DET", "ADJ") else "VERB")
                tags.append(told)
            if split != "train" and number == 0:
                words[0] = "unseen"
            if corrupt and split == "test":
                words, tags = [f"unheard{number}", *["of"] * 20], ["ADJ"] * 21
            rows = [
                f"{place}\t{word}\t_\t{tag}\t_\t_\t_\t_\t_\t_"
                for place, (word, tag) in enumerate(zip(words, tags, strict=True), 1)
            ]
            blocks.append("\n".join(rows))
        files[f"{split}.conllu"] = ("\n\n".join(blocks) + "\n").encode()
    return files


def _around(mean: int, most: int, count: int, random: np.random.Generator) -> list[int]:
    """So many sizes of this mean, exactly, so that a stream of them has a known length."""
    off = [int(random.integers(-most, most + 1)) for _ in range(count // 2)]
    return [size for one in off for size in (mean + one, mean - one)] + [mean] * (count % 2)


def _running_text(random: np.random.Generator, sizes: Sizes, corrupt: bool) -> dict[str, bytes]:
    """Lines of 2 to 6 words, 4 on average, documents of 8 lines: a word follows from the one before, mostly."""
    words, files = sorted(FRENCH), {}
    for split in SPLITS:
        lines: list[str] = []
        for number, size in enumerate(_around(4, 2, sizes[split], random)):
            place = int(random.integers(len(words)))
            line = [words[place]]
            for _ in range(size - 1):
                place = (place + 1) % len(words) if random.random() < 0.9 else int(random.integers(len(words)))
                line.append(words[place])
            if corrupt and split == "test":
                line = [f"unheard{number}", *["the"] * 20]  # a word of train, which may be masked
            lines += [" ".join(line)] if number % 8 else ["", " ".join(line)]
        files[f"{split}.txt"] = "\n".join(lines).encode()
    return files


def _seeds(random: np.random.Generator, sizes: Sizes, corrupt: bool) -> dict[str, bytes]:
    """What synthetic data is made from."""
    return {"train": b"1", "validation": b"2", "test": b"4" if corrupt else b"3"}


TOKENIZER = {"kind": "word", "words": "whitespace", "lowercase": True, "vocabulary_size": 200, "min_count": 1}
DATA: dict[str, dict[str, Any]] = {
    "labelled_text": {
        "files": _labelled_text,
        "reader": "sst",
        "options": lambda sizes: {"phrases": False},
        "tokenizer": TOKENIZER,
        "languages": ["en"],
    },
    "pairs": {
        "files": _pairs,
        "reader": "parallel_lines",
        "options": lambda sizes: {"source": "en", "target": "fr", "validation": "val", "test": "test"},
        "tokenizer": TOKENIZER,
        "languages": ["en", "fr"],
    },
    "series": {"files": _series, "reader": "series", "options": lambda sizes: {"rows": series_rows(sizes)}},
    "images": {"files": _images, "reader": "mnist", "options": lambda sizes: {"validation": sizes["validation"]}},
    "adding": {
        "files": _seeds,
        "reader": "adding",
        "options": lambda sizes: {"length": 6, "sizes": [sizes[split] for split in SPLITS]},
    },
    "copying": {
        "files": _seeds,
        "reader": "copying",
        "options": lambda sizes: {"length": 2, "recalled": 3, "alphabet": 8, "sizes": [sizes[s] for s in SPLITS]},
    },
    "tagged_words": {
        "files": _tagged_words,
        "reader": "conllu",
        "options": lambda sizes: {split: f"{split}.conllu" for split in SPLITS},
        "tokenizer": TOKENIZER,
        "languages": ["en"],
    },
    "running_text": {
        "files": _running_text,
        "reader": "text_files",
        "options": lambda sizes: {**{split: f"{split}.txt" for split in SPLITS}, "blank_lines": "document"},
        "tokenizer": TOKENIZER,
        "languages": ["en"],
    },
}
assert set(DATA) == set(names("kind")), "every kind of conf/kind has tiny data"


@dataclass(frozen=True)
class Tiny:
    """Tiny data on disk; trials on it run in `runs`."""

    folder: Path

    @property
    def config_dir(self) -> str:
        return str(self.folder / "conf")

    def overrides(self, task: str, runs: Path) -> list[str]:
        """What makes a trial of a task one on tiny data."""
        paths = {"runs": runs, "cache": self.folder / "cache", "data": self.folder / "data"}
        places = [f"paths.{key}={value}" for key, value in paths.items()]
        return [f"task={task}", f"data=tiny_{KINDS[task]}", "trainer.accelerator=cpu", *places]

    def trial(self, task: str, runs: Path, *overrides: str) -> Trial:
        """A small trial: every key of SMALL that its task and architecture have is set, then the overrides."""
        chosen = [override for override in overrides if override.startswith(("architecture=", "baseline="))]
        small = small_overrides(task, *chosen)
        return compose([*self.overrides(task, runs), *small, *overrides], self.config_dir)


def small_overrides(task: str, *chosen: str) -> list[str]:
    """SMALL as overrides, as far as a task and an architecture or baseline give such keys a value."""
    baseline = any(override.startswith("baseline=") for override in chosen)
    of_choice = _keys(f"task={task}", *chosen) if baseline else _keys(*chosen)  # a network goes with every task
    keys = {**of_choice, "task": _keys(f"task={task}")["task"]}
    return [
        f"{group}.{key}={value}" for group, small in SMALL.items() for key, value in small.items() if key in keys[group]
    ]


def latest(*overrides: str) -> list[str]:
    """Overrides of which a later one replaces an earlier one: a command refuses a key that is given twice."""
    return list({override_key(override): override for override in overrides}.values())


@functools.cache
def _keys(*chosen: str) -> dict[str, set[str]]:
    """The keys with a value in each group of SMALL in a composed config."""
    config = compose(list(chosen)).plain
    there = {group: config.get(group, {}) for group in SMALL}
    return {group: {key for key, value in node.items() if value is not None} for group, node in there.items()}


def write_tiny(folder: Path, sizes: Sizes = SIZES, corrupt: bool = False) -> Tiny:
    """Write all kinds of data and their YAML; `corrupt` replaces the test examples, and nothing else."""
    (folder / "conf" / "data").mkdir(parents=True)
    for number, (kind, node) in enumerate(DATA.items()):  # its place is its seed
        files: Mapping[str, bytes] = node["files"](np.random.default_rng(number), sizes, corrupt)
        options = node["options"](sizes)
        place = folder / "data" / kind
        place.mkdir(parents=True)
        for name, content in files.items():
            (place / name).write_bytes(content)
        digest = content_sha256(readers.get(node["reader"])(files, **options))
        config = {
            "name": f"tiny_{kind}",
            "kind": kind,
            **{key: value for key, value in node.items() if key != "files"},
            "options": options,
            "fraction": 1.0,
            **({"channels": "joint"} if kinds.get(kind).series else {}),
            "batch_size": 16,
            "epochs": 2,
            "origin": {
                "licence": "none",
                "citation": "made up",
                "homepage": "none",
                "content_sha256": {readers.variant(node["reader"], options): digest},
                "sources": [
                    {"local": kind, "files": {name: hashlib.sha256(c).hexdigest() for name, c in files.items()}}
                ],
            },
        }
        text = yaml.safe_dump(config, sort_keys=False)
        (folder / "conf" / "data" / f"tiny_{kind}.yaml").write_text(text)
    return Tiny(folder)
