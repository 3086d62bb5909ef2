"""Architectures are what their YAML says, and every option of theirs does something."""

from typing import Any

import pytest
import torch
from cell import Cell, Cells
from tiny_data import ARCHITECTURES, FITTING, misfit, names
from torch import Tensor, nn

from unroll.config.compose import compose
from unroll.config.schema import Strengths
from unroll.errors import UserError
from unroll.models.contracts import Encoded, Shape, Side, length_mask
from unroll.models.network import Network
from unroll.registry.components import create

CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
RECURRENT, FEEDFORWARD = "lstm", "mlp"
WIDTH, LENGTH, STEPS = 24, 9, 5

# Other values for each option that an architecture may have.
OPTIONS: dict[str, list[str]] = {
    "width": ["architecture.width=20"],
    "depth": ["architecture.depth=4"],
    "cell": ["architecture.cell=rnn", "architecture.cell=lstm", "architecture.cell=gru"],
    "bidirectional": ["architecture.bidirectional=true", "architecture.bidirectional=false"],
    "kind": ["architecture.kind=constituency", "architecture.kind=child_sum"],
    "individual": ["architecture.individual=true"],
    "kernel": ["architecture.kernel=3"],
    "nonlinearity": ["architecture.nonlinearity=relu"],
    "biases": ["architecture.biases=1"],
    "reset": ["architecture.reset=before"],
    "initialisation": ["architecture.initialisation=orthogonal"],
    "forget_bias": ["architecture.forget_bias=3"],
    "residual": ["architecture.residual=false"],
    "tied": ["architecture.tied=true"],
    "activation": [f"architecture.activation={name}" for name in ("relu", "tanh", "sigmoid", "gelu")],
}
MERGES = ("concat", "sum", "mul", "average", "max")
# What an architecture of its family has to be for an option to be its own; else it is refused.
OWNERS: dict[str, tuple[str, Any]] = {
    "kernel": ("variant", "dlinear"),
    "nonlinearity": ("cell", "rnn"),
    "reset": ("cell", "gru"),
    "forget_bias": ("cell", "lstm"),
    "residual": ("depth", 3),
    "tied": ("bidirectional", True),
}
KNOBS = {name: compose([f"architecture={name}"]).plain["architecture"] for name in ARCHITECTURES}


def among(*architectures: str) -> list[tuple[str, str]]:
    """The pairs that run of some architectures and every task."""
    return [pair for pair in FITTING if pair[1] in architectures]


def owns(knobs: dict[str, Any], key: str) -> bool:
    owner, value = OWNERS.get(key, (key, knobs.get(key)))
    return key in knobs and knobs.get(owner) == value


CHANGES = [
    (name, change)
    for name, knobs in KNOBS.items()
    for key, changes in OPTIONS.items()
    if owns(knobs, key)
    for change in changes
    if change != f"architecture.{key}={str(knobs[key]).lower()}"
]
REFUSED = [
    (name, change)
    for name, knobs in KNOBS.items()
    for key, changes in OPTIONS.items()
    if key in knobs and OWNERS.get(key, (key,))[0] in knobs and not owns(knobs, key)
    for change in changes
]


def run(cell: Cell, network: Network) -> dict[str, Tensor]:
    """Code, penalty and loss of the same examples."""
    batch = cell.task.splits["train"].batch(torch.arange(8))
    torch.manual_seed(0)
    with torch.no_grad():
        code = network.encode(batch)
        losses = cell.task.losses(network, batch)
    named = {name: loss for name, loss in vars(losses).items() if loss is not None}
    return {"code": code.code, **named}


def differ(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return any(
        first[name].shape != second[name].shape or not torch.allclose(first[name], second[name], atol=1e-6)
        for name in first
    )


def recurrent_modules(module: Any) -> list[nn.RNNBase]:
    return [part for part in module.modules() if isinstance(part, nn.RNNBase)]


@pytest.mark.parametrize(("task", "architecture"), FITTING)
def test_recurrent_layers_are_those_of_the_yaml(task: str, architecture: str, make_cell: Cells) -> None:
    knobs, network = KNOBS[architecture], make_cell(task, architecture).network()
    encoders = recurrent_modules(network.encoder)
    if knobs.get("cell") not in CELLS:
        assert not encoders
        return
    assert len(encoders) == knobs["depth"] * (2 if knobs["bidirectional"] else 1)
    decoders = recurrent_modules(network.decoder) if network.decoder is not None else []
    assert len(decoders) == (knobs["depth"] if network.decoder is not None else 0)
    for layer in (*encoders, *decoders):
        assert type(layer) is CELLS[knobs["cell"]]
        assert (layer.hidden_size, layer.num_layers, layer.bidirectional) == (WIDTH, 1, False)
    assert network.encoder.summary_width == WIDTH * (2 if knobs["bidirectional"] and knobs["merge"] == "concat" else 1)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_name_says_what_it_is(architecture: str) -> None:
    """bi: both directions; deep: more than one layer; rnn, lstm, gru: the cell; ae: reconstructs from a bottleneck."""
    knobs = KNOBS[architecture]
    if "cell" in knobs:
        assert architecture.endswith(knobs["cell"])
        assert knobs["bidirectional"] == architecture.removeprefix("deep_").startswith("bi")
        assert (knobs["depth"] > 1) == architecture.startswith("deep_")
    bottleneck = compose([f"architecture={architecture}"]).plain["bottleneck"]["name"]
    assert knobs["reconstructs"] == (bottleneck != "none")


@pytest.mark.parametrize(("architecture", "change"), CHANGES)
def test_each_option_changes_the_output(architecture: str, change: str, make_cell: Cells) -> None:
    plain, changed = (make_cell("forecasting", architecture, *overrides) for overrides in ((), (change,)))
    assert differ(run(plain, plain.network()), run(changed, changed.network()))


@pytest.mark.parametrize(("architecture", "change"), REFUSED)
def test_an_option_of_another_architecture_is_refused(architecture: str, change: str, make_cell: Cells) -> None:
    with pytest.raises(UserError):
        make_cell("forecasting", architecture, change).network()


@pytest.mark.parametrize("architecture", [name for name in ARCHITECTURES if "truncate" in KNOBS[name]])
def test_truncation_changes_gradients_only(architecture: str, make_cell: Cells) -> None:
    plain, short = (make_cell("forecasting", architecture, *more) for more in ((), ("architecture.truncate=2",)))
    networks = plain.network(), short.network()
    assert not differ(run(plain, networks[0]), run(short, networks[1]))
    gradients = []
    for cell, network in zip((plain, short), networks, strict=True):
        network.encode(cell.task.splits["train"].batch(torch.arange(8))).code.sum().backward()
        gradients.append({name: p.grad for name, p in network.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys() != set()
    assert differ(*gradients)


@pytest.mark.parametrize("architecture", [name for name in ARCHITECTURES if KNOBS[name].get("bidirectional")])
def test_each_merge_is_another_one(architecture: str, make_cell: Cells) -> None:
    """With the same weights, the five merges give five codes, and each is that merge of the two directions."""
    x = torch.randn(4, LENGTH, STEPS, generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([9, 1, 5, 7])
    mask = length_mask(lengths, LENGTH)
    node = compose([f"architecture={architecture}", "architecture.depth=1"]).plain["architecture"]["encoder"]
    shape = Shape(Side(STEPS, LENGTH), Side(STEPS, LENGTH), STEPS)
    found: dict[str, Encoded] = {}
    for merge in MERGES:
        torch.manual_seed(0)
        with torch.no_grad():
            found[merge] = create({**node, "merge": merge}, "architecture.encoder", shape=shape)(x, lengths, mask)
    for part in ("states", "summary"):
        values = {merge: getattr(encoded, part) for merge, encoded in found.items()}
        ahead, back = values["concat"].chunk(2, dim=-1)
        expected = {
            "sum": ahead + back,
            "mul": ahead * back,
            "average": (ahead + back) / 2,
            "max": torch.maximum(ahead, back),
        }
        for merge, value in expected.items():
            assert torch.allclose(values[merge], value, atol=1e-6), (part, merge)


@pytest.mark.parametrize("architecture", [name for name in ARCHITECTURES if "dropout" in KNOBS[name]])
def test_dropout_acts_in_training_only(architecture: str, make_cell: Cells) -> None:
    """Between layers, so that it takes two of them."""
    cell = make_cell("forecasting", architecture, "architecture.depth=2", "architecture.dropout=0.5")
    still = make_cell("forecasting", architecture, "architecture.depth=2")
    assert not differ(run(cell, cell.network()), run(still, still.network()))
    found = run(cell, cell.network().train())
    assert differ({"task": found["task"]}, {"task": run(still, still.network().train())["task"]})


@pytest.mark.parametrize(("task", "architecture"), among("lstm", "mlp", "ae", "ae_variational"))
def test_a_bottlenecks_size_is_the_codes(task: str, architecture: str, make_cell: Cells) -> None:
    """Of an example, or of each of its steps."""
    for size in (3, 7):
        cell = make_cell(task, architecture, f"bottleneck.size={size}")
        code = run(cell, cell.network())["code"]
        assert (len(code), code.shape[-1]) == (8, size)


@pytest.mark.parametrize(
    ("task", "architecture", "term"),
    [
        (task, name, term)
        for task, name in FITTING
        for term in compose([f"architecture={name}"]).plain["bottleneck"]["terms"]
        if term in Strengths.model_fields
    ],
)
def test_a_tasks_strength_weighs_the_penalty(task: str, architecture: str, term: str, make_cell: Cells) -> None:
    one, two = (make_cell(task, architecture, f"task.strengths.{term}={weight}") for weight in (1.0, 2.0))
    penalties = [run(cell, cell.network().train())["penalty"] for cell in (one, two)]
    assert penalties[0].min() > 0
    torch.testing.assert_close(penalties[1], 2 * penalties[0])


@pytest.mark.parametrize(
    ("task", "architecture", "bottleneck"),
    [
        (*pair, bottleneck)
        for pair in among(RECURRENT, FEEDFORWARD)
        for bottleneck in names("bottleneck")
        if misfit(*pair, f"bottleneck={bottleneck}") is None
    ],
)
def test_every_bottleneck_goes_with_every_kind_of_encoder(
    bottleneck: str, architecture: str, task: str, make_cell: Cells
) -> None:
    """Every parameter of it gets a gradient from the objective."""
    cell = make_cell(task, architecture, f"bottleneck={bottleneck}")
    network = cell.network().train()
    torch.manual_seed(1)  # words are masked at random, and here some are
    losses = cell.task.losses(network, cell.task.splits["train"].batch(torch.arange(8)))
    objective = cell.task.objective(losses)
    assert objective.shape == (8,)
    assert objective.isfinite().all()
    objective.sum().backward()
    for name, parameter in network.bottleneck.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
