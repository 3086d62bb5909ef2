"""What is carried between the steps of a stream: rows that stay with their ranks, whatever the number of ranks."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unroll.data.batching import share_of
from unroll.data.fields import Ragged
from unroll.data.splits import Split
from unroll.training.carry import Carry, own_carry

STREAM = torch.arange(40)
SPLIT = Split(Ragged.chunks(STREAM, 4), Ragged.chunks(STREAM, 4), in_order=True)


def rows_of(examples: int, rank: int, world: int) -> list[int]:
    """The places in the global batch of a rank's examples; one that only fills for a rank that has none."""
    return list(range(rank, examples, world)) or [0]


@settings(max_examples=60)
@given(examples=st.integers(1, 9), before=st.integers(1, 4), after=st.integers(1, 4), layers=st.integers(1, 2))
def test_ranks_find_their_rows_again(examples: int, before: int, after: int, layers: int) -> None:
    """Each row's state is its place in the global batch."""
    saved = [
        Carry([torch.tensor(rows_of(examples, rank, before)).float()[None, :, None]] * layers, examples).saved()
        for rank in range(before)
    ]
    for rank in range(after):
        found = own_carry(saved, rank, after)
        assert found.examples == examples
        assert found.state is not None
        assert [layer.flatten().tolist() for layer in found.state] == [rows_of(examples, rank, after)] * layers


def test_nothing_saved_is_nothing_carried() -> None:
    assert own_carry([], 0, 1).state is None
    assert own_carry([Carry().saved()], 0, 1).state is None


def test_a_batch_that_starts_anew_takes_no_state() -> None:
    batch = SPLIT.batch(torch.tensor([0, 5]))
    carry = Carry([torch.ones(1, 2, 3)], 2)
    assert carry.into(batch).state is None


@pytest.mark.parametrize("world", [1, 2])
def test_a_shorter_batch_takes_the_first_rows(world: int) -> None:
    index = torch.tensor([1, 6])
    batch = SPLIT.batch(index) if world == 1 else share_of(SPLIT, index, 1, world)
    state = [torch.arange(3.0)[None, :, None]]
    taken = Carry(state, 3).into(replace(batch, goes_on=True)).state
    assert taken[0].flatten().tolist() == ([0.0, 1.0] if world == 1 else [0.0])
