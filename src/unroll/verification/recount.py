"""A record's parameters counted again, on a network without memory, from its config and without its data.

What a network's size takes from the data is few numbers: channels, classes, lengths. Where the config states them, the
task is prepared on made-up examples of that shape; elsewhere nothing is said. Embeddings and the projection to the
vocabulary are not counted again: they need the words.
"""

import functools
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from unroll.config.identity import is_baseline
from unroll.config.trial import Trial
from unroll.config.typed import completed
from unroll.data.examples import Examples
from unroll.data.kinds import has_texts
from unroll.models.sizing import meta_counts, with_width
from unroll.records.truth import Mismatch
from unroll.registry.canonical import canonical
from unroll.registry.components import foreign
from unroll.registry.groups import group_options
from unroll.tasks.task import Task
from unroll.training.prepared import build_task, task_of

SIDE = 28  # of the images of every data set that Unroll ships
_LENGTHS = (5, 47)  # of made-up texts: a count that differs between them depends on data
_MANY = 64  # made-up examples of a split


def parameters(record: Mapping[str, Any]) -> Iterator[Mismatch]:
    """Parameters are those of the network that the config describes; nothing is said of foreign code, nor is it run."""
    config, found = record["config"], record["parameters"]
    if is_baseline(config):
        return
    parts = {key: config[key] for key in ("task", "data", "architecture", "bottleneck", "trainer")}
    sizing = found.get("sizing")
    expected = _counted(canonical(completed({**config, **parts})), sizing["width"] if sizing else None)
    if expected is None:
        return
    if found["counted"] != expected["counted"]:
        yield Mismatch(f"{found['counted']} counted parameters", f"{expected['counted']}, of the config's network")
    words = has_texts(config["data"]["kind"])
    if not words and found["total"] != expected["total"]:
        yield Mismatch(f"{found['total']} parameters", f"{expected['total']}, of the config's network")


def _counted(text: str, width: int | None) -> dict[str, int] | None:
    config = json.loads(text)
    config = {key: config[key] for key in ("task", "data", "architecture", "bottleneck")}
    config["data"] = {key: value for key, value in config["data"].items() if key not in ("origin", "batch_size")}
    return _cached(canonical(config), width)


@functools.lru_cache(maxsize=4096)
def _cached(text: str, width: int | None) -> dict[str, int] | None:
    """The parameters of a network; None where they depend on what only the data tell. Seeds share it."""
    config = json.loads(text)
    if foreign(config):
        return None
    nodes = {key: config[key] for key in ("architecture", "bottleneck")}
    if width is not None:
        nodes = with_width(nodes, width)
    found = []
    for length in _LENGTHS if has_texts(config["data"]["kind"]) else _LENGTHS[:1]:
        task = build_task(Trial({**config, **nodes}, "recounted"))
        ready = _prepared(canonical([config["task"], config["data"]]), length, task.trees)
        if ready is None:
            return None
        found.append(meta_counts(functools.partial(ready.network, nodes["architecture"], nodes["bottleneck"])))
    return found[0] if all(each["counted"] == found[0]["counted"] for each in found) else None


@functools.lru_cache(maxsize=64)
def _prepared(text: str, length: int, trees: bool) -> Task | None:
    """A task on made-up examples, which architectures share."""
    node, data = json.loads(text)
    config = {"task": node, "data": data}
    splits = _made_up(config, data.get("max_length") or length)
    if splits is None:
        return None
    task = task_of(node)
    task.trees = trees
    task.prepare(_examples(splits), {**data, "fraction": 1.0})
    return task


def _examples(splits: Mapping[str, Any]) -> Examples:
    import datasets

    tables = {name: datasets.Dataset.from_dict(columns) for name, columns in splits.items()}
    return Examples(tables, "0" * 64, "made up", True)


def _made_up(config: Mapping[str, Any], length: int) -> dict[str, dict[str, list[Any]]] | None:
    """Splits of the kind and shape that a config states; None where it does not."""
    make = _KINDS.get(config["data"]["kind"])
    columns = None if make is None else make(config, config["data"].get("options") or {}, length)
    return None if columns is None else dict.fromkeys(("train", "validation", "test"), columns)


def _texts(config: Any, options: Any, length: int) -> dict[str, list[Any]] | None:
    classes = options.get("classes") or len(options.get("labels") or ())
    if not classes:
        return None
    text, blank = " ".join(["a"] * length), [""] * _MANY
    labels = [number % classes for number in range(_MANY)]
    return {"text": [text] * _MANY, "label": labels, "phrase": [False] * _MANY, "tree": blank}


def _pairs(config: Any, options: Any, length: int) -> dict[str, list[Any]]:
    source, target = ([" ".join(["a"] * count)] * _MANY for count in (length, length - 1))
    return {"source": source, "target": target}


def _series(config: Any, options: Any, length: int) -> dict[str, list[Any]] | None:
    named = options.get("channels") or options.get("columns")
    count = 1 if config["task"]["channels"] == "independent" else len(named or ())
    if not count:
        return None
    rows = config["task"]["window"] + config["task"]["horizon"] + (config["task"].get("drop_last") or 1)
    values = np.sin(np.arange(rows)).tolist()
    return {"timestamp": list(map(str, range(rows))), **{f"channel {number}": values for number in range(count)}}


def _images(config: Any, options: Any, length: int) -> dict[str, list[Any]] | None:
    if config["data"]["name"] not in group_options("data"):
        return None
    count = max(_MANY, config["task"].get("density_components", 1))
    return {"pixels": [bytes(SIDE * SIDE)] * count, "label": [number % 10 for number in range(count)]}


def _adding(config: Any, options: Any, length: int) -> dict[str, list[Any]]:
    numbers = np.zeros(options["length"], "<f4").tobytes()
    return {"numbers": [numbers] * _MANY, "first": [0] * _MANY, "second": [options["length"] - 1] * _MANY}


def _copying(config: Any, options: Any, length: int) -> dict[str, list[Any]]:
    if "digits" in options:  # questions; all symbols of the alphabet are in one of them, or in an answer
        row, size = bytes(range(12)), options["digits"]
        answers, questions = (
            [(row * 2)[n % 12 : n % 12 + width] for n in range(_MANY)] for width in (size + 1, 2 * size + 1)
        )
        return {"symbols": answers, "blanks": [0] * _MANY, "question": questions}
    recalled, alphabet = options["recalled"], options["alphabet"]
    symbols = (np.arange(max(_MANY, math.ceil(alphabet / recalled)) * recalled) % alphabet).astype(np.uint8)
    rows = [row.tobytes() for row in symbols.reshape(-1, recalled)]
    return {"symbols": rows, "blanks": [options["length"]] * len(rows)}


_KINDS: dict[str, Any] = {
    "labelled_text": _texts,
    "pairs": _pairs,
    "series": _series,
    "images": _images,
    "adding": _adding,
    "copying": _copying,
}
