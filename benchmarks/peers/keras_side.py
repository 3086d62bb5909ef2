"""Keras' side of `lstm`, on its torch backend: `fit` over Unroll's own batches."""

import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import torch

from benchmarks.peers.cases import CASES
from benchmarks.peers.clock import timed


class Batches(keras.utils.PyDataset):
    """Batches of like length, each as long as its longest sentence."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        with np.load(path) as found:
            self.ids, self.lengths, self.labels = found["ids"], found["lengths"], found["labels"]
            self.index = np.split(found["order"], np.cumsum(found["sizes"])[:-1])
            self.vocabulary = int(found["vocabulary"])

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        index = self.index[number]
        return self.ids[index, : self.lengths[index].max()], self.labels[index]


def main(name: str, folder: Path) -> None:
    """Train an epoch."""
    case, (train, validation) = CASES[name], (Batches(folder / f"{split}.npz") for split in ("train", "validation"))
    if len(train) != case.steps:
        raise ValueError("an epoch is what is trained")
    torch.set_num_threads(1)
    model = keras.Sequential(
        [
            keras.layers.Embedding(train.vocabulary, 128, mask_zero=True),
            keras.layers.Dropout(0.5),
            keras.layers.LSTM(128),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(2),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(case.learning_rate), loss)
    model.build((None, None))
    best = keras.callbacks.ModelCheckpoint(folder / "best.keras", monitor="val_loss", save_best_only=True)

    def fit() -> int:
        model.fit(train, validation_data=validation, epochs=1, callbacks=[best], verbose=0, shuffle=False)
        return int(model.optimizer.iterations)

    timed(fit, model.count_params())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
