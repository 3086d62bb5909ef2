"""Checkpoints: plain tensors and numbers, written atomically, read with weights_only=True."""

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from unroll.drafts import Replacing, replacing
from unroll.errors import UserError

LAST, BEST = "last.ckpt", "best.ckpt"


@dataclass
class Progress:
    """How far a trial is; what a checkpoint holds beside the weights and the optimizer."""

    trial_id: str
    step: int = 0
    best_value: float | None = None
    best_step: int | None = None
    stale: int = 0  # validations since the best
    stopped: bool = False  # by patience or by the clock
    seconds: float = 0.0  # of training, over all attempts
    attempts: int = 1
    validations: list[dict[str, float]] = field(default_factory=list)
    pretrained: dict[str, Any] | None = None  # measured at the boundary of two phases, once that is reached


def save(path: Path, content: dict[str, Any], replacing: Replacing = replacing) -> None:
    """Write a checkpoint in one step: a reader sees the old one or the whole new one.

    A trial's owner gives its claim's `replacing`.
    """
    with replacing(path) as draft, draft.open("wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())


def load(path: Path, trial_id: str, without: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Read a checkpoint of this very trial, on the CPU; `without` it, these have to go too.

    Raises:
        UserError: the file is damaged, or belongs to another trial.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        found = content["progress"]["trial_id"]
    except Exception as error:
        raise UserError(
            f"The checkpoint {path} cannot be read: {type(error).__name__}.",
            run=f"rm {' '.join(map(str, (path, *without)))}   # the trial then starts from its beginning",
        ) from error
    if found != trial_id:
        raise UserError(f"The checkpoint {path} belongs to another trial.", saw=found, allowed=trial_id)
    return content


def load_best(directory: Path, progress: Progress, ahead: bool = False) -> dict[str, Any]:
    """Read best.ckpt: of the step that a trial's progress names or, `ahead`, of one that it has yet to reach again.

    Raises:
        UserError: the file is damaged, of another trial, or of another step.
    """
    path, last = directory / BEST, directory / LAST
    content = load(path, progress.trial_id, (last,))
    found = content["progress"]["best_step"]
    if found != progress.best_step and not (ahead and found > progress.step):
        raise UserError(
            f"The checkpoint {path} is of another step than the best by validation.",
            saw=f"step {found}",
            allowed=f"step {progress.best_step}",
            run=f"rm {path} {last}   # the trial then starts from its beginning",
        )
    return content


def content(
    network: torch.nn.Module,
    progress: Progress,
    optimizer: torch.optim.Optimizer | None = None,
    scaler: Any = None,
    logged: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """What a checkpoint holds: weights and progress; with an optimizer, all that resuming needs.

    `logged` are the sums since the last log line, so that the next line is the same after resuming.
    """
    found: dict[str, Any] = {"network": network.state_dict(), "progress": asdict(progress)}
    if optimizer is not None:
        found["optimizer"] = optimizer.state_dict()
        found["scaler"] = scaler
        found["logged"] = logged
    return found


def prune(directory: Path, kept: int) -> None:
    """Keep the newest step-N.ckpt files."""
    steps = sorted(directory.glob("step-*.ckpt"), key=lambda path: int(path.stem.partition("-")[2]))
    for path in steps[: len(steps) - kept]:
        path.unlink()
