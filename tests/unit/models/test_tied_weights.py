"""Tied weights: one set of matrices for encoder and decoder, counted once, with both sides' gradients."""

import made_up
import pytest
import torch

from unroll.errors import UserError
from unroll.models.sizing import count_parameters

TIED = ["architecture.tied=true", "bottleneck=none"]


def test_the_decoder_is_the_encoder_transposed() -> None:
    _, network = made_up.built("compression", "ae", *TIED, "architecture.depth=2", "architecture.activation=tanh")
    encoder, decoder = network.encoder, network.decoder
    with torch.no_grad():
        for bias in decoder.biases:
            bias.uniform_(-1, 1)
    code = torch.randn(3, 6)
    hidden = torch.tanh(code @ encoder.rest[0].weight + decoder.biases[0])
    expected = hidden @ encoder.first.weight + decoder.biases[1]
    torch.testing.assert_close(decoder(code, None, 28).flatten(1), expected)
    torch.testing.assert_close(decoder(code, None, 5).flatten(1), expected[:, : 5 * 28])


@pytest.mark.parametrize(
    ("task", "options"),
    [("classification", []), ("classification", ["task.order=permuted", "task.chunk=28"])],
)
def test_a_sequence_that_is_reconstructed_may_be_tied_in_whatever_order(task: str, options: list[str]) -> None:
    _, network = made_up.built(task, "ae", *TIED, *options)
    assert sum(1 for _ in network.weight_matrices()) == 1


def test_shared_matrices_are_counted_once() -> None:
    network = made_up.built("compression", "ae", *TIED)[1]
    assert count_parameters(network)["total"] == 784 * 6 + 6 + 784 + 1  # matrix, two biases, the likelihood's scale
    assert {tuple(p.shape) for p in network.decoder.parameters()} == {(784,)}
    assert sum("weight" in name for name in network.state_dict()) == 1
    assert sum(1 for _ in network.weight_matrices()) == 1


def test_the_gradient_is_the_sum_of_both_uses() -> None:
    """d/dW of sum(W^T tanh(W x)) by autograd through two separate copies of W."""
    network = made_up.built("compression", "ae", *TIED, "architecture.activation=tanh")[1]
    x, lengths, mask = torch.randn(4, 28, 28), torch.full((4,), 28), torch.ones(4, 28, dtype=torch.bool)
    network.decoder(network.encoder(x, lengths, mask).summary, None, 28).square().sum().backward()
    first = network.encoder.first
    into, out = (first.weight.detach().clone().requires_grad_() for _ in range(2))
    (torch.tanh(x.flatten(1) @ into.T + first.bias.detach()) @ out).square().sum().backward()
    torch.testing.assert_close(first.weight.grad, into.grad + out.grad, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("task", "override", "why"),
    [
        ("forecasting", "bottleneck=none", "output is its input"),
        ("translation", "bottleneck=none", "output is its input"),
        ("compression", "bottleneck=undercomplete", "own output as code"),
    ],
)
def test_what_cannot_be_tied_is_refused_or_left_untied_by_auto(task: str, override: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        made_up.built(task, "ae", "architecture.tied=true", override)
    network = made_up.built(task, "ae", "architecture.tied=auto", override)[1]
    assert network.decoder.tied is False
    assert network.decoder.output.weight.shape[1] == 6


def test_bad_value() -> None:
    with pytest.raises(UserError, match="tied"):
        made_up.built("compression", "ae", "architecture.tied=maybe")


def test_untied_keeps_its_trial_id() -> None:
    chosen = ["compression", "architecture=ae", "bottleneck=none"]
    plain = made_up.trial(*chosen)
    assert made_up.trial(*chosen, "architecture.tied=false").trial_id == plain.trial_id
    assert made_up.trial(*chosen, "architecture.tied=true").trial_id != plain.trial_id
