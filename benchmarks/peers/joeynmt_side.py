"""joeynmt's side of `translate`: the steps of its `train`, with the clock around training and validation."""

import sys
from pathlib import Path
from typing import Any

from joeynmt.config import parse_global_args, set_validation_args
from joeynmt.prediction import prepare
from joeynmt.training import TrainManager

from benchmarks.peers.cases import CASES, Case
from benchmarks.peers.clock import timed


def config(case: Case, folder: Path) -> dict[str, Any]:
    """The config file of joeynmt, as a mapping."""
    sides = {
        side: {"lang": language, "level": "word", "voc_file": str(folder / f"vocabulary.{language}")}
        for side, language in (("src", "de"), ("trg", "en"))
    }
    embeddings = {"embedding_dim": 256, "dropout": 0.3}
    recurrent = {"type": "recurrent", "rnn_type": "gru", "hidden_size": 256, "embeddings": embeddings}
    return {
        "name": "peers",
        "model_dir": str(folder),
        "use_cuda": False,
        "data": {
            "train": str(folder / "train"),
            "dev": str(folder / "validation"),
            "dataset_type": "plain",
            **sides,
        },
        "model": {
            "encoder": {**recurrent, "bidirectional": True},
            "decoder": {**recurrent, "attention": "bahdanau", "hidden_dropout": 0.3},
        },
        "training": {
            "batch_size": case.batch_size,
            "batch_type": "sentence",
            "normalization": "tokens",
            "optimizer": "adam",
            "learning_rate": case.learning_rate,
            "scheduling": "exponential",  # constant; its default asks torch for an option that there is no more
            "decrease_factor": 1.0,
            "clip_grad_norm": 1.0,
            "updates": case.steps,
            "logging_freq": case.steps,
            "validation_freq": case.steps,
            "early_stopping_metric": "loss",
            "print_valid_sents": [],
        },
        "testing": {"batch_size": case.batch_size, "max_output_length": 1},
    }


def main(name: str, folder: Path) -> None:
    """Train, and validate once at the end."""
    args = parse_global_args(config(CASES[name], folder), rank=0, mode="train")
    model, train, validation, _ = prepare(args, rank=0, mode="train")
    manager = TrainManager(
        rank=0,
        model=model,
        model_dir=args.model_dir,
        device=args.device,
        autocast=args.autocast,
        train_args=args.train,
        dev_args=set_validation_args(args.test),
    )

    def fit() -> int:
        manager.train_and_validate(train_data=train, valid_data=validation)
        return int(manager.stats.steps)

    timed(fit, sum(each.numel() for each in model.parameters()))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
