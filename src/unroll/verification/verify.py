"""Verification: a trial is trained again in a directory of its own, and the two results are compared.

Where ranks, threads, packages and CPU are those of the record, every bit must be the same. Elsewhere the differences
are measured and held against `tolerance`.
"""

import contextlib
import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from unroll.config.compose import compose
from unroll.config.identity import NUMBERS
from unroll.config.trial import Trial
from unroll.config.typed import completed
from unroll.config.validate import check_names
from unroll.errors import UserError
from unroll.names import check_id
from unroll.records.arrays import names
from unroll.records.record import FILE_NAME
from unroll.registry.components import refuse_foreign
from unroll.registry.groups import group_value
from unroll.training.checkpoint import BEST, LAST
from unroll.training.cluster import check_cluster, in_slurm_step, rank, under_torchrun
from unroll.training.devices import check_precision
from unroll.training.graphs import check_graphs
from unroll.training.predictions import FILE_NAME as PREDICTIONS
from unroll.training.train import train
from unroll.verification.compare import Verification, changed_examples, compared

RANKS = ("devices", "num_nodes")


def verify(
    record: Mapping[str, Any],
    overrides: Sequence[str] = (),
    runs: Path = Path("runs"),
    predictions: Path | None = None,
    trust: bool = False,
) -> Verification | None:
    """Train a finished record's trial again, with the ranks that torchrun or srun started, else with one.

    Args:
        record: of the trial.
        overrides: such as `trainer.threads=2`.
        runs: where ranks on several nodes meet; a folder in it is made and removed.
        predictions: the record's predictions.npz, where it is at hand.
        trust: whether to import what the record names beside Unroll and installed plugins.

    Returns:
        The comparison; None on ranks other than 0.

    Raises:
        UserError: the record failed, its budget is in seconds, an override makes it another trial, or it names code
            that is not trusted.
        TrialFailed: training again ended in an error.
    """
    if record["status"] != "finished":
        raise UserError("Only a finished trial can be verified.", saw=f"{record['trial_id']}: {record['status']}")
    if not trust:
        refuse_foreign(record["config"], "This record", "--trust")
    check_id(record["trial_id"])
    if predictions is not None:
        names(predictions)  # damaged ones are told of now, not after training
    _of_todays_protocol(record, runs)
    config = completed(record["config"])
    check_names(config)
    if config.get("budget", {}).get("seconds") is not None:
        raise UserError(
            "A budget in seconds trains another number of steps each time, so it cannot be verified.",
            saw=f"budget.seconds={config['budget']['seconds']}",
            allowed="budget.epochs, budget.steps or budget.flops",
        )
    devices, nodes = _launched()
    config["trainer"] |= dict(zip(RANKS, (devices, nodes), strict=True))
    config["trainer"] |= _overridden(overrides, config["trainer"], _under(record["trial_id"], runs))
    config["logger"] = {**config["logger"], "csv": False, "tensorboard": False}
    config["logger"]["wandb"] = {**config["logger"]["wandb"], "mode": "disabled"}
    with _folder(devices, nodes, runs, record["trial_id"]) as folder:
        config["paths"] = {**_paths(config["paths"]), "runs": str(folder)}
        trial = Trial(config, record["trial_id"])
        _possible_here(trial)
        again = train(trial)
        if rank() > 0:
            return None
        changed = changed_examples(predictions, trial.directory / PREDICTIONS) if predictions else []
    return compared(record, again, changed)


def _of_todays_protocol(record: Mapping[str, Any], runs: Path) -> None:
    then, now = record["protocol_version"], group_value("task", record["config"]["task"]["name"], "protocol_version")
    if now is not None and then != now:
        raise UserError(
            "The record is of another protocol of its task than this code trains: the numbers need not be the same.",
            saw=f"{record['trial_id']}: protocol {then}",
            allowed=f"protocol {now}, or the code that the record names",
            run=f"unroll show {_under(record['trial_id'], runs)}",
        )


def _possible_here(trial: Trial) -> None:
    try:
        check_cluster(trial)
        check_precision(trial)
        check_graphs(trial)
    except UserError as error:
        raise UserError(
            "The record is of a device that is not here, and on another its numbers would be another trial's: "
            f"{error.what}",
            saw=error.saw,
            allowed="a machine such as the record's, or trainer.accelerator=cpu where its precision is 32-true",
        ) from error


def _under(trial_id: str, runs: Path) -> str:
    """A trial as a command names it."""
    return shlex.join([trial_id, "--runs", str(runs)])


def predictions_of(trial: str | Path, runs: Path) -> Path | None:
    """The predictions.npz beside the record that `trial` names as `find_record` reads it; None where there is none."""
    places = (Path(trial), Path(trial) / FILE_NAME, runs / trial / FILE_NAME)
    record = next((place for place in places if place.is_file()), None)
    if record is None or record.name != FILE_NAME:
        return None
    found = record.with_name(PREDICTIONS)
    return found if found.is_file() else None


def _launched() -> tuple[int, int]:
    """Devices of each node, and nodes, as torchrun or srun started this process; 1 and 1 without them."""
    if under_torchrun():
        world = int(os.environ["WORLD_SIZE"])
        local = int(os.environ.get("LOCAL_WORLD_SIZE", world))
        return local, max(1, world // local)
    if in_slurm_step():
        tasks = int(os.environ.get("SLURM_NTASKS") or os.environ.get("SLURM_STEP_NUM_TASKS") or 1)
        nodes = int(os.environ.get("SLURM_NNODES") or os.environ.get("SLURM_STEP_NUM_NODES") or 1)
        return max(1, tasks // nodes), nodes
    return 1, 1


def _overridden(overrides: Sequence[str], trainer: Mapping[str, Any], named: str) -> dict[str, Any]:
    """The trainer's keys that overrides set, checked as those of `unroll train` are."""
    names = []
    for text in overrides:
        section, _, name = text.partition("=")[0].partition(".")
        if section != "trainer" or not name or "=" not in text or name in NUMBERS:
            raise UserError(
                "Verifying trains the same trial: only where and how it runs can be another.",
                saw=text,
                allowed=f"trainer.KEY=VALUE, {', '.join(NUMBERS)} left out",
                run=f"unroll verify {named} trainer.threads=2",
            )
        names.append(name)
    if not names:
        return {}
    chosen = compose(list(overrides)).plain["trainer"]
    if any(chosen[name] != trainer[name] for name in names if name in RANKS):
        wanted = {key: chosen[key] if key in names else trainer[key] for key in RANKS}
        raise UserError(
            "Ranks are started by torchrun or srun, not by verify.",
            saw=" ".join(f"trainer.{name}={chosen[name]}" for name in names if name in RANKS),
            allowed=f"trainer.devices={trainer['devices']} trainer.num_nodes={trainer['num_nodes']}, as started",
            run=f"torchrun --nnodes {wanted['num_nodes']} --nproc-per-node {wanted['devices']} "
            f"-m unroll verify {named}",
        )
    return {name: chosen[name] for name in names}


def _paths(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """The record's folders of data and cache where this machine has them, else this machine's own."""
    gone = [key for key in ("data", "cache") if not recorded.get(key) or not Path(recorded[key]).is_dir()]
    here = compose([]).plain["paths"] if gone else {}
    return {**recorded, **{key: here[key] for key in gone}}


@contextlib.contextmanager
def _folder(devices: int, nodes: int, runs: Path, trial_id: str) -> Iterator[Path]:
    """An empty directory that all ranks share, removed at the end.

    Ranks cannot agree on a name before they have met, so it comes from what their launcher calls itself. They have
    met before any writes what training could go on from: what lies there earlier is another verification's.
    """
    if devices * nodes == 1:
        with tempfile.TemporaryDirectory(prefix="unroll-verify-") as found:
            yield Path(found)
        return
    names: tuple[str, ...] = ("TORCHELASTIC_RUN_ID", "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_RESTART_COUNT")
    if not under_torchrun():
        names = ("SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_RESTART_COUNT")
    launch = "-".join([str(os.getuid()), *(os.environ[name] for name in names if name in os.environ)])
    above = Path(tempfile.gettempdir()) if nodes == 1 else runs.absolute()
    folder = above / f".unroll-verify-{launch}"
    left = [name for name in (LAST, BEST, FILE_NAME) if (folder / trial_id / name).exists()]
    if left:
        raise UserError(
            "A verification that was killed has left its directory, and this one would go on from it.",
            saw=f"{folder / trial_id}: {', '.join(left)}",
            run=f"rm -r {shlex.quote(str(folder))}",
        )
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    finally:
        if rank() == 0:
            shutil.rmtree(folder, ignore_errors=True)
