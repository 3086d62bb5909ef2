"""Diagnostics against values known by hand, and that they leave nothing behind."""

from typing import Any

import made_up
import pytest
import torch
from torch import nn

from unroll.models.contracts import length_mask
from unroll.models.distributions import DiagonalGaussian, StandardNormal
from unroll.models.recurrent import merged_bounds
from unroll.training.diagnostics import codes, gradients
from unroll.training.diagnostics.gates import gate_values, gates_of, watching_gates
from unroll.training.diagnostics.probe import diagnose, fixed_index, logged_names

CPU = torch.device("cpu")


@pytest.mark.parametrize("w", [0.5, 1.0, 2.0])
def test_a_linear_recurrence_passes_back_its_weight_to_the_distance(w: float) -> None:
    """h_t = w h_{t-1} + x_t: dh_T / dx_{T-d} = w^d, whatever lies in the padding."""
    layer = nn.RNN(1, 1, nonlinearity="relu", bias=False, batch_first=True)
    with torch.no_grad():
        layer.weight_ih_l0.fill_(1.0)
        layer.weight_hh_l0.fill_(w)
    x = torch.ones(3, 6, 1, requires_grad=True)
    lengths = torch.tensor([5, 2, 3])
    last = layer(x)[0].gather(1, (lengths - 1)[:, None, None]).sum()
    (grad,) = gradients.gradients(last, [x])
    found = gradients.by_distance(grad, lengths)
    assert found.tolist() == [w**d for d in range(5)]
    assert gradients.growth(found) == pytest.approx(w)


def test_a_distance_is_averaged_over_the_examples_that_reach_it() -> None:
    grads = torch.tensor([[[3.0, 4.0], [6.0, 8.0]], [[1.0, 0.0], [99.0, 99.0]]])
    assert gradients.by_distance(grads, torch.tensor([2, 1])).tolist() == [(10 + 1) / 2, 5.0]


def test_growth_leaves_zeros_out_and_needs_two_norms() -> None:
    assert gradients.growth(torch.tensor([8.0, 0.0, 2.0]).double()) == pytest.approx(0.5)
    assert gradients.growth(torch.tensor([8.0, 0.0, 0.0])) is None


def test_layer_norms_join_a_modules_own_parameters() -> None:
    named = [("a.b.weight", torch.tensor([[3.0]])), ("a.b.bias", torch.tensor([4.0])), ("scale", torch.tensor(-2.0))]
    assert gradients.layer_norms(named) == {"a.b": 5.0, "network": 2.0}


def test_the_norm_is_that_of_the_training_losss_gradient() -> None:
    task, network = made_up.built("translation", "lstm")
    found = diagnose(task, network, CPU)["gradient"]
    split = task.splits["train"]
    index = fixed_index(len(split))
    network.eval()
    (task.objective(task.losses(network, split.batch(index))).sum() / split.weights()[index].sum()).backward()
    norm = nn.utils.get_total_norm([p.grad for p in network.parameters() if p.grad is not None])
    assert found["norm"] == pytest.approx(norm.item(), rel=1e-5)
    assert found["layers"].keys() >= {"adapter.embedding", "encoder.layers.0.ahead", "heads.vocabulary"}


@pytest.mark.parametrize(("width", "given"), [(3, 5), (24, 24)])
def test_the_jacobian_of_a_linear_encoder_is_its_matrix(width: int, given: int) -> None:
    """Exact for small codes; for large ones too where no direction is like another: all singular values are 2."""
    matrix = torch.randn(width, given) if width != given else 2 * torch.eye(width)
    probes = gradients.directions(width, 0)
    x = torch.randn(4 * len(probes), given + 1, 1, requires_grad=True)
    mask = length_mask(torch.full((len(x),), given), given + 1)
    code = x[:, :given, 0] @ matrix.T + 7 * x[:, given:, 0]  # padding that leaks is not counted
    assert gradients.jacobian_norm(code, x, mask, probes) == pytest.approx(matrix.norm().item(), rel=1e-5)


def test_the_jacobian_of_unlike_examples_is_their_root_mean_square() -> None:
    """z = s x with s = 3 and 4, of two values: the squares are 18 and 32, in whichever directions they are taken."""
    probes = gradients.directions(2, 0)
    x = torch.ones(4, 1, 2, requires_grad=True)
    code = x[:, 0] * torch.tensor([3.0, 4.0, 3.0, 4.0])[:, None]
    mask = torch.ones(4, 1, dtype=torch.bool)
    assert gradients.jacobian_norm(code, x, mask, probes) == pytest.approx(5.0)


def test_the_jacobian_of_a_large_code_is_estimated_without_bias() -> None:
    torch.manual_seed(0)
    matrix, x = torch.randn(40, 6), torch.randn(gradients.PROBES, 6, 1, requires_grad=True)
    mask = torch.ones(len(x), 6, dtype=torch.bool)
    found = [
        gradients.jacobian_norm(x[..., 0] @ matrix.T, x, mask, gradients.directions(40, seed)) for seed in range(200)
    ]
    assert sum(norm**2 for norm in found) / 200 == pytest.approx(matrix.norm().item() ** 2, rel=0.03)


def test_gates_of_hand_set_weights() -> None:
    """Input open, forget closed, output between but at the padding's huge values, which do not count."""
    layer = nn.LSTM(1, 2, batch_first=True)
    with torch.no_grad():
        for weight in layer.parameters():
            weight.zero_()
        layer.bias_ih_l0[:2], layer.bias_ih_l0[2:4] = 10.0, -10.0
        layer.weight_ih_l0[6:] = 1.0
    x = torch.tensor([[[0.0], [0.0], [0.0]], [[0.0], [100.0], [100.0]]])
    network = nn.ModuleDict({"layer": layer})
    with watching_gates(network, {3: torch.tensor([3, 1])}) as counted:
        layer(x)
    assert counted.shares() == {
        "layer": {
            "input": {"closed": 0.0, "open": 1.0},
            "forget": {"closed": 1.0, "open": 0.0},
            "output": {"closed": 0.0, "open": 0.0},
        }
    }
    with watching_gates(network, {}) as counted:
        layer(x)
    assert counted.shares()["layer"]["output"]["open"] == pytest.approx(2 / 6)
    layer(x)  # nobody watches any more
    assert counted.counts["layer"]["output"][2] == 12


@pytest.mark.parametrize("bias", [True, False])
def test_gates_give_the_layers_output_again(bias: bool) -> None:
    """The recurrences of both cells, from the gates that were computed again and a given initial state."""
    torch.manual_seed(0)
    x, h0 = torch.randn(3, 5, 4), torch.randn(1, 3, 2)
    c = torch.randn(1, 3, 2)
    lstm, gru = nn.LSTM(4, 2, batch_first=True, bias=bias), nn.GRU(4, 2, batch_first=True, bias=bias)
    with torch.no_grad():
        outputs = lstm(x, (h0, c))[0]
        gates = gate_values(lstm, x, outputs, h0)
        h, memory = h0[0], c[0]
        for t in range(5):
            new = torch.tanh(_part(lstm, 2, x[:, t], h))
            memory = gates["forget"][:, t] * memory + gates["input"][:, t] * new
            h = gates["output"][:, t] * torch.tanh(memory)
            torch.testing.assert_close(h, outputs[:, t])
        outputs = gru(x, h0)[0]
        gates = gate_values(gru, x, outputs, h0)
        h = h0[0]
        for t in range(5):
            reset, update = gates["reset"][:, t], gates["update"][:, t]
            new = torch.tanh(_part(gru, 2, x[:, t]) + reset * _part(gru, 2, None, h))
            h = (1 - update) * new + update * h
            torch.testing.assert_close(h, outputs[:, t])


def _part(layer: Any, place: int, x: torch.Tensor | None, h: torch.Tensor | None = None) -> torch.Tensor:
    """Rows of one gate: W x + b, U h + b', or their sum."""
    rows = slice(2 * place, 2 * place + 2)
    total = torch.zeros(3, 2)
    for name, value in (("ih", x), ("hh", h)):
        if value is not None:
            total = total + value @ getattr(layer, f"weight_{name}_l0")[rows].T
            total = total + (getattr(layer, f"bias_{name}_l0")[rows] if layer.bias else 0)
    return total


def test_gates_of_other_layers_are_not_guessed() -> None:
    class Other(nn.LSTM):
        def forward(self, x: Any, hx: Any = None) -> Any:
            return super().forward(2 * x, hx)

    assert list(gates_of(nn.GRU(2, 3))) == ["reset", "update"]
    for layer in (Other(2, 3), nn.LSTM(2, 3, num_layers=2), nn.GRU(2, 3, bidirectional=True), nn.RNN(2, 3)):
        assert not gates_of(layer)


def test_dead_units_and_zeros() -> None:
    code = torch.tensor([[1.0, 5.0, 0.0, 2e-4], [-1.0, 5.0, 0.0, 0.0]])
    assert codes.dead_share(code) == 0.5
    assert codes.zero_share(code) == 0.5


@pytest.mark.parametrize(
    ("unit", "dead"),
    [
        ([5.0, 5.0], True),
        ([0.0, 0.0], True),
        ([1.0, 0.9999], True),  # stuck at the end of its range: 5e-5 of it
        ([1000.0, 1000.5], True),  # a variance of 0.06, and a deviation of 0.00025 of its size
        ([1.0, 1.0021], False),
        ([1e-5, 3e-5], False),  # a variance of 1e-10, and a deviation of half its size
        ([1e-9, -1e-9], False),
    ],
)
def test_a_dead_unit_is_constant_relative_to_its_scale(unit: list[float], dead: bool) -> None:
    column = torch.tensor(unit, dtype=torch.float64)[:, None]
    for scale in (1.0, 1e-6, -1e6):
        assert codes.dead_share(scale * column) == float(dead)


@pytest.mark.parametrize(
    ("architecture", "options", "bounds"),
    [
        ("lstm", [], (-1, 1)),
        ("gru", [], (-1, 1)),
        ("rnn", [], (-1, 1)),
        ("rnn", ["architecture.nonlinearity=relu"], None),
        ("bilstm", [], (-1, 1)),
        ("bilstm", ["architecture.merge=sum"], (-2, 2)),
        ("gru", ["architecture.depth=3"], (-3, 3)),
        ("gru", ["architecture.depth=3", "architecture.residual=false"], (-1, 1)),
        ("bilstm", ["architecture.depth=2", "architecture.merge=sum"], (-4, 4)),
        ("rnn", ["architecture.depth=2", "architecture.nonlinearity=relu"], None),
        ("bigru", ["architecture.merge=mul"], (-1, 1)),
        ("tree_lstm", [], (-1, 1)),
        ("lstm", ["bottleneck.size=7"], None),  # projected
        ("mlp", [], None),
    ],
)
def test_saturation_of_recurrent_codes(
    architecture: str, options: list[str], bounds: tuple[float, float] | None
) -> None:
    task, network = made_up.built("sentiment", architecture, *options)
    coded = network.eval().encode(task.splits["train"].batch(torch.arange(4)))
    assert codes.bounds_of(network, coded) == bounds
    assert ("saturated_share" in diagnose(task, network, CPU)["code"]) is (bounds is not None)


def test_saturation_is_counted_where_a_tanh_passes_nine_tenths() -> None:
    code = torch.tensor([[-0.95, 0.5, 0.89, 0.91], [0.0, 0.2, -0.92, 0.3]])
    assert codes.saturated_share(code, (-1, 1)) == 3 / 8
    assert codes.saturated_share(2 * code, (-2, 2)) == 3 / 8
    assert codes.saturated_share(code) is None


@pytest.mark.parametrize(
    ("bounds", "merge", "found"),
    [(None, "sum", None), ((0, 1), "mul", (0, 1)), ((-2, 1), "mul", (-2, 4)), ((0, 1), "max", (0, 1))],
)
def test_two_directions_lie_in_a_range_of_their_own(bounds: Any, merge: str, found: Any) -> None:
    assert merged_bounds(bounds, merge) == found


def test_hoyers_sparseness() -> None:
    assert codes.hoyer(torch.tensor([[2.0, -2.0, 2.0, 2.0]])) == pytest.approx(0)
    assert codes.hoyer(torch.tensor([[0.0, -3.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])) == pytest.approx(1)
    assert codes.hoyer(torch.tensor([[3.0, 4.0]])) == pytest.approx((2**0.5 - 7 / 5) / (2**0.5 - 1))
    assert codes.hoyer(torch.zeros(2, 3)) is None
    assert codes.hoyer(torch.ones(2, 1)) is None


def test_saturation_of_bounded_codes() -> None:
    x = torch.tensor([[-4.0, 0.0, 1.0, 4.0]], requires_grad=True)
    assert codes.saturated_share(torch.sigmoid(x)) == 0.5
    assert codes.saturated_share(torch.tanh(x / 2)) == 0.5  # the same function, stretched
    assert codes.saturated_share(torch.tanh(x)) == 0.5
    assert codes.saturated_share(2 * x) is None


def test_latent_dimensions_match_the_closed_form() -> None:
    mean = torch.tensor([[1.0, 0.0, 0.09], [-1.0, 0.0, -0.09]])
    variance = torch.tensor([[1.0, 1.0, 0.5], [1.0, 1.0, 2.0]])
    found = codes.latent(DiagonalGaussian(mean, variance.log()), StandardNormal(mean))
    half = 0.5 * (0.09**2 + 1.25 - 1)  # the logarithms of 0.5 and 2 cancel
    assert found["kl_per_dimension"] == pytest.approx([0.5, 0.0, half], abs=1e-6)
    assert found["kl"] == pytest.approx(0.5 + half)
    assert found["active_units"] == 1.0  # 0.09 squared is less than 0.01


@pytest.mark.parametrize("architecture", ["bilstm", "ae_variational"])
def test_diagnosing_leaves_nothing_behind(architecture: str) -> None:
    task, network = made_up.built("sentiment", architecture)
    network.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    torch.manual_seed(3)
    state = torch.get_rng_state()
    first = diagnose(task, network, CPU)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(4)
    assert diagnose(task, network, CPU) == first
    assert network.training
    assert all(parameter.grad is None for parameter in network.parameters())
    assert all(not module._forward_hooks for module in network.modules())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("architecture", ["bigru", "birnn", "mlp", "ae_conv", "ae_contractive", "ae_variational"])
def test_they_are_of_the_precision_that_is_trained_in(architecture: str) -> None:
    task, network = made_up.built("compression" if architecture.startswith("ae") else "sentiment", architecture)
    whole = diagnose(task, network, CPU)
    network.precision = lambda: torch.autocast("cpu", torch.bfloat16)
    rounded = diagnose(task, network, CPU)
    for found in (whole, rounded):
        assert found["gradient"]["norm"] > 0
        assert found["code"]["jacobian_norm"] > 0
    assert rounded["gradient"]["norm"] != whole["gradient"]["norm"]
    assert rounded["gradient"]["norm"] == pytest.approx(whole["gradient"]["norm"], rel=0.1)
    assert rounded["code"]["jacobian_norm"] == pytest.approx(whole["code"]["jacobian_norm"], rel=0.1)


def test_what_is_not_finite_is_null_and_not_logged() -> None:
    task, network = made_up.built("forecasting", "mlp")
    with torch.no_grad():
        network.heads["noise"].log_scale.fill_(-5)
        network.encoder.first.weight.fill_(1e30)
    found = diagnose(task, network, CPU)
    assert found["gradient"]["norm"] is None
    names = logged_names(found)
    assert "diagnostics/gradient/norm" not in names
    assert names["diagnostics/code/dead_share"] == 0.0


def test_lists_are_logged_at_powers_of_two() -> None:
    found = {"gradient": {"norm": 2.0, "by_distance": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0], "growth_per_step": None}}
    assert logged_names(found) == {
        "diagnostics/gradient/norm": 2.0,
        **{f"diagnostics/gradient/by_distance/{d}": float(d) for d in (0, 1, 2, 4)},
    }


def test_the_examples_are_the_same_for_every_trial() -> None:
    assert fixed_index(5).tolist() == [0, 1, 2, 3, 4]
    assert len(fixed_index(1000).unique()) == 32
    assert torch.equal(fixed_index(1000), fixed_index(1000))
