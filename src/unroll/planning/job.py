"""`unroll train`: the Hydra app. All that it will run is composed and checked before any of it runs."""

import itertools
import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig

from unroll.errors import TrialFailed, UserError
from unroll.planning.compose import compose_node, compose_with, composer, search_path, trial_from
from unroll.planning.groups import conf_directory
from unroll.planning.mistakes import COMPOSITION_ERRORS, explain
from unroll.planning.trial import Trial

_COMMAND = list(sys.argv)


def run(arguments: Sequence[str]) -> bool:
    """Run the Hydra app with a command line's arguments; return whether every trial finished.

    Raises:
        UserError: something about the command is wrong; nothing was trained.
    """
    options = get_args_parser().parse_intermixed_args(list(arguments))
    flags = [argument for argument in arguments if argument not in options.overrides]
    arguments = [*options.overrides, *flags]  # Hydra's own parser wants the overrides together
    if options.config_path is not None:
        raise UserError("The shipped YAML stays where it is.", saw="--config-path", allowed="--config-dir DIR")
    shows = options.cfg or options.info or options.help or options.hydra_help or options.shell_completion
    if not shows and not options.experimental_rerun:
        check_everything(options)
    try:
        run_hydra(train_job, "train", arguments)
    except COMPOSITION_ERRORS as error:
        with composer(options.config_dir):
            name, config_dir = options.config_name or "train", options.config_dir
            raise explain(error, name, options.overrides, search_path(config_dir), config_dir) from error
    except TrialFailed:
        return False
    return True


def run_hydra(job: Any, config_name: str, arguments: Sequence[str]) -> None:
    """Hand a command line to Hydra's own main, with errors raised instead of printed."""
    before, full_error = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    program = "unroll" if before[0].endswith("__main__.py") else before[0]
    sys.argv = [program, *arguments]
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        hydra.main(version_base="1.3", config_path=str(conf_directory()), config_name=config_name)(job)()
    finally:
        sys.argv = before
        if full_error is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = full_error


def check_everything(options: Namespace) -> list[Trial]:
    """Compose and check each trial of a command: of a multirun, every combination."""
    combinations = expand(options.overrides) if options.multirun else [options.overrides]
    trials = []
    with composer(options.config_dir):
        for overrides in combinations:
            if options.config_name is not None:
                trials.append(trial_from(compose_node(options.config_name, overrides, options.config_dir)))
            else:
                trials.append(compose_with(overrides, options.config_dir))
    if options.multirun:
        for trial in trials:
            _one_process_each(trial)
    from unroll.training.train import check

    for trial in trials:
        check(trial)
    return trials


def expand(overrides: Sequence[str]) -> list[list[str]]:
    """Return every combination of overrides that hold several values, such as `seed=0,1`."""
    choices = []
    try:
        parsed = OverridesParser.create().parse_overrides(list(overrides))
    except HydraException as error:
        raise explain(error, "train", overrides, [], None) from error
    for override, text in zip(parsed, overrides, strict=True):
        if override.is_discrete_sweep():
            key = override.get_key_element()
            choices.append([f"{key}={value}" for value in override.sweep_string_iterator()])
        elif not override.is_sweep_override():
            choices.append([text])
    return [list(combination) for combination in itertools.product(*choices)]


def _one_process_each(trial: Trial) -> None:
    devices = trial.config["trainer"]["devices"] * trial.config["trainer"]["num_nodes"]
    ranks = max(int(os.environ.get(name) or 1) for name in ("WORLD_SIZE", "SLURM_NTASKS"))
    if devices > 1 and ranks < devices:
        raise UserError(
            "A multirun starts no processes of its own: each would start the whole multirun again.",
            saw=f"-m with {devices} devices a trial",
            allowed="one device a trial, or ranks from torchrun or srun",
            run=f"torchrun --nproc-per-node {trial.config['trainer']['devices']} -m unroll train ...",
        )


def train_job(config: DictConfig) -> float:
    """Train one composed trial; return its primary metric's value, as Hydra's optimising sweepers want it."""
    sys.argv = _COMMAND
    from unroll.training.train import train

    try:
        record = train(trial_from(config))
    except (UserError, TrialFailed) as error:
        print(error, file=sys.stderr, flush=True)
        raise
    primary: dict[str, Any] = record["result"]["primary"]
    if int(os.environ.get("RANK") or os.environ.get("SLURM_PROCID") or 0) == 0:
        runs = config.paths.runs
        print(f"{record['trial_id']}: test {primary['name']} {primary['value']:.6g} {primary['unit']}")
        print(f"{runs}/{record['trial_id']}/record.json", flush=True)
    return float(primary["value"])
