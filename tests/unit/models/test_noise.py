"""Noise is the same on any number of ranks: their rows together are what one process draws."""

from collections.abc import Callable

import pytest
import torch
from scipy import stats
from torch import Tensor

from unroll.data.batching import TrainingBatches, share_of
from unroll.data.fields import Ragged
from unroll.data.splits import Split
from unroll.models.noise import SHARES, Dropout, Rows, bernoulli, chosen, drawing, dropout, gaussian

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
    "chosen": lambda x: chosen(0.4, x.shape, x.device),
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


@pytest.mark.parametrize("share", [0.001, 0.1, 0.3, 0.5, 0.9, 0.999])
def test_each_value_is_chosen_with_its_probability_on_its_own(share: float) -> None:
    torch.manual_seed(1)
    found = chosen(share, (1000, 4, 100), torch.device("cpu")).flatten()
    count = len(found)
    assert stats.binomtest(int(found.sum()), count, share).pvalue > 0.01
    for lag in (1, 2, 3, 4, 5, 400):  # four values come from one number
        both = found[:-lag] & found[lag:]
        assert stats.binomtest(int(both.sum()), count - lag, share**2).pvalue > 0.001, lag
    gaps = found.nonzero().flatten().diff()
    bins = torch.arange(1, 6)
    seen = [int((gaps == gap).sum()) for gap in bins]
    wanted = [len(gaps) * share * (1 - share) ** (int(gap) - 1) for gap in bins]
    tail = (len(gaps) - sum(seen), len(gaps) - sum(wanted))
    if min(*wanted, tail[1]) > 5:
        assert stats.chisquare([*seen, tail[0]], [*wanted, tail[1]]).pvalue > 0.001


def test_a_share_is_rounded_to_sixteen_bits() -> None:
    assert not chosen(0.4 / SHARES, (10**6,), torch.device("cpu")).any()
    assert not chosen(1 - 0.1 / SHARES, (10**6,), torch.device("cpu")).all()  # below 1 something is left
    x = torch.ones(10**6)
    assert torch.equal(dropout(x, 0.4 / SHARES, True), x)


def test_coins_of_half_precision_have_their_probabilities() -> None:
    """Drawn in bfloat16, which has 256 values here, this coin would fall four times as often."""
    torch.manual_seed(3)
    found = bernoulli(torch.full((10**6,), 0.001, dtype=torch.bfloat16))
    assert found.dtype == torch.bfloat16
    assert stats.binomtest(int(found.float().sum()), 10**6, float(torch.tensor(0.001).bfloat16())).pvalue > 0.01


def test_dropout_keeps_the_mean_and_its_gradient_is_what_it_multiplied_by() -> None:
    torch.manual_seed(2)
    x = torch.ones(400, 500, requires_grad=True)
    seen = dropout(x, 0.3, True)
    seen.sum().backward()
    assert seen.unique().tolist() == pytest.approx([0, 1 / 0.7], rel=1e-5)
    assert float(seen.mean()) == pytest.approx(1, abs=5 * (0.3 / 0.7 / x.numel()) ** 0.5)
    assert x.grad is not None
    assert torch.equal(x.grad, seen.detach())
    assert dropout(x.bfloat16(), 0.3, True).dtype == torch.bfloat16


def test_nothing_is_dropped_in_evaluation() -> None:
    x = torch.rand(4, 3)
    with drawing(Rows(9, slice(0, None, 2))):
        assert torch.equal(dropout(x, 0.5, False), x)
        assert torch.equal(Dropout(0.5).eval()(x), x)
        assert torch.equal(dropout(x, 0.0, True), x)


def test_shares_are_padded_as_the_whole_batch_is() -> None:
    sources = Ragged.pack([[1], [2, 2, 2, 2], [3], [4, 4], [5]], 9)
    targets = Ragged.pack([[1, 1, 1], [2], [3, 3], [4], [5, 5, 5, 5, 5]], 9)
    split = Split(sources, targets, normalisers=targets.lengths.float())
    whole = next(iter(TrainingBatches(split, 5, 0, 0, 1)))
    for rank in range(2):
        mine = next(iter(TrainingBatches(split, 5, 0, 0, 1, rank, 2)))
        assert torch.equal(mine.index, whole.index[rank::2])
        assert torch.equal(mine.inputs, whole.inputs[rank::2])
        assert torch.equal(mine.targets, whole.targets[rank::2])
        assert (mine.examples, mine.rows, mine.normaliser) == (5, slice(rank, None, 2), whole.normaliser)


def test_what_fills_an_empty_share_weighs_nothing() -> None:
    split = Split(Ragged.pack([[1], [2]], 9), Ragged.pack([[3], [4]], 9))
    whole = torch.tensor([1, 0])
    filler = share_of(split, whole, 3, 4)
    assert filler.index.tolist() == [1]
    assert filler.weight.tolist() == [0]
    assert filler.rows == slice(1)
    assert share_of(split, whole, 1, 4).weight.tolist() == [1]
