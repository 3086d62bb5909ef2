"""neuralforecast's side of `forecast`: its LSTM with its own head, windows and trainer."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from neuralforecast import NeuralForecast
from neuralforecast.losses.pytorch import MSE
from neuralforecast.models import LSTM
from pytorch_lightning import Callback, LightningModule, Trainer

from benchmarks.peers.cases import CASES
from benchmarks.peers.clock import timed

VALIDATION = 2880  # hours


class Steps(Callback):
    """Counts the optimizer's steps; on the class, since the model's callbacks are copied."""

    taken = 0

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        Steps.taken = trainer.global_step


def main(name: str, folder: Path) -> None:
    """Train on all but the last hours, validate on these."""
    case, series = CASES[name], np.load(folder / "series.npy")
    rows, channels = series.shape
    frame = pd.DataFrame(
        {
            "unique_id": np.repeat(np.arange(channels), rows),
            "ds": np.tile(np.arange(rows), channels),
            "y": series.T.reshape(-1),
        }
    )
    model = LSTM(
        h=24,
        input_size=96,
        encoder_n_layers=1,
        encoder_hidden_size=128,
        loss=MSE(),
        max_steps=case.steps,
        val_check_steps=case.steps,
        learning_rate=case.learning_rate,
        batch_size=channels,
        windows_batch_size=case.batch_size,
        scaler_type="identity",
        accelerator="cpu",
        devices=1,
        enable_progress_bar=False,
        enable_checkpointing=True,
        default_root_dir=str(folder),
        logger=False,
        callbacks=[Steps()],
    )
    together = NeuralForecast(models=[model], freq=1)

    def fit() -> int:
        together.fit(frame, val_size=VALIDATION)
        return Steps.taken

    timed(fit, sum(each.numel() for each in model.parameters()))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
