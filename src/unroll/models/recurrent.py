"""Recurrent encoder and decoder: RNN, LSTM and GRU (see `cells`), uni- or bidirectional (Schuster & Paliwal 1997), any
depth, trained through the whole sequence or through a stated number of its steps.

Sequences are padded and masked, not packed: on CPU packing is slower and its results change with the number of threads.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from unroll.errors import UserError
from unroll.models.attention import Attention
from unroll.models.cells import Cell, CellName, advanced
from unroll.models.contracts import Encoded, Shape, State
from unroll.models.noise import dropout
from unroll.models.rows import moved
from unroll.registry.declared import When
from unroll.registry.options import Count, Share

MERGES = {
    "concat": lambda forward, backward: torch.cat((forward, backward), dim=-1),
    "sum": lambda forward, backward: forward + backward,
    "mul": lambda forward, backward: forward * backward,
    "average": lambda forward, backward: (forward + backward) / 2,
    "max": lambda forward, backward: torch.maximum(forward, backward),
}


def merged_bounds(bounds: tuple[float, float] | None, merge: str) -> tuple[float, float] | None:
    """Return the range that two merged directions lie in, each in a range of its own; None where that has none."""
    if bounds is None or merge not in ("sum", "mul"):
        return bounds
    ends = [one + other if merge == "sum" else one * other for one in bounds for other in bounds]
    return min(ends), max(ends)


def summed_bounds(bounds: tuple[float, float] | None, layers: int) -> tuple[float, float] | None:
    """Return the range that the sum of so many layers lies in, each in the same range; None where that has none."""
    return None if bounds is None else (layers * bounds[0], layers * bounds[1])


def reversal(lengths: Tensor, size: int) -> Tensor:
    """Rows [B x T] of sequences padded to `size`: the real ones from each one's end to its start; padding as it is."""
    steps = torch.arange(size, device=lengths.device)[None, :]
    first = torch.arange(len(lengths), device=lengths.device)[:, None] * size
    mirrored = lengths[:, None] - 1 - steps
    return (first + torch.where(mirrored >= 0, mirrored, steps)).flatten()


def in_order(x: Tensor, rows: Tensor) -> Tensor:
    """The rows of [B, T, D] in the order of a `reversal`, which is its own inverse."""
    return moved(x.flatten(0, 1), rows, rows).view_as(x)


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
        self.truncate = truncate
        self.ahead = cell.build(input_width, width)
        self.back = cell.build(input_width, width) if bidirectional and not tied else None
        self.merge = MERGES[merge]
        self.output_width = 2 * width if bidirectional and merge == "concat" else width

    def forward(
        self, x: Tensor, lengths: Tensor, mask: Tensor, rows: Tensor | None, state: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return outputs, final, and the forward direction's state after all T steps; it goes on from `state`.

        `rows`: the `reversal` of the sequences, for a bidirectional layer.
        """
        outputs, after = advanced(self.ahead, x, state, self.truncate)
        final = outputs[torch.arange(len(x), device=x.device), lengths - 1]
        if rows is not None:
            second = self.ahead if self.back is None else self.back
            back = in_order(advanced(second, in_order(x, rows), None, self.truncate)[0], rows)
            final = self.merge(final, back[:, 0])
            outputs = self.merge(outputs, back)
        return outputs * mask[:, :, None], final, after


class RecurrentEncoder(nn.Module):
    """Stacked recurrent layers; the summary is the last layer's final output.

    With `residual`, from the second layer on x_t^i = m_t^i + x_t^(i-1), for m_t^i what layer i gives and x_t^(i-1) what
    it reads, before dropout (Wu et al. 2016, section 3.1, eq. 6; without it x_t^i = m_t^i, eq. 5). The final outputs
    are summed likewise, so that each direction ends where its own layers do. All layers from the first on give vectors
    of one width: the sum always exists. Codes of N layers then lie in N times the range of one.

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
        residual: each layer from the second on adds its input to its output.

    Raises:
        UserError: an unknown word, an option of another cell, or tied without two directions.
    """

    version = 2  # 1: no residual sums, and no forget bias unless one was asked for
    states = "steps"
    causal = stateful = When(bidirectional=False)

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
        residual: bool = True,
    ):
        super().__init__()
        variant = cell if isinstance(cell, Cell) else Cell(cell)
        if tied and not bidirectional:
            raise UserError(
                "Only two directions can be tied.",
                saw="tied=true with bidirectional=false",
                allowed="tied=false, or a bidirectional architecture",
            )
        self.dropout, self.residual, self.bidirectional = dropout, residual, bidirectional
        self.layers = nn.ModuleList()
        below = shape.input.width
        for _ in range(depth):
            layer = RecurrentLayer(variant, below, width, bidirectional, merge, tied, truncate)
            self.layers.append(layer)
            below = layer.output_width
        self.summary_width = self.state_width = below
        self.cell_states, self.units = variant.cell_states, width
        one_layer = variant.bounds if not bidirectional else merged_bounds(variant.bounds, merge)
        self.bounds = summed_bounds(one_layer, depth if residual else 1)

    def forward(self, x: Tensor, lengths: Tensor, mask: Tensor, state: State | None = None) -> Encoded:
        """Encode x [B,T,D]: states [B,T,H'], summary [B,H'].

        It goes on from `state`, and carries on the one after all T steps, whether they are real or not.
        """
        final, carried = x[:, 0], []
        rows = reversal(lengths, x.shape[1]) if self.bidirectional else None
        for depth, layer in enumerate(self.layers):
            below, final_below = x, final
            if depth:
                x = dropout(x, self.dropout, self.training)
            x, final, after = layer(x, lengths, mask, rows, None if state is None else state[depth])
            if depth and self.residual:
                x, final = x + below, final + final_below
            carried.append(after)
        return Encoded(x, mask, final, carried)

    def start(self, examples: int) -> State:
        """The state before the first step: zeros."""
        weight = next(self.parameters())
        return [weight.new_zeros(self.cell_states, examples, self.units) for _ in self.layers]

    def step(self, state: State, x: Tensor) -> tuple[State, Tensor]:
        """Read one step [B, D]: the state after it, and the step's output [B, H]."""
        one = torch.ones(len(x), dtype=torch.int64, device=x.device)
        encoded = self(x[:, None], one, one.bool()[:, None], state)
        return encoded.carried, encoded.states[:, 0]


class RecurrentDecoder(nn.Module):
    """A recurrent network started from the code, which it also reads at every step (Cho et al. 2014, eq. 5).

    Where the task gives inputs (the previous target tokens) it is autoregressive. Else the code alone drives it, and
    each output is [h_t; code], so that the task's head reads both, as their output g(h_t, y_{t-1}, c) does.
    With attention, each output is tanh(W [context; h]) (Luong et al. 2015, eq. 5, without input feeding), so that all
    steps are computed at once in training; the score is additive or multiplicative, see `Attention`.
    Options are the encoder's; h is the sum of the layers with `residual`.

    Raises:
        UserError: an unknown word, or an option of another cell.
    """

    version = 2  # as of the encoder
    parallel = False
    attends = True
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
        residual: bool = True,
    ):
        super().__init__()
        variant = cell if isinstance(cell, Cell) else Cell(cell)
        self.dropout, self.residual = dropout, residual
        self.units, self.depth, self.truncate = width, depth, truncate
        self.width = width if shape.decoder_input else width + code_width
        self.cell_states = variant.cell_states
        self.initial = nn.Linear(code_width, depth * self.cell_states * width)
        inputs = shape.decoder_input + code_width
        self.layers = nn.ModuleList(variant.build(width if layer else inputs, width) for layer in range(depth))
        self.attention: Attention | None = None
        if shape.attention is not None:
            self.attention = Attention(shape.attention, width, state_width)

    def start(self, code: Tensor) -> State:
        """The state before the first step."""
        initial = torch.tanh(self.initial(code)).view(len(code), self.depth, self.cell_states, self.units)
        return [initial[:, layer].transpose(0, 1).contiguous() for layer in range(self.depth)]

    def run(self, state: State, x: Tensor, memory: Encoded | None) -> tuple[State, Tensor]:
        """Advance over x [B, T', E + Z]: the new state, and outputs [B, T', H]."""
        after = []
        for depth, (layer, before) in enumerate(zip(self.layers, state, strict=True)):
            below = x
            if depth:
                x = dropout(x, self.dropout, self.training)
            x, left = advanced(layer, x, before, self.truncate)
            if depth and self.residual:
                x = x + below
            after.append(left)
        if self.attention is not None:
            assert memory is not None
            assert memory.states is not None
            x = self.attention(x, memory.states, memory.mask)
        return after, x

    def step(self, state: State, inputs: Tensor, code: Tensor, memory: Encoded | None) -> tuple[State, Tensor]:
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
