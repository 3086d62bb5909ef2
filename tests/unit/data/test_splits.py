"""Splits: what a batch of made-up examples holds, and that a subset is the same examples."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unroll.data.batching import TrainingBatches, epoch_order, evaluation_order
from unroll.data.fields import Dense, Ragged, Windows
from unroll.data.splits import AT_ONCE, Batch, Split, unpadded

SERIES = torch.arange(10.0)[:, None] + torch.tensor([0.0, 100.0])  # row r holds r and 100 + r


def text_split() -> Split:
    return Split(Ragged.pack([[4, 5, 6], [7], [8, 9]], 3), Dense(torch.tensor([1, 0, 2])))


def pair_split() -> Split:
    targets = Ragged.pack([[7, 3], [8, 9, 3]], 9)
    return Split(Ragged.pack([[4, 5], [6]], 9), targets, normalisers=targets.lengths.float())


def image_split() -> Split:
    pixels = torch.tensor([[[0, 255], [51, 102]], [[1, 2], [3, 4]]], dtype=torch.uint8)
    return Split(Dense(pixels, lambda kept: kept.float() / 255))


def value_split() -> Split:
    """Sequences of two values a step, of one and of three steps, with a label each."""
    values = Ragged.stack([np.array([[1.0, 2.0]]), np.array([[3.0, 4.0], [5.0, 6.0], [7.0, 8.0]])])
    return Split(values, Dense(torch.tensor([1, 0])))


def window_split(
    first: int = 2, windows: int = 4, window: int = 3, horizon: int = 2, independent: bool = False
) -> Split:
    seen = Windows(SERIES, first, windows, window, independent)
    return Split(seen, Windows(SERIES, first + window, windows, horizon, independent))


def test_sequences_of_values_may_be_ragged() -> None:
    split = value_split()
    batch = split.batch(torch.tensor([0, 1]))
    assert batch.inputs.tolist() == [[[1, 2], [0, 0], [0, 0]], [[3, 4], [5, 6], [7, 8]]]
    assert batch.lengths.tolist() == [1, 3]
    assert batch.targets.tolist() == [1, 0]
    assert [key.tolist() for key in split.length_keys()] == [[1, 3]]


def left_padded_split() -> Split:
    return replace(text_split(), left_padded=True)


def test_left_padding_stands_before_each_input_and_is_read() -> None:
    batch = left_padded_split().batch(torch.tensor([0, 1, 2]))
    assert batch.inputs.tolist() == [[4, 5, 6], [0, 0, 7], [0, 8, 9]]
    assert batch.lengths.tolist() == [3, 3, 3]
    assert batch.targets.tolist() == [1, 0, 2]
    assert batch.real_inputs.tolist() == list(range(9))
    values = replace(value_split(), left_padded=True).batch(torch.tensor([0, 1]))
    assert values.inputs.tolist() == [[[0, 0], [0, 0], [1, 2]], [[3, 4], [5, 6], [7, 8]]]


def test_a_share_of_a_left_padded_batch_is_padded_as_the_whole_is() -> None:
    batch = left_padded_split().batch(torch.tensor([1]), torch.tensor([0, 1, 2]))
    assert (batch.inputs.tolist(), batch.lengths.tolist()) == ([[0, 0, 7]], [3])


def test_left_padded_examples_are_evaluated_in_their_order_and_trained_by_length() -> None:
    lengths = [3, 1, 2] * 100
    split = Split(Ragged.pack([[4] * n for n in lengths], 3), Dense(torch.zeros(300)))
    padded = replace(split, left_padded=True)
    assert [index.tolist() for index in evaluation_order(padded)] == [
        [*range(128)],
        [*range(128, 256)],
        [*range(256, 300)],
    ]
    assert evaluation_order(split)[0].tolist() != [*range(128)]
    assert [*map(list, epoch_order(padded, 8, 3, 1))] == [*map(list, epoch_order(split, 8, 3, 1))]


def stream_split(steps: int, size: int) -> Split:
    """A stream of numbers, each of which is to be followed by the next."""
    stream = torch.arange(1, steps + 2)
    return Split(Ragged.chunks(stream[:-1], size), Ragged.chunks(stream[1:], size), in_order=True)


@given(steps=st.integers(1, 60), size=st.integers(1, 7), rows=st.integers(1, 6))
def test_a_streams_batches_go_on_where_the_ones_before_ended(steps: int, size: int, rows: int) -> None:
    split = stream_split(steps, size)
    before: Batch | None = None
    seen: list[int] = []
    for index in epoch_order(split, rows, seed=3, epoch=5):
        batch = split.batch(index)
        assert torch.equal(batch.targets, (batch.inputs + 1) * (batch.inputs > 0))
        if before is not None:
            last = before.inputs.gather(1, before.lengths[:, None] - 1)[: len(index), 0]
            assert torch.equal(batch.inputs[:, 0], last + 1)
        before = batch
        seen += [int(token) for token in batch.inputs.flatten() if token]
        assert len(index) <= rows
    assert sorted(seen) == list(range(1, steps + 1))
    assert [index.tolist() for index in evaluation_order(split)] == [[place] for place in range(len(split))]
    assert split.length_keys() == []


def test_a_stream_starts_anew_with_each_epoch() -> None:
    split = stream_split(12, 2)  # three steps an epoch, in two rows
    assert [batch.goes_on for batch in TrainingBatches(split, 2, 0, 0, 7)] == [False, True, True] * 2 + [False]
    assert [batch.goes_on for batch in TrainingBatches(split, 2, 0, 4, 7)] == [True, True, False]
    assert not any(batch.goes_on for batch in TrainingBatches(text_split(), 1, 0, 0, 3))


def test_text_batch() -> None:
    split = text_split()
    batch = split.batch(torch.tensor([2, 0]))
    assert batch.inputs.tolist() == [[8, 9, 0], [4, 5, 6]]
    assert batch.lengths.tolist() == [2, 3]
    assert batch.targets.tolist() == [2, 1]
    assert batch.weight.tolist() == [1, 1]
    assert batch.index.tolist() == [2, 0]
    assert [key.tolist() for key in split.length_keys()] == [[3, 1, 2]]
    assert split.weights().tolist() == [1, 1, 1]


def test_pair_batch_is_normalised_by_target_tokens() -> None:
    split = pair_split()
    batch = split.batch(torch.tensor([0, 1]))
    assert batch.targets.tolist() == [[7, 3, 0], [8, 9, 3]]
    assert batch.target_lengths.tolist() == [2, 3]
    assert [key.tolist() for key in split.length_keys()] == [[2, 1], [2, 3]]
    assert split.weights().tolist() == [2, 3]


def test_image_batch_is_rows_in_zero_to_one() -> None:
    batch = image_split().batch(torch.tensor([0]))
    np.testing.assert_allclose(batch.inputs[0], [[0, 1], [0.2, 0.4]])
    assert torch.equal(batch.inputs, batch.targets)
    assert batch.lengths.tolist() == [2]


def test_windows_of_joint_channels_first_and_last_exactly() -> None:
    split = window_split()
    assert len(split) == 4
    batch = split.batch(torch.tensor([0, 3]))
    assert batch.inputs.tolist() == [[[2, 102], [3, 103], [4, 104]], [[5, 105], [6, 106], [7, 107]]]
    assert batch.targets.tolist() == [[[5, 105], [6, 106]], [[8, 108], [9, 109]]]
    assert batch.lengths.tolist() == [3, 3]
    assert batch.target_lengths.tolist() == [2, 2]


def test_windows_of_independent_channels_first_and_last_exactly() -> None:
    split = window_split(independent=True)
    assert len(split) == 8
    batch = split.batch(torch.tensor([0, 1, 7]))
    assert batch.inputs[..., 0].tolist() == [[2, 3, 4], [102, 103, 104], [105, 106, 107]]
    assert batch.targets[..., 0].tolist() == [[5, 6], [105, 106], [108, 109]]
    assert batch.inputs.shape == (3, 3, 1)


@settings(max_examples=30)
@given(window=st.integers(1, 4), horizon=st.integers(1, 4), independent=st.booleans())
def test_every_window_is_one_example(window: int, horizon: int, independent: bool) -> None:
    windows = 10 - window - horizon + 1
    split = window_split(first=0, windows=windows, window=window, horizon=horizon, independent=independent)
    batch = split.batch(torch.arange(len(split)))
    starts = batch.inputs[:, 0].flatten().tolist()
    assert sorted(starts) == sorted(SERIES[:windows].flatten().tolist())
    rows = torch.cat((batch.inputs, batch.targets), dim=1)
    assert torch.equal(rows[:, 1:], rows[:, :-1] + 1)


@pytest.mark.parametrize("make", [text_split, pair_split, image_split, value_split, window_split])
def test_a_subset_gives_the_same_examples(make: Any) -> None:
    whole: Split = make()
    kept = torch.tensor([1, 0])
    subset = whole.part(kept)
    found, expected = subset.batch(torch.tensor([0])), whole.batch(torch.tensor([1]))
    assert len(subset) == 2
    assert found.index.tolist() == [0]
    for name in ("inputs", "lengths", "targets", "target_lengths", "weight"):
        assert torch.equal(getattr(found, name), getattr(expected, name))
    assert torch.equal(subset.weights(), whole.weights()[kept])
    assert [key.tolist() for key in subset.length_keys()] == [key[kept].tolist() for key in whole.length_keys()]


def test_a_batch_moves_with_its_number() -> None:
    batch: Batch = text_split().batch(torch.tensor([0]))
    moved = batch.to(torch.device("meta"))
    assert {moved.index.device.type, moved.inputs.device.type, moved.weight.device.type} == {"meta"}
    assert moved.normaliser == batch.normaliser


@pytest.mark.parametrize("examples", [1, 7, AT_ONCE + 3])
def test_unpadded_are_the_examples_themselves(examples: int) -> None:
    """Zeros that are real stay; of a part the rows of the part."""
    random = np.random.default_rng(0)
    inputs, targets = ([random.integers(0, 3, size).tolist() for size in random.integers(1, 9, examples)] for _ in "ab")
    split = Split(Ragged.pack(inputs, 9), Ragged.pack(targets, 9))
    found = unpadded(split)
    assert [[row.tolist() for row in side] for side in found] == [inputs, targets]
    (last, *_), _ = unpadded(split.part(torch.tensor([examples - 1])))
    assert last.tolist() == inputs[-1]
    assert [row.tolist() for row in unpadded(Split(Ragged.pack(inputs, 9)))[1]] == inputs


@pytest.mark.parametrize(
    ("steps", "size", "lengths"), [(6, 3, [3, 3]), (7, 3, [3, 3, 1]), (2, 5, [2]), (3, 1, [1] * 3)]
)
def test_chunks_cover_a_stream_once(steps: int, size: int, lengths: list[int]) -> None:
    stream = torch.arange(steps)
    found = Ragged.chunks(stream, size)
    assert found.lengths.tolist() == lengths
    assert np.concatenate(unpadded(Split(found))[0]).tolist() == stream.tolist()
