"""Recurrent cells: what one step computes, how many biases a gate has, and how the recurrent weights start.

Equations, gates as in torch.nn (sigma is the logistic function, * elementwise, no peepholes):
RNN   h_t = phi(W x_t + b + U h_{t-1} + b'), phi is tanh or relu                           (Elman 1990)
LSTM  i, f, o = sigma(W x_t + b + U h_{t-1} + b') each with its own W, b, U, b';  g = tanh(...)
      c_t = f * c_{t-1} + i * g,  h_t = o * tanh(c_t)     (Hochreiter & Schmidhuber 1997, Gers et al. 2000)
GRU   r, z = sigma(...),  h_t = (1 - z) * n + z * h_{t-1}                                 (Cho et al. 2014)
      n = tanh(W x_t + b + r * (U h_{t-1} + b')) with the reset gate after the product, as cuDNN and torch.nn have it
      n = tanh(W x_t + b + U (r * h_{t-1}) + b') with it before the product, as Cho et al. (eq. 8) have it
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unroll.errors import UserError
from unroll.registry.components import create, locate
from unroll.registry.options import OptionGroup

WEIGHTS = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")  # W, U, b, b', gates one below the other
Hidden = Tensor | tuple[Tensor, Tensor]  # [1, B, H]; an LSTM has two: h and c


class ResetBeforeGRU(nn.GRU):
    """A GRU layer whose reset gate acts before the recurrent product; parameters and shapes are those of `nn.GRU`."""

    def forward(self, x: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Run over x [B, T, D] from hx [1, B, H] or zeros: outputs [B, T, H], the last state [1, B, H]."""
        width = self.hidden_size
        h = x.new_zeros(len(x), width) if hx is None else hx[0]
        weight_ih, weight_hh, bias_ih, bias_hh = (getattr(self, name) for name in WEIGHTS)
        gate_weights, new_weights = weight_hh.split((2 * width, width))
        gate_bias, new_bias = bias_hh.split((2 * width, width))
        outputs = []
        for seen in F.linear(x, weight_ih, bias_ih).unbind(1):
            gates = torch.sigmoid(seen[:, : 2 * width] + F.linear(h, gate_weights, gate_bias))
            r, z = gates.chunk(2, dim=-1)
            n = torch.tanh(seen[:, 2 * width :] + F.linear(r * h, new_weights, new_bias))
            h = (1 - z) * n + z * h
            outputs.append(h)
        return torch.stack(outputs, dim=1), h[None]


CELL = "architecture.cell"
CellName = Literal["rnn", "lstm", "gru"]
CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


@dataclass(frozen=True)
class Cell(OptionGroup):
    """A kind of cell and its variant.

    Args:
        cell: rnn | lstm | gru; or the node of a class of one's own, `{_target_: module.Class}` with its options: then
            all options below keep their defaults. `Class(input_width, width, **options)` is a layer of one direction,
            (x [B,T,D], state or None) -> outputs [B,T,H], state; the state is a tensor [1,B,H], or a pair of them with
            `cell_states = 2` on the class, of which the outputs are the first. Outputs that lie in a range of their own
            may declare it: `bounds = (-1, 1)`.
        nonlinearity: of an rnn: tanh | relu.
        biases: per gate: 2 as torch.nn and cuDNN count them, or 1 as Keras does; one of two adds nothing but parameters
            except in a GRU whose reset gate is after the product, where r scales the second.
        reset: of a GRU, before or after the recurrent product: after | before.
        initialisation: of the recurrent matrices: default (uniform within 1/sqrt(width)) | orthogonal (each gate's;
            Saxe, McClelland, Ganguli 2014) | identity (and zero biases; Le, Jaitly, Hinton 2015; relu rnn only) |
            lecun (those of the input, too: normal with variance 1/inputs, and zero biases; LeCun, Bottou, Orr,
            Mueller 1998, section 4.6) | keras (orthogonal over all gates at once, those of the input uniform within
            sqrt(6 / (inputs + outputs)) of all gates, Glorot & Bengio 2010, equation 16, and zero biases).
        forget_bias: of an LSTM, what the forget gate's biases sum to at the start (1 as Jozefowicz, Zaremba,
            Sutskever 2015 recommend); null is torch's uniform draw.

    Raises:
        UserError: an option of another cell; and when it is built, a class whose layers give something else.
    """

    cell: CellName | Mapping[str, Any]
    nonlinearity: Literal["tanh", "relu"] = "tanh"
    biases: Literal[1, 2] = 2
    reset: Literal["after", "before"] = "after"
    initialisation: Literal["default", "orthogonal", "identity", "lecun", "keras"] = "default"
    forget_bias: float | None = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.cell, str):
            changed = [each.name for each in fields(self)[1:] if getattr(self, each.name) != each.default]
            if changed:
                saw = f"{changed[0]}={getattr(self, changed[0])} with cell={self.cell.get('_target_')}"
                raise UserError(
                    f"The option {changed[0]} is of the cells that ship.", saw=saw, allowed="options in the cell's node"
                )
            return
        if self.nonlinearity != "tanh" and self.cell != "rnn":
            raise self._belongs(f"nonlinearity={self.nonlinearity}", "an rnn", "nonlinearity=tanh, or cell=rnn")
        if self.reset != "after" and self.cell != "gru":
            raise self._belongs(f"reset={self.reset}", "a GRU", "reset=after, or cell=gru")
        if self.initialisation == "identity" and (self.cell, self.nonlinearity) != ("rnn", "relu"):
            allowed = "initialisation=default, initialisation=orthogonal, or cell=rnn with nonlinearity=relu"
            raise self._belongs("initialisation=identity", "an rnn with relu", allowed)
        if self.forget_bias not in (1.0, None) and self.cell != "lstm":  # null: the default before, in records
            raise self._belongs(f"forget_bias={self.forget_bias}", "an LSTM", "no forget_bias, or cell=lstm")

    def _belongs(self, option: str, owner: str, allowed: str) -> UserError:
        seen = f"{option} with cell={self.cell}, nonlinearity={self.nonlinearity}"
        return UserError(f"The option {option.partition('=')[0]} is of {owner} only.", saw=seen, allowed=allowed)

    @property
    def cell_states(self) -> int:
        """How many tensors a layer carries from step to step."""
        if isinstance(self.cell, str):
            return 2 if self.cell == "lstm" else 1
        return int(getattr(locate(self.cell, CELL, nn.Module), "cell_states", 1))

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The range that its outputs lie in; None where they have none."""
        if not isinstance(self.cell, str):
            return getattr(locate(self.cell, CELL, nn.Module), "bounds", None)
        return None if self.nonlinearity == "relu" else (-1.0, 1.0)

    def build(self, input_width: int, width: int) -> nn.Module:
        """One layer in one direction: (x [B,T,D], state [1,B,H] or None) -> outputs [B,T,H], state."""
        if not isinstance(self.cell, str):
            made: nn.Module = create(self.cell, CELL, nn.Module, input_width=input_width, width=width)
            _check_layer(made, str(self.cell["_target_"]), input_width, width, self.cell_states)
            return made
        layer: nn.RNNBase
        if self.cell == "rnn":
            layer = nn.RNN(input_width, width, nonlinearity=self.nonlinearity, batch_first=True)
        elif self.reset == "before":
            layer = ResetBeforeGRU(input_width, width, batch_first=True)
        else:
            layer = CELLS[self.cell](input_width, width, batch_first=True)
        self._initialise(layer, width)
        if self.biases == 1:
            _fix_second_bias(layer)
        return layer

    @torch.no_grad()
    def _initialise(self, layer: nn.RNNBase, width: int) -> None:
        inward, recurrent, bias, second_bias = (layer.get_parameter(name) for name in WEIGHTS)
        if self.initialisation == "orthogonal":
            for gate in recurrent.split(width):
                nn.init.orthogonal_(gate)
        elif self.initialisation == "identity":
            nn.init.eye_(recurrent)
        elif self.initialisation == "lecun":
            for matrix in (inward, recurrent):
                nn.init.normal_(matrix, std=matrix.shape[1] ** -0.5)
        elif self.initialisation == "keras":
            nn.init.xavier_uniform_(inward)
            nn.init.orthogonal_(recurrent)
        if self.initialisation in ("identity", "lecun", "keras"):
            bias.zero_()
            second_bias.zero_()
        if self.cell == "lstm" and self.forget_bias is not None:
            forget = slice(width, 2 * width)  # torch.nn's order: i, f, g, o
            bias[forget] = self.forget_bias
            second_bias[forget] = 0.0


@torch.no_grad()
def _check_layer(layer: nn.Module, called: str, input_width: int, width: int, cell_states: int) -> None:
    """Raise UserError unless a layer of one's own does as `Cell` says, from no state and from its own."""
    one = torch.Size([1, 2, width])
    wanted = [torch.Size([2, 3, width]), *[one] * cell_states]
    state = "(state, state)" if cell_states == 2 else "state"
    says = f"(x [B,T,D], {state} or None) -> outputs [B,T,H], {state}; a state is [1,B,H], cell_states = {cell_states}"
    training, weight = layer.training, next(layer.parameters(), torch.empty(0))
    layer.eval()
    before: Any = None
    for _ in range(2):
        try:
            outputs, before = layer(weight.new_zeros(2, 3, input_width), before)
            found = [outputs.shape, *(each.shape for each in (before if cell_states == 2 else (before,)))]
        except Exception as error:  # a user's class may do anything
            saw = f"{type(error).__name__}: {error}"
            raise UserError(f"The cell {called} does not work as a layer.", saw=saw, allowed=says) from error
        if found != wanted:
            saw = " and ".join(str(list(shape)) for shape in found)
            allowed = f"{' and '.join(str(list(shape)) for shape in wanted)}: {says}"
            raise UserError(f"The cell {called} gives other shapes.", saw=saw, allowed=allowed)
    layer.train(training)


def _fix_second_bias(layer: nn.RNNBase) -> None:
    """Hold the second bias at zero, as a buffer outside parameters and checkpoints: torch's fused kernels want one."""
    name = WEIGHTS[-1]
    zeros = torch.zeros_like(layer.get_parameter(name), requires_grad=False)
    delattr(layer, name)
    layer.register_buffer(name, zeros, persistent=False)
    layer._flat_weights = [getattr(layer, each) for each in WEIGHTS]


def advanced(layer: nn.Module, x: Tensor, state: Tensor | None, truncate: int | None) -> tuple[Tensor, Tensor]:
    """`unrolled`, with the state in one tensor [cell states, B, H]."""
    hidden: Hidden | None = state
    if state is not None and len(state) == 2:
        hidden = (state[:1], state[1:])
    outputs, after = unrolled(layer, x, hidden, truncate)
    return outputs, torch.cat(after) if isinstance(after, tuple) else after


def unrolled(layer: nn.Module, x: Tensor, state: Hidden | None, truncate: int | None) -> tuple[Tensor, Hidden]:
    """Run a layer over x [B, T, D] from a state: outputs [B, T, H], the state after.

    With `truncate`, gradients flow back within chunks of that many steps only, the state being carried from one chunk
    to the next as a constant: the values are the same (Elman 1990; Williams & Peng 1990, BPTT(h; h') with h' = h).
    """
    if truncate is None:
        found: tuple[Tensor, Hidden] = layer(x, state)
        return found
    outputs: list[Tensor] = []
    for chunk in x.split(truncate, dim=1):
        if outputs and state is not None:
            state = (state[0].detach(), state[1].detach()) if isinstance(state, tuple) else state.detach()
        output, state = layer(chunk, state)
        outputs.append(output)
    assert state is not None
    return torch.cat(outputs, dim=1), state
