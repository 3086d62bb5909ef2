"""A cell of one's own, the recipe's minGRU: what a recurrent architecture does around it, against loops by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from recipes import recipe
from torch import Tensor, nn

from unroll.config.compose import compose
from unroll.errors import UserError
from unroll.models.cells import Cell
from unroll.models.contracts import Shape, Side, length_mask
from unroll.models.recurrent import RecurrentDecoder, RecurrentEncoder
from unroll.registry.groups import config_directories
from unroll.training.train import check_components

B, T, D, H = 3, 5, 4, 6
LENGTHS = torch.tensor([5, 3, 1])
SHAPE = Shape(Side(D, T), Side(D, T), reference_code=D)
NODE = {"_target_": "mingru.MinGRU"}
MERGE = {
    "concat": lambda ahead, back: np.concatenate((ahead, back), axis=-1),
    "sum": np.add,
    "mul": np.multiply,
    "average": lambda ahead, back: (ahead + back) / 2,
    "max": np.maximum,
}
WRONG = """
from torch import nn

class Alone(nn.Linear):
    def __init__(self, input_width, width):
        super().__init__(input_width, width)
    def forward(self, x, state=None):
        return super().forward(x)

class Flat(Alone):
    def forward(self, x, state=None):
        outputs = super().forward(x)
        return outputs, outputs[:, -1]

class Once(Alone):
    def forward(self, x, state=None):
        outputs = super().forward(x)
        return (outputs, outputs[:, -1][None]) if state is None else outputs + state

class Last(Alone):
    def forward(self, x, state=None):
        outputs = super().forward(x)
        return outputs[:, -1], outputs[:, -1][None]

class Single(Alone):
    cell_states = 2
    def forward(self, x, state=None):
        outputs = super().forward(x)
        return outputs, outputs[:, -1][None]

class Raises(Alone):
    def forward(self, x, state=None):
        raise RuntimeError("no such thing")

class NoModule:
    def __init__(self, input_width, width):
        pass
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    recipe("A cell").write(tmp_path)
    config_directories(str(tmp_path / "mine"))
    return tmp_path / "mine"


def ran(layer: Any, x: np.ndarray) -> np.ndarray:
    """The states [T,H] of one sequence [T,D], step by step."""
    (w, b), (v, c) = ([each.detach().double().numpy() for each in part.parameters()] for part in layer.children())
    h, states = np.zeros(H), []
    for step in x:
        z = 1 / (1 + np.exp(-(w @ step + b)))
        h = (1 - z) * h + z * (v @ step + c)
        states.append(h)
    return np.array(states)


def by_hand(encoder: RecurrentEncoder, x: np.ndarray, merge: str) -> tuple[np.ndarray, np.ndarray]:
    """States [T,H'] and summary [H'] of one sequence [T,D] without padding."""
    final = x[0]
    for place, layer in enumerate(encoder.layers):
        below = (x, final) if place else (0, 0)
        states = ran(layer.ahead, x)
        last = states[-1]
        if encoder.bidirectional:
            back = ran(layer.ahead if layer.back is None else layer.back, x[::-1])[::-1]
            states, last = MERGE[merge](states, back), MERGE[merge](last, back[0])
        x, final = states + below[0], last + below[1]
    return x, final


def inputs() -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    mask = length_mask(LENGTHS, T)
    return torch.randn(B, T, D) * mask[:, :, None], mask


ONE_WAY = [{"bidirectional": False, "depth": depth, "truncate": truncate} for depth in (1, 3) for truncate in (None, 2)]
BOTH = [
    {"bidirectional": True, "merge": merge, "tied": tied, "depth": depth, "truncate": truncate}
    for merge in MERGE
    for tied in (False, True)
    for depth, truncate in ((1, None), (2, 2))
]


@pytest.mark.parametrize("options", [*ONE_WAY, *BOTH], ids=str)
def test_every_option_of_an_encoder_goes_with_it(options: dict[str, Any], mine: Path) -> None:
    torch.manual_seed(0)
    encoder = RecurrentEncoder(SHAPE, Cell(NODE), H, dropout=0.5, **options).eval()
    x, mask = inputs()
    found = encoder(x, LENGTHS, mask)
    assert found.states is not None
    for row, size in enumerate(LENGTHS.tolist()):
        states, summary = by_hand(encoder, x[row, :size].double().numpy(), options.get("merge", "concat"))
        np.testing.assert_allclose(found.states[row, :size].detach(), states, atol=1e-5)
        np.testing.assert_allclose(found.summary[row].detach(), summary, atol=1e-5)
        assert not found.states[row, size:].any()
    both = options["bidirectional"] and not options["tied"]
    layers = sum(type(layer).__name__ == "MinGRU" for layer in encoder.modules())
    assert layers == options["depth"] * (2 if both else 1)


def test_dropout_lies_between_layers_and_truncation_stops_gradients(mine: Path) -> None:
    x, mask = inputs()
    encoder = RecurrentEncoder(SHAPE, Cell(NODE), H, depth=2, dropout=0.5)
    torch.manual_seed(2)
    first = encoder(x, LENGTHS, mask).summary
    assert not torch.allclose(first, encoder(x, LENGTHS, mask).summary)
    for truncate, reaches in ((None, True), (2, False)):
        short = RecurrentEncoder(SHAPE, Cell(NODE), H, truncate=truncate)
        seen = x.clone().requires_grad_()
        states = short(seen, LENGTHS, mask).states
        assert states is not None
        (gradient,) = torch.autograd.grad(states[0, 4].sum(), seen)
        assert bool(gradient[0, 0].any()) is reaches


def test_it_goes_on_from_a_state(mine: Path) -> None:
    encoder = RecurrentEncoder(SHAPE, Cell(NODE), H, depth=2).eval()
    x, lengths = torch.randn(B, T, D), torch.full((B,), T)
    whole = encoder(x, lengths, length_mask(lengths, T))
    assert whole.states is not None
    for size in (1, 2, 3):
        state, parts = None, []
        for chunk in x.split(size, dim=1):
            counts = torch.full((B,), chunk.shape[1])
            found = encoder(chunk, counts, length_mask(counts, chunk.shape[1]), state)
            parts.append(found.states)
            state = found.carried
        torch.testing.assert_close(torch.cat(parts, dim=1), whole.states)
    state, steps = encoder.start(B), []
    for step in x.unbind(dim=1):
        state, states = encoder.step(state, step)
        steps.append(states)
    torch.testing.assert_close(torch.stack(steps, dim=1), whole.states)


@pytest.mark.parametrize("attention", [None, "additive", "multiplicative"])
def test_the_decoder_has_it_with_attention(attention: str | None, mine: Path) -> None:
    shape = Shape(Side(D, T), Side(D, T), reference_code=D, decoder_input=D, attention=attention)
    x, mask = inputs()
    memory = RecurrentEncoder(shape, Cell(NODE), H)(x, LENGTHS, mask)
    decoder = RecurrentDecoder(shape, H, H, Cell(NODE), H, depth=2).eval()
    given = torch.randn(B, 4, D)
    whole = decoder(memory.summary, memory, 4, given)
    state, steps = decoder.start(memory.summary), []
    for step in given.unbind(dim=1):
        state, output = decoder.step(state, step, memory.summary, memory)
        steps.append(output)
    torch.testing.assert_close(torch.stack(steps, dim=1), whole)
    states = ran(decoder.layers[0], torch.cat((given[0], memory.summary[0].expand(4, -1)), dim=1).detach().numpy())
    start = decoder.start(memory.summary)[0][0, 0].detach().double().numpy()
    keep = np.cumprod(1 - gates(decoder.layers[0], given[0], memory.summary[0]), axis=0)
    outputs = decoder.layers[0](
        torch.cat((given[:1], memory.summary[:1, None].expand(-1, 4, -1)), dim=-1),
        decoder.start(memory.summary)[0][:, :1],
    )[0]
    np.testing.assert_allclose(outputs[0].detach(), states + keep * start, atol=1e-5)


def gates(layer: Any, given: Tensor, code: Tensor) -> np.ndarray:
    seen = torch.cat((given, code.expand(len(given), -1)), dim=1)
    found: np.ndarray = torch.sigmoid(layer.gate(seen)).detach().double().numpy()
    return found


def test_ids_are_of_its_name_and_options(mine: Path) -> None:
    chosen = ["task=copying", "architecture=mingru"]
    first = compose(chosen, str(mine)).trial_id
    text = (mine / "mingru.py").read_text()
    sized = text.replace("width):", "width, slope: float = 1.0):").replace("sigmoid(", "sigmoid(slope * ")
    (mine / "elsewhere.py").write_text(text)
    (mine / "steeper.py").write_text(sized)
    node = "architecture.cell={_target_: elsewhere.MinGRU}"
    assert compose([*chosen, node], str(mine)).trial_id == first
    others = [
        compose([*chosen, f"architecture.cell={{_target_: steeper.MinGRU, slope: {slope}}}"], str(mine)).trial_id
        for slope in (1.0, 2.0)
    ]
    assert others[0] == first
    assert others[1] != first
    assert compose([*chosen, "architecture.depth=2"], str(mine)).trial_id != first
    with pytest.raises(UserError, match="is of the cells that ship"):
        check_components(compose([*chosen, "architecture.reset=before"], str(mine)))


def test_a_language_model_takes_it_in_one_direction(mine: Path) -> None:
    chosen = ["task=language_modelling", "architecture=mingru"]
    assert compose(chosen, str(mine)).row == "mingru"
    with pytest.raises(UserError, match=r"goes on from a state|sees no later step"):
        compose([*chosen, "architecture.bidirectional=true"], str(mine))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Alone", "does not work as a layer|gives other shapes"),
        ("Flat", r"gives other shapes.*\[2, 3, 6\] and \[2, 6\].*\[2, 3, 6\] and \[1, 2, 6\]"),
        ("Once", "wrong.Once does not work as a layer"),
        ("Last", r"gives other shapes.*\[2, 6\] and \[1, 2, 6\]"),
        ("Single", "gives other shapes"),
        ("Raises", "does not work as a layer.*RuntimeError: no such thing"),
        ("NoModule", "something else than a class of the kind torch.nn"),
    ],
)
def test_a_class_that_is_no_cell_is_one_message(name: str, says: str, mine: Path) -> None:
    (mine / "wrong.py").write_text(WRONG)
    with pytest.raises(UserError, match=f"(?s){says}"):
        RecurrentEncoder(SHAPE, Cell({"_target_": f"wrong.{name}"}), H)


def test_looking_at_a_layer_changes_nothing_of_it(mine: Path) -> None:
    torch.manual_seed(0)
    encoder = RecurrentEncoder(SHAPE, Cell(NODE), H)
    after = torch.rand(3)
    torch.manual_seed(0)
    nn.ModuleList([nn.Linear(D, H), nn.Linear(D, H)])
    assert torch.equal(after, torch.rand(3))
    assert all(layer.training for layer in encoder.modules())
