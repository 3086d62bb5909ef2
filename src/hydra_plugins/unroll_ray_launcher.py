"""`hydra/launcher=ray`: jobs in worker processes that Ray starts, on this machine or on all of a cluster of Ray's."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from unroll.sweeps.launching import PlannedLauncher


class RayLauncher(PlannedLauncher):
    """Runs a batch in workers of Ray's.

    Args:
        address: local = on this machine, for the batch alone; auto or HOST:PORT = the cluster that `ray start` made.
        workers: how many; auto = as many as there is room for.
        cpus: cores that Ray counts for a worker.
        gpus: a worker's share of a GPU, where trials may use one and there are any.
        log_folder: where what worker N prints goes, as worker-N.log; all nodes must see it.
    """

    def __init__(self, address: str, workers: int | Literal["auto"], cpus: float, gpus: float, log_folder: str):
        self.address, self.workers, self.cpus, self.gpus = address, workers, cpus, gpus
        self.log_folder = log_folder

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what jobs are composed of; UserError where Ray is not installed."""
        from unroll.sweeps.ray_workers import installed_ray

        installed_ray(self.address)
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def run_all(self, work: Callable[[Any], Any], batch: Sequence[Any]) -> list[Any]:
        """Do the work in as many workers as are wanted, or as Ray has room for."""
        from unroll.sweeps.ray_workers import Share, run_all

        workers = None if self.workers == "auto" else self.workers
        on_cpu = all(item.trial.plain["trainer"]["accelerator"] == "cpu" for item in batch)
        share = Share(self.cpus, 0.0 if on_cpu else self.gpus)
        return run_all(work, batch, self.address, workers, share, Path(self.log_folder))
