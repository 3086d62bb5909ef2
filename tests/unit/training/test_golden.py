"""Golden losses: ten training steps of each family, in the bits that a change of numerics would move.

The numbers are in tests/golden/losses.json with the torch that made them. After a change that is meant to move them:
`UNROLL_GOLDEN=write pytest -n 0 tests/unit/test_golden.py`, and say why in the commit.
"""

import json
import os
from pathlib import Path
from typing import Any

import made_up
import pytest
import pytorch_lightning as lightning
import torch

from unroll.config.schema import Optimizer
from unroll.data.batching import TrainingBatches
from unroll.seeds import derive
from unroll.training.module import TrialModule

FILE = Path(__file__).parents[2] / "golden" / "losses.json"
STEPS = 10
TOLERANCE = 1e-4  # relative: other CPUs sum in another order
BETA = ["task.strengths.variational=0.1"]
OPTIONS = {
    "forecasting": ["task.normalise=none", "task.dropout=0.1", *BETA, "task.reconstruction_weight=0.1"],
    "translation": ["task.embedding=5", "task.embedding_scale=0.1", "task.dropout=0.1", *BETA],
}
FAMILIES = {
    "rnn": ["forecasting", "rnn"],
    "lstm": ["forecasting", "lstm"],
    "gru": ["forecasting", "gru"],
    "bidirectional": ["forecasting", "bilstm", "architecture.merge=concat"],
    "deep": ["forecasting", "gru", "architecture.depth=2", "architecture.dropout=0.1"],
    "attention": ["translation", "bigru", "architecture.merge=sum", "task.attention=additive"],
    "mlp": ["forecasting", "mlp", "architecture.depth=2", "architecture.activation=relu"],
    "ae": ["forecasting", "ae", "architecture.depth=1", "bottleneck.size=3"],
    "ae_variational": ["forecasting", "ae_variational", "architecture.depth=1", "bottleneck.size=3"],
}
OPTIMIZER = {
    "name": "adam",
    "learning_rate": 0.01,
    "weight_decay": 0.0,
    "betas": [0.9, 0.999],
    "momentum": 0.0,
    "schedule": "cosine",
    "final_learning_rate": 0.0,
    "warmup_steps": 2,
}


class Losses(lightning.Callback):
    """The loss of each step."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.values.append(float(outputs["loss"]))


def ten_losses(family: str) -> list[float]:
    """Losses of a network of 6 units, initialised, ordered and disturbed by seed 3."""
    seed, (task_name, architecture, *overrides) = 3, FAMILIES[family]
    chosen = made_up.trial(task_name, f"architecture={architecture}", *made_up.SMALL, *OPTIONS[task_name], *overrides)
    task = made_up.prepared(chosen)
    torch.manual_seed(derive(seed, "initialisation"))
    module = TrialModule(task, made_up.network_of(chosen, task), Optimizer(**OPTIMIZER), seed, 0, STEPS)
    losses = Losses()
    trainer = lightning.Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=1,
        logger=False,
        callbacks=[losses],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        gradient_clip_val=1.0,
    )
    trainer.fit(module, TrainingBatches(task.splits["train"], 8, seed, 0, STEPS))
    return losses.values


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.filterwarnings("ignore")
def test_ten_losses(family: str) -> None:
    found = ten_losses(family)
    if os.environ.get("UNROLL_GOLDEN") == "write":
        known = json.loads(FILE.read_text()) if FILE.exists() else {"losses": {}}
        known |= {"torch": torch.__version__, "losses": {**known["losses"], family: found}}
        FILE.write_text(json.dumps(known, indent=1) + "\n")
        pytest.fail("written; now run it without UNROLL_GOLDEN, and read the difference")
    known = json.loads(FILE.read_text())
    assert found == pytest.approx(known["losses"][family], rel=TOLERANCE), f"made by torch {known['torch']}"
    assert len(found) == STEPS
