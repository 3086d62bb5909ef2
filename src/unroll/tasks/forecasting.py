"""Forecasting: a window of a series in, its next steps out (many-to-many, not aligned)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from unroll.data.examples import Examples
from unroll.data.fields import Dense, Windows
from unroll.data.splits import Batch, Split
from unroll.data.spread import spread
from unroll.errors import UserError
from unroll.models.contracts import Relation, Shape, Side
from unroll.models.network import Network
from unroll.models.noise import Dropout
from unroll.registry.declared import Need
from unroll.registry.metric import Metric, Score
from unroll.registry.options import Count, NotNegative, Positive, Share
from unroll.tasks.baselines.views import WindowView
from unroll.tasks.columns import Columns, scores_of, spread_over
from unroll.tasks.raw import Raw, raw_numbers
from unroll.tasks.task import GaussianNoise, Losses, Outputs, Task, shared_split

LARGEST = 1e15  # deviations from the mean: their squares can still be summed in single precision
STEPS_SHOWN = 48  # of a horizon, and of the window before it, that is looked at
SQUARED = 1e150  # errors in a channel's own units: their squares can be summed in double precision


class Forecasting(Task):
    """Forecast. Loss: Gaussian nats of the horizon with one scale, learned; the objective is its mean over values.

    Every window whose horizon lies in a split is one example of it; the window itself may reach back into the split
    before. Values are standardised in double precision by train's mean and deviation of each channel; a channel that is
    constant in train, up to rounding, is only centred.

    Some published tables are made otherwise, and the options from `difference` on follow them: the series may be
    differenced, scaled to a range instead, and trained to the last row before test. None of them is a default, and
    `range_of_all` leaks: it sees the smallest and the largest value of test.

    Args:
        window: time steps seen.
        horizon: time steps forecast.
        channels: joint (one network reads and forecasts all) | independent (each channel is an example by itself).
        normalise: none | last_value (the window's last value is subtracted and added back).
        dropout: on the code.
        reconstruction_weight: of the window's nats where the architecture reconstructs.
        drop_last: a batch size, of windows, for mse_drop_last and mae_drop_last beside mse and mae: without the last
            windows that fill no such batch, as data loaders with drop_last leave them out. The tables of Informer and
            LTSF-Linear were made so, with 32.
        difference: a lag d: windows are of x_t - x_(t-d), and metrics in original units are of x again, forecasts added
            up from the last true values. What is standardised are the differences.
        scaling: standard | range (train's smallest and largest value become `limits`) | range_of_all (those of all
            rows, test's too, so that it leaks).
        limits: of a range.
        hold_out: false: validation's rows are trained on, too; its metrics are then of rows that were seen.
        scale: of the loss's Gaussian, fixed, so that squared errors are minimised as they are; null: learned.
        stateful: windows are read in order, the encoder's state carried from each to the next, in training as in
            evaluation; each epoch and each split begin without one. Joint channels and all of train only.

    Raises:
        UserError: an unknown option, a window or horizon below 1, or limits that are none, or of no range.
    """

    reads_further = False
    known_metrics: ClassVar[tuple[Metric, ...]] = (
        Metric(
            name="mse",
            unit="standardised²",
            direction="lower",
            score=Score(name="mse", least=0),
            least=0,
            suffixes=("_drop_last",),
        ),
        Metric(name="mae", unit="standardised", direction="lower", least=0, suffixes=("_drop_last",)),
        Metric(name="mse_original", unit="original unit²", direction="lower", least=0),
        Metric(name="mae_original", unit="original unit", direction="lower", least=0),
        Metric(name="rmse_original", unit="original unit", direction="lower", least=0),
    )
    poses: ClassVar[tuple[str, ...]] = ("horizon", "difference", "scaling", "limits", "hold_out")
    overlap: ClassVar[tuple[str, ...]] = ("window", "horizon")
    relation: ClassVar[Relation] = "continues"
    needs = (Need("stateful", {"stateful": True}),)
    learned = ("names", "mean", "deviation", "width", "values", "channels")

    def __init__(
        self,
        window: Count,
        horizon: Count,
        channels: Literal["joint", "independent"],
        normalise: Literal["none", "last_value"],
        dropout: Share,
        reconstruction_weight: NotNegative,
        drop_last: Count | None = None,
        difference: Count | None = None,
        scaling: Literal["standard", "range", "range_of_all"] = "standard",
        limits: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None,
        hold_out: bool = True,
        scale: Positive | None = None,
        stateful: bool = False,
    ):
        low, high = (0.0, 1.0) if limits is None else limits
        if not low < high or (limits is not None and scaling == "standard"):
            raise UserError(
                "These are no limits of a range.",
                saw=f"task.limits={limits} task.scaling={scaling}",
                allowed="the lower before the upper one, with task.scaling=range",
            )
        if stateful and channels == "independent":
            raise UserError(
                "One stream has all channels.",
                saw="task.stateful=true task.channels=independent",
                allowed="task.channels=joint, or task.stateful=false",
            )
        self.drop_last, self.stateful = drop_last, stateful
        self.difference, self.scaling, self.limits, self.hold_out = difference or 0, scaling, (low, high), hold_out
        self.window, self.horizon, self.dropout = window, horizon, dropout
        self.independent, self.last_value = channels == "independent", normalise == "last_value"
        self.reconstruction_weight, self.scale = reconstruction_weight, scale

    def check_data(self, data: Mapping[str, Any]) -> None:
        if self.stateful and data["fraction"] != 1.0:
            saw, allowed = (
                f"task.stateful=true data.fraction={data['fraction']}",
                "data.fraction=1, or task.stateful=false",
            )
            raise UserError("A state is carried through all of train.", saw=saw, allowed=allowed)

    def prepare(self, examples: Examples, data: Mapping[str, Any]) -> None:
        tables = examples.splits
        names = [name for name in tables["train"].column_names if name != "timestamp"]
        parts = [
            np.stack([np.asarray(tables[split].with_format("arrow")[name][:], np.float64) for name in names], axis=1)
            for split in ("train", "validation", "test")
        ]
        values = np.concatenate(parts)
        values = values[self.difference :] - values[: len(values) - self.difference] if self.difference else values
        rows = [len(part) for part in parts]
        rows[0] -= self.difference
        trained = rows[0] if self.hold_out else rows[0] + rows[1]
        if trained < self.window + self.horizon or min(rows[1:]) < self.horizon:
            raise UserError(
                "The series is too short for the window and horizon.",
                saw=f"train, validation, test of {rows} rows; window {self.window}, horizon {self.horizon}",
                allowed="window + horizon rows in train, horizon rows in the others",
            )
        seen = len(values) if self.scaling == "range_of_all" else trained
        limits = None if self.scaling == "standard" else self.limits
        standardised, self.mean, self.deviation = standardise(values, seen, names, limits)
        series = torch.from_numpy(standardised).float()
        self.width = 1 if self.independent else len(names)
        self.values = self.horizon * self.width
        self.splits, self.spans = {}, {}
        begin = 0
        for split, count in zip(("train", "validation", "test"), rows, strict=True):
            first = 0 if split == "train" else begin - self.window
            end = trained if split == "train" else begin + count
            windows = end - first - self.window - self.horizon + 1
            if split != "train" and windows < (self.drop_last or 1):
                saw = f"task.drop_last={self.drop_last} of {windows} windows in {split}"
                raise UserError(
                    "No window is left where the last batch is dropped.", saw=saw, allowed=f"1 to {windows}"
                )
            inputs = Windows(series, first, windows, self.window, self.independent)
            targets = replace(inputs, first=first + self.window, size=self.horizon)
            self.splits[split] = Split(inputs, targets, in_order=self.stateful)
            self.spans[split] = first, windows
            begin += count
        self.channels, self.names = len(names), names
        self.series = series.numpy()
        self.splits["train"] = shared_split(self.splits["train"], data["fraction"])

    def network(self, architecture: Mapping[str, Any], bottleneck: Mapping[str, Any]) -> Network:
        """Window -> code -> horizon, and the window again where the architecture reconstructs."""
        reconstructs = self.decodes(architecture)
        shape = Shape(
            input=Side(self.width, self.window),
            output=Side(self.width, self.horizon + (self.window if reconstructs else 0)),
            reference_code=self.window * self.width,
            relation="free" if reconstructs else self.relation,
        )
        network = Network(shape, architecture, bottleneck, nn.Identity(), decodes=True)
        network.add_output_head(self.width)
        network.heads["noise"] = GaussianNoise(self.scale)
        network.heads["dropout"] = Dropout(self.dropout)
        if reconstructs:
            network.heads["window_noise"] = GaussianNoise(self.scale)
        return network

    def _run(self, network: Network, batch: Batch) -> tuple[Tensor, Tensor, Tensor | None]:
        """Forecast [B,H,C], reconstructed window [B,0 or W,C], penalty [B], all in standardised units."""
        level = batch.inputs[:, -1:] if self.last_value else torch.zeros_like(batch.inputs[:, -1:])
        code = network.encode(replace(batch, inputs=batch.inputs - level))
        length = self.horizon + (self.window if "window_noise" in network.heads else 0)
        decoded = network.decode(network.heads["dropout"](code.code), code.memory, length) + level
        return decoded[:, : self.horizon], decoded[:, self.horizon :], code.penalty

    def losses(self, network: Network, batch: Batch) -> Losses:
        forecast, window, penalty = self._run(network, batch)
        nats = network.heads["noise"](batch.targets, forecast)
        reconstruction = None
        if "window_noise" in network.heads:
            reconstruction = network.heads["window_noise"](batch.inputs, window)
        return Losses(nats, penalty, reconstruction)

    def evaluate(self, network: Network, batch: Batch) -> Outputs:
        return {"forecast": self._run(network, batch)[0].float().cpu().numpy()}

    def raw(self, inputs: Any) -> Raw:
        """Windows in original units -> their `forecast` [N, horizon, C] in these, channels in the order of the data.

        Args:
            inputs: windows [N, window, C]; or the rows up to now, of which the last `window` are seen: an array
                [rows, C], or a data frame with the channels' columns, others beside them.

        Raises:
            UserError: too few rows, other channels, or a value that is no finite number.
        """
        rows = self.window + self.difference
        allowed = f"{rows} rows or more of the channels {', '.join(self.names)}"
        if hasattr(inputs, "columns") or isinstance(inputs, Mapping):
            missing = [name for name in self.names if name not in list(getattr(inputs, "columns", inputs))]
            if missing:
                saw = f"columns {', '.join(map(str, getattr(inputs, 'columns', inputs)))}"
                raise UserError(f"The table has no column '{missing[0]}'.", saw=saw, allowed=allowed)
            inputs = np.stack([raw_numbers(inputs[name], allowed) for name in self.names], axis=1)
        windows = raw_numbers(inputs, allowed)
        if windows.ndim == 1 and self.channels == 1:
            windows = windows[:, None]
        if windows.ndim == 2:
            windows = windows[None, -rows:]
        if windows.ndim != 3 or windows.shape[1:] != (rows, self.channels) or not len(windows):
            short = windows.ndim == 3 and windows.shape[1] < rows
            what = "The window is too short." if short else "These are no windows of the channels."
            allowed += f", or windows [N, {rows}, {self.channels}]"
            raise UserError(what, saw=f"shape {np.shape(inputs)}", allowed=allowed)
        before = windows[:, rows - self.difference :]
        windows = windows[:, self.difference :] - windows[:, : self.window] if self.difference else windows
        with np.errstate(over="ignore"):
            standardised = (windows - self.mean) / self.deviation
        if not (np.abs(standardised) < LARGEST).all():
            saw = f"{np.abs(standardised).max():g} standard deviations of train from its mean"
            raise UserError("A value is too far from those of train.", saw=saw, allowed=f"less than {LARGEST:g}")
        if self.independent:
            standardised = standardised.transpose(0, 2, 1).reshape(-1, self.window, 1)

        def told(network: Network, outputs: Outputs) -> Outputs:
            forecast = self._together(np.asarray(outputs["forecast"], np.float64))
            return {"forecast": self._undone(forecast * self.deviation + self.mean, before)}

        return Raw([Split(Dense(torch.from_numpy(standardised).float()))], told)

    def _undone(self, values: np.ndarray, before: np.ndarray | None = None) -> np.ndarray:
        """Differences [N,H,C], or their errors, added up over the lag, from the values `before` [N,d,C] or from 0."""
        found = values.copy()
        for step in range(values.shape[1] if self.difference else 0):
            if step >= self.difference:
                found[:, step] += found[:, step - self.difference]
            elif before is not None:
                found[:, step] += before[:, step]
        return found

    def _together(self, values: np.ndarray) -> np.ndarray:
        """[N,H,C] of joint channels, or [N x C,H,1] of independent ones, as [N,H,C]."""
        if not self.independent or values.shape[-1] == self.channels > 1:
            return values
        return values.reshape(-1, self.channels, self.horizon).transpose(0, 2, 1)

    def _errors(self, outputs: Outputs, split: str) -> np.ndarray:
        """Forecast minus truth [N,H,C] in standardised units, float64."""
        forecast = self._together(np.asarray(outputs["forecast"], np.float64))
        return forecast - self._together(self.truth(split))

    def truth(self, split: str) -> np.ndarray:
        """The targets of a split in its examples' order, standardised."""
        index = torch.arange(len(self.splits[split]))
        return np.concatenate([self.splits[split].batch(part).targets.numpy() for part in index.split(4096)])

    def comparable(self, outputs: Outputs, split: str) -> tuple[Outputs, np.ndarray]:
        """Forecasts and targets [N,H,C] of windows, in standardised units, whatever reads the channels."""
        return {"forecast": self._together(np.asarray(outputs["forecast"]))}, self._together(self.truth(split))

    def reports(self) -> Sequence[str]:
        return [*super().reports(), *([] if self.drop_last is None else ["mse_drop_last", "mae_drop_last"])]

    def metrics(self, outputs: Outputs, split: str) -> dict[str, float]:
        """mse and mae over every window, step and channel, in standardised and in original units, and the root."""
        errors = self._errors(outputs, split)
        original = self._undone(errors * self.deviation)
        found = {
            "mse": float(np.square(errors).mean()),
            "mae": float(np.abs(errors).mean()),
            "mse_original": float(np.square(original).mean()),
            "mae_original": float(np.abs(original).mean()),
            "rmse_original": float(np.sqrt(np.square(original).mean())),
        }
        if self.drop_last is not None:
            kept = errors[: len(errors) // self.drop_last * self.drop_last]
            found |= {"mse_drop_last": float(np.square(kept).mean()), "mae_drop_last": float(np.abs(kept).mean())}
        return found

    def scores(self, outputs: Outputs, split: str) -> Outputs:
        errors = self._errors(outputs, split)
        return {"mse": np.square(errors).mean(axis=(1, 2)), "mae": np.abs(errors).mean(axis=(1, 2))}

    def counted(self, split: str) -> int:
        """Windows, whatever reads the channels."""
        return self.spans[split][1]

    def example_columns(self, predictions: Outputs, split: str, index: np.ndarray, network: Network | None) -> Columns:
        """What was seen of a channel, the truth and the forecast in original units, at `steps` and `seen_steps` counted
        from the window's end; the window's scores of all channels. The n-th example shows the n-th channel, in turns.
        Of a series that is differenced these are differences.

        Longer horizons are thinned, and of the window no more is shown than the horizon is long.
        """
        index = np.asarray(index)
        channel = np.arange(len(index)) % self.channels
        steps = spread_over(self.horizon, STEPS_SHOWN)
        every = int(steps[1] - steps[0]) if len(steps) > 1 else 1
        seen_steps = np.arange(0, min(self.window, max(self.horizon, 2)), every)[::-1]
        forecast = self._together(np.asarray(predictions["forecast"]))
        rows, column = (self.spans[split][0] + self.window + index)[:, None], channel[:, None]
        shown = {
            "seen": self.series[rows - 1 - seen_steps, column],
            "truth": self.series[rows + steps, column],
            "forecast": forecast[index[:, None], steps, column],
        }
        mean, deviation = self.mean[column], self.deviation[column]
        digits = [5 - int(np.floor(np.log10(scale))) for scale in self.deviation[channel]]  # of single precision
        return {
            "channel": [self.names[number] for number in channel],
            "seen_steps": [(-seen_steps).tolist()] * len(index),
            "steps": [(steps + 1).tolist()] * len(index),
            **{
                name: [row.round(kept) for row, kept in zip(values * deviation + mean, digits, strict=True)]
                for name, values in shown.items()
            },
            **scores_of(predictions, index, self.counted(split)),
        }

    def view(self, split: str) -> WindowView:
        return WindowView.from_series(self.series, self.window, self.horizon, *self.spans[split])


def standardise(
    values: np.ndarray, trained: int, names: list[str], limits: tuple[float, float] | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values [N,C] with the mean and deviation [C] of the first `trained` rows taken out; those two beside it.

    A constant channel is only centred: its deviation is 1. With `limits` the smallest and the largest of these rows
    become the limits; the two are then what is taken off the values, and what they are divided by.

    Raises:
        UserError: a value that single precision cannot hold in these units.
    """
    first = values[0]
    mean, deviation = spread(values[:trained])
    if limits is not None:
        above, (low, high) = values[:trained] - first, limits
        deviation = np.where(deviation == 0, 0.0, np.ptp(above, axis=0) / (high - low))
        mean = above.min(axis=0) - low * np.where(deviation == 0, 1.0, deviation)
    deviation[deviation == 0] = 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        standardised = (values - first - mean) / deviation
        outside = (~(np.abs(standardised) < LARGEST)).any(axis=0) | ~(deviation * LARGEST < SQUARED)
    if outside.any():
        channel = int(outside.argmax())
        row = int(np.abs(values[:, channel] / 2 - first[channel] / 2).argmax())
        raise UserError(
            f"The series cannot be standardised: column '{names[channel]}' has values too far apart.",
            saw=f"{values[row, channel]:g} in row {row + 1} of the series; train's first value is {first[channel]:g}",
            allowed=f"values within {LARGEST:g} standard deviations of train's mean",
        )
    return standardised, first + mean, deviation
