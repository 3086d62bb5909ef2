"""Forecasts that repeat the window: its last value, or its last season. Nothing is fitted."""

from typing import Any

import numpy as np

from unroll.errors import UserError
from unroll.registry.options import Count
from unroll.tasks.baselines.views import FitData, WindowView


class LastValue:
    """The window's last row for the whole horizon ("Repeat" in the literature)."""

    def fit(self, data: FitData) -> None:
        """Nothing to learn."""

    def predict(self, split: WindowView) -> dict[str, Any]:
        """`forecast` [N, H, C], a read-only broadcast of the last rows."""
        return {"forecast": np.broadcast_to(split.inputs[:, -1:], split.targets.shape)}


class Seasonal:
    """The row one period earlier, repeated over the horizon. Option `period` in time steps."""

    def __init__(self, period: Count = 24):
        self.period = period

    def fit(self, data: FitData) -> None:
        """Nothing to learn. Raises UserError when the window is shorter than the period."""
        window = data.train.inputs.shape[1]
        if not 1 <= self.period <= window:
            raise UserError(
                "the seasonal baseline repeats the window's last period, which must lie inside the window",
                saw=f"baseline.period={self.period}, task.window={window}",
                allowed=f"baseline.period from 1 to {window}",
            )

    def predict(self, split: WindowView) -> dict[str, Any]:
        """`forecast` [N, H, C]."""
        window, horizon = split.inputs.shape[1], split.targets.shape[1]
        rows = window - self.period + np.arange(horizon) % self.period
        return {"forecast": split.inputs[:, rows]}
