"""What happens between steps: validation, the best and the last checkpoint, stopping, and the metric log.

All of it looks at the absolute step, so that an interrupted trial does the same at the same steps. Of several ranks,
what one of them notices (a signal, a lost lease, the time to save, the end of a budget in seconds) all heed one step
later; what comes in the last step, in that one.
"""

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as lightning

from unroll.atomic import Replacing, replacing
from unroll.config.schema import BudgetConfig, Selection, Trainer
from unroll.records.lease import LeaseLost
from unroll.training import checkpoint
from unroll.training.checkpoint import Progress
from unroll.training.module import TrialModule
from unroll.training.preemption import Preemption
from unroll.training.progress_lines import ProgressLines
from unroll.training.ranks import Poll, Ranks

Validate = Callable[[TrialModule, lightning.Trainer], dict[str, float]]


class Training(lightning.Callback):
    """Validates, keeps checkpoints, stops early, and logs. With `budget.weights=last` the best checkpoint is the last.

    Args:
        directory: of the trial.
        progress: changed in place.
        validate: runs the selection metrics over validation.
        selection: the metric that picks the best checkpoint.
        every: steps between validations; None = at the end only.
        budget: of the config, for patience, seconds, and which weights are kept.
        trainer: of the config, for checkpoints and log lines.
        preemption: tells when a signal asks training to end.
        ranks: that train together; each calls everything here at the same steps.
        report: takes the metrics of a step, where Lightning has a `log` of its own.
        said: the lines and the bar that show how far it is; None on all ranks but the first.
        still_ours: raises LeaseLost when another process has taken the trial over.
        replacing: writes a checkpoint; raises LeaseLost, too.
        diagnose: numbers that are logged before the first step and at each validation; None = none.
        pretrained: measures what the first of two phases left.
    """

    def __init__(
        self,
        directory: Path,
        progress: Progress,
        validate: Validate,
        selection: Selection,
        every: int | None,
        budget: BudgetConfig,
        trainer: Trainer,
        preemption: Preemption,
        ranks: Ranks,
        report: Callable[[Mapping[str, float], int], None],
        said: ProgressLines | None = None,
        still_ours: Callable[[], None] = lambda: None,
        replacing: Replacing = replacing,
        diagnose: Callable[[TrialModule], dict[str, float]] | None = None,
        pretrained: Callable[[TrialModule], dict[str, Any]] | None = None,
    ):
        self.still_ours, self.replacing, self.diagnose, self.pretrained = still_ours, replacing, diagnose, pretrained
        self.directory, self.progress, self.validate, self.selection = (
            directory,
            progress,
            validate,
            selection,
        )
        self.every, self.budget, self.config = every, budget, trainer
        self.seconds_before = progress.seconds
        self.preemption, self.preempted, self.report, self.ranks = preemption, False, report, ranks
        self.clock, self.leaving, self.said = Poll(ranks), Poll(ranks), said

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Diagnose what training starts from, and start the clocks."""
        assert isinstance(module, TrialModule)
        self.preemption.training_starts()
        if self.diagnose is not None and module.step == 0:
            self._log(0, self.diagnose(module))
        self.started = self.saved = time.monotonic()

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        module: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """After each optimizer step."""
        assert isinstance(module, TrialModule)
        gone, step, now = self._lost(), module.step, time.monotonic()
        self.progress.step = step
        self.progress.seconds = self.seconds_before + now - self.started
        if self.said is not None:
            self.said.step(step)
        timed = self.budget.seconds is not None
        clock_out = timed and self.clock.answer(self._clock_out())[0]
        last = step == module.steps or clock_out
        if step % self.config.log_every == 0 or last or step == module.phases.boundary:
            self._log(step, module.take_logged(self.ranks.totals))
        if self.pretrained is not None and module.phases.begins_second(step):
            self.progress.pretrained = self.pretrained(module)
        due = last or (self.every is not None and step % self.every == 0)
        if due and step > module.phases.boundary:  # while pretraining there is nothing to select by
            self._select(trainer, module, step)
        patience = self.budget.patience
        self.progress.stopped = clock_out or (patience is not None and self.progress.stale >= patience)
        ends = last or self.progress.stopped
        signs = gone is not None, self.preemption.noticed, self._late(now)
        lost, self.preempted, late = self.leaving.answer(*signs, now=ends)
        if lost:
            with self.ranks.agreeing():
                if gone is not None:
                    raise gone
        if due or late or self.preempted:
            self._save(trainer, module, step)
        if self.progress.stopped or self.preempted:
            trainer.should_stop = True
        elif not ends:
            if timed:
                self.clock.ask(self._clock_out())
            self.leaving.ask(gone is not None, self.preemption.noticed, self._late(time.monotonic()))

    def _clock_out(self) -> bool:
        return self.budget.seconds is not None and self.progress.seconds >= self.budget.seconds

    def _late(self, now: float) -> bool:
        return now - self.saved >= 60 * self.config.checkpoint_minutes

    def _lost(self) -> LeaseLost | None:
        try:
            self.still_ours()
        except LeaseLost as error:
            return error
        return None

    def _log(self, step: int, metrics: dict[str, float]) -> None:
        bad = [name for name, value in metrics.items() if not math.isfinite(value)]
        self.report(metrics, step)
        if self.said is not None:
            self.said.logged(metrics)
        if bad:
            raise FloatingPointError(f"{', '.join(bad)} is not finite at step {step}")

    def _select(self, trainer: lightning.Trainer, module: TrialModule, step: int) -> None:
        found = {name: float(value) for name, value in self.validate(module, trainer).items()}
        self._log(step, {f"validation/{name}": value for name, value in found.items()})
        if self.diagnose is not None:
            self._log(step, self.diagnose(module))
        value, progress = found[self.selection.name], self.progress
        progress.validations.append({"step": step, **found})
        sign = 1 if self.selection.direction == "higher" else -1
        better = progress.best_value is None or sign * value > sign * progress.best_value
        if better or self.budget.weights == "last":
            progress.best_value, progress.best_step, progress.stale = value, step, 0
            with self.ranks.agreeing():
                if self.ranks.number == 0:
                    content = checkpoint.content(module.network, progress)
                    checkpoint.save(self.directory / checkpoint.BEST, content, self.replacing)
        else:
            progress.stale += 1
        if self.said is not None:
            self.said.validated(step, progress.seconds, found, best=progress.best_step == step)

    def _save(self, trainer: lightning.Trainer, module: TrialModule, step: int) -> None:
        self.saved = time.monotonic()
        logged, carried = self.ranks.gathered(module.logged_sums()), self.ranks.gathered(module.carry.saved())
        with self.ranks.agreeing():
            if self.ranks.number > 0:
                return
            scaler, optimizer = trainer.precision_plugin.state_dict(), trainer.optimizers[0]
            content = checkpoint.content(module.network, self.progress, optimizer, scaler, logged, carried)
            checkpoint.save(self.directory / checkpoint.LAST, content, self.replacing)
            if self.config.keep_checkpoints:
                checkpoint.save(self.directory / f"step-{step}.ckpt", content, self.replacing)
                checkpoint.prune(self.directory, self.config.keep_checkpoints)
