"""Trained networks, loaded from their trials' directories. Nothing that a directory holds is run."""

import shlex
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from unroll.config.trial import Trial
from unroll.config.typed import completed
from unroll.errors import UserError
from unroll.models.network import Network
from unroll.names import check_id
from unroll.records.record import FILE_NAME, read_record
from unroll.registry.components import refuse_foreign
from unroll.tasks.task import Task
from unroll.training import checkpoint
from unroll.training.predictions import weights_sha256
from unroll.training.prepared import prepared_task, sized


def load_network(place: Trial | str | Path, trust: bool = False) -> Network:
    """Return the network of a trial, or of a trial's directory, with its best weights, in evaluation mode.

    Args and errors are those of `load_trained`.
    """
    return load_trained(place, trust).network


class Trained(NamedTuple):
    """A trial that was trained: its task with the data prepared, its network with the best weights, in evaluation mode.

    record: None where it has none yet.
    """

    trial: Trial
    record: dict[str, Any] | None
    task: Task
    network: Network


def load_trained(place: Trial | str | Path, trust: bool = False) -> Trained:
    """Return what a trial came to.

    Args:
        place: a trial, whose config is the caller's own, or a directory, whose config may be anyone's.
        trust: whether to import what the directory's config names beside Unroll and installed plugins.

    Raises:
        UserError: the config or best.ckpt is missing or damaged, the weights are not those of the record, the data
            are not those that they were trained on, or the directory's config names code that is not trusted.
    """
    directory = place.directory if isinstance(place, Trial) else Path(place)
    record = read_record(directory / FILE_NAME) if (directory / FILE_NAME).is_file() else None
    if isinstance(place, Trial):
        trial = place
    else:
        config = _config(directory) if record is None else record["config"]
        if not trust:
            refuse_foreign(config, f"The trial in {directory}", "trust=True, at the command line --trust,")
        trial = Trial(completed(config), check_id(directory.resolve().name))
    if trial.is_baseline:
        raise UserError("A baseline has no network.", saw=trial.trial_id, allowed="a trial of an architecture")
    task, examples = prepared_task(trial)
    network = sized(trial, task)[0]()
    best = directory / checkpoint.BEST
    loaded = checkpoint.load(best, trial.trial_id, ended=record is not None)
    weights, seen = loaded["network"], loaded["progress"].get("data_sha256")
    if seen not in (None, examples.content_sha256):
        raise UserError(
            f"The data changed since the network in {best} was trained, and its preprocessing with them.",
            saw=f"content sha256 {examples.content_sha256}",
            allowed=f"content sha256 {seen}",
            run=f"unroll data check {trial.plain['data']['name']}",
        )
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise UserError(
            f"The weights in {best} are not of the network that the config describes.", saw=error
        ) from error
    found, recorded = weights_sha256(network.state_dict()), _weights(record)
    if recorded is not None and found != recorded:
        raise UserError(
            f"The weights in {best} are not those that the record is of.",
            saw=f"sha256 {found}",
            allowed=f"sha256 {recorded}",
            run=f"unroll verify {shlex.quote(str(directory))}   # trains it again",
        )
    return Trained(trial, record, task, network.eval())


def _weights(record: dict[str, Any] | None) -> str | None:
    """The digest that a finished record states."""
    return record["result"]["weights_sha256"] if record is not None and record["status"] == "finished" else None


def _config(directory: Path) -> dict[str, Any]:
    path = directory / "config.yaml"
    if not path.is_file():
        raise UserError(f"{directory} holds no trial.", saw="no record.json, no config.yaml")
    try:
        config = yaml.safe_load(path.read_bytes())
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UserError(f"{path} cannot be read.", saw=error) from error
    if not isinstance(config, dict):
        raise UserError(f"{path} is not a trial's config.", saw=type(config).__name__)
    return config
