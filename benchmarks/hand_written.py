"""The hand-written sides of `overhead.py`: two models and their batches, in plain PyTorch.

They take token ids, pixels and the shuffling generator; weights come from Unroll's network, by `NAMES`.
"""

from collections.abc import Iterator
from itertools import count

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unroll.data.batching import POOL
from unroll.seeds import generator

SEED = 0

Rows = tuple[np.ndarray, tuple[Tensor, ...]]  # indices [B], and what the hand-written model's loss takes


class HandAutoencoder(nn.Module):
    """784-512-32-512-784, ReLU; Gaussian nats a pixel with one learned scale."""

    NAMES = {  # noqa: RUF012
        "encode.0": "encoder.first",
        "encode.2": "bottleneck.projection",
        "decode.0": "decoder.hidden.0",
        "decode.2": "decoder.output",
        "log_scale": "heads.noise.log_scale",
    }

    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 32))
        self.decode = nn.Sequential(nn.Linear(32, 512), nn.ReLU(), nn.Linear(512, 784), nn.Sigmoid())
        self.log_scale = nn.Parameter(torch.zeros(()))

    def loss(self, pixels: Tensor) -> Tensor:
        """Mean over pixels and images [B, 784]."""
        scale = self.log_scale.clamp(min=-5)
        return 0.5 * F.mse_loss(self.decode(self.encode(pixels)), pixels) * torch.exp(-2 * scale) + scale


class HandLSTM(nn.Module):
    """Word vectors, one LSTM layer, the state at the last word, a linear classifier; dropout before and after."""

    NAMES = {"embedding": "adapter.embedding", "lstm": "encoder.layers.0.ahead", "classify": "heads.classifier.1"}  # noqa: RUF012

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, 128, padding_idx=0)
        self.lstm = nn.LSTM(128, 128, batch_first=True)
        self.dropout = nn.Dropout(0.5)
        self.classify = nn.Linear(128, 2)

    def loss(self, ids: Tensor, last: Tensor, labels: Tensor) -> Tensor:
        """Mean nats over ids [B, T], whose real positions end at `last` [B]."""
        outputs = self.lstm(self.dropout(self.embedding(ids)))[0]
        return F.cross_entropy(self.classify(self.dropout(outputs[torch.arange(len(ids)), last])), labels)


def hand_image_batches(pixels: Tensor, batch_size: int) -> Iterator[Rows]:
    """Endless shuffled batches of pixels [N, 784]."""
    for epoch in count():
        order = generator(SEED, "order", epoch).permutation(len(pixels))
        for start in range(0, len(order), batch_size):
            index = order[start : start + batch_size]
            yield index, (pixels.index_select(0, torch.from_numpy(index)),)


def hand_text_batches(padded: Tensor, lengths: np.ndarray, labels: Tensor, batch_size: int) -> Iterator[Rows]:
    """Endless batches of ids [N, longest], sorted by length inside shuffled pools, in shuffled order."""
    for epoch in count():
        random = generator(SEED, "order", epoch)
        order = random.permutation(len(lengths))
        for start in range(0, len(order), POOL * batch_size):
            pool = order[start : start + POOL * batch_size]
            order[start : start + POOL * batch_size] = pool[np.argsort(lengths[pool], kind="stable")]
        starts = range(0, len(order), batch_size)
        for number in random.permutation(len(starts)):
            index = order[starts[number] : starts[number] + batch_size]
            rows, real = torch.from_numpy(index), lengths[index]
            yield index, (padded[:, : real.max()].index_select(0, rows), torch.from_numpy(real - 1), labels[rows])
