"""The story of one trial, from its config to its record."""

import gc
import sys
import time
import traceback
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as lightning
import torch
import yaml

from unroll.architectures.contracts import Term
from unroll.architectures.sizing import count_parameters
from unroll.data.batching import TrainingBatches, epoch_order, padding_share, steps_per_epoch, typical_batch
from unroll.drafts import replacing
from unroll.errors import TrialFailed, UserError
from unroll.planning.claims import Claim, claimed
from unroll.planning.identity import is_baseline
from unroll.planning.state import state
from unroll.planning.trial import Trial
from unroll.planning.trouble import storage_trouble
from unroll.randomness import derive
from unroll.registry.components import check_options, create, locate
from unroll.registry.versions import own_options
from unroll.results.record import SCHEMA_VERSION, read_record
from unroll.tasks.task import Task
from unroll.threads import computing_threads
from unroll.tracking.tracking import Tracking
from unroll.tracking.wandb_run import check_wandb
from unroll.training import checkpoint, flops, predictions
from unroll.training.baseline import build_baseline, run_baseline
from unroll.training.budget import budget_steps
from unroll.training.callbacks import Training
from unroll.training.checkpoint import Progress
from unroll.training.cluster import check_cluster
from unroll.training.devices import check_precision, device_fields, kind_of, reset_peak, set_tf32
from unroll.training.diagnostics.pretrained import pretrained
from unroll.training.diagnostics.probe import diagnose, logged_names
from unroll.training.ending import tracked, write_and_finish
from unroll.training.evaluation import evaluate_split
from unroll.training.generalisation import train_scores
from unroll.training.lightning_trainer import build_trainer, quiet
from unroll.training.metric_names import check_metrics
from unroll.training.module import TrialModule, own_sums
from unroll.training.phases import check_phases, check_schedule
from unroll.training.preemption import Preemption
from unroll.training.prepared import build_task, prepared_task, sized
from unroll.training.provenance import peak_memory_bytes, provenance, reset_peak_memory
from unroll.training.ranks import Ranks, met, rank
from unroll.training.result import data_fields, result_fields, why_not_reportable


def check(trial: Trial) -> None:
    """Check what planning cannot: that every component exists and takes its options, and that they go together.

    Raises:
        UserError: with what was seen and what is allowed.
    """
    check_cluster(trial)
    check_precision(trial)
    check_wandb(trial)
    config = trial.config
    task = build_task(trial)
    check_metrics(task, config["task"])
    if config["architecture"]["name"] == "baseline":
        build_baseline(trial)
        return
    architecture = config["architecture"]
    for part, given in (("encoder", ("shape",)), ("decoder", ("shape", "code_width", "state_width"))):
        where = f"architecture.{part}"
        check_options(locate(architecture[part], where, torch.nn.Module), own_options(architecture[part]), where, given)
    terms = config["bottleneck"]["terms"]
    for name, node in terms.items():
        term = create(node, f"bottleneck.terms.{name}", Term)
        term.check(task.autoencodes, last=name == list(terms)[-1])
        check_schedule(name, term, config["budget"])
    task.check(architecture, config["bottleneck"])
    check_phases(task, config["budget"])


def train(trial: Trial) -> dict[str, Any]:
    """Train and evaluate a trial, going on from its last checkpoint if there is one; returns its record.

    A finished record that still answers for the data is returned as it is, unless `trainer.again`.

    Raises:
        UserError: the trial cannot start; nothing was written.
        Claimed: another process trains it.
        ClaimLost: another process has taken it over.
        RankLost: another rank of it ended, or does not answer.
        StorageTrouble: what it writes has no place; checkpoints that were whole still are.
        TrialFailed: it ended in an error, which its record holds.
    """
    check(trial)
    trainer, claim, finished = trial.config["trainer"], None, None
    kind = "cpu" if is_baseline(trial.config) else kind_of(trainer["accelerator"])
    try:
        with met(trainer, kind) as ranks, ExitStack() as held:
            with ranks.agreeing():  # rank 0 decides, and all of them know before any waits for another
                if state(trial) != "finished":
                    _check_data(trial)
                if ranks.number == 0:
                    trial.directory.mkdir(parents=True, exist_ok=True)
                    claim = held.enter_context(claimed(trial.directory, trainer["heartbeat_seconds"]))
                    if state(trial) == "finished":
                        if trainer["again"]:
                            checkpoint.forget(trial.directory, trial.record_path)
                        else:
                            finished = read_record(trial.record_path)
            finished = ranks.gathered(finished)[0]
            if finished is not None:
                return finished
            tracking = Tracking(trial) if claim is None else held.enter_context(tracked(trial))
            return _train(trial, claim, tracking, ranks)
    except OSError as error:
        trouble = storage_trouble(error, trial.directory)
        if trouble is None:
            raise
        raise trouble from error


def _check_data(trial: Trial) -> None:
    """Say what is wrong with the data before anything is written, and what is odd; all else is the record's to tell."""
    try:
        task, _ = prepared_task(trial)
    except UserError:
        raise
    except Exception:
        return
    batch_size, rows = trial.config["data"]["batch_size"], len(task.splits["train"])
    if batch_size > rows and not is_baseline(trial.config) and rank() == 0:
        print(
            f"data.batch_size={batch_size} is more than the {rows} examples of train: an epoch is one step", flush=True
        )


def _train(trial: Trial, claim: Claim | None, tracking: Tracking, ranks: Ranks) -> dict[str, Any]:
    directory = trial.directory
    began, started = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    reset_peak_memory()
    reset_peak()
    if claim is not None:
        text = yaml.safe_dump(trial.config, sort_keys=False, allow_unicode=True)
        (directory / "config.yaml").write_text(text, encoding="utf-8")
    record: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "trial_id": trial.trial_id,
        "status": "finished",
        "config": trial.config,
        "protocol_version": trial.config["task"]["protocol_version"],
        "error": None,
    }
    run: dict[str, Any] = {"started": started, "command": " ".join(["unroll", *sys.argv[1:]])}
    try:
        threads = trial.config["trainer"]["threads"]
        set_tf32(trial.config["trainer"]["tf32"])
        with computing_threads(threads):
            if trial.config["architecture"]["name"] == "baseline":
                found, timing = run_baseline(trial, replacing if claim is None else claim.replacing)
            else:
                found, timing = _train_network(trial, claim, tracking, ranks)
        record |= found
        run |= {**timing, "threads": threads}
        problems = why_not_reportable(record)
    except UserError:
        raise  # of the data, a checkpoint or the disk: no fault of the trial, which starts again once it is mended
    except Exception as error:
        trouble = storage_trouble(error, directory)
        if trouble is not None:
            raise trouble from error
        trace = "".join(traceback.format_exception(error))
        record |= {"status": "failed", "error": _described(error, trace)}
        problems = [f"failed: {type(error).__name__}"]
        run = {"seconds": time.monotonic() - began, **run, **provenance()}
        record |= {"run": run, "reportable": False, "why_not_reportable": problems}
        path = trial.record_path
        if claim is not None and state(trial) != "finished":  # with trainer.again: a failure takes no result away
            path = write_and_finish(directory, record, tracking, "failed", claim.replacing)
        raise TrialFailed(trial.trial_id, path, f"{type(error).__name__}: {error}") from error
    run |= {"seconds": time.monotonic() - began, "peak_memory_bytes": peak_memory_bytes(), **provenance()}
    if run["code"]["dirty"]:
        problems.append("the working tree had changes that are not committed")
    record |= {"run": run, "reportable": not problems, "why_not_reportable": problems}
    if claim is not None:
        write_and_finish(directory, record, tracking, "finished", claim.replacing)
        if not claim.lost:
            _keep(directory, trial.config["trainer"]["keep_after"])
    return record


def _described(error: BaseException, trace: str) -> dict[str, str]:
    return {"type": type(error).__name__, "message": str(error), "traceback": trace}


def _train_network(
    trial: Trial, claim: Claim | None, tracking: Tracking, ranks: Ranks
) -> tuple[dict[str, Any], dict[str, Any]]:
    with Preemption(trial.directory / checkpoint.LAST) as preemption:
        try:
            with ranks.together():
                return _ten_steps(trial, claim, preemption, tracking, ranks)
        except (KeyboardInterrupt, SystemExit):
            tracking.preempting()  # before Slurm is asked to start the job again
            raise


def _ten_steps(
    trial: Trial, claim: Claim | None, preemption: Preemption, tracking: Tracking, ranks: Ranks
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The ten steps. Returns the record's scientific fields, and what was measured on the way."""
    config, seed, directory = trial.config, trial.config["seed"], trial.directory

    # 1. data: fetched, verified, turned into tensors; preprocessing fitted on train
    task, examples = prepared_task(trial)

    # 2. the network, initialised by the seed
    build, sizing = sized(trial, task)
    torch.manual_seed(derive(seed, "initialisation"))
    network = build()
    cache = Path(config["paths"]["cache"]).expanduser()
    network.bottleneck.prepare(len(task.splits["train"]), partial(task.features, "train"), cache)

    # 3. what it costs
    batch_size = config["data"]["batch_size"]
    order = epoch_order(task.splits["train"], batch_size, 0, 0)  # the same for all seeds
    typical = typical_batch(task.splits["train"], order)
    torch.manual_seed(derive(seed, "flops"))
    costed = task.splits["train"].batch(typical)
    forward = flops.forward_flops(task, network, costed)
    each = flops.BACKWARD_FACTOR * forward
    phase_costs = (each, each) if task.pretraining is None else flops.phase_flops(task, network, costed)
    padding = padding_share(task.splits["train"], order)

    # 4. the budget in steps
    per_epoch = steps_per_epoch(len(task.splits["train"]), batch_size)
    steps, every = budget_steps(config["budget"], per_epoch, forward, len(typical))

    # 5. a checkpoint to go on from
    progress, optimizer_state, scaler, logged = Progress(trial.trial_id), None, None, None
    if checkpoint.of_other_data(directory / checkpoint.LAST, trial.trial_id, examples.content_sha256):
        print(f"{trial.trial_id}: the data changed, so training starts from its beginning", flush=True)
        for name in (checkpoint.LAST, checkpoint.BEST):
            (directory / name).unlink(missing_ok=True)
    if (directory / checkpoint.LAST).exists():
        saved = checkpoint.load(directory / checkpoint.LAST, trial.trial_id)
        network.load_state_dict(saved["network"])
        progress, optimizer_state = Progress(**saved["progress"]), saved["optimizer"]
        if progress.best_step is not None and (directory / checkpoint.BEST).exists():
            checkpoint.load_best(directory, progress, ahead=True)  # a damaged one is told of now, not after training
        progress.attempts += 1
        scaler, logged = saved["scaler"], own_sums(saved.get("logged"), ranks.number, ranks.world)
    progress.data_sha256, start = examples.content_sha256, progress.step

    # 6. trackers and Lightning
    if ranks.number == 0:
        tracking.start(start)
    try:

        def validate(module: TrialModule, trainer: lightning.Trainer) -> dict[str, float]:
            outputs = _evaluate(task, task.validate, "validation", module, trainer)
            return task.selection(outputs, "validation")

        when = config["trainer"]["diagnose"]

        def diagnosed(module: TrialModule) -> dict[str, Any]:
            return diagnose(task, network, module.device, trainer.precision_plugin.forward_context)

        training = Training(
            directory,
            progress,
            validate,
            config["task"]["selection"],
            every,
            config["budget"],
            config["trainer"],
            preemption,
            ranks,
            tracking.log,
            still_ours=(lambda: None) if claim is None else claim.check,
            replacing=replacing if claim is None else claim.replacing,
            diagnose=(lambda module: logged_names(diagnosed(module))) if when == "validations" else None,
            pretrained=lambda module: pretrained(
                task, network, module.step, module.device, trainer.precision_plugin.forward_context
            ),
        )
        if claim is not None:
            claim.progress = lambda: {"step": progress.step, "steps": steps, "seconds": progress.seconds}
        trainer = build_trainer(config, training)
        module = TrialModule(task, network, config["optimizer"], seed, start, steps, optimizer_state, logged)
        batches = TrainingBatches(
            task.splits["train"], batch_size, seed, start, steps, trainer.global_rank, trainer.world_size
        )
        if scaler:
            trainer.precision_plugin.load_state_dict(scaler)

        # 7. training
        if len(batches) and not progress.stopped:
            preemption.training_starts()
            with quiet():
                trainer.fit(module, batches)
            preemption.training_ended(training.preempted)
            if progress.step < steps and not progress.stopped:
                raise KeyboardInterrupt
        else:
            trainer.strategy.connect(module)
            trainer.strategy.setup_environment()
        module.to(trainer.strategy.root_device)  # Lightning leaves it on the CPU after training

        # 8. the best weights by validation
        best, problems = directory / checkpoint.BEST, []
        if best.exists():
            network.load_state_dict(checkpoint.load_best(directory, progress)["network"])
        else:
            problems.append("best.ckpt is missing; the last weights were evaluated")

        # 9. the final evaluation: test is opened here, once
        evaluation_began = time.monotonic()
        network.eval()
        final = task.finish(network, lambda split: _evaluate(task, task.evaluate, split, module, trainer), seed)
        generalised = train_scores(
            config["task"], task, final, lambda split: _evaluate(task, task.validate, split, module, trainer)
        )
        evaluation_seconds = time.monotonic() - evaluation_began
        diagnostics = None if when == "never" else diagnosed(module)

        # 10. the result
        result = result_fields(
            config, task, final, examples, directory, replacing if claim is None else claim.replacing
        )
        result |= {
            "selection": {
                **config["task"]["selection"],
                "value": progress.best_value,
                "step": progress.best_step,
            },
            "train": generalised,
            "steps": progress.step,
            "epochs": progress.step / per_epoch,
            "weights_sha256": predictions.weights_sha256(network.state_dict()),
        }
        if progress.pretrained is not None:
            result["pretrained"] = progress.pretrained
        result["curves"]["validation"] = progress.validations
        final_metrics = {f"{split}/{name}": v for split, found in final.metrics.items() for name, v in found.items()}
        tracking.log({**final_metrics, **logged_names(diagnostics or {})}, progress.step)
        trained, pretraining = (
            step // per_epoch * len(task.splits["train"]) + step % per_epoch * batch_size
            for step in (progress.step, min(progress.step, module.phases.boundary))
        )
        operations = phase_costs[0] * pretraining + phase_costs[1] * (trained - pretraining)
        found = {
            "data": data_fields(config, examples),
            "parameters": count_parameters(network) | ({} if sizing is None else {"sizing": sizing.record()}),
            "flops": {"forward_per_example": forward, "training": operations},
            "result": result,
            "diagnostics": diagnostics,
            "why_not_reportable": problems,
        }
        timing = {
            "training_seconds": progress.seconds,
            "evaluation_seconds": evaluation_seconds,
            "examples_per_second": trained / progress.seconds if progress.seconds else None,
            "attempts": progress.attempts,
            "world_size": trainer.world_size,
            "padding_share": padding,
            "device": device_fields(module.device, trainer.precision),
        }
        return found, timing
    finally:
        gc.collect()


def _evaluate(task: Task, score: Any, split: str, module: TrialModule, trainer: lightning.Trainer) -> dict[str, Any]:
    assert module.device == trainer.strategy.root_device, f"training ran on {trainer.strategy.root_device}"
    return evaluate_split(
        score,
        module.network,
        task.splits[split],
        module.seed,
        module.device,
        trainer.precision_plugin.forward_context,
        trainer.global_rank,
        trainer.world_size,
    )


def _keep(directory: Path, kept: str) -> None:
    """Remove a recorded trial's checkpoints that are not to be kept."""
    if kept == "all":
        return
    gone = [directory / checkpoint.LAST, *directory.glob("step-*.ckpt")]
    if kept == "none":
        gone.append(directory / checkpoint.BEST)
    for path in gone:
        path.unlink(missing_ok=True)
