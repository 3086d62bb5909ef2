"""What a decoder is fed, an encoder step by step, and places that are drawn at once."""

from typing import Any

import made_up
import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from unroll.data.splits import Batch
from unroll.data.tokenizers import BEGIN, END, PAD
from unroll.models.network import Network
from unroll.tasks.sequences import (
    TeacherForcing,
    drawn_at_once,
    encoder_steps,
    next_tokens,
    shifted,
    teacher_forced,
    token_nats,
)
from unroll.tasks.task import Task

ROWS = torch.arange(9)


@pytest.mark.parametrize(
    ("first", "last", "shares"),
    [(1.0, None, [1, 1, 1]), (0.5, None, [0.5, 0.5, 0.5]), (1.0, 0.0, [1, 0.75, 0.5]), (0.2, 1.0, [0.2, 0.4, 0.6])],
)
def test_the_share_goes_from_first_to_last(first: float, last: float | None, shares: list[float]) -> None:
    forcing = TeacherForcing(first, last)
    assert [forcing.share(done) for done in (0.0, 0.25, 0.5)] == pytest.approx(shares)


def translating(*overrides: str) -> tuple[Task, Network, Batch]:
    torch.manual_seed(0)
    task, network = made_up.built("translation", "gru", *overrides)
    return task, network.train(), task.splits["train"].batch(ROWS)


def fed(network: Network, batch: Batch, share: float) -> tuple[Tensor, Tensor]:
    """What the decoder is fed [B, T'], and its outputs."""
    seen: list[Tensor] = []
    hook = network.heads["target"].register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    outputs = teacher_forced(network, network.encode(batch), batch.targets, share)
    hook.remove()
    return seen[0] if seen[0].dim() == 2 else torch.stack(seen, dim=1), outputs


@pytest.mark.parametrize("attention", ["null", "additive"])
def test_with_share_one_it_is_fed_the_target_shifted(attention: str) -> None:
    _, network, batch = translating(f"task.attention={attention}")
    given, outputs = fed(network, batch, 1.0)
    assert torch.equal(given[:, 0], torch.full((9,), BEGIN))
    assert torch.equal(given[:, 1:], batch.targets[:, :-1])
    assert torch.equal(given, shifted(batch.targets))
    stepped = teacher_forced(network, network.encode(batch), batch.targets, 1 - 1e-12)  # step by step, all of them true
    torch.testing.assert_close(stepped, outputs)


@pytest.mark.parametrize("attention", ["null", "additive"])
def test_with_share_zero_it_is_fed_its_own_likeliest_token(attention: str) -> None:
    _, network, batch = translating(f"task.attention={attention}")
    given, outputs = fed(network, batch, 0.0)
    own = network.heads["vocabulary"](outputs).argmax(dim=-1)
    assert torch.equal(given[:, 0], torch.full((9,), BEGIN))
    assert torch.equal(given[:, 1:], own[:, :-1])
    assert not torch.equal(given, shifted(batch.targets))
    state, step = next_tokens(network, network.encode(batch))
    last = torch.full((9,), BEGIN)
    for place in range(batch.targets.shape[1]):
        state, scores = step(state, last)
        last = scores.argmax(dim=-1)
        assert torch.equal(last, own[:, place])


def test_a_share_between_mixes_the_two_and_is_for_training() -> None:
    _, network, batch = translating()
    batch = Batch(*(getattr(batch, name).repeat(60, *[1] * (getattr(batch, name).dim() - 1)) for name in FIELDS))
    given, outputs = fed(network, batch, 0.7)
    own = torch.cat((given[:, :1], network.heads["vocabulary"](outputs).argmax(dim=-1)[:, :-1]), dim=1)
    true = shifted(batch.targets)
    assert ((given == true) | (given == own)).all()
    told = true != own
    assert stats.binomtest(int((given == true)[told].sum()), int(told.sum()), 0.7).pvalue > 0.01
    assert torch.equal(fed(network.eval(), batch, 0.7)[0], true)


FIELDS = ("index", "inputs", "lengths", "targets", "target_lengths", "weight")


def test_no_gradient_flows_through_the_token_that_is_fed() -> None:
    """But through the state: of the first step's output a gradient comes from the last one."""
    _, network, batch = translating()
    outputs = teacher_forced(network, network.encode(batch), batch.targets, 0.0)
    outputs[:, -1].sum().backward()
    assert network.decoder.initial.weight.grad.abs().sum() > 0
    assert network.heads["vocabulary"].weight.grad is None


def test_scheduled_training_reaches_the_loss() -> None:
    task, network, batch = translating("task.teacher_forcing=1", "task.teacher_forcing_last=0")
    losses = {}
    for done in (0.0, 0.99):
        network.schedule(done)
        torch.manual_seed(0)
        losses[done] = task.losses(network, batch).task.detach()
    plain, network_, batch_ = translating()
    torch.testing.assert_close(losses[0.0], plain.losses(network_, batch_).task.detach())
    assert not torch.allclose(losses[0.99], losses[0.0])


def test_free_running_nats_are_of_a_decoder_that_is_fed_its_own_words_in_evaluation() -> None:
    """As with share 0, which acts in training alone; and the metric has a name of its own."""
    task, network, batch = translating("task.free_running=true")
    network.eval().requires_grad_(False)
    outputs = teacher_forced(network, network.encode(batch), batch.targets, free_running=True)
    own = torch.cat((torch.full((9, 1), BEGIN), network.heads["vocabulary"](outputs).argmax(dim=-1)[:, :-1]), dim=1)
    fed_own = network.decode(network.encode(batch).code, None, own.shape[1], network.heads["target"](own))
    torch.testing.assert_close(outputs, fed_own)
    expected = token_nats(network.heads["vocabulary"], fed_own, batch.targets, batch.real_targets).sum(dim=1)
    np.testing.assert_allclose(task.validate(network, batch)["nll"], expected.double(), rtol=1e-5)
    found = task.metrics(task.evaluate(network, task.splits["validation"].batch(ROWS)), "validation")
    assert {"perplexity_free_running", "nll_per_token_free_running"} <= found.keys()
    assert not {"perplexity", "nll_per_token"} & found.keys()
    forced, _, _ = translating()
    assert not np.allclose(forced.validate(network, batch)["nll"], expected.double(), rtol=1e-5)


def test_nats_of_tokens_by_hand() -> None:
    logits = torch.tensor([[[0.0, 1.0, 2.0], [9.0, 9.0, 9.0]], [[1.0, 1.0, 1.0], [0.0, 0.0, 5.0]]])
    found = token_nats(torch.nn.Identity(), logits, torch.tensor([[2, 0], [0, 1]]), torch.tensor([0, 2, 3]))
    expected = -logits.log_softmax(dim=-1)
    torch.testing.assert_close(
        found, torch.stack((expected[0, [0, 1], [2, 0]], expected[1, [0, 1], [0, 1]])) * torch.tensor([[1, 0], [1, 1]])
    )


@pytest.mark.parametrize("architecture", ["rnn", "lstm", "deep_lstm"])
@pytest.mark.parametrize("read", [0, 1, 5])
def test_an_encoder_steps_as_it_reads_at_once(architecture: str, read: int) -> None:
    _, network = made_up.built("language_modelling", architecture, "bottleneck.size=3")
    network.eval().requires_grad_(False)
    ids = torch.randint(4, 12, (3, 9), generator=torch.Generator().manual_seed(0))
    state, step = encoder_steps(network, ids[:, :read])
    found = []
    for place in range(read, 9):
        state, scores = step(state, ids[:, place])
        found.append(scores)
    size = torch.full((3,), 9)
    whole: Any = network.encode(Batch(size, ids, size, ids, size, size.float())).code
    expected = network.heads["vocabulary"](whole).log_softmax(dim=-1)[:, read:]
    torch.testing.assert_close(torch.stack(found, dim=1), expected)


def test_places_drawn_at_once_are_as_frequent_as_their_probabilities() -> None:
    chances = torch.tensor([[0.0, 0.0, 0.0, 0.2, 0.8], [0.0, 0.0, 0.0, 0.5, 0.5]])
    rows = torch.log(chances).expand(20_000, 2, 5)
    ids = drawn_at_once(rows, torch.Generator().manual_seed(0))
    kinds, counts = ids.unique(dim=0, return_counts=True)
    found = {tuple(kind): count / 20_000 for kind, count in zip(kinds.tolist(), counts.tolist(), strict=True)}
    assert found == pytest.approx({(END, PAD): 0.2, (4, END): 0.4, (4, 4): 0.4}, abs=0.015)


def test_limits_hold_at_every_place_and_draws_are_the_seeds() -> None:
    rows = torch.randn(50, 6, 9, generator=torch.Generator().manual_seed(1)).log_softmax(dim=-1)
    likeliest = drawn_at_once(rows, torch.Generator().manual_seed(0), top_k=1)
    best = rows.clone()
    best[..., [PAD, BEGIN]] = float("-inf")
    expected = best.argmax(dim=-1)
    ended = ((expected == END).cumsum(dim=1) - (expected == END).long()) > 0
    assert torch.equal(likeliest, expected.masked_fill(ended, PAD))
    first, again, other = (drawn_at_once(rows, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not (first == BEGIN).any()
