"""Bottlenecks on codes of steps: what padding costs, means over real steps on any ranks, coded states for attention."""

from typing import Any

import made_up
import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor, distributed

from unroll.data.splits import Batch
from unroll.models import noise
from unroll.models.bottlenecks.sparse import Sparse, bernoulli_kl
from unroll.models.contracts import Context
from unroll.models.network import Coded, Network
from unroll.models.noise import Rows, batch_mean, drawing
from unroll.tasks.task import Task

ROWS = torch.arange(9)
PENALISED = {
    "l1": ["bottleneck=sparse", "bottleneck.size=4"],
    "kl": ["bottleneck=sparse_kl", "bottleneck.size=4"],
    "variational": ["bottleneck=variational", "bottleneck.size=4"],
    "weights": ["bottleneck=l2", "bottleneck.size=4"],
}


def built(architecture: str, *overrides: str, task: str = "tagging") -> tuple[Task, Network, Batch]:
    torch.manual_seed(0)
    ready, network = made_up.built(task, architecture, *overrides)
    batch = ready.splits["train"].batch(ROWS)
    assert (batch.lengths < batch.inputs.shape[1]).any()
    return ready, network.eval(), batch


def real_codes(coded: Coded, batch: Batch) -> list[Tensor]:
    """The codes of each example's real steps."""
    return [code[:size].detach() for code, size in zip(coded.code, batch.lengths.tolist(), strict=True)]


@pytest.mark.parametrize("name", PENALISED)
@pytest.mark.parametrize("architecture", ["gru", "bilstm"])
def test_an_example_costs_the_same_however_it_is_padded(architecture: str, name: str) -> None:
    task, network, batch = built(architecture, *PENALISED[name])
    together = network.encode(batch).penalty
    assert together is not None
    assert together.shape == (9,)
    for row in ROWS:
        alone = network.encode(task.splits["train"].batch(row[None])).penalty
        torch.testing.assert_close(alone, together[row][None])


def test_l1_by_hand() -> None:
    _, network, batch = built("gru", *PENALISED["l1"], "bottleneck.terms.sparse.beta=0.5")
    coded = network.encode(batch)
    expected = torch.stack([0.5 * code.abs().sum() for code in real_codes(coded, batch)])
    torch.testing.assert_close(coded.penalty, expected)
    assert coded.context.positions is not None
    assert coded.context.positions.sum(dim=1).tolist() == batch.lengths.tolist()


@pytest.mark.parametrize("training", [False, True])
def test_kl_is_of_the_mean_over_all_real_steps_in_training(training: bool) -> None:
    _, network, batch = built("gru", *PENALISED["kl"], "bottleneck.terms.sparse.beta=2", "task.dropout=0")
    coded = network.train(training).encode(batch)
    codes = real_codes(coded, batch)
    rate, mean = 0.05, torch.cat(codes).mean(dim=0)

    def kl(activation: Tensor) -> Tensor:
        one, none = rate * torch.log(rate / activation), (1 - rate) * torch.log((1 - rate) / (1 - activation))
        return (one + none).sum()

    expected = torch.stack([2 * sum(kl(mean if training else code) for code in rows) for rows in codes])
    torch.testing.assert_close(coded.penalty, expected, rtol=1e-4, atol=1e-6)


def test_a_mean_over_real_positions_by_hand() -> None:
    x = torch.tensor([[[1.0], [2.0], [99.0]], [[6.0], [99.0], [99.0]]])
    real = torch.tensor([[True, True, False], [True, False, False]])
    assert batch_mean(x, real).tolist() == [3.0]
    assert batch_mean(x[:, 0]).tolist() == [3.5]


@pytest.mark.parametrize("rank", [0, 1])
def test_it_is_the_same_on_two_ranks(rank: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """All-reduce adds what the other rank has: of three examples one has two."""
    x = torch.rand(3, 5, 2)
    real = torch.arange(5) < torch.tensor([5, 1, 2])[:, None]
    other = x[1 - rank :: 2], real[1 - rank :: 2]
    found: list[Tensor] = []

    def all_reduce(mine: Tensor) -> Tensor:
        theirs = other[1].sum() if mine.dim() == 0 else (other[0] * other[1][..., None]).sum(dim=(0, 1))
        found.append(mine)
        return mine + theirs

    monkeypatch.setattr(distributed, "is_initialized", lambda: True)
    monkeypatch.setattr("torch.distributed.nn.functional.all_reduce", all_reduce)
    with drawing(Rows(3, slice(rank, None, 2))):
        mean = batch_mean(x[rank::2], real[rank::2])
    torch.testing.assert_close(mean, x[real].mean(dim=0))
    assert len(found) == 2


def test_a_rank_without_examples_of_its_own_adds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    sums: list[Tensor] = []
    monkeypatch.setattr(distributed, "is_initialized", lambda: True)
    monkeypatch.setattr("torch.distributed.nn.functional.all_reduce", lambda mine: sums.append(mine) or mine + 1)
    with drawing(Rows(1, slice(1))):
        batch_mean(torch.rand(1, 4, 2), torch.ones(1, 4, dtype=torch.bool))
    assert [tensor.abs().sum().item() for tensor in sums] == [0, 0]
    assert noise._rows is None


def test_the_gradient_of_kl_is_that_of_finite_differences() -> None:
    """Through the mean that all steps share."""
    term = Sparse("kl", 1.0, 0.05)
    real = torch.tensor([[True, True, False], [True, False, False]])
    logits = torch.randn(2, 3, 2, dtype=torch.float64, requires_grad=True)

    def total(values: Tensor) -> Tensor:
        context = Context(values, real, ROWS[:2], values, values, lambda x: x, tuple, torch.randn_like, positions=real)
        return (term.penalty(term.transform(values, context), context) * real).sum()

    assert torch.autograd.gradcheck(total, logits)
    (gradient,) = torch.autograd.grad(total(logits), logits)
    assert gradient[~real].abs().sum() == 0
    uniform = total(torch.full((2, 3, 2), np.log(0.05 / 0.95)))
    assert uniform.item() == pytest.approx(0, abs=1e-6)
    assert bernoulli_kl(0.05, torch.tensor(0.0)).item() == pytest.approx(
        stats.entropy([0.05, 0.95], [0.5, 0.5]), abs=1e-6
    )


@pytest.mark.parametrize("architecture", ["gru", "bilstm"])
def test_contractive_is_the_jacobian_of_all_real_codes(architecture: str) -> None:
    options = ["bottleneck=contractive", "bottleneck.size=3", "bottleneck.terms.contractive.jacobian=exact"]
    _, network, batch = built(architecture, *options, "bottleneck.terms.contractive.weight=1")
    coded = network.double().train().encode(batch)
    context = coded.context
    jacobian = torch.autograd.functional.jacobian(context.encode, context.x.detach())  # [B,S,Z,B,T,D]
    for row, size in enumerate(batch.lengths.tolist()):
        own = jacobian[row, :, :, row]
        assert own[size:].abs().sum() == 0
        assert own[:, :, size:].abs().sum() == 0
        torch.testing.assert_close(coded.penalty[row], own[:size].square().sum())


def test_a_code_of_each_step_is_random_with_a_posterior_of_its_own() -> None:
    _, network, batch = built("gru", *PENALISED["variational"], "bottleneck.terms.variational.beta=1")
    coded = network.encode(batch)
    posterior, prior = coded.context.posterior, coded.context.prior
    assert posterior is not None
    assert prior is not None
    torch.testing.assert_close(coded.code, posterior.mean)  # the mean in evaluation
    kl = posterior.divergence(prior).sum(dim=-1)
    expected = torch.stack([row[:size].sum() for row, size in zip(kl, batch.lengths.tolist(), strict=True)])
    torch.testing.assert_close(coded.penalty, expected)
    sampled = network.train().encode(batch)
    assert sampled.context.posterior is not None
    noise = (sampled.code - sampled.context.posterior.mean) * torch.exp(-0.5 * sampled.context.posterior.log_variance)
    assert noise.std(dim=1).min() > 0  # another draw at every step


ATTENDING = ["task.attention=additive", "bottleneck.states=true", "bottleneck.size=4"]


@pytest.mark.parametrize("architecture", ["bigru", "lstm"])
def test_attention_reads_coded_states_of_the_codes_width(architecture: str) -> None:
    _, network, batch = built(architecture, *ATTENDING, task="translation")
    coded = network.encode(batch)
    states = coded.memory.states
    assert states is not None
    assert states.shape == (9, batch.inputs.shape[1], 4)
    assert states[~coded.memory.mask].abs().sum() == 0
    assert network.decoder.attention.keys.in_features == 4
    encoder = network.encoder(network.adapter(batch.inputs), batch.lengths, coded.memory.mask)
    expected = network.bottleneck.projection(encoder.states)
    torch.testing.assert_close(states, expected * coded.memory.mask[..., None])
    torch.testing.assert_close(coded.code, network.bottleneck.projection(encoder.summary))


def test_penalties_of_states_and_code_add() -> None:
    options = [*ATTENDING, "bottleneck=sparse", "bottleneck.terms.sparse.beta=1"]
    _, network, batch = built("bigru", *options, task="translation")
    coded = network.encode(batch)
    assert coded.memory.states is not None
    expected = coded.memory.states.abs().sum(dim=(1, 2)) + coded.code.abs().sum(dim=1)
    torch.testing.assert_close(coded.penalty, expected)


def test_weights_are_penalised_once() -> None:
    found = []
    for states in ("true", "false"):
        options = [
            "task.attention=additive" if states == "true" else "task.attention=null",
            f"bottleneck.states={states}",
        ]
        _, network, batch = built("gru", "bottleneck=l2", "bottleneck.size=4", *options, task="translation")
        total = sum(weight.square().sum() for weight in network.weight_matrices())
        penalty = network.encode(batch).penalty
        assert penalty is not None
        torch.testing.assert_close(penalty, (0.0001 * total).expand(9))
        found.append(total)
    assert found[0] > found[1]  # attention has weights, too


@pytest.mark.parametrize(
    "bottleneck", ["variational", "sparse_kl", "contractive", "ksparse", "undercomplete", "dropout"]
)
def test_every_parameter_gets_a_gradient(bottleneck: str) -> None:
    options = [*ATTENDING, f"bottleneck={bottleneck}"]
    task, network, batch = built("bigru", *options, task="translation")
    losses: Any = task.losses(network.train(), batch)
    task.objective(losses).sum().backward()
    without = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert without == []


def test_what_attention_reads_is_noisy_where_the_bottleneck_is() -> None:
    _, network, batch = built("bigru", *ATTENDING, "bottleneck=variational", task="translation")
    network.bottleneck.train()
    first, second = (network.encode(batch).memory.states for _ in range(2))
    assert first is not None
    assert second is not None
    assert (first - second).abs().sum(dim=2)[network.encode(batch).memory.mask].min() > 0
