"""`hydra/launcher=local`: jobs on this machine, in worker processes that stay warm from one to the next."""

import functools
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from unroll.errors import UserError


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
        if config.hydra.callbacks:
            raise UserError(
                "Workers of hydra/launcher=local run no callbacks of Hydra's.",
                saw=f"hydra.callbacks: {', '.join(map(str, config.hydra.callbacks))}",
                allowed="hydra/launcher=basic, joblib or slurm, whose jobs run them",
                change=["hydra/launcher=joblib"],
            )

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run jobs that Hydra's own sweeper asks for; what a job raised, or that it was killed, is in its JobReturn."""
        from unroll.sweeps.job import combinations, config_folder, hydra_flags, train_job

        config_dir, name = config_folder(self.config.hydra), self.config.hydra.job.config_name
        planned = [combinations(overrides, config_dir, name)[0] for overrides in job_overrides]
        return self.launch_planned(planned, functools.partial(train_job, flags=hydra_flags(self.config.hydra)))

    def launch_planned(self, batch: Sequence[Any], job: Callable[[Any], Any]) -> Sequence[JobReturn]:
        """Do a job with `Planned` trials as they are: nothing is composed again."""
        from unroll.sweeps.workers import run_all, workers_here

        work = _Said(job, {str(key): str(value) for key, value in self.config.hydra.job.env_set.items()})
        found = run_all(work, batch, self.workers or workers_here(), Path(self.log_folder))
        returns = []
        for item, result in zip(batch, found, strict=True):
            done = JobReturn(overrides=list(item.overrides), status=JobStatus.COMPLETED)
            done.return_value = result
            if isinstance(result, BaseException):
                done.status = JobStatus.FAILED
            returns.append(done)
        return returns


class _Said:
    """A job that says in its worker's log which trial it is, and what it raised; its environment is Hydra's."""

    def __init__(self, job: Callable[[Any], Any], environment: dict[str, str]):
        self.job, self.environment = job, environment

    def __call__(self, planned: Any) -> Any:
        os.environ.update(self.environment)  # a worker takes it back after each job
        print(f"--- {' '.join(planned.overrides)}", flush=True)
        try:
            return self.job(planned)
        except Exception as error:
            print(error, file=sys.stderr)
            raise
