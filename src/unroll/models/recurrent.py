"""Recurrent encoder and decoder: RNN, LSTM and GRU (see `cells`), uni- or bidirectional (Schuster & Paliwal 1997), any
depth, trained through the whole sequence or through a stated number of its steps.

Sequences are padded and masked, not packed: on CPU packing is slower and its results change with the number of threads.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from unroll.errors import UserError
from unroll.models.attention import Attention
from unroll.models.cells import Cell, CellName, unrolled
from unroll.models.contracts import Encoded, Shape
from unroll.models.noise import dropout
from unroll.registry.options import Count, Share

MERGES = {
    "concat": lambda forward, backward: torch.cat((forward, backward), dim=-1),
    "sum": lambda forward, backward: forward + backward,
    "mul": lambda forward, backward: forward * backward,
    "average": lambda forward, backward: (forward + backward) / 2,
    "max": lambda forward, backward: torch.maximum(forward, backward),
}


def reverse_real(x: Tensor, lengths: Tensor) -> Tensor:
    """Reverse the real positions of [B, T, D] by each example's length; padding stays where it is."""
    steps = torch.arange(x.shape[1], device=x.device)[None, :]
    source = torch.where(steps < lengths[:, None], lengths[:, None] - 1 - steps, steps)
    return x.gather(1, source[:, :, None].expand_as(x))


class RecurrentLayer(nn.Module):
    """One layer in one direction or both: [B, T, D] -> outputs [B, T, H'], final [B, H'].

    H' is 2 x width for a concatenated bidirectional layer, else width. The final output of the forward direction is the
    one at the last real position, of the backward direction the one at the first. Tied directions have one set of
    parameters (Tai, Socher, Manning 2015, section 2.2). A truncated backward direction counts its steps from the end.
    """

    def __init__(
        self,
        cell: Cell,
        input_width: int,
        width: Count,
        bidirectional: bool,
        merge: str,
        tied: bool = False,
        truncate: Count | None = None,
    ):
        super().__init__()
        self.bidirectional, self.truncate = bidirectional, truncate
        self.ahead = cell.build(input_width, width)
        self.back = cell.build(input_width, width) if bidirectional and not tied else None
        self.merge = MERGES[merge]
        self.output_width = 2 * width if bidirectional and merge == "concat" else width

    def forward(self, x: Tensor, lengths: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        outputs = unrolled(self.ahead, x, None, self.truncate)[0]
        last = (lengths - 1)[:, None, None].expand(-1, 1, outputs.shape[2])
        final = outputs.gather(1, last)[:, 0]
        if self.bidirectional:
            second = self.ahead if self.back is None else self.back
            back = reverse_real(unrolled(second, reverse_real(x, lengths), None, self.truncate)[0], lengths)
            final = self.merge(final, back[:, 0])
            outputs = self.merge(outputs, back)
        return outputs * mask[:, :, None], final


class RecurrentEncoder(nn.Module):
    """Stacked recurrent layers; the code is the last layer's final output.

    Args:
        shape: what the task says of its input.
        cell: a `Cell`, or the name of one as it is by default.
        width: hidden units of each direction.
        depth: stacked layers; each layer reads the merged output of the one below.
        bidirectional: a second network reads the sequence from its end.
        merge: of the two directions: concat | sum | mul | average | max.
        dropout: share of outputs zeroed between layers in training.
        tied: both directions have the same parameters.
        truncate: steps that gradients flow back through; null for all.

    Raises:
        UserError: an unknown word, an option of another cell, or tied without two directions.
    """

    def __init__(
        self,
        shape: Shape,
        cell: Cell | CellName,
        width: Count,
        depth: Count = 1,
        bidirectional: bool = False,
        merge: Literal["concat", "sum", "mul", "average", "max"] = "concat",
        dropout: Share = 0.0,
        tied: bool = False,
        truncate: Count | None = None,
    ):
        super().__init__()
        variant = cell if isinstance(cell, Cell) else Cell(cell)
        if tied and not bidirectional:
            raise UserError(
                "Only two directions can be tied.",
                saw="tied=true with bidirectional=false",
                allowed="tied=false, or a bidirectional architecture",
            )
        self.dropout = dropout
        self.layers = nn.ModuleList()
        below = shape.input_width
        for _ in range(depth):
            layer = RecurrentLayer(variant, below, width, bidirectional, merge, tied, truncate)
            self.layers.append(layer)
            below = layer.output_width
        self.code_width = self.state_width = below

    def forward(self, x: Tensor, lengths: Tensor, mask: Tensor) -> Encoded:
        """Encode x [B,T,D]: states [B,T,H'], code [B,H']."""
        final = x[:, 0]
        for depth, layer in enumerate(self.layers):
            if depth:
                x = dropout(x, self.dropout, self.training)
            x, final = layer(x, lengths, mask)
        return Encoded(x, mask, final)


class RecurrentDecoder(nn.Module):
    """A recurrent network started from the code, which it also reads at every step (Cho et al. 2014, eq. 5).

    Where the task gives inputs (the previous target tokens) it is autoregressive. Else the code alone drives it, and
    each output is [h_t; code], so that the task's head reads both, as their output g(h_t, y_{t-1}, c) does.
    With attention, each output is tanh(W [context; h]) (Luong et al. 2015, eq. 5, without input feeding), so that all
    steps are computed at once in training; the score is additive or multiplicative, see `Attention`.
    Options are the encoder's.

    Raises:
        UserError: attention is asked for and the encoder has no states; an unknown word, or an option of another cell.
    """

    parallel = False
    linear_output = False

    def __init__(
        self,
        shape: Shape,
        code_width: int,
        state_width: int,
        cell: Cell | CellName,
        width: Count,
        depth: Count = 1,
        dropout: Share = 0.0,
        truncate: Count | None = None,
    ):
        super().__init__()
        variant = cell if isinstance(cell, Cell) else Cell(cell)
        self.dropout, self.units, self.depth, self.truncate = dropout, width, depth, truncate
        self.width = width if shape.decoder_input else width + code_width
        self.cell_states = 2 if variant.cell == "lstm" else 1
        self.initial = nn.Linear(code_width, depth * self.cell_states * width)
        inputs = shape.decoder_input + code_width
        self.layers = nn.ModuleList(variant.build(width if layer else inputs, width) for layer in range(depth))
        self.attention: Attention | None = None
        if shape.attention is not None:
            if state_width == 0:
                raise UserError(
                    "Attention needs an encoder that keeps its states.",
                    saw=f"task.attention={shape.attention} with an encoder without states",
                    allowed="task.attention=null, or a recurrent encoder",
                )
            self.attention = Attention(shape.attention, width, state_width)

    def start(self, code: Tensor) -> list[Tensor]:
        """The state before the first step, one tensor [cell states, B, H] a layer."""
        initial = torch.tanh(self.initial(code)).view(len(code), self.depth, self.cell_states, self.units)
        return [initial[:, layer].transpose(0, 1).contiguous() for layer in range(self.depth)]

    def run(self, state: list[Tensor], x: Tensor, memory: Encoded | None) -> tuple[list[Tensor], Tensor]:
        """Advance over x [B, T', E + Z]: the new state, and outputs [B, T', H]."""
        after = []
        for depth, (layer, before) in enumerate(zip(self.layers, state, strict=True)):
            if depth:
                x = dropout(x, self.dropout, self.training)
            hidden = (before[:1], before[1:]) if self.cell_states == 2 else before
            x, hidden = unrolled(layer, x, hidden, self.truncate)
            after.append(torch.cat(hidden) if isinstance(hidden, tuple) else hidden)
        if self.attention is not None:
            assert memory is not None
            assert memory.states is not None
            x = self.attention(x, memory.states, memory.mask)
        return after, x

    def step(
        self, state: list[Tensor], inputs: Tensor, code: Tensor, memory: Encoded | None
    ) -> tuple[list[Tensor], Tensor]:
        """One step: inputs [B, E] -> the new state, output [B, H]."""
        state, outputs = self.run(state, torch.cat((inputs, code), dim=-1)[:, None], memory)
        return state, outputs[:, 0]

    def forward(self, code: Tensor, memory: Encoded | None, length: int, inputs: Tensor | None = None) -> Tensor:
        """Decode code [B,Z] into [B, length, H]; inputs [B, length, E] where the task gives them."""
        x = code[:, None].expand(-1, length, -1)
        if inputs is not None:
            x = torch.cat((inputs, x), dim=-1)
        outputs = self.run(self.start(code), x, memory)[1]
        return torch.cat((outputs, x), dim=-1) if inputs is None else outputs
