"""Recurrent encoder and decoder: RNN (Elman 1990), LSTM (Hochreiter & Schmidhuber 1997, forget gate of Gers et al.
2000), GRU (Cho et al. 2014), uni- or bidirectional (Schuster & Paliwal 1997), any depth.

Equations, as computed by torch.nn (two biases a gate; sigma is the logistic function, * elementwise):
RNN   h_t = tanh(W x_t + b + U h_{t-1} + b')
LSTM  i, f, o = sigma(W x_t + b + U h_{t-1} + b') each with its own W, b, U, b';  g = tanh(...)
      c_t = f * c_{t-1} + i * g,  h_t = o * tanh(c_t)
GRU   r, z = sigma(...);  n = tanh(W x_t + b + r * (U h_{t-1} + b')),  h_t = (1 - z) * n + z * h_{t-1}

Sequences are padded and masked, not packed: on CPU packing is slower and its results change with the number of threads.
"""

import torch
from torch import Tensor, nn

from unroll.architectures.attention import Attention
from unroll.architectures.contracts import Encoded, Shape
from unroll.architectures.noise import dropout
from unroll.errors import UserError, suggest

CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}

MERGES = {
    "concat": lambda forward, backward: torch.cat((forward, backward), dim=-1),
    "sum": lambda forward, backward: forward + backward,
    "mul": lambda forward, backward: forward * backward,
    "average": lambda forward, backward: (forward + backward) / 2,
    "max": lambda forward, backward: torch.maximum(forward, backward),
}


def _chosen(option: str, word: str, choices: dict) -> None:
    if word not in choices:
        raise UserError(f"Unknown {option}.{suggest(word, choices)}", saw=word, allowed=list(choices))


def reverse_real(x: Tensor, lengths: Tensor) -> Tensor:
    """Reverse the real positions of [B, T, D] by each example's length; padding stays where it is."""
    steps = torch.arange(x.shape[1], device=x.device)[None, :]
    source = torch.where(steps < lengths[:, None], lengths[:, None] - 1 - steps, steps)
    return x.gather(1, source[:, :, None].expand_as(x))


class RecurrentLayer(nn.Module):
    """One layer in one direction or both: [B, T, D] -> outputs [B, T, H'], final [B, H'].

    H' is 2 x width for a concatenated bidirectional layer, else width. The final output of the forward direction is the
    one at the last real position, of the backward direction the one at the first.
    """

    def __init__(self, cell: str, input_width: int, width: int, bidirectional: bool, merge: str):
        super().__init__()
        self.ahead = CELLS[cell](input_width, width, batch_first=True)
        self.back = CELLS[cell](input_width, width, batch_first=True) if bidirectional else None
        self.merge = MERGES[merge]
        self.output_width = 2 * width if bidirectional and merge == "concat" else width

    def forward(self, x: Tensor, lengths: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        outputs = self.ahead(x)[0]
        last = (lengths - 1)[:, None, None].expand(-1, 1, outputs.shape[2])
        final = outputs.gather(1, last)[:, 0]
        if self.back is not None:
            back = reverse_real(self.back(reverse_real(x, lengths))[0], lengths)
            final = self.merge(final, back[:, 0])
            outputs = self.merge(outputs, back)
        return outputs * mask[:, :, None], final


class RecurrentEncoder(nn.Module):
    """Stacked recurrent layers; the code is the last layer's final output.

    Args:
        shape: what the task says of its input.
        cell: rnn | lstm | gru.
        width: hidden units of each direction.
        depth: stacked layers; each layer reads the merged output of the one below.
        bidirectional: a second network reads the sequence from its end.
        merge: of the two directions: concat | sum | mul | average | max.
        dropout: share of outputs zeroed between layers in training.
    """

    def __init__(
        self,
        shape: Shape,
        cell: str,
        width: int,
        depth: int = 1,
        bidirectional: bool = False,
        merge: str = "concat",
        dropout: float = 0.0,
    ):
        super().__init__()
        _chosen("cell", cell, CELLS)
        _chosen("merge", merge, MERGES)
        self.dropout = dropout
        self.layers = nn.ModuleList()
        below = shape.input_width
        for _ in range(depth):
            layer = RecurrentLayer(cell, below, width, bidirectional, merge)
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

    Raises:
        UserError: attention is asked for and the encoder has no states.
    """

    parallel = False
    linear_output = False

    def __init__(
        self,
        shape: Shape,
        code_width: int,
        state_width: int,
        cell: str,
        width: int,
        depth: int = 1,
        dropout: float = 0.0,
    ):
        super().__init__()
        _chosen("cell", cell, CELLS)
        self.dropout, self.units, self.depth = dropout, width, depth
        self.width = width if shape.decoder_input else width + code_width
        self.cell_states = 2 if cell == "lstm" else 1
        self.initial = nn.Linear(code_width, depth * self.cell_states * width)
        inputs = shape.decoder_input + code_width
        self.layers = nn.ModuleList(
            CELLS[cell](width if layer else inputs, width, batch_first=True) for layer in range(depth)
        )
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
            x, hidden = layer(x, hidden)
            after.append(torch.cat(hidden) if self.cell_states == 2 else hidden)
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
