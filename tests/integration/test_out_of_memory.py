"""A trial whose memory runs out fails alone: its process lives, is free of it, and trains the next ones."""

import os
import weakref
from pathlib import Path
from typing import Any

import torch
from tiny_data import Tiny

from unroll.errors import TrialFailed
from unroll.records.record import read_record
from unroll.sweeps.workers import run_all
from unroll.tasks.forecasting import Forecasting
from unroll.training.train import train

held: list[weakref.ref[Any]] = []


def runs_out(task: Any, *arguments: Any) -> Any:
    """In the place of a task's losses: what a GPU says when it has no more to give."""
    network, activations = arguments[0], torch.zeros(4)
    held.extend([weakref.ref(network), weakref.ref(activations)])
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.50 GiB.")


def trained(trial: Any) -> tuple[int, int]:
    """A worker's job: its process, and how much of earlier trials that ran out is still there."""
    before, alive = Forecasting.losses, sum(one() is not None for one in held)
    if trial.config.seed == 1:
        Forecasting.losses = runs_out  # type: ignore[method-assign]
    try:
        train(trial)
    finally:
        Forecasting.losses = before  # type: ignore[method-assign]
    return os.getpid(), alive


def test_its_neighbours_go_on_in_the_same_process(tiny: Tiny, tmp_path: Path) -> None:
    options = ["architecture=gru", "budget.epochs=1", "data.batch_size=8"]
    trials = [tiny.trial("forecasting", tmp_path / "runs", *options, f"seed={seed}") for seed in range(3)]
    first, failed, last = run_all(trained, trials, 1, tmp_path)
    assert isinstance(failed, TrialFailed)
    assert "OutOfMemoryError: The GPU's memory ran out: it asked for 2.50 GiB" in str(failed)
    record = read_record(trials[1].record_path)
    assert (record["status"], record["error"]["type"]) == ("failed", "OutOfMemoryError")
    assert "Try data.batch_size=4 (it was 8)" in record["error"]["message"]
    assert "in runs_out" in record["error"]["traceback"]
    assert last == first, "the same process, in which nothing of the failed trial is left"
