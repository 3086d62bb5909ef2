"""A term of one's own, the recipe's maximum mean discrepancy, by hand; and terms that give something else."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from recipes import recipe
from torch import Tensor, nn

from unroll.data.splits import Batch
from unroll.errors import UserError
from unroll.models.contracts import Context, Shape, Side, Term
from unroll.models.network import Network
from unroll.registry.components import locate
from unroll.registry.groups import config_directories

B, T, D, H = 4, 3, 2, 5
LENGTHS = torch.tensor([3, 1, 2, 3])


@pytest.fixture
def mmd(tmp_path: Path) -> type[Term]:
    recipe("A term").write(tmp_path)
    config_directories(str(tmp_path / "mine"))
    return locate({"_target_": "mmd.MMD"}, "here", Term)


def by_hand(codes: np.ndarray, prior: np.ndarray) -> float:
    """Algorithm 2 of Tolstikhin et al. 2018 with k(a, b) = C / (C + |a - b|^2), C = 2 Z."""
    n, size = codes.shape

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return float(2 * size / (2 * size + ((a - b) ** 2).sum()))

    pairs = [(i, j) for i in range(n) for j in range(n)]
    within = sum(kernel(codes[i], codes[j]) + kernel(prior[i], prior[j]) for i, j in pairs if i != j) / (n * (n - 1))
    return within - 2 * sum(kernel(codes[i], prior[j]) for i, j in pairs) / n**2


def context(code: Tensor, positions: Tensor | None, noise: Tensor) -> Context:
    given: dict[str, Any] = dict.fromkeys(("x", "mask", "index", "hidden", "encode", "weights"))
    return Context(**given, projected=code, noise=lambda like: noise, positions=positions)


def test_the_penalty_is_that_of_the_paper(mmd: type[Term]) -> None:
    code, noise = torch.randn(7, 3, requires_grad=True), torch.randn(7, 3)
    found = mmd(weight=10.0).penalty(code, context(code, None, noise))
    assert found is not None
    assert found.shape == (7,)
    assert found.mean().item() == pytest.approx(10 * by_hand(code.detach().numpy(), noise.numpy()), abs=1e-5)
    (gradient,) = torch.autograd.grad(found.sum(), code)
    assert gradient.isfinite().all()
    assert gradient.any()


def test_codes_of_steps_are_compared_where_they_are_real(mmd: type[Term]) -> None:
    code, noise = torch.randn(B, T, 3), torch.randn(B, T, 3)
    positions = torch.arange(T) < LENGTHS[:, None]
    found = mmd(weight=1.0).penalty(code, context(code, positions, noise))
    assert found is not None
    assert found.shape == (B, T)
    assert not found[~positions].any()
    expected = by_hand(code[positions].numpy(), noise[positions].numpy())
    assert found[positions].mean().item() == pytest.approx(expected, abs=1e-5)


def test_a_single_code_has_a_penalty(mmd: type[Term]) -> None:
    code = torch.randn(1, 3)
    found = mmd(weight=1.0).penalty(code, context(code, None, torch.randn(1, 3)))
    assert found is not None
    assert found.isfinite().all()


class Scalar(Term):
    def penalty(self, code: Tensor, context: Context) -> Tensor:
        return code.square().mean()


class EachValue(Term):
    def penalty(self, code: Tensor, context: Context) -> Tensor:
        return code.square()


class Number(Term):
    def penalty(self, code: Tensor, context: Context) -> Any:
        return 1.0


class Wider(Term):
    def transform(self, code: Tensor, context: Context) -> Tensor:
        return torch.cat((code, code), dim=-1)


class Nothing(Term):
    def transform(self, code: Tensor, context: Context) -> Any:
        return None


@pytest.mark.parametrize(
    ("term", "says"),
    [
        (Scalar, r"The term Scalar gives another shape: penalty.*\[\]"),
        (EachValue, r"EachValue gives another shape: penalty.*\[4, (3, )?5\]"),
        (Number, "Number gives another shape: penalty.*float"),
        (Wider, r"Wider gives another shape: transform.*10\]"),
        (Nothing, "Nothing gives another shape: transform.*NoneType"),
    ],
)
@pytest.mark.parametrize("relation", ["free", "per_step"])
def test_a_term_that_gives_something_else_is_one_message(term: type[Term], says: str, relation: Any) -> None:
    shape = Shape(Side(D, T), Side(D, T), reference_code=D, relation=relation)
    encoder = {"_target_": "unroll.models.recurrent.RecurrentEncoder", "cell": "gru", "width": H}
    bottleneck = {"size": None, "ratio": None, "minimum": 1, "states": False}
    terms = {"mine": {"_target_": f"{__name__}.{term.__name__}"}}
    architecture = {"reconstructs": False, "encoder": encoder}
    network = Network(shape, architecture, {**bottleneck, "terms": terms}, nn.Identity(), decodes=False)
    index = torch.arange(B)
    batch = Batch(index, torch.randn(B, T, D), LENGTHS, index, index, torch.ones(B))
    with pytest.raises(UserError, match=f"(?s){says}"):
        network.encode(batch)
