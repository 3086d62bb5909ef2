"""`unroll sweep`: the trials of a suite that have no finished record are trained, then the table is printed."""

import os
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unroll.errors import UserError
from unroll.planning.suites import Plan, Planned, plan
from unroll.planning.trial import Trial, is_baseline
from unroll.planning.workers import check_all, one_thread_each, run_all

if TYPE_CHECKING:
    from rich.console import Console


def run_sweep(
    overrides: Sequence[str],
    config_dir: str | None = None,
    *,
    dry_run: bool = False,
    train: Callable[[Trial], Any] | None = None,
) -> bool:
    """Run a suite, print its table and write `report.md`; return whether every trial has a finished record.

    Args:
        overrides: `suite=NAME`, `workers`, `fail_fast`; all others go to each trial.
        dry_run: only print each trial's id and state.
        train: what trains a trial; None: unroll.training.train.train.

    Raises:
        UserError: something about the suite or its trials is wrong; nothing was trained.
    """
    from rich.console import Console

    console = Console()
    with console.status("Planning") if console.is_terminal else _nothing():
        todo = plan(overrides, config_dir)
    states = {item.trial.trial_id: state(item.trial) for item in todo.trials}
    counts = ", ".join(f"{count} {name}" for name, count in sorted(Counter(states.values()).items()))
    print(f"Suite {todo.name}: {len(todo.trials)} trials ({counts})", flush=True)
    if dry_run:
        for item in todo.trials:
            print(f"{states[item.trial.trial_id]:8} {item.trial.trial_id}")
        return True
    missing = in_order([item for item in todo.trials if states[item.trial.trial_id] != "finished"])
    folder = Path(todo.trials[0].trial.config["paths"]["runs"]) / todo.name
    if missing:
        _one_device(missing)
        previous = signal.signal(signal.SIGTERM, _interrupt)
        try:
            with one_thread_each():
                if train is None:
                    check_all(missing, folder)
                _train(todo, missing, folder, console, train)
        finally:
            signal.signal(signal.SIGTERM, previous)
    return _report(todo, folder, console)


def suite_trials(overrides: Sequence[str], config_dir: str | None = None) -> list[Trial]:
    """Return the trials of a suite, e.g. of `suite=quickstart`."""
    return [item.trial for item in plan(overrides, config_dir).trials]


def state(trial: Trial) -> str:
    """Return what a trial's record says: missing, damaged, stale, failed or finished.

    Stale: of another schema or protocol than today's.
    """
    from unroll.results.record import SCHEMA_VERSION, read_record

    if not trial.record_path.exists():
        return "missing"
    try:
        record = read_record(trial.record_path)
    except UserError:
        return "damaged"
    current = (SCHEMA_VERSION, trial.config["task"]["protocol_version"])
    if (record["schema_version"], record["protocol_version"]) != current:
        return "stale"
    return str(record["status"])


def in_order(trials: Sequence[Planned]) -> list[Planned]:
    """Return trials with those first that likely take long, so that no worker ends alone with one of them."""

    def weight(item: Planned) -> tuple[bool, int]:
        architecture = item.trial.config["architecture"]
        directions = 2 if architecture.get("bidirectional") else 1
        recurrent = 4 if "cell" in architecture else 1
        return is_baseline(item.trial.config), -recurrent * directions * int(architecture.get("depth", 1))

    return sorted(trials, key=weight)


def _train(
    todo: Plan, missing: Sequence[Planned], folder: Path, console: "Console", train: Callable[[Trial], Any] | None
) -> None:
    from unroll.planning.display import display

    workers = todo.workers or len(os.sched_getaffinity(0))
    with display(len(missing), console) as shown:
        for event in run_all(missing, workers, folder, fail_fast=todo.fail_fast, train=train, beat=shown.refresh):
            shown.show(event)


def _report(todo: Plan, folder: Path, console: "Console") -> bool:
    from unroll.results.record import read_record
    from unroll.results.report import rich_table, write_report

    trials = [item.trial for item in todo.trials]
    states = {trial.trial_id: state(trial) for trial in trials}
    records = [read_record(trial.record_path) for trial in trials if states[trial.trial_id] in ("finished", "failed")]
    for table in rich_table(records, trials):
        console.print(table)
    path = write_report(records, folder / "report.md", trials, title=f"Suite {todo.name}")
    unfinished = [trial for trial in trials if states[trial.trial_id] != "finished"]
    for trial in unfinished:
        print(f"{states[trial.trial_id]}: {trial.record_path}")
    print(f"{len(trials) - len(unfinished)} of {len(trials)} trials finished")
    print(f"Report: {path}", flush=True)
    return not unfinished


def _one_device(missing: Sequence[Planned]) -> None:
    for item in missing:
        trainer = item.trial.config["trainer"]
        if trainer["devices"] * trainer["num_nodes"] > 1:
            raise UserError(
                "A local sweep trains each trial in one process.",
                saw=f"trainer.devices={trainer['devices']} trainer.num_nodes={trainer['num_nodes']}",
                allowed="1 and 1",
                run=f"torchrun --nproc-per-node {trainer['devices']} -m unroll train {' '.join(item.overrides)}",
            )


def _interrupt(signum: int, frame: Any) -> None:
    raise KeyboardInterrupt


def _nothing() -> Any:
    from contextlib import nullcontext

    return nullcontext()
