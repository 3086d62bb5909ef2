"""What is measured at the boundary of two phases, against other ways to it."""

import made_up
import pytest
import torch
from torch.func import jacrev, vmap

from unroll.training.diagnostics.pretrained import pretrained

CPU = torch.device("cpu")
ONE_SIGMOID = ["architecture.activation=sigmoid", "architecture.tied=true", "bottleneck=none"]


def test_the_jacobian_and_saturation_of_one_sigmoid_layer_over_all_of_validation() -> None:
    task, network = made_up.built("classification", "ae", *ONE_SIGMOID)
    with torch.no_grad():
        network.encoder.first.weight.mul_(20)
    found = pretrained(task, network, 7, CPU)
    layer = network.encoder.first
    pixels = task.splits["validation"].batch(torch.arange(9)).inputs.flatten(1)
    jacobians = vmap(jacrev(lambda x: torch.sigmoid(layer.weight @ x + layer.bias)))(pixels)
    code = torch.sigmoid(pixels @ layer.weight.T + layer.bias)
    assert found == {
        "step": 7,
        "examples": 9,
        "jacobian_norm": pytest.approx(float(jacobians.detach().square().sum(dim=(1, 2)).mean().sqrt()), rel=1e-5),
        "jacobian_examples": 9,
        "saturated_share": pytest.approx(float(((code < 0.05) | (code > 0.95)).float().mean())),
    }
    assert 0 < found["saturated_share"] < 1


def test_a_code_that_terms_change_is_differentiated_as_it_is() -> None:
    """A linear code of six units of which two are kept: the Jacobian is two rows of the matrix, all examples' alike."""
    options = ["architecture.activation=linear", "bottleneck=ksparse", "bottleneck.ratio=null"]
    task, network = made_up.built("classification", "ae", *options, "bottleneck.terms.ksparse.k=2")
    with torch.no_grad():
        network.encoder.first.bias.copy_(torch.tensor([0.0, 90.0, 0.0, 0.0, 80.0, 0.0]))
    found = pretrained(task, network, 7, CPU)
    rows = network.encoder.first.weight[[1, 4]]
    assert found["jacobian_norm"] == pytest.approx(float(rows.norm()), rel=1e-5)
    assert (found["jacobian_examples"], found["saturated_share"]) == (8, None)


def test_measuring_leaves_nothing_behind() -> None:
    task, network = made_up.built("classification", "ae_variational")
    torch.manual_seed(3)
    state = torch.get_rng_state()
    first = pretrained(task, network.train(), 7, CPU)
    assert torch.equal(torch.get_rng_state(), state)
    assert network.training
    assert all(parameter.grad is None for parameter in network.parameters())
    assert pretrained(task, network, 7, CPU) == first
