"""`unroll sweep`: the trials of a suite that have no finished record are trained, then the table is printed."""

import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unroll.config.filters import keep
from unroll.config.half import half_of
from unroll.config.planned import Plan, Planned
from unroll.config.search_space import tunes
from unroll.config.trial import Trial
from unroll.config.wandb_names import SUITE, TUNING
from unroll.config.written import written
from unroll.errors import UserError
from unroll.interruption import Asked, interrupt, tell
from unroll.records.state import read_head, state, why_stale
from unroll.registry.canonical import canonical
from unroll.sweeps.capacity import refuse_one_gpu_for_all, workers_here
from unroll.sweeps.scheduler import to_launch
from unroll.sweeps.silence import telling
from unroll.sweeps.stopping import believed, decisions, until_decided, wanted
from unroll.sweeps.suite import plan
from unroll.threads import environment
from unroll.visible import say

if TYPE_CHECKING:
    from rich.console import Console

    from unroll.sweeps.job import Job


def run_sweep(
    overrides: Sequence[str],
    config_dir: str | None = None,
    *,
    dry_run: bool = False,
    retry_failed: bool = False,
    filters: Sequence[str] = (),
    job: "Job | None" = None,
) -> bool:
    """Run a suite, print its table, write its report and page; return whether every trial has a finished record.

    With `sweep.stop=decided`, every trial that its claims needed; see `unroll.sweeps.stopping`.

    Args:
        overrides: `suite=NAME`, `workers`, `sweep.*` and `hydra*`; all others go to each trial.
        dry_run: only print each trial's id, state and overrides, and what records say that all of them cost; with
            `sweep.stop=decided`, of those needed now.
        retry_failed: also train trials that have a failed record.
        filters: see `unroll.config.filters.keep`.
        job: what is done with a trial; None: unroll.sweeps.job.train_job.

    Raises:
        UserError: something about the suite or its trials is wrong; nothing was trained.
    """
    from rich.console import Console

    console = Console()
    with console.status("Planning") if console.is_terminal else _nothing():
        todo = plan(overrides, config_dir)
        if todo.until_decided and filters:
            raise UserError(
                "A claim is decided by all trials that it asks for.",
                saw=f"sweep.stop=decided --filter {' '.join(filters)}",
                allowed="one of the two",
            )
        trials = wanted(todo, decisions(todo)) if todo.until_decided else keep(todo.trials, filters)
    states = {item.trial.trial_id: state(item.trial) for item in trials}
    counts = ", ".join(f"{count} {name}" for name, count in sorted(Counter(states.values()).items()))
    print(f"Suite {todo.name}: {len(trials)} trials ({counts})", flush=True)
    if todo.until_decided and todo.stop:
        looks = todo.stop["looks"]
        most = f"at most {looks[-1]} ({len(todo.trials)} trials)"
        print(f"Seeds are added until the claims are decided: {looks[0]} at first, {most}", flush=True)
    for reason, pairs in todo.refused.items():
        print(f"Left out ({len(pairs)}): {reason} {', '.join(pairs)}", flush=True)
    if dry_run:
        for item in trials:
            print(f"{states[item.trial.trial_id]:8} {item.trial.trial_id}  {' '.join(item.overrides)}")
            if states[item.trial.trial_id] == "stale":
                say(f"{'':8} {why_stale(read_head(item.trial.record_path) or {}, item.trial)}")
        options = [*(f"--filter={text}" for text in filters), *(["--config-dir", config_dir] if config_dir else [])]
        _show_costs(todo, trials, retry_failed, shlex.join(["unroll", "cost", *overrides, *options]))
        if tunes(todo.hydra):
            print("Networks are tuned: the points of the space take the place of what is listed.")
        return True

    if not tunes(todo.hydra) and to_launch(trials, retry_failed):
        _say_time(todo, trials, retry_failed)

    def train(some: Sequence[Planned]) -> list[Planned]:
        return launch(todo, some, config_dir, retry_failed=retry_failed, job=job)

    if todo.until_decided:
        until_decided(todo, train, lambda line: print(line, flush=True))
        trials = wanted(todo, decisions(todo))
    else:
        trials = train(trials)
    return _report(todo, [item.trial for item in trials], _folder(todo, trials), console, config_dir)


def _show_costs(todo: Plan, trials: Sequence[Planned], retry_failed: bool, advice: str) -> None:
    """Say what is known of costs without training anything; `advice` is the command that times the rest."""
    from unroll.sweeps.cost import forecast
    from unroll.sweeps.cost_view import show

    show(forecast(todo, trials, retry_failed=retry_failed), advice)


def _say_time(todo: Plan, trials: Sequence[Planned], retry_failed: bool) -> None:
    from unroll.sweeps.cost import forecast
    from unroll.sweeps.cost_view import expected

    said = expected(forecast(todo, trials, retry_failed=retry_failed))
    if said is not None:
        print(said, flush=True)


def launch(
    todo: Plan,
    trials: Sequence[Planned],
    config_dir: str | None = None,
    *,
    retry_failed: bool = False,
    job: "Job | None" = None,
) -> list[Planned]:
    """Train those of a plan's trials that have no record yet; return the trials, or what a tuning put in their place.

    Raises:
        UserError: a trial is wrong; nothing was trained.
    """
    if not tunes(todo.hydra) and not to_launch(trials, retry_failed):
        return list(trials)
    with Asked(interrupt):
        tuned = _launch(todo, in_order(trials), _folder(todo, trials), config_dir, retry_failed, job)
    return tuned or list(trials)


def _folder(todo: Plan, trials: Sequence[Planned]) -> Path:
    return Path(trials[0].trial.plain["paths"]["runs"]) / todo.name


def suite_trials(overrides: Sequence[str], config_dir: str | None = None) -> list[Trial]:
    """Return the trials of a suite, e.g. of `suite=quickstart`."""
    return [item.trial for item in plan(overrides, config_dir).trials]


def in_order(trials: Sequence[Planned]) -> list[Planned]:
    """Return trials with those first that likely take long, so that no worker ends alone with one of them."""

    def weight(item: Planned) -> tuple[bool, int]:
        architecture = item.trial.plain.get("architecture", {})
        directions = 2 if architecture.get("bidirectional") else 1
        recurrent = 4 if "cell" in architecture else 1
        return item.trial.is_baseline, -recurrent * directions * int(architecture.get("depth", 1))

    return sorted(trials, key=weight)


def _launch(
    todo: Plan, planned: Sequence[Planned], folder: Path, config_dir: str | None, retry_failed: bool, job: "Job | None"
) -> list[Planned] | None:
    """Hand the trials to Hydra's sweeper, as Hydra itself does for a multirun.

    Returns the trials that a tuning has put in their place, if it was one.
    """
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.hydra_config import HydraConfig
    from hydra.core.plugins import Plugins
    from hydra.types import HydraContext
    from omegaconf import open_dict

    from unroll.config.by_hydra import compose_node, hydra_set_up
    from unroll.sweeps import job as jobs
    from unroll.sweeps.workers import log_of, run_each

    defaults = {"hydra/sweeper": "resumable", "hydra/launcher": "local"}
    chosen = {text.partition("=")[0] for text in todo.hydra}
    own = [f"{key}={value}" for key, value in defaults.items() if key not in chosen]
    runs = planned[0].trial.plain["paths"]["runs"]
    own += [f"paths.runs={written(runs)}", f"hydra.sweep.dir={written(str(folder))}"]
    own += [f"hydra.sweeper.retry_failed={str(retry_failed).lower()}"]
    own += [f"hydra.sweeper.{key}={'null' if value is None else value}" for key, value in todo.rules.items()]
    if todo.workers is not None:
        own.append(f"hydra.launcher.workers={todo.workers}")
    with hydra_set_up(config_dir):
        config = compose_node("train", [*own, *todo.hydra], config_dir, with_hydra=True)
        with open_dict(config):
            config.hydra.overrides.task = []
        jobs.one_process_each([item.trial for item in planned], lambda: config.hydra.launcher, in_sweep=True)
        refuse_one_gpu_for_all([item.trial for item in planned], lambda: config.hydra.launcher)
        if job is None:
            unchecked = [item.trial for item in to_launch(planned, retry_failed)]
            parts = _by_data(unchecked)
            with telling(f"Trials are checked and their data prepared; log: {log_of(folder, '*')}", tell):
                run_each(
                    check_all, parts, min(todo.workers or workers_here(()), len(parts)), folder, todo.rules["retries"]
                )
        HydraConfig.instance().set_config(config)
        hydra = GlobalHydra.instance().hydra
        assert hydra is not None
        context = HydraContext(config_loader=hydra.config_loader, callbacks=_callbacks(config))
        sweeper: Any = Plugins.instance().instantiate_sweeper(
            hydra_context=context, task_function=jobs.HydraTask(job or jobs.train_job), config=config
        )
        with environment({SUITE: todo.name} | ({TUNING: "1"} if tunes(todo.hydra) else {})):  # trackers tell of it
            tuned: list[Planned] | None = sweeper.run(planned)
        return tuned


def _by_data(trials: Sequence[Trial]) -> list[list[Trial]]:
    """Trials by what they read, so that several processes prepare it."""
    parts: dict[str, list[Trial]] = {}
    for trial in trials:
        parts.setdefault(canonical([trial.plain["data"], trial.plain["paths"]]), []).append(trial)
    return list(parts.values())


def check_all(trials: Sequence[Trial]) -> None:
    """Check every trial as the trainer would, and prepare what they read; UserError for the first that is wrong."""
    from unroll.data.examples import load_examples
    from unroll.training.train import check

    for trial in trials:
        check(trial)
    for first, *_ in _by_data(trials):
        load_examples(first.plain["data"], first.plain["paths"])


def _callbacks(config: Any) -> Any:
    """A user's Hydra callbacks, which Hydra's own main makes: nothing public makes them for a sweeper."""
    from hydra._internal.callbacks import Callbacks

    return Callbacks(config)


def _report(todo: Plan, trials: Sequence[Trial], folder: Path, console: "Console", config_dir: str | None) -> bool:
    from unroll.analysis.hypotheses import answers
    from unroll.analysis.render.terminal import rich_table, winners
    from unroll.analysis.report import write_report
    from unroll.analysis.tables import make_tables
    from unroll.analysis.webpage.content import Sources
    from unroll.records.scores import scores_under

    states = {trial.trial_id: state(trial) for trial in trials}
    halves = [half for trial in trials if (half := half_of(trial.plain)) is not None and state(half) == "finished"]
    refused: list[UserError] = []
    records, scores = believed([*trials, *halves], refused), scores_under(folder.parent)
    tables = make_tables(records, trials, None if todo.stop else scores)
    for table in rich_table(tables, todo.name):
        console.print(table)
    said = answers(todo, records, scores)
    path = folder / "report.md"
    places = {trial.trial_id: trial.record_path for trial in trials}
    page = Sources.beside(path, places, about=todo.description, config_dir=config_dir)
    write_report(tables, path, f"Suite {todo.name}", said, refused, todo.name, page=page)
    for error in refused:
        say(error, err=True)
    unfinished = [trial for trial in trials if states[trial.trial_id] != "finished"]
    for trial in unfinished:
        say(f"{states[trial.trial_id]}: {trial.record_path}")
    print(f"{len(trials) - len(unfinished)} of {len(trials)} trials finished")
    if any(value == "failed" for value in states.values()):
        print("Failed trials are trained again with --retry-failed.")
    for line in winners(tables):
        say(line)
    print(f"Report: {path}", flush=True)
    print(f"Page:   {path.with_suffix('.html')}, for a browser", flush=True)
    if not unfinished:
        print(f"Next: unroll report suite={todo.name} --runs {folder.parent} --figures figures", flush=True)
        print(f"      unroll show {trials[0].trial_id} --runs {folder.parent}", flush=True)
    if todo.of is not None:
        print(f"Beside the whole budget: unroll report suite={todo.of} --runs {folder.parent}", flush=True)
    return not unfinished and not refused


def _nothing() -> Any:
    from contextlib import nullcontext

    return nullcontext()
