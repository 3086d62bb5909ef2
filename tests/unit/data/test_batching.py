"""Order, shares and padding: which examples make which batch."""

import gzip
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from unroll.data.batching import (
    EVALUATION_BATCH,
    POOL,
    TrainingBatches,
    epoch_order,
    evaluation_order,
    padding_share,
    share,
    steps_per_epoch,
    train_share,
    typical_batch,
)
from unroll.data.fields import Dense, Ragged
from unroll.data.readers.sst import sst
from unroll.data.splits import Split

CONF = Path(__file__).parents[3] / "conf" / "data"


def ragged(lengths: Iterable[int]) -> Ragged:
    offsets = np.concatenate(([0], np.cumsum(list(lengths), dtype=np.int64)))
    return Ragged(torch.full((int(offsets[-1]),), 7), torch.from_numpy(offsets), 0)


def text_split(lengths: list[int]) -> Split:
    return Split(ragged(lengths), Dense(torch.arange(len(lengths))))


def pairs(sources: Ragged, targets: Ragged) -> Split:
    return Split(sources, targets, normalisers=targets.lengths.float())


def pair_split(count: int) -> Split:
    random = np.random.default_rng(0)
    sources = random.integers(1, 30, count)
    return pairs(ragged(sources), ragged(sources + random.integers(1, 4, count)))


def image_split(count: int) -> Split:
    return Split(Dense(torch.zeros(count, 2, 2, dtype=torch.uint8)))


def flat(batches: Iterable[torch.Tensor]) -> list[int]:
    return torch.cat(list(batches)).tolist()


@settings(max_examples=60)
@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=300),
    batch_size=st.integers(1, 17),
    seed=st.integers(0, 5),
    epoch=st.integers(0, 5),
    text=st.booleans(),
)
def test_an_epoch_has_every_example_once_and_is_a_pure_function(
    lengths: list[int], batch_size: int, seed: int, epoch: int, text: bool
) -> None:
    split: Split = text_split(lengths) if text else image_split(len(lengths))
    batches = epoch_order(split, batch_size, seed, epoch)
    np.random.seed(seed + 1)  # noqa: NPY002  global state must not matter
    torch.manual_seed(epoch + 1)
    again = epoch_order(split, batch_size, seed, epoch)
    assert [batch.tolist() for batch in batches] == [batch.tolist() for batch in again]
    assert sorted(flat(batches)) == list(range(len(lengths)))
    sizes = sorted(map(len, batches), reverse=True)
    assert len(batches) == steps_per_epoch(len(lengths), batch_size)
    assert set(sizes[:-1]) <= {batch_size}


@pytest.mark.parametrize("split", [text_split(list(range(1, 200))), pair_split(199), image_split(199)])
def test_seeds_and_epochs_have_different_orders(split: Split) -> None:
    orders = {tuple(flat(epoch_order(split, 16, seed, epoch))) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9


def test_text_is_sorted_inside_pools_only() -> None:
    """More examples than one pool: short and long batches come in any order, none mixes more than its pool."""
    random = np.random.default_rng(1)
    split = text_split(random.integers(1, 60, 2 * POOL * 4).tolist())
    lengths = split.inputs.lengths
    batches = epoch_order(split, 4, 0, 0)
    spread = [int(lengths[batch].max() - lengths[batch].min()) for batch in batches]
    longest = [int(lengths[batch].max()) for batch in batches]
    assert max(spread) <= 3
    assert longest != sorted(longest)


@given(size=st.integers(1, 40), world=st.integers(1, 9))
def test_ranks_shares_partition_a_batch(size: int, world: int) -> None:
    batch = torch.arange(100, 100 + size)
    rows = [share(size, rank, world) for rank in range(world)]
    shares = [(batch[mine], counts) for mine, counts in rows]
    assert sorted(flat(mine for mine, counts in shares if counts)) == batch.tolist()
    assert all(len(mine) >= 1 for mine, _ in shares)
    counted = [len(mine) for mine, counts in shares if counts]
    assert max(counted) - min(counted) <= 1


@pytest.mark.parametrize("world", [2, 3])
def test_all_ranks_see_the_same_order_and_the_same_normaliser(world: int) -> None:
    split = pair_split(21)
    whole = list(TrainingBatches(split, 4, 0, 0, 12))
    ranks = [list(TrainingBatches(split, 4, 0, 0, 12, rank, world)) for rank in range(world)]
    assert len(whole) == 12
    for step, batch in enumerate(whole):
        parts = [rank[step] for rank in ranks]
        assert {part.normaliser for part in parts} == {batch.normaliser}
        assert batch.normaliser == float(batch.target_lengths.sum())
        counted = [i for part in parts for i, w in zip(part.index.tolist(), part.weight.tolist(), strict=True) if w]
        assert sorted(counted) == sorted(batch.index.tolist())


@given(start=st.integers(0, 14))
@settings(max_examples=15)
def test_going_on_from_a_step_gives_the_same_batches(start: int) -> None:
    split = text_split(list(range(1, 18)))
    whole = [batch.index.tolist() for batch in TrainingBatches(split, 4, 7, 0, 14)]
    rest = TrainingBatches(split, 4, 7, start, 14)
    assert [batch.index.tolist() for batch in rest] == whole[start:]
    assert len(rest) == len(whole[start:])
    assert Counter(i for batch in whole[:5] for i in batch) == Counter(range(17))


@given(count=st.integers(1, 700))
@settings(max_examples=20)
def test_evaluation_covers_every_example_once(count: int) -> None:
    random = np.random.default_rng(count)
    for split in (text_split(random.integers(1, 30, count).tolist()), image_split(count)):
        batches = evaluation_order(split)
        assert sorted(flat(batches)) == list(range(count))
        assert max(map(len, batches)) <= EVALUATION_BATCH


@given(examples=st.integers(1, 500), fractions=st.tuples(st.floats(0.001, 1), st.floats(0.001, 1)))
def test_shares_of_train_are_nested_seeded_and_in_order(examples: int, fractions: tuple[float, float]) -> None:
    small, large = (train_share(examples, fraction).tolist() for fraction in sorted(fractions))
    assert set(small) <= set(large) <= set(range(examples))
    assert small == sorted(small)
    assert small == train_share(examples, min(fractions)).tolist()
    assert len(large) == max(1, round(max(fractions) * examples))


def test_a_share_is_a_random_one() -> None:
    assert train_share(1000, 0.01).tolist() != list(range(10))
    assert train_share(10, 1.0).tolist() == list(range(10))


def test_padding_share_by_hand() -> None:
    """Batches (3, 1) and (2): 6 real of 3 + 3 + 2 = 8 positions."""
    batches = [torch.tensor([0, 1]), torch.tensor([2])]
    assert padding_share(text_split([3, 1, 2]), batches) == pytest.approx(0.25)
    split = pairs(ragged([3, 1, 2]), ragged([1, 1, 4]))
    assert padding_share(split, batches) == pytest.approx(1 - 12 / 14)
    assert padding_share(image_split(3), batches) == 0.0


def test_the_typical_batch_is_nearest_to_the_mean() -> None:
    """Positions 4, 18, 2 x 9: mean 13.33; images: the smaller last batch is not typical."""
    split = text_split([2, 2, 9, 9, 9, 5])
    batches = [torch.tensor([0, 1]), torch.tensor([2, 3]), torch.tensor([4, 5])]
    assert typical_batch(split, batches).tolist() == [2, 3]
    assert typical_batch(image_split(5), [torch.tensor([4]), torch.tensor([0, 1]), torch.tensor([2, 3])]).tolist() == [
        0,
        1,
    ]


def batch_size(name: str) -> int:
    return yaml.safe_load((CONF / f"{name}.yaml").read_text())["batch_size"]


def padding_of_epochs(split: Split, batch_size: int) -> list[float]:
    return [padding_share(split, epoch_order(split, batch_size, 0, epoch)) for epoch in range(2)]


@pytest.mark.parametrize(("phrases", "most"), [(False, 0.10), (True, 0.15)])
def test_padding_of_sst(benchmark_data: Path, phrases: bool, most: float) -> None:
    files = {"train.txt": (benchmark_data / "sst" / "train.txt").read_bytes(), "dev.txt": b"", "test.txt": b""}
    train = sst(files, classes=2, phrases=phrases)["train"]
    split = text_split([text.count(" ") + 1 for text in train["text"]])
    assert max(padding_of_epochs(split, batch_size("sst2"))) <= most


@pytest.mark.parametrize(("source", "target"), [("de", "en"), ("en", "fr")])
def test_padding_of_multi30k_both_sides_counted(benchmark_data: Path, source: str, target: str) -> None:
    """Words and punctuation marks by a regular expression, which cuts nearly as Moses does, and faster."""
    lengths = []
    for language, ending in ((source, 0), (target, 1)):
        file = benchmark_data / "multi30k" / f"train.{language}.gz"
        lines = gzip.decompress(file.read_bytes()).decode().splitlines()
        lengths.append([len(re.findall(r"\w+|[^\w\s]", line)) + ending for line in lines])
    split = pairs(ragged(lengths[0]), ragged(lengths[1]))
    assert max(padding_of_epochs(split, batch_size(f"multi30k_{source}_{target}"))) <= 0.10


def test_a_rank_makes_its_own_examples_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are padded as the whole batch is, of which nothing else is made."""
    split = pair_split(21)
    whole = list(TrainingBatches(split, 4, 0, 0, 6))
    asked: list[int] = []
    take = Ragged.take
    monkeypatch.setattr(Ragged, "take", lambda self, index: (asked.append(len(index)), take(self, index))[1])
    mine = list(TrainingBatches(split, 4, 0, 0, 6, 1, 2))
    assert len(whole) == 6
    assert asked == [size for batch in whole for size in [max(1, len(batch.index) // 2)] * 2]  # inputs, targets
    for batch, own in zip(whole, mine, strict=True):
        if len(batch.index) == 1:
            assert own.weight.tolist() == [0]
            continue
        for name in ("index", "inputs", "lengths", "targets", "target_lengths", "weight"):
            assert torch.equal(getattr(own, name), getattr(batch, name)[1::2]), name
