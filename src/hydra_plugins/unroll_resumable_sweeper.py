"""`hydra/sweeper=resumable`: launches the trials that have no record yet, again and again, until all have ended."""

import functools
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from unroll.sweeps.scheduler import Rules


class ResumableSweeper(Sweeper):
    """Sweeps over trials that are named by what they are, so that a trial with a record is done.

    Works with every launcher. Two sweeps over one directory share the work.

    Args:
        fail_fast: start nothing more after the first trial that failed.
        retry_failed, retries, max_batch_size, poll_seconds: see `unroll.sweeps.scheduler.Rules`.
    """

    def __init__(
        self, fail_fast: bool, retry_failed: bool, retries: int, max_batch_size: int | None, poll_seconds: float
    ):
        self.fail_fast = fail_fast
        self.rules = Rules(retry_failed, retries, max_batch_size, poll_seconds, fail_fast)
        self.number = 0

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        from unroll.sweeps.job import HydraTask, config_folder, guarded, hydra_flags, train_job

        self.config_dir, self.config_name = config_folder(config.hydra), config.hydra.job.config_name
        self.flags = hydra_flags(config.hydra)
        folder = Path(config.hydra.sweep.dir)
        self.stop = folder / f".stop-{uuid.uuid4().hex}"
        job = task_function.job if isinstance(task_function, HydraTask) else train_job
        self.places: dict[str, str] = {}  # filled before anything is launched, and sent along
        self.job = functools.partial(guarded, job, self.stop if self.fail_fast else None, self.places)
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=HydraTask(self.job), config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Run every combination of a multirun's overrides. Raises SweepFailed if not all trials finished."""
        from unroll.errors import SweepFailed
        from unroll.records.state import state
        from unroll.sweeps.job import combinations

        planned = combinations(arguments, self.config_dir, self.config_name)
        self.run(planned)
        unfinished = [item.trial.trial_id for item in planned if state(item.trial) != "finished"]
        if unfinished:
            raise SweepFailed(unfinished, len(planned))

    def run(self, planned: Sequence[Any]) -> None:
        """Launch `Planned` trials until each has ended."""
        from unroll.sweeps.progress import watching
        from unroll.sweeps.scheduler import complete, to_launch

        self.stop.parent.mkdir(parents=True, exist_ok=True)
        waiting = to_launch(planned, self.rules.retry_failed)
        places = enumerate(planned, 1)
        self.places.update({item.trial.trial_id: f"{number}/{len(planned)}" for number, item in places})
        if len(waiting) < len(planned):
            ended = f"{len(planned) - len(waiting)} of {len(planned)} trials have ended before and are not trained"
            print(f"{ended}; trainer.again=true trains finished ones again", flush=True)
        try:
            with watching(waiting, self.logs) as shown:
                complete(planned, self._launch, self.rules, self.stop, shown.say)
        finally:
            self.stop.unlink(missing_ok=True)

    @property
    def logs(self) -> str | None:
        """Where what the trials print is, as far as the launcher says."""
        folder = getattr(self.launcher, "log_folder", None)
        return None if folder is None else f"{folder}/worker-*.log"

    def _launch(self, batch: Sequence[Any]) -> Mapping[str, BaseException]:
        assert self.launcher is not None
        returns: Sequence[JobReturn]
        launch_planned = getattr(self.launcher, "launch_planned", None)  # of one that takes trials as they are
        if launch_planned is not None:
            returns = launch_planned(batch, functools.partial(self.job, flags=self.flags))
        else:
            returns = self.launcher.launch([list(item.overrides) for item in batch], self.number)
        self.number += len(batch)
        pairs = zip(batch, returns, strict=True)
        return {item.trial.trial_id: done._return_value for item, done in pairs if done.status is JobStatus.FAILED}
