"""`hydra/launcher=local`: jobs on this machine, in worker processes that stay warm from one to the next."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class LocalLauncher(Launcher):
    """Runs a batch in worker processes.

    Args:
        workers: how many; None = one a visible GPU, or one a core. Worker i sees GPU i only.
        log_folder: where what worker N prints goes, as worker-N.log.
    """

    def __init__(self, workers: int | None, log_folder: str):
        self.workers, self.log_folder = workers, log_folder

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run jobs that Hydra's own sweeper asks for; what a job raised, or that it was killed, is in its JobReturn."""
        from unroll.sweeps.job import combinations, config_folder, train_job

        config_dir = config_folder(self.config.hydra)
        planned = [combinations(overrides, config_dir)[0] for overrides in job_overrides]
        return self.launch_planned(planned, train_job)

    def launch_planned(self, batch: Sequence[Any], job: Callable[[Any], Any]) -> Sequence[JobReturn]:
        """Do a job with `Planned` trials as they are: nothing is composed again."""
        from unroll.sweeps.workers import run_all, workers_here

        found = run_all(_Said(job), batch, self.workers or workers_here(), Path(self.log_folder))
        returns = []
        for item, result in zip(batch, found, strict=True):
            done = JobReturn(overrides=list(item.overrides), status=JobStatus.COMPLETED)
            done.return_value = result
            if isinstance(result, BaseException):
                done.status = JobStatus.FAILED
            returns.append(done)
        return returns


class _Said:
    """A job that says in its worker's log which trial it is, and what it raised."""

    def __init__(self, job: Callable[[Any], Any]):
        self.job = job

    def __call__(self, planned: Any) -> Any:
        print(f"--- {' '.join(planned.overrides)}", flush=True)
        try:
            return self.job(planned)
        except Exception as error:
            print(error, file=sys.stderr)
            raise
