"""Terms of a bottleneck on literals: what they corrupt, keep and charge."""

from collections.abc import Callable

import made_up
import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from unroll.data.tokenizers import UNKNOWN
from unroll.errors import UserError
from unroll.models.bottlenecks.composed import Bottleneck
from unroll.models.bottlenecks.denoising import Denoising
from unroll.models.bottlenecks.dropout import CodeDropout
from unroll.models.bottlenecks.sparse import KSparse, Sparse, bernoulli_kl
from unroll.models.bottlenecks.weights import WeightPenalty
from unroll.models.contracts import Context, Shape, Side, Term

ROWS, STEPS, CHANNELS = 400, 6, 5


def context(code: Tensor, weights: tuple[Tensor, ...] = ()) -> Context:
    x, mask = torch.zeros(len(code), 1, 1), torch.ones(len(code), 1, dtype=torch.bool)
    return Context(x, mask, torch.arange(len(code)), code, code, lambda x: code, lambda: weights, torch.zeros_like)


def ksparse(k: float, size: int, alpha: float = 1) -> KSparse:
    term = KSparse(k, alpha)
    term.attach(size, size)
    return term


def values() -> tuple[Tensor, Tensor]:
    """Values from 1 to 2 and a mask whose last two steps are padding."""
    x = 1 + torch.rand(ROWS, STEPS, CHANNELS, generator=torch.Generator().manual_seed(9))
    mask = (torch.arange(STEPS) < STEPS - 2).expand(ROWS, STEPS)
    return x * mask[:, :, None], mask


def test_ksparse_keeps_the_k_largest_and_their_gradient() -> None:
    code = torch.tensor([[3.0, -1.0, 2.0, 0.5], [-4.0, -1.0, -3.0, -2.0]], requires_grad=True)
    kept = ksparse(2, 4).transform(code, context(code))
    assert kept.tolist() == [[3.0, 0.0, 2.0, 0.0], [0.0, -1.0, 0.0, -2.0]]
    (gradient,) = torch.autograd.grad((kept * torch.tensor([1.0, 2.0, 3.0, 4.0])).sum(), code)
    assert gradient.tolist() == [[1.0, 0.0, 3.0, 0.0], [0.0, 2.0, 0.0, 4.0]]


def test_ksparse_keeps_exactly_k_of_ties() -> None:
    code = torch.ones(7, 10)
    for k in (1, 4, 10):
        assert (ksparse(k, 10).transform(code, context(code)) != 0).sum(dim=1).tolist() == [k] * 7


@pytest.mark.parametrize(
    ("k", "alpha", "training", "evaluation"), [(3, 1, 3, 3), (0.25, 2, 5, 10), (0.01, 1.5, 1, 2), (15, 2, 15, 20)]
)
def test_ksparse_by_number_or_share_and_alpha_in_evaluation(
    k: float, alpha: float, training: int, evaluation: int
) -> None:
    code, term = torch.randn(3, 20, generator=torch.Generator().manual_seed(0)), ksparse(k, 20, alpha)
    for mode, expected in ((True, training), (False, evaluation)):
        assert (term.train(mode).transform(code, context(code)) != 0).sum(dim=1).tolist() == [expected] * 3


def test_ksparse_falls_from_its_first_k_to_k() -> None:
    """From 10 to 4 of 20 units over the first half; evaluation keeps twice the last k whatever the step."""
    code, term = torch.randn(3, 20, generator=torch.Generator().manual_seed(0)), KSparse(4, 2, first_k=0.5)
    term.attach(20, 20)
    found = []
    for step in range(8):
        term.schedule(step / 8)
        found.append(int((term.train().transform(code, context(code)) != 0).sum()) / 3)
        assert (term.eval().transform(code, context(code)) != 0).sum() == 3 * 8
    assert found == [10, 8, 7, 6, 4, 4, 4, 4]
    assert term.scheduled()
    assert not ksparse(4, 20).scheduled()


def test_gaussian_corruption_is_normal_with_the_stated_deviation() -> None:
    torch.manual_seed(0)
    x, mask = values()
    noise = (Denoising("gaussian", 0.3, 0.1).corrupt(x, mask) - x)[mask].flatten() / 0.3
    assert stats.kstest(noise.numpy(), "norm").pvalue > 0.01


def test_masking_zeroes_the_stated_share() -> None:
    torch.manual_seed(0)
    x, mask = values()
    seen = Denoising("masking", 0.3, 0.1).corrupt(x, mask)
    hit = seen != x
    assert (seen[hit] == 0).all()
    assert stats.binomtest(int(hit.sum()), int(mask.sum()) * CHANNELS, 0.3).pvalue > 0.01


def test_salt_and_pepper_gives_each_examples_extremes_by_a_fair_coin() -> None:
    torch.manual_seed(0)
    x, mask = values()
    seen = Denoising("salt_and_pepper", 0.4, 0.1).corrupt(x, mask)
    real = x[:, : STEPS - 2].flatten(1)
    lowest, highest = (extreme(real, dim=1).values[:, None, None].expand_as(x) for extreme in (torch.min, torch.max))
    hit = seen != x
    assert ((seen == lowest) | (seen == highest))[hit].all()
    salt = int((seen == highest)[hit].sum())
    assert stats.binomtest(salt, int(hit.sum()), 0.5).pvalue > 0.01
    share = 0.4 * (1 - 1 / real.shape[1])  # an extreme may be replaced by itself
    assert stats.binomtest(int(hit.sum()), int(mask.sum()) * CHANNELS, share).pvalue > 0.01


@pytest.mark.parametrize("kind", ["gaussian", "masking", "salt_and_pepper"])
def test_corruption_is_new_at_every_step_leaves_padding_and_is_for_training(kind: str) -> None:
    x, mask = values()
    x[~mask] = 7.0
    bottleneck = Bottleneck(
        Shape(Side(5, 6), Side(5, 6), 30), 4, None, None, 1, {"denoising": Denoising(kind, 0.3, 0.1)}
    )
    torch.manual_seed(0)
    first, second = bottleneck.corrupt(x, mask), bottleneck.corrupt(x, mask)
    assert not torch.equal(first, second)
    for seen in (first, second):
        assert (seen[~mask] == 7).all()
        assert not torch.equal(seen, x)
    torch.manual_seed(0)
    assert torch.equal(first, bottleneck.corrupt(x, mask))
    assert torch.equal(bottleneck.eval().corrupt(x, mask), x)


def test_word_dropout_has_the_stated_rate_and_leaves_padding() -> None:
    torch.manual_seed(0)
    ids = torch.randint(4, 50, (ROWS, 20))
    mask = (torch.arange(20) < 15).expand(ROWS, 20)
    ids = ids * mask
    seen = Denoising("masking", 0.5, 0.2).corrupt_tokens(ids, mask)
    hit = seen != ids
    assert (seen[hit] == UNKNOWN).all()
    assert not hit[~mask].any()
    assert stats.binomtest(int(hit.sum()), 15 * ROWS, 0.2).pvalue > 0.01


@pytest.mark.parametrize("task", made_up.TASKS)
def test_denoising_changes_what_every_tasks_encoder_sees_in_training_only(task: str) -> None:
    """And the clean input is still what the loss asks for: the batch itself is not written to."""
    made, network = made_up.built(task, "ae", "bottleneck=denoising")
    batch = made.splits["train"].batch(torch.arange(8))
    if not batch.inputs.is_floating_point():
        assert batch.inputs.max() > UNKNOWN
    before = batch.inputs.clone()
    hidden = {}
    for training in (True, False):
        torch.manual_seed(0)
        hidden[training] = network.train(training).encode(batch).context.hidden
    assert not torch.allclose(hidden[True], hidden[False])
    assert torch.equal(batch.inputs, before)
    torch.testing.assert_close(hidden[False], network.encode(batch).context.hidden)


class Recording(Term):
    """Keeps what it is given to corrupt."""

    def corrupt(self, x: Tensor, mask: Tensor) -> Tensor:
        self.seen = x
        return x


def test_on_text_other_terms_still_corrupt_word_vectors() -> None:
    task, network = made_up.built("sentiment", "ae", "bottleneck=denoising")
    network.bottleneck.terms["recording"] = recording = Recording()
    batch = task.splits["train"].batch(torch.arange(8))
    context = network.train().encode(batch).context
    assert torch.equal(recording.seen, context.x)
    unknown = network.adapter(torch.tensor([[UNKNOWN]]))[0, 0]
    seen = (recording.seen == unknown).all(dim=-1)
    assert (seen & (batch.inputs != UNKNOWN)).any()
    assert not (seen[:, :, None] & (recording.seen == 0)).any()  # and no masking of the vectors


@pytest.mark.parametrize(
    ("rate", "activation", "nats"),
    [(0.2, 0.2, 0.0), (0.1, 0.5, 0.1 * np.log(0.2) + 0.9 * np.log(1.8)), (0.5, 0.9, 0.5 * np.log(1 / 0.36))],
)
def test_sparsity_kl_on_literals(rate: float, activation: float, nats: float) -> None:
    found = bernoulli_kl(rate, torch.logit(torch.tensor(activation, dtype=torch.float64)))
    assert found.item() == pytest.approx(nats, abs=1e-12)


def test_sparse_kl_is_of_the_batchs_mean_in_training_and_of_each_example_in_evaluation() -> None:
    activation = torch.tensor([[0.1, 0.5], [0.3, 0.5]], dtype=torch.float64)
    term, seen = Sparse("kl", 2.0, 0.2), context(torch.logit(activation))
    code = term.transform(seen.projected, seen)
    torch.testing.assert_close(code, activation)
    half = 0.2 * np.log(0.4) + 0.8 * np.log(1.6)
    assert term.train().penalty(code, seen).tolist() == pytest.approx([2 * half] * 2)
    each = [2 * (half + 0.2 * np.log(0.2 / a) + 0.8 * np.log(0.8 / (1 - a))) for a in (0.1, 0.3)]
    assert term.eval().penalty(code, seen).tolist() == pytest.approx(each)


@pytest.mark.parametrize("kind", ["l1", "kl"])
@pytest.mark.parametrize("training", [True, False])
def test_the_gradient_of_sparsity_by_finite_differences(kind: str, training: bool) -> None:
    term = Sparse(kind, 0.7, 0.05).train(training)

    def total(code: Tensor) -> Tensor:
        seen = context(code)
        return term.penalty(term.transform(code, seen), seen).sum()

    code = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    assert torch.autograd.gradcheck(total, code)


def test_sparse_l1_is_of_the_linear_code() -> None:
    code, term = torch.tensor([[1.0, -2.0], [0.0, 0.5]]), Sparse("l1", 0.5, 0.05)
    seen = context(code)
    assert torch.equal(term.transform(code, seen), code)
    assert term.penalty(code, seen).tolist() == [1.5, 0.25]


@pytest.mark.parametrize(("kind", "expected"), [("l1", 0.1 * 10), ("l2", 0.1 * 30)])
def test_weight_penalties_on_literals(kind: str, expected: float) -> None:
    code = torch.zeros(3, 2)
    weights = (torch.tensor([[1.0, -2.0]]), torch.tensor([[-3.0], [4.0]]))
    assert WeightPenalty(kind, 0.1).penalty(code, context(code, weights)).tolist() == pytest.approx([expected] * 3)


def test_code_dropout_scales_up_what_it_keeps_in_training_only() -> None:
    torch.manual_seed(0)
    code, term = torch.ones(500, 10), CodeDropout(0.2)
    seen = term.train().transform(code, context(code))
    assert seen.unique().tolist() == pytest.approx([0.0, 1.25], rel=1e-5)
    assert stats.binomtest(int((seen == 0).sum()), 5000, 0.2).pvalue > 0.01
    assert torch.equal(term.eval().transform(code, context(code)), code)


def test_two_terms_together_do_what_each_does() -> None:
    """Denoising and sparsity, by a YAML and by override: the same network and losses."""
    overrides = (
        ["bottleneck=denoising_sparse"],
        ["bottleneck=sparse", "bottleneck/term@bottleneck.terms=[denoising,sparse]"],
    )
    found = []
    for chosen in overrides:
        torch.manual_seed(0)
        task, network = made_up.built("forecasting", "bilstm", *chosen)
        assert list(network.bottleneck.terms) == ["denoising", "sparse"]
        batch = task.splits["train"].batch(torch.arange(8))
        found.append(task.losses(network.train(), batch))
    torch.testing.assert_close(found[0].penalty, found[1].penalty)
    code, beta = network.eval().encode(batch), network.bottleneck.terms["sparse"].beta
    torch.testing.assert_close(code.penalty, beta * code.code.abs().sum(dim=1))
    torch.manual_seed(1)
    corrupted = network.train().encode(batch)
    torch.testing.assert_close(corrupted.penalty, beta * corrupted.code.abs().sum(dim=1))
    assert not torch.allclose(corrupted.code, code.code)


def test_a_term_may_be_added_to_the_architectures_own() -> None:
    trial = made_up.trial("forecasting", "architecture=ae", "+bottleneck/term@bottleneck.terms=dropout")
    assert list(trial.plain["bottleneck"]["terms"]) == ["dropout"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Denoising("masking", 1.0, 0.1), "level of the term denoising is a share"),
        (lambda: KSparse(0, 1), "number of units or a share"),
        (lambda: KSparse(2.5, 1), "number of units or a share"),
        (lambda: ksparse(5, 4), "1 to 4"),
        (lambda: KSparse(2, 1, first_k=2.5), "first_k of the term ksparse is a number"),
        (lambda: KSparse(2, 1, first_k=8).attach(4, 4), "first_k=8"),
        (lambda: KSparse(2, 1, anneal=0.2), "change nothing"),
        (lambda: Sparse("l1", 0.1, rate=0.1), "change nothing"),
    ],
)
def test_a_wrong_option_is_a_users_error(make: Callable[[], Term], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make()
