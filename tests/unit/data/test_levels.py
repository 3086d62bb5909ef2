"""Levels of trees: every node is made once, of its own children, wherever these wait."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from unroll.data.levels import Levels, levelled, levels
from unroll.data.trees import Parse, Tree, Treebank, balanced, roots

CPU = torch.device("cpu")


def grown(joins: list[int], positions: int) -> Parse:
    """Neighbours joined one pair after the other, at the places that the numbers say."""
    left, links = [(position, 0) for position in range(positions)], []
    for place in joins[: positions - 1]:
        at = place % (len(left) - 1)
        (one, low), (other, high) = left[at : at + 2]
        links.append((one, other, 1 + max(low, high)))
        left[at : at + 2] = [(positions + len(links) - 1, 1 + max(low, high))]
    return Parse(links, [0] * (2 * positions - 1))


def followed(found: Levels) -> list[list[tuple[int, int, int]]]:
    """Of each level above the leaves: (node, left child, right child), by following the indices as an encoder does."""
    waiting: list[list[Tensor]] = [[] for _ in range(len(found.steps) + 1)]
    made, start = [], 0
    for level, (children, parts, above) in enumerate(found.steps):
        count = sum(size for _, size in above)
        nodes, start = found.nodes[start : start + count], start + count
        if children is not None:
            rows = torch.cat(waiting[level])
            assert torch.equal(rows[children.there][children.back], rows)
            left, right = rows[children.there].view(-1, 2).unbind(1)
            made.append(list(zip(nodes.tolist(), left.tolist(), right.tolist(), strict=True)))
        kept = nodes if parts is None else nodes[parts.there]
        assert parts is None or torch.equal(kept[parts.back], nodes)
        for (to, _), part in zip(above, kept.split([size for _, size in above]), strict=True):
            waiting[to].append(part)
    assert sorted(torch.cat(waiting[-1]).tolist()) == sorted(found.roots.tolist())
    return made


def test_levels_of_two_trees() -> None:
    """Three words, the last two first, and one word; nodes 0 to 2 are words, 3 and 4 are inner, 5 is a word again."""
    bank = Treebank.pack([Parse([(1, 2, 1), (0, 3, 2)], [0] * 5), Parse([], [0])])
    found = levels(bank.batch(torch.tensor([0, 1]), 3), torch.tensor([3, 1]))
    assert found.leaves.tolist() == [0, 1, 2, 3]
    assert found.nodes.tolist() == [0, 1, 2, 5, 3, 4]
    assert found.roots.tolist() == [4, 5]
    assert followed(found) == [[(3, 1, 2)], [(4, 0, 3)]]
    assert [level.above for level in found.steps] == [[(1, 2), (2, 1), (3, 1)], [(2, 1)], [(3, 1)]]


@settings(deadline=None, max_examples=60)
@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=5),
    joins=st.lists(st.integers(0, 99), min_size=11, max_size=11),
    longer=st.integers(0, 2),
    parsed=st.booleans(),
)
def test_each_node_is_made_of_its_children(lengths: list[int], joins: list[int], longer: int, parsed: bool) -> None:
    size, real = max(lengths) + longer, torch.tensor(lengths)
    bank = Treebank.pack(grown(joins[row % 3 :] + joins, length) for row, length in enumerate(lengths))
    tree = bank.batch(torch.arange(len(lengths)), size) if parsed else balanced(real, size)
    found = levels(tree, real)
    width = 2 * size - 1
    expected = {
        row * width + size + inner: tuple(row * width + child for child in tree.children[row, inner].tolist())
        for row, length in enumerate(lengths)
        for inner in range(length - 1)
    }
    made = followed(found)
    assert {node: (left, right) for level in made for node, left, right in level} == expected
    assert all(nodes == sorted(nodes) for nodes in ([node for node, *_ in level] for level in made))
    places = [row * size + position for row, length in enumerate(lengths) for position in range(length)]
    assert found.leaves.tolist() == places
    assert found.roots.tolist() == (roots(real, size) + torch.arange(len(lengths)) * width).tolist()


def test_balanced_trees_are_kept_for_equal_lengths_and_may_be_trained_on_after_evaluation() -> None:
    with torch.inference_mode():
        first = levelled(None, torch.tensor([3, 2]), 4, CPU)
    assert levelled(None, torch.tensor([3, 2]), 4, CPU) is first
    others = [levelled(None, torch.tensor(lengths), size, CPU) for lengths, size in (([2, 3], 4), ([3, 2], 5))]
    assert all(other is not first for other in others)
    assert first.levels is not None
    assert not first.levels.packed.is_inference()
    for part, expected in pairwise([first.each(lambda part: part), balanced(torch.tensor([3, 2]), 4)]):
        assert all(torch.equal(a, b) for a, b in zip(part[:3], expected[:3], strict=True))


@pytest.mark.parametrize("parsed", [True, False])
def test_levels_come_in_one_tensor(parsed: bool) -> None:
    tree = Treebank.pack([Parse([(0, 1, 1)], [0] * 3)]).batch(torch.tensor([0]), 2) if parsed else None
    found: Tree = levelled(tree, torch.tensor([2]), 2, torch.device("meta"))
    assert found.levels is not None
    assert found.levels.packed.device.type == "meta"
    assert found.levels.nodes._base is found.levels.packed
