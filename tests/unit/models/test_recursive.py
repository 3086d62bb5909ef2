"""Encoders over trees against the papers' equations, one node at a time in NumPy, and against the papers' sizes."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from reference import Weights, logistic, weights_of

from unroll.data.trees import Parse, Tree, Treebank, balanced
from unroll.models.contracts import Encoded, Shape, Side, length_mask
from unroll.models.recursive import RecursiveEncoder, TensorEncoder, VectorAverageEncoder
from unroll.models.tree_lstm import TreeLSTMEncoder
from unroll.models.trees import TreeEncoder

INPUT, WIDTH, LENGTHS = 5, 4, [9, 1, 6, 2, 7]
SHAPE = Shape(Side(INPUT, 12), Side(3, 4), 10)
SAME = Shape(Side(WIDTH, 12), Side(3, 4), 10)

ENCODERS: dict[str, Callable[[], TreeEncoder]] = {
    "recursive": lambda: RecursiveEncoder(SHAPE, WIDTH),
    "recursive on its own width": lambda: RecursiveEncoder(SAME, WIDTH),
    "rntn": lambda: TensorEncoder(SHAPE, WIDTH),
    "constituency": lambda: TreeLSTMEncoder(SHAPE, WIDTH, "constituency"),
    "child_sum": lambda: TreeLSTMEncoder(SHAPE, WIDTH, "child_sum"),
    "vecavg": lambda: VectorAverageEncoder(SHAPE),
}

Node = tuple[np.ndarray, np.ndarray | float]  # its vector; its cell, or its number of words


def leaf(name: str, w: Weights, x: np.ndarray) -> Node:
    if name == "vecavg":
        return x, 1
    if name == "constituency":
        c, o = np.split(w["words.weight"] @ x + w["words.bias"], 2)
        return logistic(o) * np.tanh(c), c
    if name == "child_sum":
        i, o, u, _ = np.split(w["words.weight"] @ x + w["words.bias"] + w["below.bias"], 4)
        c = logistic(i) * np.tanh(u)
        return logistic(o) * np.tanh(c), c
    return (w["words.weight"] @ x + w["words.bias"] if "words.weight" in w else x), 0


def join(name: str, w: Weights, left: Node, right: Node) -> Node:
    (h_l, c_l), (h_r, c_r) = left, right
    if name == "vecavg":
        return (c_l * h_l + c_r * h_r) / (c_l + c_r), c_l + c_r
    if name == "constituency":
        gates = w["left.weight"] @ h_l + w["left.bias"] + w["right.weight"] @ h_r + w["right.bias"]
        i, o, u, f_l, f_r = np.split(gates, 5)
        c = logistic(i) * np.tanh(u) + logistic(f_l) * c_l + logistic(f_r) * c_r
        return logistic(o) * np.tanh(c), c
    if name == "child_sum":
        bias = w["words.bias"] + w["below.bias"]  # x is 0
        i, o, u, _ = np.split(w["below.weight"] @ (h_l + h_r) + bias, 4)
        f_l, f_r = (np.split(w["below.weight"] @ h + bias, 4)[3] for h in (h_l, h_r))
        c = logistic(i) * np.tanh(u) + logistic(f_l) * c_l + logistic(f_r) * c_r
        return logistic(o) * np.tanh(c), c
    pair = np.concatenate((h_l, h_r))
    total = w["composition.weight"] @ pair + w["composition.bias"]
    if name == "rntn":
        slices = w["tensor"].transpose(1, 0, 2) / len(pair)
        total = total + np.array([pair @ slice_ @ pair for slice_ in slices])
    return np.tanh(total), 0


def random_parse(random: np.random.Generator, positions: int) -> Parse:
    """Neighbours joined in random order."""
    open_nodes, links = [(position, 0) for position in range(positions)], []
    while len(open_nodes) > 1:
        place = int(random.integers(0, len(open_nodes) - 1))
        (left, a), (right, b) = open_nodes[place : place + 2]
        links.append((left, right, 1 + max(a, b)))
        open_nodes[place : place + 2] = [(positions + len(links) - 1, 1 + max(a, b))]
    return Parse(links, [0] * (2 * positions - 1))


def random_trees(lengths: list[int], size: int, seed: int = 0) -> Tree:
    random = np.random.default_rng(seed)
    bank = Treebank.pack(random_parse(random, length) for length in lengths)
    return bank.batch(torch.arange(len(lengths)), size)


def cut(tree: Tree, row: int, length: int) -> Tree:
    """One example's tree, padded to its own length."""
    size = tree.height.shape[1] + 1
    children = tree.children[row : row + 1, : length - 1]
    own = torch.where(children >= size, children - size + length, children)
    return Tree(own, tree.height[row : row + 1, : length - 1], tree.labels[row : row + 1, : 2 * length - 1])


def run(encoder: TreeEncoder, x: torch.Tensor, lengths: list[int], tree: Tree | None) -> Encoded:
    real = torch.tensor(lengths)
    return encoder(x, real, length_mask(real, x.shape[1]), tree)


def inputs(name: str, size: int = 9) -> torch.Tensor:
    width = WIDTH if "own width" in name else INPUT
    return torch.randn(len(LENGTHS), size, width, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("parsed", [True, False], ids=["random trees", "balanced trees"])
@pytest.mark.parametrize("name", ENCODERS)
def test_every_node_is_the_papers(name: str, parsed: bool) -> None:
    torch.manual_seed(0)
    encoder, x, size = ENCODERS[name](), inputs(name), 9
    tree = random_trees(LENGTHS, size) if parsed else None
    with torch.no_grad():
        found = run(encoder, x, LENGTHS, tree)
    drawn = balanced(torch.tensor(LENGTHS), size) if tree is None else tree
    assert found.states is not None
    expected, mask = np.zeros(found.states.shape), np.zeros(found.mask.shape, bool)
    kind, w = name.removesuffix(" on its own width"), weights_of(encoder)
    for row, length in enumerate(LENGTHS):
        nodes = {t: leaf(kind, w, x[row, t].double().numpy()) for t in range(length)}
        for inner in range(length - 1):
            left, right = drawn.children[row, inner].tolist()
            nodes[size + inner] = join(kind, w, nodes[left], nodes[right])
        for node, (vector, _) in nodes.items():
            expected[row, node], mask[row, node] = vector, True
        np.testing.assert_allclose(found.summary[row], vector, atol=1e-5)
    np.testing.assert_allclose(found.states, expected, atol=1e-5)
    np.testing.assert_array_equal(found.mask, mask)
    assert encoder.summary_width == encoder.state_width == found.summary.shape[1]


@pytest.mark.parametrize("name", ENCODERS)
def test_other_examples_and_padding_change_nothing(name: str) -> None:
    torch.manual_seed(0)
    encoder, x = ENCODERS[name](), inputs(name)
    tree, other = random_trees(LENGTHS, 9), random_trees(LENGTHS, 9, seed=5)
    third = torch.tensor([False, False, True, False, False])
    spoilt = x.clone()
    spoilt[~third] = torch.inf
    spoilt[2, 6:] = torch.nan
    mixed = Tree(
        *(torch.where(third.view(-1, *[1] * (a.dim() - 1)), a, b) for a, b in zip(tree[:3], other[:3], strict=True))
    )
    with torch.no_grad():
        expected, found = run(encoder, x, LENGTHS, tree).summary[2], run(encoder, spoilt, LENGTHS, mixed).summary[2]
        alone = run(encoder, x[2:3, :6], [6], cut(tree, 2, 6)).summary[0]
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(alone, expected)


@pytest.mark.parametrize("name", ENCODERS)
def test_gradient_flows_through_all_nodes(name: str) -> None:
    """From each root to every word of its own example, and from every node to all parameters."""
    torch.manual_seed(0)
    encoder, x = ENCODERS[name](), inputs(name).requires_grad_()
    found = run(encoder, x, LENGTHS, random_trees(LENGTHS, 9))
    found.summary.sum().backward(retain_graph=True)
    assert x.grad is not None
    reached = x.grad.abs().sum(dim=2) > 0
    assert torch.equal(reached, length_mask(torch.tensor(LENGTHS), 9))
    for parameter in encoder.parameters():
        assert parameter.grad is not None
        assert parameter.grad.abs().sum() > 0
    assert found.states is not None
    vectors = found.states[2]
    for node in (0, 5, 9, 12):
        x.grad = None
        vectors[node].sum().backward(retain_graph=True)
        assert x.grad[2].any()
        assert not x.grad[[0, 1, 3, 4]].any()


@pytest.mark.parametrize(("kind", "width", "parameters"), [("constituency", 150, 316_800), ("child_sum", 168, 315_840)])
def test_tree_lstms_have_the_sizes_of_the_paper(kind: str, width: int, parameters: int) -> None:
    """Tai, Socher, Manning 2015, Table 1: the Constituency and the Dependency Tree-LSTM on SST, 300-d word vectors."""
    encoder = TreeLSTMEncoder(Shape(Side(300, 52), Side(300, 52), 300), width, kind)
    assert sum(parameter.numel() for parameter in encoder.parameters()) == parameters


def test_a_tensor_has_four_cubes_of_weights() -> None:
    """V is [2d, 2d, d] and W [d, 2d] (Socher et al. 2013, section 4.3), with a bias; words have the nodes' width."""
    encoder = TensorEncoder(Shape(Side(30, 52), Side(30, 52), 30), 30)
    assert sum(parameter.numel() for parameter in encoder.parameters()) == 4 * 30**3 + 2 * 30**2 + 30
