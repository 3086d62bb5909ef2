"""What trackers get of each line of metrics.jsonl, line for line: the axes, `selection`, and the task's own metrics.

A line's number is its step in W&B, so that a trial that was killed and goes on sends what is missing and nothing twice.
The final evaluation's line is no point on a curve: it is told in the summary.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unroll.atomic import replacing

FILE_NAME = "history.jsonl"
STEP = "progress/step"
AXES = (STEP, "progress/epoch", "progress/examples", "progress/tflop", "progress/seconds")
SCALARS = {  # of the diagnostics, those that every network has; the rest are tables
    "diagnostics/gradient/norm": "diagnostics/grad_norm",
    "diagnostics/gradient/growth_per_step": "diagnostics/growth_per_step",
    "diagnostics/code/dead_share": "diagnostics/dead_share",
    "diagnostics/code/saturated_share": "diagnostics/saturated_share",
    "diagnostics/code/jacobian_norm": "diagnostics/jacobian_norm",
}

Line = Mapping[str, float]


@dataclass(frozen=True)
class Known:
    """What turns a trial's steps into other axes.

    Attributes:
        per_epoch: steps of an epoch.
        train: examples of train.
        batch: of a step.
        boundary: steps of the first of two phases; 0: there is one.
        operations: of training on one example, in each phase; whole numbers, or a mean.
        selection: the validation metric that picks the best weights.
        seconds_a_step: of training, where nobody looked at the clock; None: not known.
    """

    per_epoch: int
    train: int
    batch: int
    boundary: int
    operations: tuple[Any, Any]
    selection: str
    seconds_a_step: float | None = None

    def examples(self, step: int) -> int:
        """Training examples that were seen in so many steps."""
        epochs, rest = divmod(step, self.per_epoch)
        return epochs * self.train + rest * self.batch

    def operations_of(self, step: int) -> Any:
        """Operations of so many steps of training."""
        first = self.examples(min(step, self.boundary))
        return self.operations[0] * first + self.operations[1] * (self.examples(step) - first)


def known_of(record: Mapping[str, Any]) -> Known | None:
    """Return what a finished network's record says of its axes; None of a baseline.

    Operations are spread evenly over its examples, also where it has two phases, and seconds over its steps.
    """
    result = record.get("result") or {}
    steps, epochs = result.get("steps"), result.get("epochs")
    if not steps or not epochs:
        return None
    config, seconds = record["config"], record["run"].get("training_seconds")
    known = Known(
        per_epoch=max(1, round(steps / epochs)),
        train=result["examples"]["train"],
        batch=config["data"]["batch_size"],
        boundary=0,
        operations=(0.0, 0.0),
        selection=config["task"]["selection"]["name"],
        seconds_a_step=None if seconds is None else seconds / steps,
    )
    each = record["flops"]["training"] / max(1, known.examples(steps))
    return Known(**{**vars(known), "operations": (each, each)})


def is_final(line: Line) -> bool:
    """Whether a line is the final evaluation's."""
    return any(name.startswith("test/") for name in line)


def history_line(line: Line, known: Known, seconds: float | None = None) -> dict[str, float]:
    """Return what trackers get of a line of metrics.jsonl.

    Args:
        line: with its step; not of the final evaluation.
        known: of its trial.
        seconds: of training until then; None: as `known` has it.
    """
    step = int(line["step"])
    if seconds is None and known.seconds_a_step is not None:
        seconds = step * known.seconds_a_step
    values: tuple[float | None, ...] = (
        step,
        step / known.per_epoch,
        known.examples(step),
        known.operations_of(step) / 1e12,
        seconds,
    )
    found = {name: value for name, value in zip(AXES, values, strict=True) if value is not None}
    selected = line.get(f"validation/{known.selection}")
    if selected is not None:
        found["selection"] = selected
    found |= {name: value for name, value in line.items() if name != "step" and not name.startswith("diagnostics/")}
    return found | {short: line[name] for name, short in SCALARS.items() if name in line}


class History:
    """history.jsonl, beside metrics.jsonl.

    Where a trial goes on, it keeps as many lines as metrics.jsonl has kept, and makes up those that are not there or do
    not fit, without their time.
    """

    def __init__(self, path: Path, known: Known, metrics: Sequence[Line]):
        self.path, self.known = path, known
        there = list(read_lines(path))
        kept = [_fitting(there, number, line, known) for number, line in enumerate(metrics) if not is_final(line)]
        if kept != there or not path.exists():
            with replacing(path) as draft:
                draft.write_text("".join(_written(line) for line in kept), encoding="utf-8")

    def log(self, metrics: Mapping[str, float], step: int, seconds: float | None) -> dict[str, float]:
        """Append what trackers get of a step's metrics; return it."""
        line = history_line({"step": step, **metrics}, self.known, seconds)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(_written(line))
        return line


def history(record: Mapping[str, Any], directory: Path | None) -> list[dict[str, float]]:
    """Return the history of a finished record: from its trial's files where they are there, else from its curves.

    Args:
        record: of a trial.
        directory: of the trial; None: only the record is there.
    """
    if directory is not None and (directory / FILE_NAME).is_file():
        return list(read_lines(directory / FILE_NAME))
    known = known_of(record)
    if known is None:
        return []
    lines: list[Line] = []
    if directory is not None:
        lines = [line for line in read_lines(directory / "metrics.jsonl") if not is_final(line)]
    if not lines:
        for point in record["result"]["curves"].get("validation", []):
            lines.append({name if name == "step" else f"validation/{name}": value for name, value in point.items()})
    return [history_line(line, known) for line in lines]


def read_lines(path: Path) -> Iterator[dict[str, float]]:
    """The whole lines of a file, up to one that cannot be read."""
    for line in path.read_bytes().splitlines(keepends=True) if path.is_file() else ():
        try:
            found = json.loads(line)
        except ValueError:
            return
        if not line.endswith(b"\n") or not isinstance(found, dict):
            return
        yield found


def _fitting(there: Sequence[Line], number: int, line: Line, known: Known) -> dict[str, float]:
    """The line of this number that is there, where it is one of these metrics."""
    made = history_line(line, known)
    if number < len(there) and {**there[number], "progress/seconds": 0} == {**made, "progress/seconds": 0}:
        return dict(there[number])
    return made


def _written(line: Line) -> str:
    return json.dumps(line) + "\n"
