"""The contractive penalty against finite differences, its three Jacobians against each other, and rescaled weights."""

from typing import Any

import made_up
import pytest
import torch
from torch import Tensor

from unroll.errors import UserError
from unroll.models.bottlenecks.contractive import exact_squared_norm, projected_squared_norm
from unroll.models.network import Coded, Network


def encoded(network: Network, task: Any, examples: int = 4) -> Coded:
    torch.manual_seed(0)
    return network.encode(task.splits["train"].batch(torch.arange(examples)))


def penalty(name: str, architecture: str, *overrides: str) -> Tensor:
    """The penalty of a network of always the same weights, in training."""
    torch.manual_seed(0)
    task, network = made_up.built(name, architecture, *overrides)
    found = encoded(network.train(), task).penalty
    assert found is not None
    return found


@pytest.mark.parametrize("task", ["sentiment", "compression"])
def test_closed_form_is_the_exact_norm_and_the_projections_mean(task: str) -> None:
    """Text is padded: what lies there counts in none of them. 4,000 projections, within 5 %."""
    kinds = [f"bottleneck.terms.contractive.jacobian={kind}" for kind in ("closed_form", "exact", "hutchinson")]
    closed, exact = (penalty(task, "ae_contractive", kind) for kind in kinds[:2])
    assert closed.min() > 0
    torch.testing.assert_close(closed, exact, rtol=1e-5, atol=1e-8)
    guessed = penalty(task, "ae_contractive", kinds[2], "bottleneck.terms.contractive.samples=4000")
    torch.testing.assert_close(guessed, exact, rtol=0.05, atol=0)
    assert not torch.equal(guessed, exact)


@pytest.mark.parametrize("architecture", ["mlp", "lstm", "bigru", "rnn"])
def test_the_norm_is_that_of_finite_differences(architecture: str) -> None:
    """Of any encoder, recurrent ones too, from the text's word vectors; moves of the padding change nothing."""
    options = ["bottleneck=contractive", "bottleneck.terms.contractive.jacobian=exact"]
    options += ["bottleneck.terms.contractive.weight=1", "task.reconstruction_weight=0"]
    task, network = made_up.built("sentiment", architecture, *options)
    network.double()
    code = encoded(network.train(), task)
    x, step = code.context.x.detach(), 1e-5
    expected = torch.zeros(len(x), dtype=torch.float64)
    with torch.no_grad():
        for place in range(x[0].numel()):
            move = torch.zeros_like(x).flatten(1)
            move[:, place] = step
            slope = (code.context.encode(x + move.view_as(x)) - code.context.encode(x - move.view_as(x))) / (2 * step)
            expected += slope.square().sum(dim=1)
    assert code.penalty is not None
    torch.testing.assert_close(code.penalty.detach(), expected, rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize("jacobian", ["auto", "exact", "hutchinson"])
@pytest.mark.parametrize(("task", "architecture"), [("compression", "ae_contractive"), ("sentiment", "gru")])
def test_mixed_precision_leaves_it_in_single_precision(task: str, architecture: str, jacobian: str) -> None:
    """Values and gradients of 1e-5 squared are nothing in 16 bits; those of the code itself are rounded."""
    options = ["bottleneck=contractive", f"bottleneck.terms.contractive.jacobian={jacobian}"]
    task_, network = made_up.built(task, architecture, *options)
    network.train()
    found = []
    for mixed in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            code = encoded(network, task_)
        assert code.penalty is not None
        network.zero_grad()
        code.penalty.sum().backward()
        gradients = {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}
        found.append((code.code.dtype, code.penalty.detach(), gradients))
    (plain, penalty_, gradients), (_, mixed_penalty, mixed_gradients) = found
    assert plain == torch.float32
    assert mixed_penalty.dtype == torch.float32
    torch.testing.assert_close(mixed_penalty, penalty_, rtol=1e-6, atol=0)
    torch.testing.assert_close(mixed_gradients, gradients, rtol=1e-5, atol=1e-9)


def test_projections_are_exact_in_the_mean_over_all_signs() -> None:
    torch.manual_seed(0)
    at, weight = torch.randn(3, 4, requires_grad=True), torch.randn(2, 4)
    output = torch.tanh(at @ weight.T)
    rows = []
    for signs in ((1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)):
        rows.append(projected_squared_norm(output, at, lambda like, s=signs: torch.tensor(s).expand_as(like), 1))
    torch.testing.assert_close(torch.stack(rows).mean(dim=0), exact_squared_norm(output, at))


def test_its_gradient_reaches_recurrent_weights_and_evaluation_costs_nothing() -> None:
    for task_name in ("translation", "compression"):
        task, network = made_up.built(task_name, "lstm", "bottleneck=contractive")
        assert encoded(network.eval(), task).penalty is None
        found = encoded(network.train(), task).penalty
        assert found is not None
        found.sum().backward()
        for side in (network.encoder, network.decoder):
            matrices = [weight for weight in side.parameters() if weight.dim() > 1]
            assert any(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in matrices)
    assert torch.backends.mkldnn.enabled


def test_rescaling_does_not_cheat_the_contraction() -> None:
    """An encoder of weights / c and a decoder of weights x c make the penalty vanish only where neither guard is on."""
    options = ["architecture.tied=false", "bottleneck.terms.contractive.jacobian=exact"]

    def rescaled(by: float, decoder: str) -> float:
        torch.manual_seed(0)
        overrides = [*options, f"bottleneck.terms.contractive.decoder={decoder}", "architecture.activation=tanh"]
        task, network = made_up.built("sentiment", "ae_contractive", *overrides)
        with torch.no_grad():
            network.encoder.first.weight /= by
            network.encoder.first.bias /= by
            network.decoder.hidden[0].weight *= by
        found = encoded(network.train(), task).penalty
        assert found is not None
        return found.sum().item()

    assert rescaled(1000, "false") < 1e-5 * rescaled(1, "false")
    assert rescaled(1000, "auto") > rescaled(1, "auto")


def test_the_default_is_tied_or_else_penalises_the_decoder() -> None:
    for task, tied in (("compression", True), ("generation", True), ("forecasting", False), ("translation", False)):
        network = made_up.built(task, "ae_contractive")[1]
        assert network.decoder.tied is tied
        assert network.bottleneck.terms["contractive"].decoder is not tied


@pytest.mark.parametrize("change", ["activation=tanh", "dropout=0.5", "depth=2"])
def test_a_closed_form_that_does_not_hold_is_refused(change: str) -> None:
    with pytest.raises(UserError, match="closed form"):
        made_up.built(
            "compression",
            "ae_contractive",
            "bottleneck.terms.contractive.jacobian=closed_form",
            f"architecture.{change}",
        )


def test_the_decoders_part_goes_with_attention_in_mixed_precision() -> None:
    """On a GPU the states are narrower than the code, which is in single precision there."""
    task, network = made_up.built("translation", "gru", "task.attention=additive")
    found = encoded(network, task)
    assert found.memory.states is not None
    narrow = found.memory._replace(states=found.memory.states.bfloat16())
    decoded = network._bare_decode(found.code, narrow, narrow.mask)
    torch.testing.assert_close(
        decoded, network._bare_decode(found.code, found.memory, narrow.mask), atol=0.02, rtol=0.1
    )
