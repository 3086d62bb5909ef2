"""`hydra/launcher=local`: jobs on this machine, in worker processes that stay warm from one to the next."""

import sys
from collections.abc import Sequence
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
        """Run jobs; what a job raised, and that its process was killed, is in its JobReturn."""
        from hydra.core.singleton import Singleton

        from unroll.sweeps.workers import run_all, workers_here

        work = _Work(self.hydra_context, self.task_function, self.config, Singleton.get_state())
        jobs = list(enumerate(map(list, job_overrides), start=initial_job_idx))
        found = run_all(work, jobs, self.workers or workers_here(), Path(self.log_folder))
        returns = []
        for (_, overrides), result in zip(jobs, found, strict=True):
            done = JobReturn(overrides=overrides, status=JobStatus.COMPLETED)
            done.return_value = result
            if isinstance(result, BaseException):
                done.status = JobStatus.FAILED
            returns.append(done)
        return returns


class _Work:
    """What a worker does with a job's number and overrides."""

    def __init__(self, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig, state: Any):
        self.hydra_context, self.task_function, self.config, self.state = hydra_context, task_function, config, state

    def __call__(self, job: tuple[int, list[str]]) -> Any:
        from hydra.core.hydra_config import HydraConfig
        from hydra.core.singleton import Singleton
        from hydra.core.utils import run_job, setup_globals
        from omegaconf import open_dict

        number, overrides = job
        print(f"--- {' '.join(overrides)}", flush=True)
        setup_globals()
        Singleton.set_state(self.state)
        config = self.hydra_context.config_loader.load_sweep_config(self.config, overrides)
        with open_dict(config):
            config.hydra.job.id = f"{config.hydra.job.name}_{number}"
            config.hydra.job.num = number
        HydraConfig.instance().set_config(config)
        done = run_job(
            task_function=self.task_function,
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
            hydra_context=self.hydra_context,
        )
        try:
            return done.return_value
        except Exception as error:
            print(error, file=sys.stderr)
            raise
