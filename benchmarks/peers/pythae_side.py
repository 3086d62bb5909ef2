"""pythae's side of `ae` and `vae`, with the networks and the trainer that it comes with."""

import sys
from pathlib import Path

import numpy as np
import torch
from pythae.data.datasets import BaseDataset
from pythae.models import AE, VAE, AEConfig, VAEConfig
from pythae.trainers import BaseTrainer, BaseTrainerConfig

from benchmarks.peers.cases import CASES
from benchmarks.peers.clock import timed


def main(name: str, folder: Path) -> None:
    """Train an epoch."""
    case = CASES[name]
    train, validation = (torch.from_numpy(np.load(folder / f"{split}.npy")) for split in ("train", "validation"))
    if -(-len(train) // case.batch_size) != case.steps:
        raise ValueError("pythae counts in epochs")
    shape = (train.shape[1],)
    model = (
        AE(AEConfig(input_dim=shape, latent_dim=32))
        if name == "ae"
        else VAE(VAEConfig(input_dim=shape, latent_dim=20, reconstruction_loss="bce"))
    )
    sizes = {"per_device_train_batch_size": case.batch_size, "per_device_eval_batch_size": case.batch_size}
    config = BaseTrainerConfig(
        output_dir=str(folder / "pythae"), num_epochs=1, learning_rate=case.learning_rate, no_cuda=True, **sizes
    )
    labelled = [BaseDataset(part, torch.zeros(len(part))) for part in (train, validation)]

    def fit() -> int:
        trainer = BaseTrainer(model, *labelled, training_config=config)
        trainer.prepare_training()
        trainer.train()
        return int(next(iter(trainer.optimizer.state.values()))["step"])

    timed(fit, sum(each.numel() for each in model.parameters()))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
