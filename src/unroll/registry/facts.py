"""The facts of the metrics behind a record, read from its config; no code of a task or of a metric is run.

Of the package's own classes the committed list tells. Of others a composed config keeps them, under `KEPT`; where it
does not (an older record) or keeps no facts (somebody else's), nothing is known: no unit, no scores of examples.
"""

import functools
from collections.abc import Mapping
from typing import Any

from pydantic import Field, ValidationError

from unroll.registry.metric import (
    BINNED,
    CONTINUOUS,
    DISCRETE,
    FITTED,
    FLIPS,
    SAMPLED,
    ExtraMetric,
    Fact,
    Measured,
    Metric,
    Score,
    Tolerance,
    score_of,
)
from unroll.registry.versions import KEPT, listed_facts


class Facts(Fact):
    """What a class declares of its numbers; see `Measured`."""

    metrics: tuple[Metric, ...] = Field((), strict=False)
    poses: tuple[str, ...] = Field((), strict=False)
    ways: tuple[str, ...] = Field((), strict=False)
    overlap: tuple[str, ...] = Field((), strict=False)

    def metric(self, name: str) -> Metric | None:
        """Return a metric by its name or a variant's; None for an unknown one."""
        exact = next((metric for metric in self.metrics if metric.name == name), None)
        return exact or next((metric for metric in self.metrics if metric.covers(name)), None)

    def score(self, name: str) -> Score | None:
        """Return the `Score` of a metric's examples; None where it has none, as a variant has."""
        return next((metric.score for metric in self.metrics if metric.name == name), None)

    def under(self, protocol: int) -> "Facts":
        """Return them as they were under a protocol of the task; of two that had one name then, the first."""
        metrics: dict[str, Metric] = {}
        for then in (metric.under(protocol) for metric in self.metrics):
            metrics.setdefault(then.name, then)
        return self.model_copy(update={"metrics": tuple(metrics.values())})

    def name_under(self, name: str, protocol: int) -> str:
        """Return what a metric was called under a protocol of the task."""
        found = next((metric for metric in self.metrics if metric.name == name), None)
        return name if found is None else found.under(protocol).name

    def unit(self, name: str) -> str:
        """Return a metric's unit; an empty string of an unknown one."""
        found = self.metric(name)
        return "" if found is None else found.unit

    def tolerance(self, name: str) -> Tolerance:
        """Return a metric's tolerance; that of a loss for an unknown one."""
        found = self.metric(name)
        return CONTINUOUS if found is None else found.tolerance

    def plain(self) -> dict[str, Any]:
        """Return them as JSON holds them, without what is so by default."""
        return self.model_dump(mode="json", exclude_defaults=True)


def stated(kind: Any) -> Facts:
    """Return the facts that a class states: a task's, or an extra metric's; none of another class.

    Raises:
        UserError: an extra metric lacks one.
    """
    if issubclass(kind, Measured):
        return Facts(metrics=kind.known_metrics, poses=kind.poses, ways=kind.ways, overlap=kind.overlap)
    return Facts(metrics=(kind.fact("metric"),)) if issubclass(kind, ExtraMetric) else Facts()


def facts(task: Mapping[str, Any]) -> Facts:
    """Return what is known of the numbers of a record, by the `task` node of its config and under its protocol."""
    own, extra = _of(task), task.get("metrics")
    if any(metric.former for metric in own.metrics) and isinstance(protocol := task.get("protocol_version"), int):
        own = own.under(protocol)
    named = [_named(metric, name) for name, node in _mapping(extra).items() for metric in _of(_mapping(node)).metrics]
    return own.model_copy(update={"metrics": (*own.metrics, *named)}) if named else own


def rule() -> str:
    """Say what verify allows of the package's metrics."""
    known = [metric for each in listed_facts().values() for metric in _parsed(each).metrics]

    def names(tolerance: Tolerance) -> list[str]:
        return list(dict.fromkeys(metric.name for metric in known if metric.tolerance == tolerance))

    fitted = [*names(BINNED), *names(FITTED)]
    return (
        f"{CONTINUOUS.share:.1%} of losses, errors and rates; {DISCRETE.share:.0%} of {', '.join(names(DISCRETE))}, "
        f"{FITTED.share:.0%} of {', '.join(fitted)}, or {FLIPS} examples' worth where that is more; "
        f"{SAMPLED.absolute} for {' and '.join(names(SAMPLED))} of samples"
    )


def _of(node: Mapping[str, Any]) -> Facts:
    target = node.get("_target_")
    if isinstance(target, str) and target in listed_facts():
        return _listed(target)
    return _parsed(_mapping(node.get(KEPT)).get("facts"))


@functools.cache
def _listed(target: str) -> Facts:
    return _parsed(listed_facts()[target])


def _parsed(plain: Any) -> Facts:
    try:
        return Facts.model_validate(plain or {})
    except ValidationError:
        return Facts()


def _named(metric: Metric, name: str) -> Metric:
    score = metric.score and metric.score.model_copy(update={"name": score_of(name)})
    return metric.model_copy(update={"name": name, "score": score})


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
