"""What a training step costs around its arithmetic: calls of Python and C functions, and operators of torch.

Counts repeat where seconds do not. The numbers are in tests/golden/calls.json with the packages that they are of. After
a change that is meant to move them: `UNROLL_GOLDEN=write pytest -n 0 tests/unit/training/test_calls_of_a_step.py`.
"""

import json
import os
import sys
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any

import made_up
import pytest
import pytorch_lightning as lightning
import torch
from torch.profiler import ProfilerActivity, profile

from unroll.data.batching import TrainingBatches
from unroll.training.callbacks import Training
from unroll.training.checkpoint import Progress
from unroll.training.lightning_trainer import build_trainer, quiet
from unroll.training.module import TrialModule
from unroll.training.preemption import Preemption
from unroll.training.ranks import Ranks

FILE = Path(__file__).parents[2] / "golden" / "calls.json"
MARGIN = 1.02
PACKAGES = {name: version(name) for name in ("torch", "pytorch-lightning")} | {
    "python": "{}.{}".format(*sys.version_info)
}
CASES = {
    "ae": ["compression", "architecture=ae"],
    "lstm": ["sentiment", "architecture=lstm", "task.dropout=0.5"],
    "bigru with attention": ["translation", "architecture=bigru", "task.attention=additive"],
    "gru on series": ["forecasting", "architecture=gru"],
    "tree_lstm": ["sentiment", "architecture=tree_lstm", "task.dropout=0.5"],
}
WARM_UP, STEPS, BATCH = 4, 10, 8


class Counted(lightning.Callback):
    """Counts calls of functions, and operators, from the end of one step to the end of a later one."""

    def __init__(self, calls: bool):
        self.calls, self.found = calls, Counter[str]()
        self.profile = profile(activities=[ProfilerActivity.CPU])

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if batch_idx == WARM_UP:
            if self.calls:
                sys.setprofile(self._count)
            else:
                self.profile.start()
        if batch_idx == WARM_UP + STEPS:
            sys.setprofile(None)
            if not self.calls:
                self.profile.stop()
                events = [event.name for event in self.profile.events()]
                self.found["operators"] = sum(name.startswith("aten::") for name in events)

    def _count(self, frame: Any, event: str, argument: Any) -> None:
        if event in ("call", "c_call"):
            self.found["calls"] += 1


def counted(given: list[str], runs: Path, calls: bool) -> int:
    """What ten steps of a case take, trained as `unroll train` does, without validation."""
    small = [*made_up.SMALL, "trainer=cpu", "trainer.threads=1", "trainer.progress=false"]
    trial = made_up.trial(*given, *small, f"paths.runs={runs}")
    task, config, steps = made_up.prepared(trial), trial.config, WARM_UP + STEPS + 1
    callback = Counted(calls)
    training = Training(
        trial.directory,
        Progress(trial.trial_id),
        lambda module, trainer: {config.task.selection.name: 0.0},
        config.task.selection,
        None,
        config.network.budget,
        config.trainer,
        preemption=Preemption(),
        ranks=Ranks(),
        report=lambda metrics, step: None,
    )
    trainer = build_trainer(config, training)
    trainer.callbacks.append(callback)  # type: ignore[attr-defined]
    torch.manual_seed(0)
    network = made_up.network_of(trial, task)
    module = TrialModule(task, network, config.network.optimizer, 0, 0, steps + 1)  # the last step would validate
    with quiet():
        trainer.fit(module, TrainingBatches(task.splits["train"], BATCH, 0, 0, steps))
    return sum(callback.found.values())


@pytest.mark.parametrize("case", CASES)
@pytest.mark.filterwarnings("ignore")
def test_a_step_takes_no_more_calls(case: str, tmp_path: Path) -> None:
    found = {name: counted(CASES[case], tmp_path, name == "calls") for name in ("calls", "operators")}
    if os.environ.get("UNROLL_GOLDEN") == "write":
        known = json.loads(FILE.read_text()) if FILE.exists() else {"cases": {}}
        known = {"packages": PACKAGES, "of": f"{STEPS} steps", "cases": {**known["cases"], case: found}}
        FILE.write_text(json.dumps(known, indent=1) + "\n")
        pytest.fail("written; now run it without UNROLL_GOLDEN, and read the difference")
    known = json.loads(FILE.read_text())
    if known["packages"] != PACKAGES:
        pytest.skip(f"counted with {known['packages']}, here is {PACKAGES}")
    for name, count in found.items():
        assert count <= MARGIN * known["cases"][case][name], f"{name} of {known['of']}"
