"""Launchers that take trials as they were planned: what those of this machine and of Ray have in common."""

import functools
import os
import sys
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Literal

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from unroll.errors import UserError


class PlannedLauncher(Launcher):
    """Runs a batch in worker processes that stay warm; a subclass says whose they are."""

    workers: int | Literal["auto"]
    log_folder: str

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what jobs are composed of.

        Raises:
            UserError: an option that is out of range, or callbacks of Hydra's, which workers do not run.
        """
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config
        workers = self.workers
        if workers != "auto" and (not isinstance(workers, int) or workers < 1):
            saw = f"hydra.launcher.workers={'null' if workers is None else workers}"
            raise UserError("A launcher has one worker or more.", saw=saw, allowed="auto, or a number from 1 on")
        if config.hydra.callbacks:
            raise UserError(
                f"Workers of {type(self).__name__} run no callbacks of Hydra's.",
                saw=f"hydra.callbacks: {', '.join(map(str, config.hydra.callbacks))}",
                allowed="hydra/launcher=basic, joblib or slurm, whose jobs run them",
                change=["hydra/launcher=joblib"],
            )

    @abstractmethod
    def run_all(self, work: Callable[[Any], Any], batch: Sequence[Any]) -> list[Any]:
        """Return what `work` returned for each `Planned` trial, or raised; WorkerKilled where its process ended."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run jobs that Hydra's own sweeper asks for; what a job raised, or that it was killed, is in its JobReturn."""
        from unroll.sweeps.job import combinations, config_folder, hydra_flags, train_job

        config_dir, name = config_folder(self.config.hydra), self.config.hydra.job.config_name
        planned = [combinations(overrides, config_dir, name)[0] for overrides in job_overrides]
        return self.launch_planned(planned, functools.partial(train_job, flags=hydra_flags(self.config.hydra)))

    def launch_planned(self, batch: Sequence[Any], job: Callable[[Any], Any]) -> Sequence[JobReturn]:
        """Do a job with `Planned` trials as they are: nothing is composed again."""
        work = _Said(job, {str(key): str(value) for key, value in self.config.hydra.job.env_set.items()})
        returns = []
        for item, result in zip(batch, self.run_all(work, batch), strict=True):
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
