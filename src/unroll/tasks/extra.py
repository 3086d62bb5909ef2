"""Metrics of one's own over a split's outputs, checked where they come in."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from unroll.errors import UserError
from unroll.registry.metric import ExtraMetric, score_of


def extra_metrics(
    metrics: Mapping[str, ExtraMetric], outputs: Mapping[str, Any], truth: Any, examples: int
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Ask every extra metric.

    Args:
        metrics: by name.
        outputs: of a whole split, first axis in its order.
        truth: of the same examples.
        examples: of the split.

    Returns:
        The values by name, and the scores [N] of those that have some, as predictions name them.

    Raises:
        UserError: a metric fails, gives no number, or scores that are not one an example.
    """
    values, scores = {}, {}
    for name, metric in metrics.items():
        where = f"task.metrics.{name}: {type(metric).__module__}.{type(metric).__qualname__}"
        try:
            values[name] = float(metric(outputs, truth))
            found = metric.scores(outputs, truth)
            each = None if found is None else np.asarray(found, np.float64)
        except Exception as error:  # a user's class may do anything
            raise UserError(
                f"The metric '{name}' cannot be computed: {type(error).__name__}: {error}.",
                saw=f"{where}, of outputs {_shapes(outputs)} and truth {_shape(truth)}",
                allowed="a number of a whole split's outputs, and scores [N]",
            ) from error
        if each is None:
            continue
        if each.shape != (examples,) or not np.isfinite(each).all():
            raise UserError(
                f"The scores of the metric '{name}' are not one finite number an example.",
                saw=f"{where}, scores {list(each.shape)} of {examples} examples",
                allowed=f"[{examples}]",
            )
        scores[score_of(name)] = each
    return values, scores


def _shapes(outputs: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {_shape(value)}" for key, value in outputs.items())


def _shape(values: Any) -> list[int]:
    return (
        list(np.shape(values))
        if isinstance(values, np.ndarray)
        else [len(values)]
        if hasattr(values, "__len__")
        else []
    )
