"""What `unroll train` prints before a trial and after it: what trains, what came out, and what to do next."""

import os
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from unroll.config.trial import Trial
from unroll.data.readers.columns import further

PLACE = "UNROLL_PLACE"  # of a trial among those of its command: 1/2; told to the process that trains it


def opening(trial: Trial) -> Iterator[str]:
    """Return what is known before anything is read, so that it is there at once: no torch is needed."""
    config, place = trial.config, os.environ.get(PLACE)
    yield f"{f'{place}  ' if place else ''}{config.row} on {config.task.name} ({config.data.name}), seed {config.seed}"
    yield f"  in       {trial.directory}"


def closing(record: Mapping[str, Any], baselines: Mapping[str, float]) -> Iterator[str]:
    """Return a finished trial's result beside the baselines', and its cost.

    Args:
        record: of the trial.
        baselines: of its problem, name -> primary metric on test; empty where none is known.
    """
    result, primary, run = record["result"], record["result"]["primary"], record["run"]
    unit = f" {primary['unit']}" if primary["unit"] else ""
    for split in ("test", *further(result["metrics"]), "validation"):
        metrics = result["metrics"].get(split, {})
        first = [primary["name"]] * (primary["name"] in metrics)
        others = [each for each in metrics if each not in first][:4]
        shown = [f"{each} {metrics[each]:.4g}{unit if each in first else ''}" for each in (*first, *others)]
        yield f"  {split:<11}{'  '.join(shown)}"
    if baselines:
        sign = 1 if record["config"]["task"]["primary"]["direction"] == "higher" else -1
        best = sorted(baselines.items(), key=lambda item: -sign * item[1])
        better = sum(sign * (primary["value"] - value) > 0 for _, value in best)
        shown = [f"{each} {value:.4g}{unit}" for each, value in best]
        yield f"  baselines  {'  '.join(shown)}: better than {better} of {len(best)}"
    yield f"  cost       {'  '.join(_cost(record, run))}"


def next_commands(record: Mapping[str, Any]) -> Iterator[str]:
    """Return the commands that come after a finished trial."""
    name, runs = record["trial_id"], str(record["config"]["paths"]["runs"])
    option = "" if runs == "runs" else f" --runs {shlex.quote(runs)}"
    yield f"  next       unroll show {name}{option}"
    yield f"             unroll verify {name}{option}"
    yield f"             unroll report{option}"


def _cost(record: Mapping[str, Any], run: Mapping[str, Any]) -> Iterator[str]:
    yield f"{run['seconds']:.1f} s, {run['training_seconds']:.1f} of them training"
    if (record.get("flops") or {}).get("training"):
        yield f"{record['flops']['training'] / 1e12:.3g} TFLOP"
    if run.get("peak_memory_bytes"):
        yield f"{run['peak_memory_bytes'] / 2**30:.2g} GiB of memory"
