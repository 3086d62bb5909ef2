"""Linear networks: LTSF-Linear on forecasting (Zeng, Chen, Zhang, Xu 2023), a linear encoder and decoder elsewhere."""

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unroll.errors import UserError
from unroll.models.contracts import Encoded, Shape
from unroll.models.feedforward import first
from unroll.registry.declared import Need, Unless
from unroll.registry.options import Count, Positive

KERNEL = 25  # steps of the moving average where none is asked for (Zeng et al. 2023)


class Parts(NamedTuple):
    """A series as the sum of its moving average and of what is left, both [B,T,D]."""

    trend: Tensor
    remainder: Tensor


def decompose(x: Tensor, kernel: int) -> Parts:
    """Moving average over `kernel` steps, the ends of x [B,T,D] repeated beyond them (Zeng et al. 2023, section 4)."""
    front = (kernel - 1) // 2
    ends = (x[:, :1].expand(-1, front, -1), x, x[:, -1:].expand(-1, kernel - 1 - front, -1))
    trend = F.avg_pool1d(torch.cat(ends, dim=1).transpose(1, 2), kernel, stride=1).transpose(1, 2)
    return Parts(trend, x - trend)


class OverTime(nn.Module):
    """One linear layer along time, [B,T,D] -> [B,L,D]: shared by all channels, or one a channel."""

    def __init__(self, steps: int, ahead: int, channels: int, individual: bool):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(steps, ahead) for _ in range(channels if individual else 1))

    def forward(self, x: Tensor) -> Tensor:
        if len(self.layers) == 1:
            return self.layers[0](x.transpose(1, 2)).transpose(1, 2)
        return torch.stack([layer(x[:, :, channel]) for channel, layer in enumerate(self.layers)], dim=2)


class LinearEncoder(nn.Module):
    """On forecasting, the summary is the forecast, flattened [B, L x D], of window x [B,T,D] (W is `OverTime`).

    linear    W x
    nlinear   W (x - x_T) + x_T, x_T the window's last value
    dlinear   W trend + W' remainder, see `decompose`

    Elsewhere all three are one linear map of the flattened input to `ratio` of the task's reference code size: a level
    and a trend are notions of series. It keeps no states.

    Args:
        variant: linear | nlinear | dlinear.
        individual: one layer a channel in place of a shared one.
        kernel: steps of dlinear's moving average.
        ratio: width of the summary elsewhere, of the task's reference code size.
        minimum: smallest width that ratio gives.

    Raises:
        UserError: a kernel of another variant.
    """

    state_width, states = 0, None
    needs = (Need("continues", {"kernel": Unless(KERNEL)}), Need("continues", {"individual": True}))

    def __init__(
        self,
        shape: Shape,
        variant: Literal["linear", "nlinear", "dlinear"],
        individual: bool = False,
        kernel: Count = KERNEL,
        ratio: Positive = 1.0,
        minimum: Count = 1,
    ):
        super().__init__()
        if kernel != KERNEL and variant != "dlinear":
            raise UserError(
                "Only dlinear takes a moving average.",
                saw=f"variant={variant}, kernel={kernel}",
                allowed=f"kernel={KERNEL}, or architecture=dlinear",
            )
        self.variant, self.kernel, self.forecasts = variant, kernel, shape.relation == "continues"
        if self.forecasts:
            sizes = (shape.input.length, shape.output.length, shape.input.width, individual)
            self.layer = OverTime(*sizes)
            if variant == "dlinear":
                self.of_remainder = OverTime(*sizes)
            self.summary_width = shape.output.length * shape.input.width
        else:
            self.width = shape.input.length * shape.input.width
            self.summary_width = max(minimum, round(ratio * shape.reference_code))
            self.flat = nn.Linear(self.width, self.summary_width)

    def forward(self, x: Tensor, lengths: Tensor, mask: Tensor) -> Encoded:
        """Encode x [B,T,D]."""
        x = x * mask[:, :, None]
        summary = self._forecast(x).flatten(1) if self.forecasts else self._map(x.flatten(1))
        return Encoded(None, mask, summary)

    def _forecast(self, x: Tensor) -> Tensor:
        if self.variant == "nlinear":
            return self.layer(x - x[:, -1:]) + x[:, -1:]
        if self.variant == "dlinear":
            parts = decompose(x, self.kernel)
            return self.layer(parts.trend) + self.of_remainder(parts.remainder)
        return self.layer(x)

    def _map(self, flat: Tensor) -> Tensor:
        return F.linear(flat, first(self.flat.weight, flat.shape[1], dim=1), self.flat.bias)


class LinearDecoder(nn.Module):
    """A reshape where the code is the forecast already; else one linear layer to all output positions at once."""

    parallel = True
    linear_output = True

    def __init__(self, shape: Shape, code_width: int, state_width: int):
        super().__init__()
        self.width = shape.output.width
        values = shape.output.length * shape.output.width
        is_forecast = shape.relation == "continues" and code_width == values
        self.output = nn.Identity() if is_forecast else nn.Linear(code_width, values)

    def forward(self, code: Tensor, memory: Encoded | None, length: int, inputs: Tensor | None = None) -> Tensor:
        """Decode code [B,Z] into the first `length` positions [B, length, output width]."""
        return self.output(code).view(len(code), -1, self.width)[:, :length]
