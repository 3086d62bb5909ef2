"""The story of one trial, from its config to its record."""

import sys
import time
import traceback
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml

from unroll.config.trial import Trial
from unroll.errors import TrialFailed, UserError
from unroll.models.contracts import Term
from unroll.records.lease import Lease, leased
from unroll.records.provenance import peak_memory_bytes, provenance, reset_peak_memory
from unroll.records.record import read_record
from unroll.records.schema import SCHEMA_VERSION
from unroll.records.state import state
from unroll.records.store import folder_bytes
from unroll.registry.components import create, locate
from unroll.registry.options import grouped
from unroll.registry.versions import own_options
from unroll.storage import storage_trouble
from unroll.threads import computing_threads
from unroll.tracking.tracking import Tracking, tell_agent
from unroll.tracking.wandb_run import check_wandb
from unroll.training import checkpoint
from unroll.training.cluster import check_cluster
from unroll.training.devices import check_precision, kind_of, reset_peak, set_tf32
from unroll.training.ending import tracked, write_and_finish
from unroll.training.graphs import check_graphs
from unroll.training.memory import FreedMemory, keep_freed_memory
from unroll.training.metric_names import check_metrics
from unroll.training.optimizers import check_optimizer
from unroll.training.out_of_memory import message, release
from unroll.training.phases import check_phases, check_schedule
from unroll.training.preemption import Preemption
from unroll.training.prepared import build_baseline, build_task, prepared_task
from unroll.training.ranks import Ranks, met, rank
from unroll.training.result import why_not_reportable
from unroll.training.run import Run
from unroll.training.story import run_trial


class Began(NamedTuple):
    """When a trial began, its data not yet prepared."""

    clock: float  # seconds of the monotonic clock
    at: str  # in UTC, ISO 8601
    freed_memory: FreedMemory


def check(trial: Trial) -> None:
    """Check what planning cannot: this process, and that the components exist and go together.

    Raises:
        UserError: with what was seen and what is allowed.
    """
    check_here(trial)
    check_components(trial)


def check_here(trial: Trial) -> None:
    """Check that this process can train a trial: ranks, devices, the runs folder, W&B; UserError where it cannot."""
    check_cluster(trial)
    check_precision(trial)
    check_graphs(trial)
    if rank() == 0:  # the only one that a tracker hears
        check_wandb(trial)


def check_components(trial: Trial) -> None:
    """Check that a trial's components exist and go together; UserError where they do not."""
    task = build_task(trial)
    check_metrics(task, trial)
    task.check_data(trial.plain["data"])
    if trial.is_baseline:
        build_baseline(trial)
        return
    architecture, bottleneck, budget = (
        trial.plain["architecture"],
        trial.plain["bottleneck"],
        trial.config.network.budget,
    )
    for part in ("encoder", "decoder"):
        kind = locate(architecture[part], f"architecture.{part}", torch.nn.Module)
        grouped(kind, own_options(architecture[part]))
    check_optimizer(trial.config.network.optimizer)
    for name, node in bottleneck["terms"].items():
        check_schedule(name, create(node, f"bottleneck.terms.{name}", Term), budget)
    check_phases(task, budget)


def train(trial: Trial, checked: bool = False) -> dict[str, Any]:
    """Train and evaluate a trial, going on from its last checkpoint if there is one; returns its record.

    A finished record that still answers for the data is returned as it is, unless `trainer.again`. `checked`: the
    trial's components were, when its sweep began.

    Raises:
        UserError: the trial cannot start; nothing was written.
        LeaseHeld: another process trains it.
        LeaseLost: another process has taken it over.
        RankLost: another rank of it ended, or does not answer.
        StorageTrouble: what it writes has no place; checkpoints that were whole still are.
        TrialFailed: it ended in an error, which its record holds.
    """
    check_here(trial)
    if not checked:
        check_components(trial)
    began = Began(time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds"), keep_freed_memory())
    reset_peak_memory()
    reset_peak()
    trainer, lease, finished = trial.config.trainer, None, None
    try:
        with met(trial.trial_id, trainer, kind_of(trainer.accelerator)) as ranks, ExitStack() as held:
            # rank 0 decides, and all of them know before any waits for another
            with Preemption(trial.directory / checkpoint.LAST), ranks.together(), ranks.agreeing():
                if state(trial) != "finished":
                    with computing_threads(trainer.threads):
                        _check_data(trial)
                if ranks.number == 0:
                    trial.directory.mkdir(parents=True, exist_ok=True)
                    lease = held.enter_context(leased(trial.directory, trainer.heartbeat_seconds))
                    if state(trial) == "finished":
                        if trainer.again:
                            checkpoint.forget(trial.directory, trial.record_path)
                        else:
                            finished = read_record(trial.record_path)
            with ranks.together():
                finished = ranks.gathered(finished)[0]
            if finished is not None:
                if ranks.number == 0:
                    tell_agent(trial, finished)
                return finished
            tracking = Tracking(trial) if lease is None else held.enter_context(tracked(trial))
            return _train(trial, began, lease, tracking, ranks)
    except OSError as error:
        trouble = storage_trouble(error, trial.directory)
        if trouble is None:
            raise
        raise trouble from error


def _check_data(trial: Trial) -> None:
    """Say what is wrong with the data before anything is written; all else is the record's to tell.

    Of some data a task reports fewer metrics: of images smaller than its window no SSIM.
    """
    try:
        task, _ = prepared_task(trial)
        check_metrics(task, trial)
    except UserError:
        raise
    except Exception:
        return


def _train(trial: Trial, began: Began, lease: Lease | None, tracking: Tracking, ranks: Ranks) -> dict[str, Any]:
    directory = trial.directory
    if lease is not None:
        write_config(trial)
    record: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "trial_id": trial.trial_id,
        "status": "finished",
        "config": trial.plain,
        "protocol_version": trial.config.task.protocol_version,
        "error": None,
    }
    command = " ".join(["unroll", *sys.argv[1:]])
    run: dict[str, Any] = {"started": began.at, "command": command, "freed_memory": began.freed_memory}
    try:
        threads = trial.config.trainer.threads
        set_tf32(trial.config.trainer.tf32)
        with computing_threads(threads):
            found, timing = _run(trial, lease, tracking, ranks)
        record |= found
        run |= {**timing, "threads": threads}
        problems = why_not_reportable(record)
    except UserError:
        raise  # of the data, a checkpoint or the disk: no fault of the trial, which starts again once it is mended
    except Exception as error:
        trouble = storage_trouble(error, directory)
        if trouble is not None:
            raise trouble from error
        trace, said = "".join(traceback.format_exception(error)), message(error, trial.plain["data"]["batch_size"])
        release(error)
        record |= {"status": "failed", "error": {"type": type(error).__name__, "message": said, "traceback": trace}}
        problems = [f"failed: {type(error).__name__}"]
        run = {"seconds": time.monotonic() - began.clock, **run, **provenance()}
        record |= {"run": run, "reportable": False, "why_not_reportable": problems}
        path = trial.record_path
        if lease is not None and state(trial) != "finished":  # with trainer.again: a failure takes no result away
            path = write_and_finish(directory, record, tracking, "failed", lease.replacing)
        raise TrialFailed(trial.trial_id, path, f"{type(error).__name__}: {said}") from error
    run |= {"seconds": time.monotonic() - began.clock, "peak_memory_bytes": peak_memory_bytes(), **provenance()}
    run["disk_bytes"] = _left_bytes(directory, trial.config.trainer.keep_after)
    if run["code"]["dirty"]:
        problems.append("the working tree had changes that are not committed")
    record |= {"run": run, "reportable": not problems, "why_not_reportable": problems}
    if lease is not None:
        write_and_finish(directory, record, tracking, "finished", lease.replacing)
        if not lease.lost:
            keep_checkpoints(directory, trial.config.trainer.keep_after)
    return record


def _run(trial: Trial, lease: Lease | None, tracking: Tracking, ranks: Ranks) -> tuple[dict[str, Any], dict[str, Any]]:
    with Preemption(trial.directory / checkpoint.LAST) as preemption:
        try:
            with ranks.together():
                return run_trial(Run(trial, lease, preemption, tracking, ranks))
        except (KeyboardInterrupt, SystemExit):
            tracking.preempting()  # before Slurm is asked to start the job again
            raise


def write_config(trial: Trial) -> None:
    """Write a trial's config into its directory."""
    text = yaml.safe_dump(trial.plain, sort_keys=False, allow_unicode=True)
    (trial.directory / "config.yaml").write_text(text, encoding="utf-8")


def keep_checkpoints(directory: Path, kept: str) -> None:
    """Remove a trial's checkpoints that are not to be kept once it has ended: of `all`, `best`, `none` all others."""
    for path in _not_kept(directory, kept):
        path.unlink(missing_ok=True)


def _not_kept(directory: Path, kept: str) -> list[Path]:
    if kept == "all":
        return []
    return [
        directory / checkpoint.LAST,
        *directory.glob("step-*.ckpt"),
        *([directory / checkpoint.BEST] if kept == "none" else []),
    ]


def _left_bytes(directory: Path, kept: str) -> int:
    """Bytes of what a trial leaves beside its record."""
    gone = sum(path.stat().st_size for path in _not_kept(directory, kept) if path.exists())
    return folder_bytes(directory) - gone
