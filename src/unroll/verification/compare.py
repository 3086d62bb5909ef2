"""Two records of one trial side by side: where each was made, and what differs. Pure functions, no torch."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from unroll.records.arrays import describe, in_parts, names
from unroll.records.devices import device_used
from unroll.registry.facts import facts

Record = Mapping[str, Any]
LATER_FIELDS = ("train", "pretrained", "scores_sha256")  # that results were given after the first records
_OF_A_GPU = {"cuda": "CUDA", "cudnn": "cuDNN", "driver": "NVIDIA driver"}  # keys of `run.device`
LATER_METRICS = (
    "sharpness",
    "mse_uncoded",
    "cross_entropy_uncoded",
    "nats_uncoded",
    "rmse_original",
)  # that results of the same protocol were given after the first records


class Gap(NamedTuple):
    """A metric in two results."""

    metric: str  # split.name
    reported: float
    again: float
    allowed: float  # largest absolute difference

    @property
    def absolute(self) -> float:
        return abs(self.again - self.reported)

    @property
    def relative(self) -> float:
        """Of the larger of the two values."""
        return self.absolute / max(abs(self.reported), abs(self.again)) if self.absolute else 0.0

    @property
    def within(self) -> bool:
        return self.absolute <= self.allowed


def surroundings(record: Record) -> dict[str, Any]:
    """What a record's bits depend on beside the trial: ranks, threads, CPU type, the device used, packages."""
    run, trainer = record["run"], record["config"]["trainer"]
    machine = run["hardware"]
    found = {
        "ranks": run.get("world_size"),
        "threads": trainer.get("threads"),  # not the run's: baselines of before had none there
        "CPU": machine.get("cpu"),
        "CPU instructions": machine.get("cpu_capability"),
        "device": device_used(record).name,
        "deterministic": trainer.get("deterministic"),
    }
    given = run.get("device") or {}
    found |= {words: given.get(key) for key, words in _OF_A_GPU.items()}
    return found | dict(run["packages"])


def moved(first: Record, second: Record) -> list[str]:
    """How the surroundings of two records differ, as `threads 1 -> 2`; what only one of them knows is left out.

    A package that the second lacks is a difference; one that the first lacks became a dependency after it.
    """
    before, after = surroundings(first), surroundings(second)
    packages = first["run"]["packages"].keys()
    changed = []
    for name in [*dict.fromkeys([*before, *after])]:
        one, other = before.get(name), after.get(name)
        if one != other and (name in packages or (one is not None and other is not None)):
            changed.append(f"{name} {'none' if one is None else one} -> {'none' if other is None else other}")
    return changed


def without_later(result: Record, other: Record) -> dict[str, Any]:
    """A result without what was added to results later, where the other, an older one, has not got it."""
    found = dict(result)
    for name in LATER_FIELDS:
        if name not in other:
            found.pop(name, None)
    found["metrics"] = {
        split: {
            name: value
            for name, value in metrics.items()
            if name not in LATER_METRICS or name in other["metrics"].get(split, {})
        }
        for split, metrics in result["metrics"].items()
    }
    return found


def differences(first: Any, second: Any, where: str = "result") -> Iterator[str]:
    """Each leaf at which two results differ, as `path: first -> second`."""
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        for key in sorted(first.keys() | second.keys(), key=str):
            yield from differences(first.get(key), second.get(key), f"{where}.{key}")
    elif isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        for number, (one, other) in enumerate(zip(first, second, strict=True)):
            yield from differences(one, other, f"{where}[{number}]")
    elif first != second:
        yield f"{where}: {first} -> {second}"


def gaps(first: Record, second: Record) -> list[Gap]:
    """Each metric that both results have."""
    found, known = [], facts(first["config"]["task"])
    for split, metrics in first["result"]["metrics"].items():
        examples = first["result"]["examples"][split]
        again = second["result"]["metrics"].get(split, {})
        for name, value in metrics.items():
            if name in again:
                allowed = known.tolerance(name).allowed(value, examples)
                found.append(Gap(f"{split}.{name}", value, again[name], allowed))
    return found


def not_comparable(first: Record, second: Record) -> list[str]:
    """What no rounding explains: other data, other counts, other metrics; other steps without early stopping."""
    keys = ["data_sha256", "examples"]
    if first["config"].get("budget", {}).get("patience") is None:
        keys.append("steps")
    one = without_later(first["result"], second["result"])
    other = without_later(second["result"], first["result"])
    found = [line for key in keys for line in differences(one[key], other[key], key)]
    for split in one["metrics"].keys() | other["metrics"].keys():
        names = one["metrics"].get(split, {}).keys() ^ other["metrics"].get(split, {}).keys()
        found += [f"{split}.{name}: only in one of the results" for name in sorted(names)]
    return found


class Changed(NamedTuple):
    """One array of per-example outputs in two results."""

    name: str  # split/output
    differ: int  # examples with any difference
    examples: int
    largest: float | None  # absolute difference; None where values are no numbers


def changed_examples(first: Path, second: Path) -> list[Changed]:
    """Compare two predictions.npz, example by example, the arrays that both have."""
    import numpy as np

    found = []
    for name in sorted(set(names(first)) & set(names(second))):
        one, other = describe(first, name), describe(second, name)
        examples = max(each.shape[0] if each.shape else 1 for each in (one, other))
        numbers = one.dtype.kind in "biuf" and other.dtype.kind in "biuf"
        if one.shape != other.shape or not (numbers or one.dtype.kind == other.dtype.kind):
            found.append(Changed(name, examples, examples, None))
            continue
        differ, largest, count = 0, 0.0, min(one.at_once, other.at_once)
        for here, there in zip(in_parts(first, name, count), in_parts(second, name, count), strict=True):
            differ += int((here != there).reshape(len(here), -1).any(axis=1).sum())
            if numbers:
                apart = np.abs(here.astype(np.float64) - there.astype(np.float64))
                largest = float(np.maximum(largest, apart.max()))  # of what is no number, that
        found.append(Changed(name, differ, examples, largest if numbers else None))
    return found


@dataclass(frozen=True)
class Verification:
    """What a second run of a trial gave, beside what the record of the first says."""

    trial_id: str
    moved: list[str]  # how the surroundings differ; empty: the same, and every bit must be
    code: str | None  # how Unroll itself differs
    differences: list[str]  # each value of the result that differs
    gaps: list[Gap]
    unlike: list[str]  # what no rounding explains
    weights_equal: bool | None  # None: no weights
    changed: list[Changed] = field(default_factory=list)  # empty also where the record's predictions are not at hand

    @property
    def identical(self) -> bool:
        return not self.differences

    @property
    def within(self) -> bool:
        """Whether every metric is as near as rounding may bring it, and nothing is there that no rounding explains."""
        return not self.unlike and all(gap.within for gap in self.gaps)

    @property
    def passed(self) -> bool:
        """Bit-identical; in other surroundings, within tolerance."""
        return self.identical or (bool(self.moved) and self.within)

    @property
    def largest(self) -> Gap | None:
        """The metric that lies apart the most, relative to its value; None where the two share none."""
        return max(self.gaps, key=lambda gap: gap.relative, default=None)


def compared(record: Mapping[str, Any], again: Mapping[str, Any], changed: Sequence[Changed] = ()) -> Verification:
    """Two finished records of one trial."""
    weights = record["result"]["weights_sha256"]
    before = without_later(record["result"], again["result"])
    after = without_later(again["result"], record["result"])
    return Verification(
        record["trial_id"],
        moved(record, again),
        next(differences(_code(record), _code(again), "code"), None),
        list(differences(before, after)),
        gaps(record, again),
        not_comparable(record, again),
        None if weights is None else weights == again["result"]["weights_sha256"],
        list(changed),
    )


def _code(record: Mapping[str, Any]) -> str:
    code = record["run"]["code"]
    return f"{code['version']} {code['commit'] or ''}".strip() + (" with changes" if code["dirty"] else "")
