"""The geometric penalty of GRAE (Duque, Morin, Wolf, Moon 2020)."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from unroll.data.geometry import phate_embedding
from unroll.errors import UserError
from unroll.models.contracts import Context, Term
from unroll.registry.options import Count, NotNegative
from unroll.seeds import generator


class Geometric(Term):
    """Penalty: weight x |first dimensions of the code - PHATE embedding|^2 in training (Duque et al. 2020, eq. 1).

    The embedding is of the task's features of at most `examples` train examples, the same for every seed; an example
    that is not among them costs nothing. `prepare` makes it before training; evaluation does not need it.

    Args:
        weight: nats per unit of squared distance; lambda in the paper. The embedding has mean square 1.
        dimensions: of the embedding; the code has at least as many.
        neighbours: of each example in PHATE's graph.
        examples: most train examples that the embedding is made of.

    Raises:
        UserError: an option out of range; in `attach`, a code smaller than the embedding.
    """

    of_states = False
    targets: Tensor  # [examples of train, dimensions]
    known: Tensor  # [examples of train] 1 where there is a target, else 0

    def __init__(self, weight: NotNegative = 1.0, dimensions: Count = 2, neighbours: Count = 5, examples: Count = 5000):
        super().__init__()
        self.weight, self.dimensions, self.neighbours, self.examples = weight, dimensions, neighbours, examples
        self.register_buffer("targets", torch.zeros(0, dimensions), persistent=False)
        self.register_buffer("known", torch.zeros(0), persistent=False)

    def attach(self, hidden_width: int, size: int) -> None:
        if size < self.dimensions:
            raise UserError(
                "The code is smaller than the geometry that it is drawn to.",
                saw=f"a code of {size}, an embedding of {self.dimensions} dimensions",
                allowed=f"bottleneck.size={self.dimensions} or more",
            )

    def prepare(self, examples: int, features: Callable[[Tensor], np.ndarray], cache: Path) -> None:
        kept = np.arange(examples)
        if examples > self.examples:
            kept = np.sort(generator(0, "geometry").permutation(examples)[: self.examples])
        index = torch.from_numpy(kept)
        embedding = torch.from_numpy(phate_embedding(features(index), self.dimensions, self.neighbours, cache))
        self.targets = torch.zeros(examples, self.dimensions).index_copy(0, index, embedding)
        self.known = torch.zeros(examples).index_fill(0, index, 1.0)

    def penalty(self, code: Tensor, context: Context) -> Tensor | None:
        if not self.training or not len(self.known):
            return None
        distance = (code[:, : self.dimensions] - self.targets[context.index]).square().sum(dim=1)
        return self.weight * self.known[context.index] * distance
