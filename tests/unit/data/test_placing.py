"""Where tensors lie: what is sent together, what splits hold on a device, what the CPU knows of a batch there."""

from dataclasses import replace

import pytest
import torch

from unroll.data.batching import share_of
from unroll.data.fields import Dense, Ragged, Windows
from unroll.data.placing import sent, sent_together
from unroll.data.splits import Batch, Split, placed

CPU, META = torch.device("cpu"), torch.device("meta")
SERIES = torch.arange(20.0).view(10, 2)
PAIRS = Split(Ragged.pack([[4, 5, 6], [7], [8, 9]], 3), Ragged.pack([[1], [2, 2], [3, 3]], 3))
SPLITS = {
    "pairs": PAIRS,
    "numbers": Split(Dense(torch.arange(6.0).view(3, 2, 1)), Dense(torch.tensor([0, 1, 2]))),
    "windows": Split(Windows(SERIES, 0, 4, 3), Windows(SERIES, 3, 4, 2)),
    "channels": Split(Windows(SERIES, 0, 4, 3, independent=True), Windows(SERIES, 3, 4, 2, independent=True)),
}


def test_what_is_there_is_not_sent() -> None:
    x = torch.ones(2)
    assert sent(x, CPU) is x
    assert sent_together([x], CPU)[0] is x


def test_tensors_of_one_type_are_sent_in_one() -> None:
    given = [torch.ones(2, 3), torch.ones(2, dtype=torch.int64), torch.ones(0), torch.ones(4, dtype=torch.int64)]
    found = sent_together(given, META)
    assert [part.shape for part in found] == [part.shape for part in given]
    assert {part.device for part in found} == {META}
    assert found[1]._base is found[3]._base
    assert found[0]._base is not found[1]._base


@pytest.mark.parametrize("name", SPLITS)
def test_a_splits_values_lie_on_the_device_and_the_cpu_knows_the_lengths(name: str) -> None:
    index = torch.tensor([2, 0])
    here, there = SPLITS[name].batch(index), placed(SPLITS, META, 1)[name].batch(index)
    assert there.inputs.device == there.targets.device == META
    assert (there.inputs.shape, there.targets.shape) == (here.inputs.shape, here.targets.shape)
    assert torch.equal(there.lengths, here.lengths)
    moved = there.to(META)
    assert {moved.index.device, moved.lengths.device, moved.weight.device} == {META}
    assert moved.to(META) is moved
    assert moved.known is not None
    assert torch.equal(moved.known.lengths, here.lengths)
    assert torch.equal(moved.known.target_lengths, here.target_lengths)


def test_what_takes_too_many_megabytes_stays() -> None:
    """The series is in four fields and counts once: 1.2 MB, and 0.1 MB beside it."""
    series = torch.zeros(300_000)[:, None]
    window = Windows(series, 0, 9, 3)
    both = {"train": Split(window, window), "test": Split(window, Dense(torch.zeros(25_000, 1)))}
    assert placed(both, META, 1) is both
    there = placed(both, META, 2)
    assert there["train"].batch(torch.tensor([0])).inputs.device == META
    assert placed(both, META, 0) is both
    assert placed(both, CPU, 2) is both


def test_real_positions_by_hand() -> None:
    batch = PAIRS.batch(torch.tensor([1, 2]))
    assert batch.real_inputs.tolist() == [0, 2, 3]
    assert batch.real_targets.tolist() == [0, 1, 2, 3]
    made = Batch(batch.index, batch.inputs, batch.lengths, batch.targets, batch.target_lengths, batch.weight)
    assert made.known is None
    assert torch.equal(made.real_inputs, batch.real_inputs)
    assert replace(batch, inputs=batch.inputs + 1).real_inputs is not batch.real_inputs


def test_a_ranks_share_has_real_positions_of_its_own() -> None:
    whole = torch.tensor([1, 2, 0])
    assert [share_of(PAIRS, whole, rank, 2).real_inputs.tolist() for rank in range(2)] == [[0, 3, 4, 5], [0, 1]]
    assert share_of(PAIRS, whole, 3, 4).real_inputs.tolist() == [0]
