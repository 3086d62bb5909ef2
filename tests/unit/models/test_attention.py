"""Attention against a NumPy loop over one query and its real states."""

import numpy as np
import pytest
import reference
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unroll.errors import UserError
from unroll.models.attention import KINDS, Attention
from unroll.models.contracts import length_mask


@pytest.mark.parametrize("kind", KINDS)
def test_equals_the_published_scores(kind: str) -> None:
    torch.manual_seed(0)
    attention = Attention(kind, 4, 3)
    queries, states, lengths = torch.randn(3, 5, 4), torch.randn(3, 6, 3), torch.tensor([6, 1, 3])
    mask = length_mask(lengths, 6)
    weights, outputs = attention.weights(queries, states, mask).detach(), attention(queries, states, mask).detach()
    known = reference.weights_of(attention)
    for row, length in enumerate(lengths.tolist()):
        for step in range(5):
            expected = reference.attend(
                kind, known, queries[row, step].double().numpy(), states[row, :length].double().numpy()
            )
            np.testing.assert_allclose(weights[row, step, :length], expected[0], atol=1e-6)
            np.testing.assert_allclose(outputs[row, step], expected[1], atol=1e-6)
            assert not weights[row, step, length:].any()


def test_multiplicative_weights_by_hand() -> None:
    """h = 1, W = 1: scores are the states log 1, log 3, so weights are 1/4 and 3/4 whatever padding holds."""
    attention = Attention("multiplicative", 1, 1)
    torch.nn.init.ones_(attention.keys.weight)
    states = torch.tensor([[[0.0], [float(np.log(3))], [1000.0]]])
    weights = attention.weights(torch.ones(1, 1, 1), states, torch.tensor([[True, True, False]]))
    np.testing.assert_allclose(weights[0, 0].detach(), [0.25, 0.75, 0], atol=1e-6)


@settings(max_examples=30)
@given(lengths=st.lists(st.integers(1, 5), min_size=1, max_size=4), kind=st.sampled_from(KINDS))
def test_weights_are_a_distribution_over_real_states(lengths: list[int], kind: str) -> None:
    torch.manual_seed(1)
    attention = Attention(kind, 3, 2)
    mask = length_mask(torch.tensor(lengths), 5)
    weights = attention.weights(torch.randn(len(lengths), 2, 3), torch.randn(len(lengths), 5, 2) * 30, mask)
    np.testing.assert_allclose(weights.sum(-1).detach(), 1, atol=1e-5)
    assert (weights >= 0).all()
    assert not weights[~mask[:, None].expand_as(weights)].any()


def test_unknown_kind_is_refused() -> None:
    with pytest.raises(UserError, match="Did you mean 'additive'"):
        Attention("aditive", 2, 2)
