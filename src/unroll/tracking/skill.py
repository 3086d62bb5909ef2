"""How far a result lies from a problem's weakest baseline to its best one: a number that compares tasks.

    skill = (value - weakest) / (best - weakest)

0 is the weakest ranked baseline, 1 the best one, by the mean of the primary metric on test over a baseline's records of
the same problem: the same task, data, share and content of it, metric and posing options. Below 0 is worse than every
baseline, above 1 better than all. It is the skill score of forecasts (Murphy 1988, equation 4) with the best baseline
in place of a perfect forecast. Where the input alone decides what is right (adding, copying), the right answers count
as one more baseline, and the score is Murphy's own. Without two different values there is none.

A baseline's records of the trial's own protocol count; where it has none, those of the latest protocol, of the same
metric, and `Ends` says so.
"""

import functools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from unroll.config.identity import is_baseline
from unroll.config.problem import problem
from unroll.errors import UserError
from unroll.records.record import FILE_NAME, read_record
from unroll.registry.facts import facts

FORMULA = (
    "(value - weakest baseline) / (best baseline - weakest baseline), by the primary metric on test; "
    "where the input decides what is right, that counts as the best baseline"
)
EXACT = "the right answers"
RATE_TOLERANCE = 1.05  # as tables allow: a coded size may pass the task's rate by this much
_SHIPPED = Path(__file__).with_name("baselines.json")
_DIGITS = 12  # of a content's hash

Values = Mapping[str, float]  # a baseline's name -> the mean of its primary metric on test


class End(NamedTuple):
    """A baseline with its value, and the protocol of its records where that is not the trial's."""

    name: str
    value: float
    protocol: str | None = None

    def __str__(self) -> str:
        return f"{self.name} {self.value:.4g}" + (f" (protocol {self.protocol})" if self.protocol else "")


class Ends(NamedTuple):
    """The baselines that skill is told by: 0 and 1."""

    weakest: End
    best: End

    def __str__(self) -> str:
        return f"0: {self.weakest}, 1: {self.best}"


def key_of(record: Mapping[str, Any]) -> str | None:
    """Return what a record shares with the baselines that it is held against; None where its data is not known."""
    content = (record.get("data") or {}).get("content_sha256")
    if content is None:
        return None
    *parts, posed = problem(record["config"]).for_baselines
    fraction = f"fraction={record['config']['data'].get('fraction', 1.0):g}"
    return " | ".join(filter(None, [*parts, *posed, fraction, content[:_DIGITS]]))


def values(records: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Return the ranked baselines of some records: key -> name -> mean over its finished records, rounded nowhere."""
    found: dict[str, dict[str, list[float]]] = {}
    for record in records:
        key = key_of(record) if record["status"] == "finished" and is_baseline(record["config"]) else None
        if key is not None and _is_ranked(record):
            name = str(record["config"]["baseline"]["name"])
            found.setdefault(key, {}).setdefault(name, []).append(record["result"]["primary"]["value"])
    return {key: {name: fmean(each) for name, each in sorted(of.items())} for key, of in sorted(found.items())}


def exact(task: Mapping[str, Any]) -> float | None:
    """Return the primary metric of right answers, by a config's `task`; None where the input does not decide them."""
    known = facts(task).metric(task["primary"]["name"])
    return None if known is None else known.exact


def _is_ranked(record: Mapping[str, Any]) -> bool:
    config, measured = record["config"], record["result"]["metrics"]["test"].get("bits_per_pixel")
    rate = config["task"].get("rate")
    too_large = rate is not None and measured is not None and measured > rate * RATE_TOLERANCE
    return not config["baseline"].get("unranked") and not too_large


@functools.cache
def shipped() -> Mapping[str, Values]:
    """Return the baselines of the records that Unroll publishes; `tools/write_baselines.py` writes them down."""
    found: dict[str, dict[str, float]] = json.loads(_SHIPPED.read_text(encoding="utf-8"))
    return found


class Baselines:
    """What is known of baselines: first what Unroll publishes, then the records of a folder.

    Args:
        records: of trials, networks among them or not.
    """

    def __init__(self, records: Iterable[Mapping[str, Any]] = ()):
        own, published = values(records), shipped()
        self._known = {key: {**own.get(key, {}), **published.get(key, {})} for key in {**own, **published}}

    def of(self, record: Mapping[str, Any]) -> dict[str, float]:
        """Return the baselines of a record's problem, under its own protocol."""
        key = key_of(record)
        return {} if key is None else dict(self._known.get(key, {}))

    def ends(self, record: Mapping[str, Any]) -> Ends | None:
        """Return the weakest and the best baseline of a record's problem; None where there are not two."""
        task = record["config"]["task"]
        sign = 1 if task["primary"]["direction"] == "higher" else -1
        found = self._of_any_protocol(record)
        if (value := exact(task)) is not None:
            found.append(End(EXACT, value))
        order = sorted(found, key=lambda end: (sign * end.value, end.name))
        return Ends(order[0], order[-1]) if order and order[0].value != order[-1].value else None

    def skill(self, record: Mapping[str, Any]) -> float | None:
        """Return a finished record's skill; None where there are no two baselines."""
        ends, result = self.ends(record), record.get("result")
        if ends is None or result is None:
            return None
        return float((result["primary"]["value"] - ends.weakest.value) / (ends.best.value - ends.weakest.value))

    def _of_any_protocol(self, record: Mapping[str, Any]) -> list[End]:
        """Each baseline of a record's problem, under its own protocol or else under the latest."""
        key = key_of(record)
        if key is None:
            return []
        same = [other for other in self._known if _apart(other)[1] == _apart(key)[1]]
        latest = {
            name: End(name, value, _apart(other)[0])
            for other in sorted(same, key=lambda other: int(_apart(other)[0]))
            for name, value in self._known[other].items()
        }
        return list({**latest, **{name: End(name, value) for name, value in self.of(record).items()}}.values())


def _apart(key: str) -> tuple[str, tuple[str, ...]]:
    """The protocol of a key, and all else."""
    task, data, protocol, rest = key.split(" | ", 3)
    return protocol, (task, data, rest)


def beside(config: Mapping[str, Any], runs: Path) -> list[dict[str, Any]]:
    """Return the records of baselines of a config's task and data that lie in a folder of trials."""
    named = f"{config['task']['name']}-{config['data']['name']}"
    found, listed = [], config["task"].get("baselines")
    names = [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
    for name in names:  # a record's config may hold anything there
        for path in (*runs.glob(f"{named}-{name}-s*/{FILE_NAME}"), *runs.glob(f"{named}-{name}-s*.json")):
            try:
                found.append(read_record(path))
            except (UserError, OSError):  # `unroll audit` says what is wrong with it
                continue
    return found
