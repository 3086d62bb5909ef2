"""Compression through real bytes; generation's bounds against likelihoods that are known exactly."""

from typing import Any

import made_up
import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn
from torch.nn import functional as F

from unroll.errors import UserError
from unroll.models.contracts import Context
from unroll.models.distributions import DiagonalGaussian, StandardNormal
from unroll.models.network import Coded
from unroll.tasks.compression import Images
from unroll.tasks.generation import FULL_COVARIANCE, Generation, binarised
from unroll.tasks.metrics import coding, images
from unroll.tasks.task import Outputs, Task
from unroll.training.metric_names import check_metrics
from unroll.training.prepared import build_task

ROWS = torch.arange(9)


def collect(task: Task, network: Any) -> Any:
    """The final evaluation's collection of outputs, in one batch a split."""

    def outputs(split: str) -> Outputs:
        part = task.splits[split]
        with torch.no_grad():
            return task.evaluate(network, part.batch(torch.arange(len(part))))

    return outputs


@pytest.mark.parametrize("name", ["compression", "generation"])
def test_rows_of_test_change_nothing_that_is_trained_on(name: str) -> None:
    chosen = made_up.trial(name)
    spoilt = made_up.images()
    spoilt["test"]["pixels"] = [bytes([255] * 784)] * 11
    clean, changed = made_up.prepared(chosen), made_up.prepared(chosen, spoilt)
    for split in clean.splits:
        index = torch.arange(len(clean.splits[split]))
        mine, yours = (task.splits[split].batch(index).inputs for task in (clean, changed))
        assert torch.equal(mine, yours) is (split != "test")


@pytest.mark.parametrize("architecture", ["mlp", "ae", "gru"])
def test_metrics_are_those_of_the_decoded_bytes(architecture: str) -> None:
    torch.manual_seed(0)
    task, network = made_up.built("compression", architecture, "bottleneck.size=4", "task.rate=0.3")
    network.eval()
    final = task.finish(network, collect(task, network), 0)
    for split in ("validation", "test"):
        codes, found = collect(task, network)(split)["code"], final.metrics[split]
        stream = coding.encode(codes, found["quantiser_step"])
        assert found["bits_per_pixel"] == pytest.approx(8 * len(stream) / (len(codes) * 784))
        shown = task.reconstruct(network, coding.decode(stream))
        truth = task.images[split].pixels.flatten(1).numpy() / 255
        assert found["psnr"] == pytest.approx(np.mean(images.psnr(shown, truth)), abs=1e-4)
        assert found["mse"] == pytest.approx(np.square(shown - truth).mean(), rel=1e-5)
        assert np.array_equal(
            coding.decode(stream), coding.quantise(codes, found["quantiser_step"]) * found["quantiser_step"]
        )
    assert final.metrics["validation"]["bits_per_pixel"] <= 0.3 * 1.001
    assert final.metrics["validation"]["quantiser_step"] == final.metrics["test"]["quantiser_step"]
    curve = final.curves["rate_distortion"]
    rates = [point["bits_per_pixel"] for point in curve]
    assert len(curve) == 7
    assert max(rates) > min(rates)


def test_images_to_look_at_are_the_first_of_test_and_their_reconstructions_from_bytes() -> None:
    torch.manual_seed(0)
    task, network = made_up.built("compression", "ae", "bottleneck.size=4", "task.rate=0.3")
    network.eval()
    final = task.finish(network, collect(task, network), 0)
    assert np.array_equal(final.images["original"], task.images["test"].pixels.numpy()[:16])
    shown = final.images["reconstruction"]
    assert (shown.dtype, shown.shape) == (np.uint8, (11, 28, 28))
    found = images.psnr(shown.reshape(11, -1) / 255, task.view("test").pixels)
    assert found == pytest.approx(final.predictions["test"]["psnr"], abs=0.05)


@pytest.mark.parametrize(
    ("architecture", "kinds"), [("mlp", {"samples"}), ("ae_variational", {"samples", "samples_prior"})]
)
def test_generation_keeps_reconstructions_and_samples_to_look_at(architecture: str, kinds: set[str]) -> None:
    torch.manual_seed(0)
    task, network = made_up.built("generation", architecture, "bottleneck.size=4")
    network.eval()
    final = task.finish(network, collect(task, network), 0)
    assert final.images.keys() == kinds | {"original", "reconstruction"}
    assert np.array_equal(final.images["original"], task.binary["test"].pixels.numpy())
    assert {found.dtype for found in final.images.values()} == {np.dtype(np.uint8)}
    assert all(final.images[kind].shape == (16, 28, 28) for kind in kinds)
    assert not final.predictions["test"].keys() & final.images.keys()


def test_samples_to_look_at_are_of_the_whole_draw() -> None:
    assert list(images.spread_out(31)) == list(range(0, 31, 2))
    assert list(images.spread_out(3)) == [0, 1, 2]


def test_compression_loss_is_gaussian_nats_of_the_pixels() -> None:
    task, network = made_up.built("compression", "ae")
    network.heads["noise"].log_scale.data.fill_(-1.0)
    batch = task.splits["train"].batch(ROWS)
    network.eval().requires_grad_(False)
    losses = task.losses(network, batch)
    shown = task.reconstruct(network, task.evaluate(network, batch)["code"])
    density = stats.norm.logpdf(batch.inputs.flatten(1).numpy(), shown, np.exp(-1.0)) + np.log(2 * np.pi) / 2
    np.testing.assert_allclose(losses.task, -density.sum(1), rtol=1e-4)
    torch.testing.assert_close(task.objective(losses), losses.task / 784)
    error = np.square(shown - batch.inputs.flatten(1).numpy()).mean(1)
    np.testing.assert_allclose(task.validate(network, batch)["squared_error"], error, rtol=1e-4)


def test_a_perfect_reconstruction() -> None:
    task = made_up.prepared(made_up.trial("compression"))
    view = task.view("test")
    assert view.pixels.shape == (11, 784)
    assert view.labels.tolist() == [i % 10 for i in range(11)]
    perfect = task.metrics({"reconstruction": view.pixels, "bytes": 1078}, "test")
    assert perfect["bits_per_pixel"] == pytest.approx(1.0)
    assert perfect["mse"] == 0
    assert perfect["ssim"] == pytest.approx(1.0, abs=1e-4)


def test_weights_are_selected_by_the_error_before_coding() -> None:
    """Its name is its own: `mse` is of images that were decoded from bytes."""
    task, network = made_up.frozen("compression", "ae")
    outputs = task.validate(network, task.splits["validation"].batch(ROWS))
    assert task.selection(outputs, "validation") == {"mse_uncoded": pytest.approx(outputs["squared_error"].mean())}
    assert list(task.selects_by()) == ["mse_uncoded"]
    assert "mse_uncoded" not in task.reports()


@pytest.mark.parametrize(("side", "has"), [(8, False), (10, False), (11, True)])
def test_images_smaller_than_the_window_have_no_ssim(side: int, has: bool) -> None:
    names = ["task.primary.name=ssim", "task.primary.unit='of 1'"]
    trial = made_up.trial("compression", *names)
    assert "ssim" in build_task(trial).reports()
    task = made_up.prepared(trial, made_up.images(side))
    found = task.metrics({"reconstruction": task.view("test").pixels, "bytes": 100}, "test")
    assert ("ssim" in found, "ssim" in task.scores({"reconstruction": task.view("test").pixels}, "test")) == (has, has)
    assert list(found) == list(task.reports())
    if has:
        check_metrics(task, trial)
    else:
        with pytest.raises(UserError, match="no such metric") as caught:
            check_metrics(task, trial)
        assert "task.primary.name=ssim" in str(caught.value)


def test_validation_and_test_are_binarised_once_and_train_at_every_step() -> None:
    task, network = made_up.built("generation", "ae_variational")
    twin = made_up.prepared(made_up.trial("generation", "seed=5"))
    for split in ("validation", "test"):
        batch = task.splits[split].batch(ROWS).inputs
        assert batch.unique().tolist() == [0, 1]
        assert torch.equal(batch, twin.splits[split].batch(ROWS).inputs)
    seen: list[torch.Tensor] = []
    network.encoder.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    train = task.splits["train"].batch(ROWS)
    network.train()
    for seed in (0, 1, 0):
        torch.manual_seed(seed)
        task.losses(network, train)
    assert all(images.unique().tolist() == [0, 1] for images in seen)
    assert not torch.equal(seen[0], seen[1])
    assert torch.equal(seen[0], seen[2])


def test_binarising_keeps_the_grey_value_on_average() -> None:
    grey = torch.tensor([0, 64, 128, 255], dtype=torch.uint8).expand(20_000, 1, 4)
    found = binarised(Images(grey, torch.zeros(20_000)), "test").pixels.double().mean((0, 1)) / 255
    np.testing.assert_allclose(found, [0, 64 / 255, 128 / 255, 1], atol=0.015)
    assert found[0] == 0
    assert found[3] == 1


@pytest.mark.parametrize("width", [FULL_COVARIANCE, FULL_COVARIANCE + 1])
def test_the_density_of_wide_codes_is_diagonal(width: int) -> None:
    """One component is the sample mean and the maximum-likelihood covariance, 1e-4 added to its diagonal."""
    codes = np.random.default_rng(0).normal(1, 2, (30, width))
    found = task_of(2, 5).density(codes, seed=0)
    np.testing.assert_allclose(found.means_[0], codes.mean(axis=0))
    if width > FULL_COVARIANCE:
        np.testing.assert_allclose(found.covariances_[0], codes.var(axis=0) + 1e-4)
    else:
        wanted = np.cov(codes.T, bias=True) + 1e-4 * np.eye(width)
        np.testing.assert_allclose(found.covariances_[0], wanted, atol=1e-9)


class Ignores(nn.Module):
    """A decoder that looks at no code: the same logit for every pixel."""

    def __init__(self, logit: float):
        super().__init__()
        self.logit = nn.Parameter(torch.tensor(logit))

    def decode(self, code: torch.Tensor, memory: Any, length: int) -> torch.Tensor:
        return self.logit.expand(len(code), length, length)


def coded(mean: torch.Tensor, log_variance: torch.Tensor) -> Coded:
    context = Context(
        x=mean, mask=mean, index=mean, hidden=mean, projected=mean, encode=lambda x: x, weights=lambda: (),
        noise=torch.randn_like, posterior=DiagonalGaussian(mean, log_variance), prior=StandardNormal(mean),
    )  # fmt: skip
    return Coded(mean, None, torch.zeros(len(mean)), context)  # type: ignore[arg-type]


def task_of(side: int, k: int) -> Generation:
    task = Generation(samples=1, density_components=1, importance_samples=k)
    task.side, task.values = side, side * side
    return task


def test_bounds_of_a_decoder_that_ignores_its_code() -> None:
    """log p(x) is then that of the pixels alone: the k-sample bound reaches it, the ELBO is the KL below it."""
    torch.manual_seed(0)
    task, pixels, k = task_of(2, 4000), torch.tensor([[[1.0, 0.0], [1.0, 1.0]]]), 4000
    mean, log_variance = torch.tensor([[0.5, -0.3]]), torch.tensor([[0.2, -0.4]])
    weights = task._log_weights(Ignores(0.7), coded(mean, log_variance), pixels, k).detach().double()
    exact = 3 * np.log(1 / (1 + np.exp(-0.7))) + np.log(1 / (1 + np.exp(0.7)))
    kl = 0.5 * (0.25 + np.exp(0.2) - 1 - 0.2) + 0.5 * (0.09 + np.exp(-0.4) - 1 + 0.4)
    assert weights.shape == (k, 1)
    assert (weights.logsumexp(0) - np.log(k)).item() == pytest.approx(exact, abs=0.02)
    assert weights.mean().item() == pytest.approx(exact - kl, abs=4 * weights.std().item() / k**0.5)


def test_bounds_of_the_exact_posterior_are_the_likelihood_itself() -> None:
    """With q equal to the prior and a decoder that ignores z, every weight is log p(x), whatever z."""
    task = task_of(2, 5)
    pixels = torch.ones(3, 2, 2)
    weights = task._log_weights(Ignores(0.0), coded(torch.zeros(3, 4), torch.zeros(3, 4)), pixels, 5)
    np.testing.assert_allclose(weights.detach(), 4 * np.log(0.5), rtol=1e-6)


class Linear(nn.Module):
    """p(x = 1 | z) = sigmoid(3 z) for one pixel and one code, whose likelihood is a one-dimensional integral."""

    def decode(self, code: torch.Tensor, memory: Any, length: int) -> torch.Tensor:
        return (3 * code).view(-1, 1, 1)


@pytest.mark.parametrize("pixel", [0.0, 1.0])
def test_the_importance_bound_reaches_a_likelihood_that_is_integrated(pixel: float) -> None:
    """By symmetry p(x) = 1/2; the ELBO of q = N(0.6, 1.2) is integrated on a grid."""
    torch.manual_seed(1)
    task, k = task_of(1, 20_000), 20_000
    mean, variance = 0.6, 1.2
    z = np.linspace(-12, 12, 20_001)
    q = stats.norm(mean, variance**0.5)
    log_p = F.logsigmoid(torch.tensor(3 * z * (1 if pixel else -1))).numpy() + stats.norm.logpdf(z)
    elbo = np.trapezoid(q.pdf(z) * (log_p - q.logpdf(z)), z)
    code = coded(torch.tensor([[mean]]), torch.tensor([[variance]]).log())
    weights = task._log_weights(Linear(), code, torch.full((1, 1, 1), pixel), k).double()
    assert (weights.logsumexp(0) - np.log(k)).item() == pytest.approx(np.log(0.5), abs=0.03)
    assert weights.mean().item() == pytest.approx(elbo, abs=5 * weights.std().item() / k**0.5)


def test_the_bound_rises_with_the_number_of_samples_and_is_named_after_it() -> None:
    torch.manual_seed(0)
    task, network = made_up.built("generation", "ae_variational", "task.importance_samples=64")
    network.eval()
    outputs = collect(task, network)("test")
    assert set(outputs) == {"code", "reconstruction_nats", "elbo", "importance_bound_64"}
    assert (outputs["importance_bound_64"] >= outputs["elbo"]).all()


def test_the_training_loss_is_one_sample_of_the_negative_elbo_in_expectation() -> None:
    torch.manual_seed(0)
    task, network = made_up.built("generation", "ae_variational", "task.importance_samples=2000")
    batch = task.splits["test"].batch(ROWS[:2])
    network.eval()
    with torch.no_grad():
        elbo = task.evaluate(network, batch)["elbo"]
        network.bottleneck.train()
        many = [task.losses(network, batch) for _ in range(400)]
    losses = torch.stack([one.task + one.penalty for one in many])
    error = 5 * losses.std(0) / len(many) ** 0.5 + 0.05
    assert (abs(losses.mean(0) + torch.from_numpy(elbo)) < error).all()


@pytest.mark.parametrize(("architecture", "variational"), [("ae", False), ("ae_variational", True)])
def test_only_variational_codes_have_a_prior_and_bounds(architecture: str, variational: bool) -> None:
    task, network = made_up.built("generation", architecture)
    network.eval()
    found = task.finish(network, collect(task, network), 0).metrics["test"]
    names = {"frechet_mnist_classifier_20", "precision", "recall", "reconstruction_nats"}
    assert names <= set(found)
    assert ({"elbo", "importance_bound_7"} <= set(found)) is variational
    assert ("frechet_mnist_classifier_20_prior" in found) is variational
    assert all(np.isfinite(value) for value in found.values())


def test_final_evaluation_is_a_function_of_the_seed() -> None:
    task, network = made_up.built("generation", "ae")
    network.eval()
    first, again, other = (task.finish(network, collect(task, network), seed).metrics for seed in (0, 0, 1))
    assert first == again
    assert first != other


@pytest.mark.parametrize("name", ["compression", "generation"])
def test_codes_are_decoded_in_the_precision_of_training(name: str) -> None:
    task, network = made_up.built(name, "ae")
    network.eval()
    decode = task.reconstruct if name == "compression" else task.draw
    codes = np.linspace(-1, 1, 3 * network.bottleneck.size).reshape(3, -1)
    whole = decode(network, codes)
    network.precision = lambda: torch.autocast("cpu", torch.bfloat16)
    rounded = decode(network, codes)
    assert 1e-5 < np.abs(rounded - whole).max() < 0.05


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli"])
@pytest.mark.parametrize("architecture", ["ae", "ae_variational"])
def test_uncoded_metrics_are_of_codes_that_are_not_quantised(architecture: str, likelihood: str) -> None:
    """Of a random code the nats are its divergence from the prior, and those of one sample of it."""
    torch.manual_seed(0)
    task, network = made_up.frozen("compression", architecture, "bottleneck.size=4", f"task.likelihood={likelihood}")
    pixels = task.images["test"].pixels.flatten(1).numpy() / 255
    torch.manual_seed(1)
    found = task.finish(network, collect(task, network), 0).metrics["test"]
    coded = network.encode(task.splits["test"].batch(torch.arange(11)))
    shown = task.reconstruct(network, coded.code.numpy())
    binary = -(pixels * np.log(shown) + (1 - pixels) * np.log1p(-shown))
    assert found["mse_uncoded"] == pytest.approx(np.square(shown - pixels).mean(), rel=1e-5)
    assert found["cross_entropy_uncoded"] == pytest.approx(binary.mean(), rel=1e-5)
    gaussian = (0.5 * np.square(shown - pixels)).sum(axis=1).mean()  # the scale is 1 before training
    nats = gaussian if likelihood == "gaussian" else binary.sum(axis=1).mean()
    if architecture == "ae":
        assert found["nats_uncoded"] == pytest.approx(nats, rel=1e-5)
        return
    mean, deviation = coded.code.numpy(), coded.context.posterior.log_variance.mul(0.5).exp().numpy()
    divergence = 0.5 * (deviation**2 + mean**2 - 1 - 2 * np.log(deviation)).sum(axis=1).mean()
    torch.manual_seed(1)
    collect(task, network)("validation")
    sample = task.reconstruct(network, mean + deviation * torch.randn(11, 4).numpy())
    drawn = -(pixels * np.log(sample) + (1 - pixels) * np.log1p(-sample)).sum(axis=1).mean()
    drawn = drawn if likelihood == "bernoulli" else (0.5 * np.square(sample - pixels)).sum(axis=1).mean()
    assert found["nats_uncoded"] == pytest.approx(drawn + divergence, rel=1e-5)
