"""`hydra/launcher=local`: jobs on this machine, in worker processes that stay warm from one to the next."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from unroll.sweeps.launching import PlannedLauncher


class LocalLauncher(PlannedLauncher):
    """Runs a batch in worker processes.

    Args:
        workers: how many; auto = see `unroll.sweeps.capacity`. Of n GPUs worker i sees GPU i modulo n only.
        log_folder: where what worker N prints goes, as worker-N.log.
        mps: whether workers that share a GPU do so by NVIDIA's MPS, where it is; see `unroll.sweeps.mps`.
    """

    def __init__(self, workers: int | Literal["auto"], log_folder: str, mps: bool = True):
        self.workers, self.log_folder, self.mps = workers, log_folder, mps

    def run_all(self, work: Callable[[Any], Any], batch: Sequence[Any]) -> list[Any]:
        """Do the work in as many workers as are wanted, or fit here."""
        from unroll.sweeps.capacity import gpus_for, workers_here
        from unroll.sweeps.mps import shared
        from unroll.sweeps.workers import run_all

        gpus = gpus_for(item.trial for item in batch)
        wanted = workers_here(gpus) if self.workers == "auto" else self.workers
        with shared(gpus, min(wanted, len(batch)), self.mps) as workers:
            return run_all(work, batch, workers, Path(self.log_folder))
