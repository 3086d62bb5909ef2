"""What is said of a few test examples, as columns of one value an example: texts, numbers, short lists of them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from unroll.data.splits import Batch, Split
from unroll.data.tokenizers import SPECIALS, UNKNOWN, Tokenizer
from unroll.records.looked_at import LONGEST_LIST
from unroll.registry.metric import CORRECT

Columns = dict[str, Sequence[Any]]  # name -> one value an example


def kept_of(predictions: Mapping[str, Any], index: np.ndarray, count: int) -> Columns:
    """Of all predictions of a split of `count` examples those of index [n], where an example's are few.

    Args:
        predictions: arrays and lists, first axis in the split's order; others, such as samples, are left out.
        index: whole numbers [n].
        count: examples of the split.
    """
    found: Columns = {}
    for name, values in predictions.items():
        if not hasattr(values, "__len__") or len(values) != count:
            continue
        if isinstance(values, np.ndarray) and values[:1].size > LONGEST_LIST:
            continue
        rows = [values[place] for place in index]
        if all(isinstance(row, str) or np.size(row) <= LONGEST_LIST for row in rows):
            found[name] = [np.asarray(row).tolist() if not isinstance(row, str) else row for row in rows]
    return found


def scores_of(predictions: Mapping[str, Any], index: np.ndarray, count: int) -> Columns:
    """Of all predictions those that are one number an example, at index [n]; right or wrong as true or false."""
    return {
        name: [bool(value) for value in values] if name == CORRECT.name else values
        for name, values in kept_of(predictions, index, count).items()
        if all(isinstance(value, (bool, int, float)) for value in values)
    }


def batch_of(split: Split, index: np.ndarray) -> Batch:
    """The examples of index [n] as a batch on the CPU."""
    return split.batch(torch.from_numpy(np.asarray(index, np.int64)))


def rows_of(split: Split, index: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The inputs and the targets of the examples of index [n], without padding."""
    batch = batch_of(split, index)
    sides = ((batch.inputs, batch.lengths), (batch.targets, batch.target_lengths))
    inputs, targets = (
        [row[:size].numpy() for row, size in zip(values, lengths.tolist(), strict=True)] for values, lengths in sides
    )
    return inputs, targets


def in_words(tokenizer: Tokenizer, ids: Iterable[int]) -> list[str]:
    """Each id as text by itself; one without text of its own by the name of the unknown."""
    return [
        SPECIALS[UNKNOWN] if number == UNKNOWN else tokenizer.decode([number]) or SPECIALS[UNKNOWN] for number in ids
    ]


def spread_over(size: int, most: int) -> np.ndarray:
    """Places of a list of `size` values, every k-th, at most `most` of them, the last one among them."""
    every = -(-size // most)
    return np.arange(size - 1, -1, -every)[::-1]
