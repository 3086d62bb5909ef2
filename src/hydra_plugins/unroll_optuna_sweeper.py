"""`hydra/sweeper=optuna`: tunes each network on validation, then trains the best point on all seeds."""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.unroll_resumable_sweeper import ResumableSweeper


class OptunaSweeper(ResumableSweeper):
    """A study for each network of a suite, all with the same number of points; see `unroll.tuning.search`.

    Args:
        trials, parallel, sampler, random_points, seed, tuning_seed, skip_absent, final_seeds: see
            conf/hydra/sweeper/optuna.yaml.
        space: key -> values, see `unroll.config.search_space`.
        rules: those of ResumableSweeper.
    """

    def __init__(
        self,
        trials: int,
        parallel: int,
        space: Mapping[str, Any] | None,
        skip_absent: bool,
        sampler: str,
        random_points: int,
        seed: int,
        tuning_seed: int | None,
        final_seeds: bool,
        **rules: Any,
    ):
        from unroll.tuning.study import TuningOptions

        super().__init__(**rules)
        plain: Any = OmegaConf.to_container(space) if isinstance(space, DictConfig) else space
        self.space: dict[str, Any] = dict(plain or {})
        self.options = TuningOptions(
            trials, parallel, sampler, random_points, seed, tuning_seed, skip_absent, final_seeds
        )

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what later composing needs."""
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        self.folder = Path(config.hydra.sweep.dir)
        if self.config_dir is None:  # a suite's sweep tells Hydra by its search path
            path = [str(place) for place in config.hydra.searchpath if str(place).startswith("file://")]
            self.config_dir = path[-1].removeprefix("file://") if path else None

    def sweep(self, arguments: list[str]) -> None:
        """Tune one study from a multirun's overrides: those with several values are its space, but for the seed's.

        Raises SweepFailed if not all trials of the best point finished.
        """
        from unroll.config.search_space import split
        from unroll.errors import SweepFailed
        from unroll.records.state import state
        from unroll.sweeps.job import combinations

        given = split(arguments)
        self.space = {**self.space, **given.space}
        planned = combinations([*given.fixed, *given.seeds], self.config_dir, self.config_name)
        chosen = self.run(planned, own_folder=True)
        unfinished = [item.trial.trial_id for item in chosen if state(item.trial) != "finished"]
        if unfinished:
            raise SweepFailed(unfinished, len(chosen))

    def run(self, planned: Sequence[Any], own_folder: bool = False) -> list[Any]:  # type: ignore[override]
        """Tune the networks among `Planned` trials; return the trials that stand for them, and the baselines.

        A study without any point that has a value is stood for by its points.
        """
        from unroll.config.compose import Composer
        from unroll.config.planned import Planned
        from unroll.config.search_space import read_space
        from unroll.tuning.search import finals, tune
        from unroll.tuning.study import make_studies
        from unroll.tuning.summary import summarise, table, unequal, write_summary
        from unroll.visible import say

        compose = functools.partial(Composer(self.config_dir).trial, name=self.config_name)
        baselines = [item for item in planned if item.trial.is_baseline]
        studies = make_studies(planned, read_space(self.space), self.options, compose)
        points = self.folder / "optuna"
        path = (points / studies[0].name if own_folder and studies else self.folder) / "tuning.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            tuned = tune(
                studies,
                baselines,
                self.options,
                points,
                compose,
                self._train,
                lambda tuned: write_summary(path, summarise(tuned, self.options, [], baselines)),
            )
            chosen = finals(tuned, self.options, compose)
            best = [item for items in chosen for item in items]
            if not self.stop.exists() and best:
                self._train(best, f"Best points of {len(studies)} studies on their seeds")
        finally:
            self.stop.unlink(missing_ok=True)
        summary = summarise(tuned, self.options, chosen, baselines)
        write_summary(path, summary)
        for line in filter(None, (*table(summary), unequal(summary), f"Tuning: {path}")):
            say(line)
        lost = []
        for one in tuned:
            if one.best is None:
                lost += [point.planned for point in one.points] or [Planned(one.study.example, one.study.overrides)]
        return [*best, *lost, *baselines]

    def _train(self, planned: Sequence[Any], line: str) -> bool:
        """Train what has no record until all have ended; whether to go on."""
        from unroll.sweeps.progress import watching
        from unroll.sweeps.scheduler import complete, to_launch
        from unroll.sweeps.sweep import in_order
        from unroll.visible import say

        missing = in_order(to_launch(planned, self.rules.retry_failed))
        if missing:
            say(f"{line}: {len(missing)} trials to train")
            with watching(missing, self.logs) as shown:
                complete(missing, self._launch, self.rules, self.stop, shown.say)
        return not self.stop.exists()
