"""examples.json: what a trial keeps of the test examples that are looked at; no part of its result."""

from pathlib import Path

import numpy as np
import torch

from unroll.atomic import Replacing
from unroll.models.network import Network
from unroll.records.looked_at import FILE, LookedAt, as_text, looked_at
from unroll.seeds import derive
from unroll.tasks.task import Outputs, Task
from unroll.visible import say

SPLIT = "test"


def keep_looked_at(
    task: Task, predictions: Outputs, network: Network | None, directory: Path, replacing: Replacing
) -> None:
    """Write what the examples that are looked at look like. What a task cannot say costs a warning, and no trial.

    Args:
        task: prepared.
        predictions: what is kept of the whole of test.
        network: as it was evaluated; None of a baseline.
        directory: of the trial.
        replacing: how files are replaced.

    Raises:
        OSError: the file cannot be written.
    """
    try:
        text = as_text(what_is_looked_at(task, predictions, network))
    except Exception as error:  # a user's task may do anything
        why = " ".join(f"{type(error).__name__}: {error}".split())
        say(f"Warning: {type(task).__name__} does not say what its examples look like: {why}", err=True)
        return
    with replacing(directory / FILE) as draft:
        draft.write_text(text, encoding="utf-8")


def what_is_looked_at(task: Task, predictions: Outputs, network: Network | None) -> LookedAt:
    """Return what a task says of its examples. Random numbers are drawn anew, and as if none had been."""
    count = task.counted(SPLIT)
    examples = looked_at(count)
    devices = [] if network is None else [p.device for p in network.parameters() if p.device.type == "cuda"][:1]
    with torch.random.fork_rng(devices):
        torch.manual_seed(derive(0, "looked at"))
        columns = task.example_columns(predictions, SPLIT, np.array(examples, np.int64), network)
    return LookedAt(count, examples, columns, task.confusion(predictions, SPLIT))
