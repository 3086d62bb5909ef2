"""What a tuning came to: `tuning.json` and a table. docs/tuning.md explains each field."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from unroll.analysis.render.columns import columns, paragraphs, width
from unroll.atomic import replacing
from unroll.config.planned import Planned
from unroll.records.state import state
from unroll.tuning.search import Tuned
from unroll.tuning.study import TuningOptions

SCHEMA_VERSION = 1
HEADER = ("validation", "test", "points", "failed", "seconds")
NOTE = (
    "Best point by the selection metric on validation, one seed. Test: of that trial, never looked at in choosing. "
    "Points: tried, and of them failed or without a value. Seconds: of all points."
)


def summarise(
    tuned: Sequence[Tuned], options: TuningOptions, chosen: Sequence[Sequence[Planned]], baselines: Sequence[Planned]
) -> dict[str, Any]:
    """Return the content of tuning.json.

    Args:
        chosen: each study's trials of its best point; empty before they are trained.
        baselines: trained once, not tuned.
    """
    labels = _labels(tuned)
    pairs = zip(tuned, labels, chosen or [()] * len(tuned), strict=True)
    studies = [_study(one, label, list(trials)) for one, label, trials in pairs]
    effort: dict[str, dict[str, Any]] = {}
    for study in studies:
        total = effort.setdefault(
            study["architecture"], dict.fromkeys(("points", "failed", "seconds", "final_trials", "final_seconds"), 0)
        )
        total["points"] += study["tried"]
        for key in ("failed", "seconds", "final_trials", "final_seconds"):
            total[key] += study[key]
    return {
        "schema_version": SCHEMA_VERSION,
        "trials": options.trials,
        "parallel": options.parallel,
        "sampler": options.sampler,
        "random_points": options.random_points,
        "seed": options.seed,
        "studies": studies,
        "effort": effort,
        "baselines": [item.trial.trial_id for item in baselines],
    }


def write_summary(path: Path, summary: dict[str, Any]) -> None:
    """Write tuning.json in one step: a reader sees the old file or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as draft:
        draft.write_text(json.dumps(summary, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def table(summary: dict[str, Any]) -> Iterator[str]:
    """Yield lines: a row a study, its name, the numbers of its best point and what it took to find it, its values."""
    head, *rows = columns([HEADER, *map(_row, summary["studies"])], indent=1, left=())
    yield head
    for study, line in zip(summary["studies"], rows, strict=True):
        best = study["best"]
        values = [] if best is None else [f"{key}={text}" for key, text in best["values"].items()]
        what = ["no point has a value"] if best is None else values or ["nothing to tune"]
        yield from (f"{study['label']} on {study['task']} ({study['data']})", line, *(f"    {each}" for each in what))
    yield ""
    yield from paragraphs([NOTE], width())


def _row(study: dict[str, Any]) -> list[str]:
    best, found = study["best"], ["-", "-"]
    if best is not None:
        primary = best["primary"]
        found = [
            f"{study['objective']['name']} {best['value']:.4g}",
            f"{primary['name']} {primary['value']:.4g}",
        ]
    return [*found, str(study["tried"]), str(study["failed"]), f"{study['seconds']:.1f}"]


def unequal(summary: dict[str, Any]) -> str | None:
    """Say it where studies did not try the same number of points."""
    counts = {study["tried"] for study in summary["studies"]}
    if len(counts) < 2:
        return None
    return f"Effort differs: studies tried from {min(counts)} to {max(counts)} points."


def _study(one: Tuned, label: str, chosen: list[Planned]) -> dict[str, Any]:
    study, best = one.study, one.best
    points = [
        {
            "number": point.number,
            "values": point.values,
            "trial_id": point.planned.trial.trial_id,
            "status": point.status,
            "value": point.value,
            "seconds": point.seconds,
        }
        for point in one.points
    ]
    extra = {item.trial.trial_id: item for item in chosen}
    for point in one.points:
        extra.pop(point.planned.trial.trial_id, None)
    config = study.example.plain
    return {
        "name": study.name,
        "task": config["task"]["name"],
        "data": config["data"]["name"],
        "architecture": study.example.row,
        "label": label,
        "overrides": list(study.overrides),
        "space": study.space.written,
        "absent": list(study.absent),
        "objective": {**study.metric, "split": "validation"},
        "tuning_seed": study.tuning_seed,
        "seeds": list(study.seeds),
        "points": points,
        "tried": len(points),
        "failed": sum(point.status == "failed" for point in one.points),
        "seconds": sum(point.seconds for point in one.points),
        "best": None if best is None else _best(best.number, best.values, best.value, best.planned),
        "final": [item.trial.trial_id for item in chosen],
        "final_trials": len(extra),
        "final_seconds": sum(_seconds(item) for item in extra.values()),
    }


def _best(number: int, values: dict[str, str], value: float | None, planned: Planned) -> dict[str, Any]:
    from unroll.records.record import read_record

    result = read_record(planned.trial.record_path)["result"]
    return {
        "number": number,
        "values": values,
        "value": value,
        "trial_id": planned.trial.trial_id,
        "primary": result["primary"],
        "test": result["metrics"]["test"],
    }


def _seconds(planned: Planned) -> float:
    from unroll.records.record import read_record

    if state(planned.trial) not in ("finished", "failed"):
        return 0.0
    return float(read_record(planned.trial.record_path)["run"]["seconds"])


def _labels(tuned: Sequence[Tuned]) -> list[str]:
    """Each architecture's name, and where one has several studies on the same data, the options that differ."""
    from unroll.analysis import variants

    found = [one.study.example.row for one in tuned]
    places: dict[tuple[str, str], list[int]] = {}
    for number, one in enumerate(tuned):
        config = one.study.example.plain
        places.setdefault((config["task"]["name"], config["data"]["name"]), []).append(number)
    for numbers in places.values():
        if len({found[number] for number in numbers}) == len(numbers):
            continue
        rows = [(found[number], variants.options(tuned[number].study.example.plain)) for number in numbers]
        for number, words in zip(numbers, variants.differences(rows), strict=True):
            found[number] = " ".join((found[number], *words))
    return found
