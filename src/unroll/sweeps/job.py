"""`unroll train`: the Hydra app. All that it will run is composed and checked before any of it runs."""

import contextlib
import functools
import gc
import os
import sys
import traceback
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from unroll.collection import collecting_nothing
from unroll.config.by_hydra import compose_node, hydra_set_up, register_defaults, search_path
from unroll.config.compose import OF_HYDRA, Composer, trial_from
from unroll.config.explain import COMPOSITION_ERRORS, explain
from unroll.config.overrides import expand, refuse_repeated
from unroll.config.planned import Planned
from unroll.config.search_space import probing, split, tunes
from unroll.config.trial import Trial
from unroll.errors import COMMAND, SweepFailed, TrialFailed, UserError
from unroll.records.failed import record_mishap
from unroll.records.lease import LeaseHeld, LeaseLost
from unroll.records.state import record_identity
from unroll.registry.groups import conf_directory
from unroll.sweeps.capacity import refuse_one_gpu_for_all
from unroll.sweeps.trial_lines import PLACE, closing, next_commands, opening
from unroll.threads import environment
from unroll.training.cluster import rank
from unroll.visible import say


def run(arguments: Sequence[str]) -> bool:
    """Run `unroll train` with a command line's arguments; return whether every trial finished.

    One trial is composed and trained here. Hydra's own main does what it alone can: several trials, `--cfg`, `--help`
    and the like, and whatever its part of the config is overridden for.

    Raises:
        UserError: something about the command is wrong; nothing was trained.
    """
    options = _parsed(arguments)
    flags = [argument for argument in arguments if argument not in options.overrides]
    arguments = [*options.overrides, *flags]  # Hydra's own parser wants the overrides together
    if options.config_path is not None:
        raise UserError("The shipped YAML stays where it is.", saw="--config-path", allowed="--config-dir DIR")
    refuse_repeated(options.overrides)
    shows = options.cfg or options.info or options.help or options.hydra_help or options.shell_completion
    of_hydra = any(OF_HYDRA.match(text) for text in options.overrides)
    several: list[Trial] = []
    try:
        if not (shows or options.experimental_rerun or options.multirun or of_hydra or options.resolve):
            name = options.config_name or "train"
            trial = Composer(options.config_dir).trial(options.overrides, name)
            train_job(Planned(trial, tuple(options.overrides)), _flags(options.config_dir, name), in_sweep=False)
            return True
        if not shows and not options.experimental_rerun:
            checked = check_everything(options)
            several = checked if options.multirun and not tunes(options.overrides) else []
        with environment({_TOTAL: str(len(several))} if several else {}):
            run_hydra("train", arguments)
    except COMPOSITION_ERRORS as error:
        with hydra_set_up(options.config_dir):
            name, config_dir = options.config_name or "train", options.config_dir
            raise explain(error, name, options.overrides, search_path(config_dir), config_dir) from error
    except TrialFailed as error:
        if not options.multirun:  # whose jobs say it themselves
            say(error, err=True)
        return False
    except SweepFailed as error:
        _show_tables(several)
        say(error, err=True)
        return False
    _show_tables(several)
    return True


def _show_tables(trials: Sequence[Trial]) -> None:
    """Print the tables of a multirun's trials, as a sweep does of a suite's."""
    if not trials or rank() != 0:
        return
    from rich.console import Console

    from unroll.analysis.render.terminal import rich_table
    from unroll.analysis.tables import make_tables
    from unroll.sweeps.stopping import believed

    refused: list[UserError] = []
    for table in rich_table(make_tables(believed(trials, refused), trials)):
        Console().print(table)
    for error in refused:
        say(error, err=True)


def _parsed(arguments: Sequence[str]) -> Namespace:
    parser = get_args_parser()

    def refuse(message: str) -> NoReturn:
        unknown = [text for text in arguments if text.startswith("--") and text.removeprefix("--") in message]
        name = (unknown[0] if unknown else "").lstrip("-").partition("=")[0].replace("-", "_")
        raise UserError(
            f"The command line cannot be read: {message}.",
            saw=" ".join(arguments),
            allowed=f"{name}=VALUE, without dashes, for a key; Hydra's options: unroll train --hydra-help"
            if name
            else "key=value, group=option, Hydra's options",
            run="unroll train --help",
        )

    parser.error = refuse  # type: ignore[method-assign]
    return parser.parse_intermixed_args(list(arguments))


def run_hydra(config_name: str, arguments: Sequence[str]) -> None:
    """Hand a command line to Hydra's own main, with errors raised instead of printed.

    Of a single job Hydra would write a line of its own before the error's message: it sees no error.
    """
    raised: list[Exception] = []

    @functools.wraps(hydra_job)
    def quietly(config: DictConfig) -> Any:
        try:
            return hydra_job(config)
        except Exception as error:
            if HydraConfig.get().mode is not RunMode.RUN:
                raise
            raised.append(error)

    multirun = {"-m", "--multirun"}.intersection(arguments)
    register_defaults()
    before, full_error = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    program = "unroll" if before[0].endswith("__main__.py") else before[0]
    sys.argv = [program, *arguments]
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        main = hydra.main(version_base="1.3", config_path=str(conf_directory()), config_name=config_name)
        main(hydra_job if multirun else quietly)()
    finally:
        sys.argv = before
        if full_error is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = full_error
    if raised:
        raise raised[0]


def check_everything(options: Namespace) -> list[Trial]:
    """Compose and check each trial of a command: of a multirun, every combination."""
    combinations = [options.overrides]
    if options.multirun:
        tuned = tunes(options.overrides)
        combinations = probing(split(options.overrides)) if tuned else expand(options.overrides)
    composer = Composer(options.config_dir)
    trials = [composer.trial(overrides, options.config_name or "train") for overrides in combinations]
    if options.multirun:
        one_process_each(trials, lambda: _launcher(options))
        refuse_one_gpu_for_all(trials, lambda: _launcher(options))
    from unroll.training.train import check

    for trial in trials:
        check(trial)
    return trials


_TOTAL = "UNROLL_TRIALS"  # of a multirun, told to its jobs
Job = Callable[[Planned, Sequence[str]], Any]  # a trial, and what follows its overrides on a command line


def train_job(planned: Planned, flags: Sequence[str] = (), in_sweep: bool = True) -> float:
    """Train one trial; return its primary metric's value, as Hydra's optimising sweepers want it.

    Args:
        planned: the trial.
        flags: that follow its overrides in the command that trains it alone.
        in_sweep: whether it was checked before, with all others, and has to say itself what goes wrong.
    """
    sys.argv = ["unroll", "train", *planned.overrides, *flags]
    trial = planned.trial
    if rank() == 0:
        for line in opening(trial):
            say(line, err=True)
    with collecting_nothing():
        from unroll.training.train import train

    before = record_identity(trial)
    try:
        record = train(trial, checked=in_sweep)
    except (UserError, TrialFailed) as error:
        if in_sweep:
            say(error, err=True)
        raise
    finally:
        if in_sweep:
            _give_back()
    primary: dict[str, Any] = record["result"]["primary"]
    if rank() == 0:
        say(f"{record['trial_id']}: test {primary['name']} {primary['value']:.6g} {primary['unit']}")
        if before is not None and record_identity(trial) == before:
            say(f"finished at {_ended(record['run'])}, nothing trained; trainer.again=true trains it again")
        else:
            for line in (*closing(record, _baselines(trial, record)), *(() if in_sweep else next_commands(record))):
                say(line)
        say(f"{trial.plain['paths']['runs']}/{record['trial_id']}/record.json")
        if not record["data"]["verified"]:
            for warning in (record["data"].get("profile") or {}).get("warnings", []):
                say(f"note: {warning}", err=True)
    return float(primary["value"])


def _baselines(trial: Trial, record: Mapping[str, Any]) -> Mapping[str, float]:
    """The baselines of a trial's problem, beside it or published: none beside a baseline."""
    from unroll.tracking.skill import Baselines, beside

    if trial.is_baseline:
        return {}
    return Baselines(beside(trial.plain, Path(trial.plain["paths"]["runs"]))).of(record)


def _give_back() -> None:
    """Free what a trial left in reference cycles: its network, above all.

    What the first trial has imported stays, so no later collection needs to walk through all of it.
    """
    gc.collect()
    if not gc.get_freeze_count():
        gc.freeze()


def hydra_job(config: DictConfig) -> Any:
    """Train a trial that Hydra composed."""
    context = HydraConfig.get()
    if context.mode is RunMode.RUN:
        return train_job(*_from_hydra(config), in_sweep=False)
    total = os.environ.get(_TOTAL)
    with environment({PLACE: f"{context.job.num + 1}/{total}"} if total else {}):
        return train_job(*_from_hydra(config))


def _from_hydra(config: DictConfig) -> tuple[Planned, list[str]]:
    context = HydraConfig.get()
    planned = Planned(trial_from(config), tuple(context.overrides.task))
    return planned, hydra_flags(context)


@dataclass(frozen=True)
class HydraTask:
    """A job as Hydra's launchers want it: they compose each trial where it is trained, of a config with Hydra's part.

    Args:
        job: what is done with a trial.
    """

    job: Job

    def __call__(self, config: DictConfig) -> Any:
        return self.job(*_from_hydra(config))


def _ended(run: dict[str, Any]) -> str:
    """When a recorded trial ended, in UTC."""
    ended = datetime.fromisoformat(run["started"]) + timedelta(seconds=run["seconds"])
    return f"{ended:%Y-%m-%d %H:%M} UTC"


def guarded(job: Job, stop: Path | None, places: Mapping[str, str], planned: Planned, flags: Sequence[str] = ()) -> Any:
    """Do one trial of a sweep, unless the file `stop` exists; a failure makes it. `places` are told it by its id.

    What goes wrong before the trainer can write a record is recorded here.
    """
    if stop is not None and stop.exists():
        return None
    place = places.get(planned.trial.trial_id)
    try:
        with environment({PLACE: place} if place else {}):
            return job(planned, flags)
    except Exception as error:
        if not isinstance(error, UserError | TrialFailed):
            with contextlib.suppress(LeaseHeld):
                record_mishap(planned, type(error).__name__, str(error), traceback.format_exc())
        if stop is not None and not isinstance(error, LeaseHeld | LeaseLost):
            stop.touch()
        raise


def combinations(overrides: Sequence[str], config_dir: str | None, name: str = "train") -> list[Planned]:
    """Compose every combination of a multirun's overrides; a trial that two make comes once.

    Args:
        overrides: with one value a key, or several.
        config_dir: a folder with more YAML groups.
        name: of the root config.
    """
    found: dict[str, Planned] = {}
    composer = Composer(config_dir)
    for combination in expand(overrides):
        trial = composer.trial(combination, name)
        found.setdefault(trial.trial_id, Planned(trial, tuple(combination)))
    return list(found.values())


def _launcher(options: Namespace) -> Mapping[str, Any]:
    """The options of the launcher that a multirun's command line chooses."""
    name, hydra = options.config_name or "train", [text for text in options.overrides if OF_HYDRA.match(text)]
    found: Mapping[str, Any] = compose_node(name, hydra, options.config_dir, with_hydra=True).hydra.launcher
    return found


def one_process_each(
    trials: Sequence[Trial], launcher: Callable[[], Mapping[str, Any]], in_sweep: bool = False
) -> None:
    """Raise UserError for trials of several ranks under a launcher that starts other processes for a job.

    A launcher that starts the ranks of a trial has the options `tasks_per_node` and `nodes`; all others start one
    process. Ranks that torchrun or srun started go through a multirun side by side; a sweep's workers would each be all
    of them.

    Args:
        trials: that are to be launched.
        launcher: gives its options; asked for where a trial has several ranks.
        in_sweep: of a suite, and not of a multirun.
    """
    if all(_ranks(trial) == (1, 1) for trial in trials):
        return
    options = launcher()
    if "tasks_per_node" in options:
        _as_many_tasks(trials, (options["tasks_per_node"], options.get("nodes", 1)))
        return
    outside = max(int(os.environ.get(name) or 1) for name in ("WORLD_SIZE", "SLURM_NTASKS"))
    for trial in trials:
        devices, nodes = _ranks(trial)
        ranks = devices * nodes
        if in_sweep and ranks > 1:
            raise UserError(
                "A sweep's workers are one process each, and start no ranks.",
                saw=f"{ranks} devices a trial ({trial.trial_id})",
                allowed="one device a trial; a launcher that starts ranks, as hydra/launcher=slurm does; or each trial "
                f"by itself: torchrun --nproc-per-node {devices} -m unroll train ...",
            )
        if outside < ranks:
            raise UserError(
                "A multirun starts no ranks of its own: each would start the whole multirun again.",
                saw=f"{ranks} devices a trial ({trial.trial_id})",
                allowed="one device a trial, ranks from torchrun or srun, or a launcher that starts ranks, as "
                "hydra/launcher=slurm does",
                run=f"torchrun --nproc-per-node {devices} -m {COMMAND}",
            )


def _ranks(trial: Trial) -> tuple[int, int]:
    """Devices a node, and nodes."""
    options = trial.plain["trainer"]
    return options["devices"], options["num_nodes"]


def _as_many_tasks(trials: Sequence[Trial], tasks: tuple[int, int]) -> None:
    for trial in trials:
        devices, nodes = _ranks(trial)
        if (devices, nodes) != tasks:
            raise UserError(
                "The launcher starts another number of processes than the trial has devices.",
                saw=f"hydra.launcher.tasks_per_node={tasks[0]} hydra.launcher.nodes={tasks[1]}; "
                f"trainer.devices={devices} trainer.num_nodes={nodes} ({trial.trial_id})",
                allowed=f"hydra.launcher.tasks_per_node={devices} hydra.launcher.nodes={nodes}",
            )


def _flags(config_dir: str | None, config_name: str) -> list[str]:
    """What follows the overrides in the command that trains a trial alone."""
    flags = [] if config_dir is None else ["--config-dir", config_dir]
    return flags if config_name == "train" else [*flags, "--config-name", config_name]


def hydra_flags(hydra_config: Any) -> list[str]:
    """Return what follows the overrides in the command that trains a trial alone, by Hydra's own part of a config."""
    return _flags(config_folder(hydra_config), hydra_config.job.config_name or "train")


def config_folder(hydra_config: Any) -> str | None:
    """Return the folder of --config-dir, by Hydra's own part of a config."""
    sources = hydra_config.runtime.config_sources
    added = [source.path for source in sources if source.provider.endswith("command-line")]
    return added[0].removeprefix("file://") if added else None
