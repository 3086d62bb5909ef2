"""Likelihoods of grey pixels under a decoder's values."""

import math
from dataclasses import dataclass
from typing import Literal

from torch import Tensor
from torch.nn import functional as F

from unroll.errors import UserError
from unroll.models.network import Network
from unroll.tasks.task import GaussianNoise

Likelihood = Literal["gaussian", "bernoulli"]
PixelOutput = Literal["sigmoid", "linear"]


@dataclass(frozen=True)
class PixelLikelihood:
    """-log p(pixels | values) in nats, for pixels in [0, 1].

    gaussian   half the squared error by a scale that all pixels share, learned or fixed, without log(2 pi) / 2 a pixel
    bernoulli  binary cross-entropy, grey values as probabilities

    Raises:
        UserError: an unknown word, a scale that is none, or a Bernoulli likelihood with a scale or unbounded pixels.
    """

    kind: Likelihood
    output: PixelOutput = "sigmoid"  # what turns a decoder's values into pixels: sigmoid | linear
    scale: float | None = None  # standard deviation of Gaussian pixels; None: learned

    def __post_init__(self) -> None:
        if self.scale is not None and self.kind != "gaussian":
            saw = f"task.likelihood={self.kind} task.scale={self.scale}"
            raise UserError("A scale is of Gaussian pixels.", saw=saw, allowed="task.scale=null, or gaussian")
        if self.kind == "bernoulli" and self.output != "sigmoid":
            raise UserError(
                "A Bernoulli likelihood needs probabilities.",
                saw=f"task.likelihood=bernoulli task.output={self.output}",
                allowed="task.output=sigmoid, or task.likelihood=gaussian",
            )

    def add_head(self, network: Network) -> None:
        """Give a network the parameters that the likelihood has."""
        if self.kind == "gaussian" and self.scale is None:
            network.heads["noise"] = GaussianNoise()

    def pixels(self, values: Tensor) -> Tensor:
        """The pixels that a decoder's values show."""
        return values.sigmoid() if self.output == "sigmoid" else values

    def nats(self, network: Network, values: Tensor, pixels: Tensor) -> Tensor:
        """Summed over an image's pixels [B], from a decoder's values and the pixels, both [B, ...]."""
        if self.scale is not None:
            squared = F.mse_loss(self.pixels(values), pixels, reduction="none").flatten(1)
            return 0.5 * squared.sum(dim=1) / self.scale**2 + squared.shape[1] * math.log(self.scale)
        if self.kind == "gaussian":
            found: Tensor = network.heads["noise"](pixels, self.pixels(values))
            return found
        return F.binary_cross_entropy_with_logits(values, pixels, reduction="none").flatten(1).sum(dim=1)
