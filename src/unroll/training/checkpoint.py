"""Checkpoints: plain tensors and numbers, written atomically, read with weights_only=True."""

import hashlib
import io
import os
import shlex
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from unroll.atomic import Replacing, replacing
from unroll.errors import UserError
from unroll.storage import storage_trouble

LAST, BEST = "last.ckpt", "best.ckpt"
SEALED = "sealed"  # in a file that ends with a digest
_SEAL = b"\nsha256 "


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
    data_sha256: str | None = None  # of the examples' content; None in older checkpoints


def save(path: Path, content: dict[str, Any], replacing: Replacing = replacing) -> None:
    """Write a checkpoint in one step: a reader sees the old one or the whole new one.

    The file ends with the digest of all bytes before it, which torch.load passes over. A trial's owner gives its
    lease's `replacing`.
    """
    buffer = io.BytesIO()
    with replacing(path) as draft, draft.open("wb") as file:
        torch.save({**content, SEALED: True}, buffer)
        file.write(buffer.getbuffer())
        file.write(_seal(buffer.getbuffer()))
        file.flush()
        os.fsync(file.fileno())


def load(path: Path, trial_id: str, without: tuple[Path, ...] = (), ended: bool = False) -> dict[str, Any]:
    """Read a checkpoint of this very trial, on the CPU; `without` it, these have to go too.

    ended: the trial has a record, so that going without the file would not train it again.

    Nothing in the file is run: it holds tensors and plain values, and whatever else it names is refused.

    Raises:
        UserError: the file is missing or damaged, holds something else, or belongs to another trial.
    """
    try:
        if not path.is_file():
            raise FileNotFoundError(path)
        content = _unsealed(path.read_bytes())
        found = content["progress"]["trial_id"]
    except FileNotFoundError as error:
        raise UserError(f"There is no checkpoint {path}.", allowed="a trial that has been trained") from error
    except OSError as error:
        raise storage_trouble(error, path) or UserError(f"The checkpoint {path} cannot be read.", saw=error) from error
    except Exception as error:
        raise UserError(
            f"The checkpoint {path} cannot be read.",
            saw=f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}",
            run=None
            if ended
            else f"rm {shlex.join(map(str, (path, *without)))}   # the trial then starts from its beginning",
            allowed="the file as it was written; trainer.again=true trains the trial again" if ended else None,
        ) from error
    if found != trial_id:
        raise UserError(f"The checkpoint {path} belongs to another trial.", saw=found, allowed=trial_id)
    return content


def _seal(written: "bytes | memoryview") -> bytes:
    return _SEAL + hashlib.sha256(written).hexdigest().encode() + b"\n"


def _unsealed(written: bytes) -> dict[str, Any]:
    """What a file holds, if its bytes are those that were written; one from before the digests has torch's own sums."""
    length = len(_seal(b""))
    sealed = written[-length:].startswith(_SEAL)
    whole = written[:-length] if sealed else written
    if sealed and _seal(whole) != written[-length:]:
        raise ValueError("its digest is not that of its content: bits have changed since it was written")
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        if any(part.compress_type != zipfile.ZIP_STORED for part in archive.infolist()):
            raise ValueError("it is compressed, as no checkpoint is: it could grow without end")
        damaged = None if sealed else archive.testzip()
    if damaged is not None:
        raise ValueError(f"{damaged} in it has changed since it was written")
    content: dict[str, Any] = torch.load(io.BytesIO(whole), map_location="cpu", weights_only=True)
    if content.pop(SEALED, False) and not sealed:
        raise ValueError("its digest is gone: it was cut, or bits have changed since it was written")
    return content


def of_other_data(path: Path, trial_id: str, data_sha256: str) -> bool:
    """Whether there is a checkpoint and it was trained on other examples; raises what `load` raises."""
    return path.exists() and load(path, trial_id)["progress"].get("data_sha256") not in (None, data_sha256)


def forget(directory: Path, record: Path) -> None:
    """Remove the checkpoint of a trial that has ended, which trainer.keep_after=all kept; a younger one stays."""
    last = directory / LAST
    if last.exists() and last.stat().st_mtime_ns <= record.stat().st_mtime_ns:
        last.unlink()


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
            run=f"rm {shlex.join(map(str, (path, last)))}   # the trial then starts from its beginning",
        )
    return content


def content(
    network: torch.nn.Module,
    progress: Progress,
    optimizer: torch.optim.Optimizer | None = None,
    scaler: Any = None,
    logged: Sequence[Mapping[str, Any]] = (),
    carried: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """What a checkpoint holds: weights and progress; with an optimizer, all that resuming needs.

    `logged` are each rank's sums since the last log line, so that the next line is the same after resuming; `carried`
    is what each rank's encoder carries from batch to batch.
    """
    found: dict[str, Any] = {"network": network.state_dict(), "progress": asdict(progress)}
    if optimizer is not None:
        found["optimizer"] = optimizer.state_dict()
        found["scaler"] = scaler
        found["logged"], found["carried"] = list(logged), list(carried)
    return found


def prune(directory: Path, kept: int) -> None:
    """Keep the newest step-N.ckpt files."""
    steps = sorted(directory.glob("step-*.ckpt"), key=lambda path: int(path.stem.partition("-")[2]))
    for path in steps[: len(steps) - kept]:
        path.unlink()
