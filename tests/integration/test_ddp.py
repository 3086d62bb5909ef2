"""Two processes under torchrun: every example counted once, one record, the numbers of one process."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_data import SIZES, Tiny, write_tiny

from unroll.results.record import read_record
from unroll.training.train import train

# 64 examples in batches of 9: the last has one, fewer than ranks. 521 test examples: three batches for two ranks.
COUNTS = {**SIZES, "test": 521}
BATCH = "data.batch_size=9"
TOLERANCE = 1e-4  # relative: ranks sum in another order, which left 1.7e-5 between weights after 32 steps of an LSTM


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return write_tiny(tmp_path_factory.mktemp("odd") / "data", COUNTS)


def two_processes(tiny: Tiny, *overrides: str) -> subprocess.CompletedProcess[str]:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*launcher, "-m", "unroll", "train", "--config-dir", tiny.config_dir, *overrides]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "WANDB_SILENT": "true"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=180)


@pytest.mark.parametrize(
    ("task", "choices", "loss"),
    [
        ("sentiment", ["architecture=bilstm", "task.dropout=0", "logger.wandb.mode=offline"], "nll"),
        (
            "translation",
            ["architecture=ae", "task.dropout=0", "optimizer=sgd", "optimizer.learning_rate=0.5"],
            "nll_per_token_parallel",
        ),
    ],
)
def test_two_processes_do_what_one_does(task: str, choices: list[str], loss: str, odd: Tiny, tmp_path: Path) -> None:
    common = [*choices, BATCH, "budget.epochs=1"]
    single = train(odd.trial(task, tmp_path / "one", *common, "logger.wandb.mode=disabled"))

    trial = odd.trial(task, tmp_path / "two", *common, "trainer.devices=2")
    small = [f"task.{key}={trial.config['task'][key]}" for key in ("embedding",)]
    small.append(f"architecture.width={trial.config['architecture']['width']}")
    done = two_processes(odd, *odd.overrides(task, tmp_path / "two"), *small, *common, "trainer.devices=2")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tmp_path / "two").iterdir()] == [trial.trial_id] == [single["trial_id"]]

    record = read_record(trial.directory)
    assert record["run"]["world_size"] == 2
    result, expected = record["result"], single["result"]
    assert result["steps"] == expected["steps"] == 8
    assert result["examples"] == COUNTS
    with np.load(trial.directory / "predictions.npz") as predictions:
        for name in predictions.files:
            assert len(predictions[name]) == COUNTS[name.partition("/")[0]], name
    for split in ("validation", "test"):
        value = expected["metrics"][split][loss]
        assert result["metrics"][split][loss] == pytest.approx(value, rel=TOLERANCE)
    assert result["metrics"]["test"].keys() == expected["metrics"]["test"].keys()
    logged = len((trial.directory / "metrics.jsonl").read_text().splitlines())
    assert logged == len((tmp_path / "one" / trial.trial_id / "metrics.jsonl").read_text().splitlines())
    runs = list(trial.directory.glob("wandb/offline-run-*"))
    assert len(runs) == ("logger.wandb.mode=offline" in choices)
