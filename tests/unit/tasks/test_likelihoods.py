"""The likelihoods of pixels that tasks can choose."""

import made_up
import numpy as np
import pytest
import torch
from scipy import stats

from unroll.errors import UserError
from unroll.tasks.likelihoods import PixelLikelihood


@pytest.mark.parametrize("name", ["compression", "classification"])
def test_bernoulli_is_the_binary_cross_entropy_of_grey_pixels(name: str) -> None:
    torch.manual_seed(0)
    task, network = made_up.built(name, "ae", "task.likelihood=bernoulli")
    batch = task.splits["train"].batch(torch.arange(4))
    losses = task.losses(network.eval(), batch)
    shown = network.decode(network.encode(batch).code, None, task.side).sigmoid()
    expected = -(batch.inputs * shown.log() + (1 - batch.inputs) * (1 - shown).log()).sum(dim=(1, 2))
    found = losses.task if name == "compression" else losses.reconstruction
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-3)
    assert "noise" not in network.heads


def test_linear_pixels_are_the_decoders_values() -> None:
    """At a scale of 1, half the squared error."""
    task, network = made_up.built("classification", "ae", "task.output=linear")
    batch = task.splits["train"].batch(torch.arange(4))
    losses = task.losses(network.eval(), batch)
    shown = network.decode(network.encode(batch).code, None, task.side)
    torch.testing.assert_close(losses.reconstruction, 0.5 * (shown - batch.inputs).square().sum(dim=(1, 2)))


def test_a_fixed_scale_is_a_gaussian_density_and_no_parameter() -> None:
    task, network = made_up.built("classification", "ae", "task.scale=0.5")
    batch = task.splits["train"].batch(torch.arange(4))
    network.eval().requires_grad_(False)
    shown = network.decode(network.encode(batch).code, None, task.side).sigmoid()
    density = stats.norm.logpdf(batch.inputs, shown, 0.5).sum(axis=(1, 2)) + 784 * np.log(2 * np.pi) / 2
    np.testing.assert_allclose(task.losses(network, batch).reconstruction, -density, rtol=1e-4)
    assert "noise" not in network.heads


def test_a_bernoulli_likelihood_is_of_probabilities() -> None:
    with pytest.raises(UserError, match="probabilities"):
        PixelLikelihood("bernoulli", "linear")


@pytest.mark.parametrize("option", ["likelihood=gaussian", "output=sigmoid"])
def test_what_was_before_keeps_its_trial_id(option: str) -> None:
    plain = made_up.trial("classification", "architecture=ae")
    assert made_up.trial("classification", "architecture=ae", f"task.{option}").trial_id == plain.trial_id
    assert made_up.trial("classification", "architecture=ae", "task.output=linear").trial_id != plain.trial_id
