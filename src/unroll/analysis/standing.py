"""How the rows of one table stand to each other: letters, differences from the best network, what is surely best."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from unroll.analysis.comparisons import Comparison, Records, against, every_pair, sample, testable
from unroll.analysis.power import Resolution, resolution
from unroll.analysis.statistics.simultaneous import LEVEL
from unroll.config.schema import Equivalence
from unroll.records.scores import Scores
from unroll.registry.groups import group_value


@dataclass(frozen=True)
class Standing:
    """Of R rows, each by its number."""

    letters: tuple[str | None, ...]  # rows that share one are not surely apart; None: too few seeds to tell
    to_best: tuple[Comparison | None, ...]  # a row minus the best network; None for that one
    beats: tuple[tuple[int, ...], ...]  # the rows that each one is surely better than
    resolution: Resolution | None


def standing(
    rows: Sequence[Records], networks: int, direction: str, scores: Scores, margin: float | None = None
) -> Standing:
    """Compare all rows of a table at once.

    Args:
        rows: finished records of each ranked row that has any: networks from best to worst, then baselines likewise.
        networks: how many of them are networks.
        direction: of the primary metric, "higher" or "lower".
        scores: of test examples.
        margin: the largest difference that counts as none, if the task states one.
    """
    samples = [sample(records, scores) for records in rows]
    chosen = testable(samples)
    pairs = every_pair(samples)
    to_best = against(samples, pairs, 0, margin) if networks else [None] * len(rows)
    letters: list[str | None] = [None] * len(rows)
    beats: list[tuple[int, ...]] = [()] * len(rows)
    seen = None
    if pairs is not None:
        sign = -1 if direction == "higher" else 1
        order = sorted(range(len(chosen)), key=lambda k: sign * float(pairs.means[k]))
        for k, shown in zip(order, pairs.letters(order) or (), strict=False):
            letters[chosen[k]] = shown
        for place, k in enumerate(order):
            beats[chosen[k]] = tuple(chosen[other] for other in order[place + 1 :] if pairs.p(k, other) < LEVEL)
        seen = resolution(
            [samples[number] for number in chosen], pairs, [k for k in range(len(chosen)) if chosen[k] < networks]
        )
    return Standing(tuple(letters), tuple(to_best), tuple(beats), seen)


def equivalence(records: Iterable[Mapping[str, Any]]) -> Equivalence | None:
    """Return which difference of two of these records' rows counts as none.

    That is what their configs say where all say the same, so that a suite may state another one than its task; else
    what the task's YAML of today says. None where neither says, where it is stated for another metric than the
    primary one, and where somebody else's record holds something else there.
    """
    tasks = [record["config"]["task"] for record in records]
    said = {json.dumps(task.get("equivalence"), sort_keys=True) for task in tasks}
    own = tasks[0].get("equivalence") if len(said) == 1 else None
    try:
        found = Equivalence.model_validate(own or group_value("task", tasks[0]["name"], "equivalence"))
    except ValidationError:
        return None
    options = "[^.]+".join(re.escape(part) for part in re.split(r"\$\{[^}]*\}", found.metric))  # as ${task.samples}
    return found if re.fullmatch(options, tasks[0]["primary"]["name"]) else None
