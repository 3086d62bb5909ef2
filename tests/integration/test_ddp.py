"""Processes under torchrun: every example counted once, one record, the numbers of one process, noise included."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mortal import KILLED, attempt
from ranked import Launched
from tiny_data import SIZES, Tiny, small_overrides, write_tiny

from unroll.records.record import read_record
from unroll.training import checkpoint
from unroll.training.train import train
from unroll.verification.compare import gaps, not_comparable

# 64 examples in batches of 9: the last has one, fewer than ranks. 521 test examples: three batches for two ranks.
COUNTS = {**SIZES, "test": 521}
BATCH = "data.batch_size=9"
TOLERANCE = 1e-4  # relative: ranks sum in another order, which left 1.7e-5 between weights after 32 steps of an LSTM


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return write_tiny(tmp_path_factory.mktemp("odd") / "data", COUNTS)


def processes(count: int, *command: str) -> subprocess.CompletedProcess[str]:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "WANDB_SILENT": "true"}
    whole = [*launcher, "-m", "unroll", *command]
    return subprocess.run(whole, env=environment, capture_output=True, text=True, check=False, timeout=180)


LSTM = ["architecture=deep_lstm", "architecture.dropout=0.3", "task.dropout=0.5"]
CASES = {
    "sentiment": ([*LSTM, "logger.wandb.mode=offline"], "nll", (2, 4)),
    "translation": (
        ["architecture=ae", "task.dropout=0.3", "optimizer=sgd", "optimizer.learning_rate=0.5"],
        "nll_per_token_parallel",
        (2,),
    ),
    "forecasting": (  # a penalty of the batch's mean activations, and little else
        ["architecture=ae", "bottleneck=sparse_kl", "bottleneck.terms.sparse.beta=100", "optimizer.learning_rate=0.01"],
        "mse",
        (2,),
    ),
    "generation": (["architecture=ae_variational"], "elbo", (4,)),
    "language_modelling": (LSTM, "nll_per_token", (3,)),  # 8 rows of the stream: 3, 3 and 2
    "tagging": (  # the mean activation of all steps of the batch
        ["architecture=bigru", "bottleneck=sparse_kl", "bottleneck.terms.sparse.beta=1", "task.dropout=0.3"],
        "nll",
        (2,),
    ),
}


@pytest.mark.parametrize("task", CASES)
def test_several_processes_do_what_one_does(task: str, odd: Tiny, tmp_path: Path) -> None:
    choices, loss, worlds = CASES[task]
    common = [*choices, BATCH, "budget.epochs=1"]
    single = train(odd.trial(task, tmp_path / "1", *common, "logger.wandb.mode=disabled"))
    small = small_overrides(task, choices[0])
    for world in worlds:
        runs, devices = tmp_path / str(world), f"trainer.devices={world}"
        trial = odd.trial(task, runs, *common, devices)
        overrides = [*odd.overrides(task, runs), *small, *common, devices]
        done = processes(world, "train", "--config-dir", odd.config_dir, *overrides)
        assert done.returncode == 0, done.stderr
        trials = [path.name for path in runs.iterdir() if path.name != "wandb"]
        assert trials == [trial.trial_id] == [single["trial_id"]]

        record = read_record(trial.directory)
        assert record["run"]["world_size"] == world
        result, expected = record["result"], single["result"]
        assert result["steps"] == expected["steps"] == 8
        assert result["examples"] == COUNTS
        with np.load(trial.directory / "predictions.npz") as predictions:
            for name in predictions.files:
                assert len(predictions[name]) == COUNTS[name.partition("/")[0]], name
        for split in ("validation", "test"):
            value = expected["metrics"][split][loss]
            assert result["metrics"][split][loss] == pytest.approx(value, rel=TOLERANCE), (world, split)
        assert result["metrics"]["test"].keys() == expected["metrics"]["test"].keys()
        assert not_comparable(single, record) == []
        assert [gap for gap in gaps(single, record) if not gap.within] == []
        logged = len((trial.directory / "metrics.jsonl").read_text().splitlines())
        assert logged == len((tmp_path / "1" / trial.trial_id / "metrics.jsonl").read_text().splitlines())
        offline = list(trial.directory.parent.glob(f"wandb/offline-run-*-{trial.trial_id}"))
        assert len(offline) == ("logger.wandb.mode=offline" in choices)


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1)])
def test_a_stream_goes_on_with_another_number_of_ranks(before: int, after: int, odd: Tiny, tmp_path: Path) -> None:
    """Stopped amid the second epoch, each row of the stream finds its state again; two ranks stop a step later."""
    options = [*LSTM, BATCH, "budget.epochs=2", "trainer.checkpoint_minutes=0.000001"]
    expected = train(odd.trial("language_modelling", tmp_path / "whole", *options))
    first, second = (
        odd.trial("language_modelling", tmp_path / "runs", *options, f"trainer.devices={world}")
        for world in (before, after)
    )
    if before == 1:
        assert attempt(first, "after_step_12") == KILLED
    else:
        stopped = Launched(first, {1: ("after_step", 12, "receive", signal.SIGTERM)}, tmp_path / "logs")
        assert None not in stopped.ended(), stopped.said(0)
        assert not first.record_path.exists(), stopped.said(0) + stopped.said(1)
    assert checkpoint.load(first.directory / checkpoint.LAST, first.trial_id)["progress"]["step"] == 11 + before
    if after == 1:
        train(second)
    else:
        launched = Launched(second, {}, tmp_path / "logs")
        assert launched.ended() == [0, 0], launched.said(0)
    record = read_record(second.directory)
    assert record["run"]["attempts"] == 2
    assert record["run"]["world_size"] == after
    for split in ("validation", "test"):
        value = expected["result"]["metrics"][split]["nll_per_token"]
        assert record["result"]["metrics"][split]["nll_per_token"] == pytest.approx(value, rel=TOLERANCE)
    assert [gap for gap in gaps(expected, record) if not gap.within] == []


def test_ranks_verify_what_one_process_trained(odd: Tiny, tmp_path: Path) -> None:
    record = train(odd.trial("sentiment", tmp_path, *LSTM, BATCH, "budget.epochs=1"))
    done = processes(2, "verify", record["trial_id"], "--runs", str(tmp_path))
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[0] == "elsewhere: ranks 1 -> 2"
    assert re.search(
        rf"^test/probabilities: [1-9]\d* of {COUNTS['test']} examples differ, by at most", done.stdout, re.MULTILINE
    )
    assert said[-1] == f"{record['trial_id']}: trained again, within tolerance"
    assert done.stdout.count("elsewhere") == 1
    assert [path.name for path in tmp_path.iterdir()] == [record["trial_id"]]
