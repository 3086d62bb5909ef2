"""Splits: what a batch of made-up examples holds, and that a subset is the same examples."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unroll.data.splits import Batch, ImageSplit, LabelledTextSplit, PairSplit, Split, SubsetSplit, WindowSplit
from unroll.data.text import Ragged

SERIES = torch.arange(10.0)[:, None] + torch.tensor([0.0, 100.0])  # row r holds r and 100 + r


def text_split() -> LabelledTextSplit:
    return LabelledTextSplit(Ragged.pack([[4, 5, 6], [7], [8, 9]], 3), torch.tensor([1, 0, 2]))


def pair_split() -> PairSplit:
    return PairSplit(Ragged.pack([[4, 5], [6]], 9), Ragged.pack([[7, 3], [8, 9, 3]], 9))


def image_split() -> ImageSplit:
    return ImageSplit(torch.tensor([[[0, 255], [51, 102]], [[1, 2], [3, 4]]], dtype=torch.uint8), torch.tensor([7, 1]))


def window_split(**changed: Any) -> WindowSplit:
    return WindowSplit(**{"series": SERIES, "first": 2, "windows": 4, "window": 3, "horizon": 2, **changed})


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


@settings(deadline=None, max_examples=30)
@given(window=st.integers(1, 4), horizon=st.integers(1, 4), independent=st.booleans())
def test_every_window_is_one_example(window: int, horizon: int, independent: bool) -> None:
    windows = 10 - window - horizon + 1
    split = window_split(first=0, windows=windows, window=window, horizon=horizon, independent=independent)
    batch = split.batch(torch.arange(len(split)))
    starts = batch.inputs[:, 0].flatten().tolist()
    assert sorted(starts) == sorted(SERIES[:windows].flatten().tolist())
    rows = torch.cat((batch.inputs, batch.targets), dim=1)
    assert torch.equal(rows[:, 1:], rows[:, :-1] + 1)


@pytest.mark.parametrize("make", [text_split, pair_split, image_split, window_split])
def test_a_subset_gives_the_same_examples(make: Any) -> None:
    whole: Split = make()
    kept = torch.tensor([1, 0])
    subset = SubsetSplit(whole, kept)
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
