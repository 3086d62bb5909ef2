"""What each layer of a stack adds to what it reads, on outputs that are known."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from unroll.config.compose import compose
from unroll.errors import UserError
from unroll.models.contracts import Encoded, Shape, Side, length_mask
from unroll.models.recurrent import RecurrentDecoder, RecurrentEncoder, summed_bounds

SHAPE = Shape(Side(1, 4), Side(1, 4), 1)
LENGTHS = torch.tensor([3])  # of four steps, the last of which is padding


class Written(nn.Module):
    """A layer that writes down known outputs of one unit, and keeps what it reads."""

    def __init__(self, *values: float):
        super().__init__()
        self.values = torch.tensor(values, dtype=torch.float32)

    def forward(self, x: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        self.read = x
        return self.values.view(1, -1, 1), self.values.view(1, -1, 1)[:, -1:]


def encoder(*layers: tuple[Written, Written | None], **options: Any) -> RecurrentEncoder:
    found = RecurrentEncoder(SHAPE, "rnn", 1, len(layers), layers[0][1] is not None, **options)
    for layer, (ahead, back) in zip(found.layers, layers, strict=True):
        layer.ahead, layer.back = ahead, back
    return found


def encoded(network: RecurrentEncoder) -> Encoded:
    return network(torch.full((1, 4, 1), 7.0), LENGTHS, length_mask(LENGTHS, 4))


def test_layers_from_the_second_on_add_what_they_read() -> None:
    """The first does not: it reads 7. Padding stays zero, and the summary is the sum at the last real position."""
    layers = [(Written(1, 2, 3, 99), None), (Written(10, 20, 30, 99), None), (Written(100, 200, 300, 99), None)]
    found = encoded(encoder(*layers))
    assert found.states is not None
    assert found.states.flatten().tolist() == [111, 222, 333, 0]
    assert found.summary.tolist() == [[333]]
    assert layers[2][0].read.flatten().tolist() == [11, 22, 33, 0]
    alone = encoded(encoder(*layers, residual=False))
    assert alone.states is not None
    assert alone.states.flatten().tolist() == [100, 200, 300, 0]
    assert alone.summary.tolist() == [[300]]


@pytest.mark.parametrize(
    ("merge", "states", "final"),
    [
        ("concat", [[11, 66], [22, 55], [33, 44], [0, 0]], [33, 66]),
        ("sum", [[77], [77], [77], [0]], [99]),
        ("max", [[66], [55], [44], [0]], [66]),
    ],
)
def test_each_direction_ends_where_its_own_layers_do(merge: str, states: list[Any], final: list[float]) -> None:
    """Ahead at the last real position, backward at the first: 30 + 3 and 60 + 6, merged in each layer.

    The backward layers write from the end: 4, 5, 6 in their order is 6, 5, 4 in that of the sequence.
    """
    layers = [(Written(1, 2, 3, 99), Written(4, 5, 6, 99)), (Written(10, 20, 30, 99), Written(40, 50, 60, 99))]
    found = encoded(encoder(*layers, merge=merge))
    assert found.states is not None
    assert found.states[0].tolist() == states
    assert found.summary[0].tolist() == final


def test_dropout_is_of_what_a_layer_reads_and_not_of_the_sum() -> None:
    second = Written(10, 20, 30, 99)
    torch.manual_seed(0)
    found = encoded(encoder((Written(1, 2, 3, 99), None), (second, None), dropout=0.5).train())
    for value, read in zip((1, 2, 3, 0), second.read.flatten().tolist(), strict=True):
        assert read in (0, 2 * value)
    assert found.states is not None
    assert found.states.flatten().tolist() == [11, 22, 33, 0]


@pytest.mark.parametrize(("residual", "expected"), [(True, [11, 22, 33, 44]), (False, [10, 20, 30, 40])])
def test_a_decoders_layers_add_what_they_read_too(residual: bool, expected: list[float]) -> None:
    """But not the first, which reads [input; code]."""
    decoder = RecurrentDecoder(Shape(Side(1, 4), Side(1, 4), 1, decoder_input=1), 1, 0, "rnn", 1, 2, residual=residual)
    decoder.layers = nn.ModuleList([Written(1, 2, 3, 4), Written(10, 20, 30, 40)])
    found = decoder(torch.full((1, 1), 5.0), None, 4, torch.full((1, 4, 1), 7.0))
    assert found.flatten().tolist() == expected


@pytest.mark.parametrize(
    ("bounds", "layers", "found"), [((-1, 1), 3, (-3, 3)), ((0, 2), 2, (0, 4)), ((-1, 1), 1, (-1, 1)), (None, 3, None)]
)
def test_sums_of_layers_lie_in_a_range_of_their_own(bounds: Any, layers: int, found: Any) -> None:
    assert summed_bounds(bounds, layers) == found


def test_weights_have_the_names_that_they_have_without() -> None:
    one, other = (RecurrentEncoder(SHAPE, "lstm", 2, 3, residual=residual).state_dict() for residual in (True, False))
    assert one.keys() == other.keys()


def test_one_layer_has_nothing_to_leave_out() -> None:
    with pytest.raises(UserError, match="would change nothing"):
        compose(["architecture=lstm", "architecture.residual=false"])
    compose(["architecture=lstm", "architecture.depth=2", "architecture.residual=false"])


@pytest.mark.parametrize("value", ["null", "0.5"])
def test_a_forget_bias_of_a_cell_that_forgets_by_no_gate_is_refused(value: str) -> None:
    with pytest.raises(UserError, match=r"would change nothing|belongs to"):
        compose(["architecture=gru", f"architecture.forget_bias={value}"])
    compose(["architecture=lstm", f"architecture.forget_bias={value}"])
