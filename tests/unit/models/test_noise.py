"""Noise is the same on any number of ranks: their rows together are what one process draws."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from unroll.data.batching import TrainingBatches, share_of
from unroll.data.splits import PairSplit
from unroll.data.text import Ragged
from unroll.models.noise import Dropout, Rows, bernoulli, drawing, dropout, gaussian

LAYOUTS = {
    "code": lambda count: torch.rand(count, 7),
    "steps": lambda count: torch.rand(count, 5, 3),
    "steps outside": lambda count: torch.rand(5, count, 3).transpose(0, 1),
    "one step": lambda count: torch.rand(1, count, 6).transpose(0, 1),
}
DRAWS: dict[str, Callable[[Tensor], Tensor]] = {
    "dropout": lambda x: dropout(x, 0.4, True),
    "layer": Dropout(0.4),
    "gaussian": gaussian,
    "bernoulli": bernoulli,
}


def seeded(draw: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    torch.manual_seed(5)
    return draw(x)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize(("count", "world"), [(9, 2), (8, 4), (33, 4), (3, 3)])
def test_ranks_rows_are_those_of_one_process(draw: str, layout: str, count: int, world: int) -> None:
    x = LAYOUTS[layout](count)
    whole = seeded(DRAWS[draw], x)
    assert len({tuple(row.flatten().tolist()) for row in whole}) > 1
    for rank in range(world):
        rows = slice(rank, None, world)
        with drawing(Rows(count, rows)):
            mine = seeded(DRAWS[draw], x[rows])
        assert torch.equal(mine, whole[rows]), rank
    assert torch.equal(seeded(DRAWS[draw], x), whole)


def test_a_rank_leaves_the_generator_where_one_process_does() -> None:
    x = torch.rand(9, 4)
    for draw in DRAWS.values():
        seeded(draw, x)
        after = torch.rand(1)
        with drawing(Rows(9, slice(1, None, 2))):
            seeded(draw, x[1::2])
        assert torch.equal(torch.rand(1), after)


def test_nothing_is_dropped_in_evaluation() -> None:
    x = torch.rand(4, 3)
    with drawing(Rows(9, slice(0, None, 2))):
        assert torch.equal(dropout(x, 0.5, False), x)
        assert torch.equal(Dropout(0.5).eval()(x), x)
        assert torch.equal(dropout(x, 0.0, True), x)


def test_shares_are_padded_as_the_whole_batch_is() -> None:
    sources = Ragged.pack([[1], [2, 2, 2, 2], [3], [4, 4], [5]], 9)
    targets = Ragged.pack([[1, 1, 1], [2], [3, 3], [4], [5, 5, 5, 5, 5]], 9)
    split = PairSplit(sources, targets)
    whole = next(iter(TrainingBatches(split, 5, 0, 0, 1)))
    for rank in range(2):
        mine = next(iter(TrainingBatches(split, 5, 0, 0, 1, rank, 2)))
        assert torch.equal(mine.index, whole.index[rank::2])
        assert torch.equal(mine.inputs, whole.inputs[rank::2])
        assert torch.equal(mine.targets, whole.targets[rank::2])
        assert (mine.examples, mine.rows, mine.normaliser) == (5, slice(rank, None, 2), whole.normaliser)


def test_what_fills_an_empty_share_weighs_nothing() -> None:
    split = PairSplit(Ragged.pack([[1], [2]], 9), Ragged.pack([[3], [4]], 9))
    batch = split.batch(torch.tensor([1, 0]))
    filler = share_of(batch, 3, 4)
    assert filler.index.tolist() == [1]
    assert filler.weight.tolist() == [0]
    assert filler.rows == slice(1)
    assert share_of(batch, 1, 4).weight.tolist() == [1]
