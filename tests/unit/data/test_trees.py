"""Trees over positions: parsed, balanced, packed and padded, on literals and on random ones."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unroll.data.batching import share_of
from unroll.data.fields import Dense, Ragged
from unroll.data.splits import Split
from unroll.data.trees import UNLABELLED, Treebank, balanced, parse, root_label, roots, words

LINE = "(3 (2 The) (4 (3 (2 very) (3 good)) (2 film)))"
ONE = dict.fromkeys(words(LINE), 1)
NONE = UNLABELLED


def test_a_line_of_sst() -> None:
    found = parse(LINE, ONE, 100)
    assert found.links == [(1, 2, 1), (4, 3, 2), (0, 5, 3)]
    assert found.labels == [2, 2, 3, 2, 3, 4, 3]
    assert words(LINE) == ["The", "very", "good", "film"]
    assert root_label(LINE) == 3


@pytest.mark.parametrize(
    ("line", "tokens", "limit", "links", "labels"),
    [
        ("(4 good)", {}, 9, [], [4]),
        ("(4 (2 good))", {}, 9, [], [4]),
        ("(1 (2 a) (3 b) (4 c))", {}, 9, [(0, 1, 1), (3, 2, 2)], [2, 3, 4, NONE, 1]),
        ("(1 (3 (2 a) (3 b)))", {}, 9, [(0, 1, 1)], [2, 3, 1]),
        ("(1 (2 a) (3 b))", {"b": 2}, 9, [(1, 2, 1), (0, 3, 2)], [2, NONE, NONE, 3, 1]),
        (LINE, {}, 3, [(1, 2, 1), (0, 3, 2)], [2, 2, 3, 4, 3]),
        (LINE, {}, 2, [(0, 1, 1)], [2, 4, 3]),
        (LINE, {}, 1, [], [3]),
    ],
    ids=["a word", "one below", "three below", "a chain", "a word of two tokens", "cut", "cut twice", "cut to a word"],
)
def test_what_is_not_binary_becomes_so(
    line: str, tokens: dict[str, int], limit: int, links: list[tuple[int, int, int]], labels: list[int]
) -> None:
    counts = dict.fromkeys(words(line), 1) | tokens
    assert parse(line, counts, limit) == (links, labels)


@pytest.mark.parametrize("line", ["", "film", "(2 film", "(2 film))", "(2 a) (3 b)", "(2 (3 ) (1 b))"])
def test_what_is_no_tree(line: str) -> None:
    with pytest.raises(ValueError, match=r"unbalanced|without words"):
        parse(line, dict.fromkeys(("film", "a", "b"), 1), 9)


def test_balanced_trees() -> None:
    """Padded to five positions, so that inner nodes are 5 to 8."""
    found = balanced(torch.tensor([5, 1, 3, 2, 3]), 5)
    three = [[0, 1], [5, 2], [0, 0], [0, 0]]
    assert found.children.tolist() == [
        [[0, 1], [5, 2], [3, 4], [6, 7]],
        [[0, 0]] * 4,
        three,
        [[0, 1], [0, 0], [0, 0], [0, 0]],
        three,
    ]
    assert found.height.tolist() == [[1, 2, 1, 3], [0] * 4, [1, 2, 0, 0], [1, 0, 0, 0], [1, 2, 0, 0]]
    assert (found.labels == UNLABELLED).all()
    assert roots(torch.tensor([5, 1, 3]), 5).tolist() == [8, 0, 6]


@settings(max_examples=40)
@given(lengths=st.lists(st.integers(1, 70), min_size=1, max_size=6))
def test_a_balanced_tree_is_as_low_as_can_be_and_covers_its_positions_in_order(lengths: list[int]) -> None:
    size = max(lengths)
    tree, top = balanced(torch.tensor(lengths), size), roots(torch.tensor(lengths), size)
    for row, length in enumerate(lengths):

        def below(node: int, row: int = row) -> list[int]:
            if node < size:
                return [node]
            left, right = tree.children[row, node - size].tolist()
            return below(left, row) + below(right, row)

        assert below(int(top[row])) == list(range(length))
        assert max([0, *tree.height[row].tolist()]) == math.ceil(math.log2(length))


LINES = ["(4 good)", LINE, "(1 (2 a) (3 b))"]
BANK = Treebank.pack(parse(line, dict.fromkeys(words(line), 1), 9) for line in LINES)


def test_a_treebank_pads_the_trees_of_a_batch() -> None:
    found = BANK.batch(torch.tensor([2, 1, 0, 2]), 4)
    two = [[0, 1], [0, 0], [0, 0]]
    assert found.children.tolist() == [two, [[1, 2], [4, 3], [0, 5]], [[0, 0]] * 3, two]
    assert found.height.tolist() == [[1, 0, 0], [1, 2, 3], [0, 0, 0], [1, 0, 0]]
    assert found.labels.tolist() == [
        [2, 3, NONE, NONE, 1, NONE, NONE],
        [2, 2, 3, 2, 3, 4, 3],
        [4, NONE, NONE, NONE, NONE, NONE, NONE],
        [2, 3, NONE, NONE, 1, NONE, NONE],
    ]
    assert BANK.labelled().tolist() == [1, 7, 3]
    assert BANK.batch(torch.tensor([0]), 1).children.shape == (1, 0, 2)


def test_ranks_share_a_batchs_trees_and_devices_get_them() -> None:
    split = Split(
        Ragged.pack([[5], [6, 7, 8, 9], [5, 6]], 9), Dense(torch.tensor([4, 3, 1])), BANK, normalisers=BANK.labelled()
    )
    index = torch.tensor([1, 2, 0])
    batch = split.batch(index)
    assert batch.tree is not None
    assert split.weights().tolist() == [1, 7, 3]
    for rank in range(2):
        mine = share_of(split, index, rank, 2)
        assert mine.tree is not None
        assert mine.read_tree.levels is not None
        assert len(mine.read_tree.levels.leaves) == int(mine.lengths.sum())
        for part, whole in zip(mine.tree[:3], batch.tree[:3], strict=True):
            assert torch.equal(part, whole[rank::2])
    moved = batch.to(torch.device("meta"))
    assert moved.tree is not None
    assert {part.device.type for part in (*moved.tree[:3], moved.inputs)} == {"meta"}
    assert replace(batch, tree=None).to(torch.device("cpu")).tree is None
