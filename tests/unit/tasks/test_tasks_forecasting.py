"""Forecasting: windows, standardisation, losses and metrics on series small enough to count by hand."""

from typing import Any

import made_up
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from unroll.errors import UserError
from unroll.tasks.baselines.forecasting import LastValue, Seasonal
from unroll.tasks.baselines.views import Splits
from unroll.tasks.forecasting import Forecasting, standardise
from unroll.tasks.task import GaussianNoise, Task

OPTIONS: dict[str, Any] = {
    "window": 2,
    "horizon": 1,
    "channels": "joint",
    "normalise": "none",
    "dropout": 0.0,
    "reconstruction_weight": 0.0,
}
A = [1.0, 3.0, 1.0, 3.0]  # train: mean 2, deviation 1
B = [10.0, 10.0, 30.0, 30.0]  # train: mean 20, deviation 10
LATER = {"a": [[5.0, 7.0], [9.0, 11.0, 13.0]], "b": [[40.0, 50.0], [60.0, 70.0, 80.0]]}


def columns(rows: slice, a: list[float], b: list[float]) -> dict[str, list[Any]]:
    return {"timestamp": [str(i) for i in range(len(a))][rows], "a": a[rows], "b": b[rows]}


def by_hand(fraction: float = 1.0, **changed: Any) -> Forecasting:
    """Nine rows, 4 / 2 / 3; standardised, a is -1 1 -1 1 3 5 7 9 11 and b -1 -1 1 1 2 3 4 5 6."""
    task = Forecasting(**{**OPTIONS, **changed})
    whole = slice(None)
    splits = {
        "train": columns(whole, A, B),
        "validation": columns(whole, LATER["a"][0], LATER["b"][0]),
        "test": columns(whole, LATER["a"][1], LATER["b"][1]),
    }
    task.prepare(made_up.examples_of(**splits), {"fraction": fraction})
    return task


def test_standardised_by_trains_mean_and_deviation() -> None:
    task = by_hand()
    assert task.mean.tolist() == [2, 20]
    assert task.deviation.tolist() == [1, 10]
    assert task.series.T.tolist() == [[-1, 1, -1, 1, 3, 5, 7, 9, 11], [-1, -1, 1, 1, 2, 3, 4, 5, 6]]


def test_first_and_last_windows_of_each_split_joint() -> None:
    """A window may reach back into the split before, its horizon may not; every horizon counts."""
    task = by_hand()
    counts = {name: len(split) for name, split in task.splits.items()}
    assert counts == {"train": 2, "validation": 2, "test": 3}
    first, last = (task.splits["test"].batch(torch.tensor([i])) for i in (0, 2))
    assert first.inputs[0].tolist() == [[3, 2], [5, 3]]
    assert first.targets[0].tolist() == [[7, 4]]
    assert last.inputs[0].tolist() == [[7, 4], [9, 5]]
    assert last.targets[0].tolist() == [[11, 6]]
    train = task.splits["train"].batch(torch.tensor([1]))
    assert train.inputs[0].tolist() == [[1, -1], [-1, 1]]
    assert train.targets[0].tolist() == [[1, 1]]


def test_first_and_last_windows_of_each_split_independent() -> None:
    task = by_hand(channels="independent")
    assert {name: len(split) for name, split in task.splits.items()} == {"train": 4, "validation": 4, "test": 6}
    first, last = (task.splits["test"].batch(torch.tensor([i])) for i in (0, 5))
    assert (first.inputs[0, :, 0].tolist(), first.targets[0, :, 0].tolist()) == ([3, 5], [7])
    assert (last.inputs[0, :, 0].tolist(), last.targets[0, :, 0].tolist()) == ([4, 5], [6])
    assert task.truth("validation")[:, 0, 0].tolist() == [3, 2, 5, 3]


@settings(max_examples=20)
@given(window=st.integers(1, 20), horizon=st.integers(1, 12), independent=st.booleans())
def test_every_horizon_inside_a_split_is_counted(window: int, horizon: int, independent: bool) -> None:
    task = Forecasting(
        **{**OPTIONS, "window": window, "horizon": horizon, "channels": "independent" if independent else "joint"}
    )
    task.prepare(made_up.examples_of(**made_up.series()), {"fraction": 1.0})
    channels = 2 if independent else 1
    assert len(task.splits["train"]) == channels * (60 - window - horizon + 1)
    assert len(task.splits["validation"]) == channels * (15 - horizon + 1)
    assert len(task.splits["test"]) == channels * (20 - horizon + 1)
    last = task.splits["test"].batch(torch.tensor([len(task.splits["test"]) - 1])).targets
    assert last[0, -1, -1].item() == pytest.approx(task.series[-1, -1])


@pytest.mark.parametrize("channels", ["joint", "independent"])
def test_metrics_on_literals_in_both_units(channels: str) -> None:
    """Errors 1 and 2 in the channels of one window of three, nothing elsewhere; deviations 1 and 10."""
    task = by_hand(channels=channels)
    forecast = task.truth("test").astype(np.float64).copy()
    if channels == "joint":
        forecast[1, 0] += (1, 2)
    else:
        forecast[2, 0, 0] += 1
        forecast[3, 0, 0] += 2
    found = task.metrics({"forecast": forecast}, "test")
    original = {"mse_original": 401 / 6, "mae_original": 21 / 6, "rmse_original": (401 / 6) ** 0.5}
    assert found == pytest.approx({"mse": 5 / 6, "mae": 3 / 6, **original})
    scores = task.scores({"forecast": forecast}, "test")
    assert scores["mse"].tolist() == [0, 2.5, 0]
    assert scores["mae"].tolist() == [0, 1.5, 0]


@pytest.mark.parametrize("horizon", [1, 2])
def test_joint_and_independent_channels_are_measured_alike(horizon: int) -> None:
    joint, independent = by_hand(horizon=horizon), by_hand(horizon=horizon, channels="independent")
    noise = np.random.default_rng(0).standard_normal(joint.truth("test").shape)
    forecast = joint.truth("test") + noise
    apart = forecast.transpose(0, 2, 1).reshape(-1, horizon, 1)
    expected = joint.metrics({"forecast": forecast}, "test")
    assert independent.metrics({"forecast": apart}, "test") == pytest.approx(expected)
    assert independent.metrics({"forecast": forecast}, "test") == pytest.approx(expected)


def test_baselines_see_the_same_windows() -> None:
    for task in (by_hand(), by_hand(channels="independent")):
        view = task.view("test")
        assert len(view) == 3
        assert view.inputs[0].tolist() == [[3, 2], [5, 3]]
        assert view.targets[-1].tolist() == [[11, 6]]


def mse_of(task: Forecasting, kind: Any) -> float:
    baseline = kind()
    baseline.fit(Splits(task.view("train"), task.view("validation")))
    return task.metrics(baseline.predict(task.view("test")), "test")["mse"]


def shifted(offset: float, **changed: Any) -> Forecasting:
    """A day's waves of four digits, as a file has them, with a constant added."""
    steps = np.arange(600)
    level = np.round(np.sin(steps / 4) + np.random.default_rng(7).normal(0, 0.3, 600), 4)
    task = Forecasting(**{**OPTIONS, "window": 24, "horizon": 6, **changed})
    columns = {"timestamp": [str(i) for i in steps], "a": level + offset, "b": np.round(np.cos(steps / 4), 4) + offset}
    bounds = {"train": slice(0, 420), "validation": slice(420, 480), "test": slice(480, 600)}
    splits = {name: {key: list(column[part]) for key, column in columns.items()} for name, part in bounds.items()}
    task.prepare(made_up.examples_of(**splits), {"fraction": 1.0})
    return task


@pytest.mark.parametrize("offset", [101_325.0, 1e5, 16_777_216.0, 1e9, -1e9, 1.7e9])
def test_a_constant_that_is_added_changes_no_standardised_score(offset: float) -> None:
    plain, moved = shifted(0.0), shifted(offset)
    for kind in (LastValue, Seasonal):
        assert mse_of(moved, kind) == pytest.approx(mse_of(plain, kind), abs=1e-6)
    assert np.abs(moved.series - plain.series).max() < 1e-6
    assert moved.mean == pytest.approx(plain.mean + offset, abs=1e-6)


@pytest.mark.parametrize("normalise", ["none", "last_value"])
@pytest.mark.parametrize("channels", ["joint", "independent"])
def test_a_networks_score_does_not_know_the_level_either(normalise: str, channels: str) -> None:
    scores = []
    for offset in (0.0, 1e9):
        task = shifted(offset, normalise=normalise, channels=channels)
        torch.manual_seed(0)
        network = made_up.network_of(made_up.trial("forecasting", "architecture=dlinear"), task).eval()
        scores.append(task.metrics({"forecast": forecasts(task, network)}, "test")["mse"])
    assert scores[0] == pytest.approx(scores[1], abs=1e-6)


@settings(max_examples=60)
@given(
    value=st.one_of(st.sampled_from([14.62, 0.1, 101.325, 1 / 3, -273.15, 0.0, 1e-30, 1e17]), st.floats(-1e9, 1e9)),
    rows=st.integers(8, 900),
    noise=st.booleans(),
)
def test_a_constant_column_has_no_scale(value: float, rows: int, noise: bool) -> None:
    """Of whatever value and length; nor has one that is constant but for the rounding of a sum."""
    column = np.full(rows, value)
    if noise:
        column[::2] = value * 3 / 7 * 7 / 3
    wave = np.sin(np.arange(rows))
    standardised, _, deviation = standardise(np.stack([column, wave], axis=1), rows - 3, ["a", "b"])
    assert deviation[0] == 1
    assert deviation[1] == pytest.approx(wave[: rows - 3].std())
    assert np.abs(standardised[:, 0]).max() <= 1e-12 * max(1, abs(value))


def test_a_step_after_train_of_a_constant_column_is_measured_in_its_own_units() -> None:
    task = Forecasting(**OPTIONS)
    whole = slice(None)
    later = {"validation": ([5.0, 7.0], [14.62, 14.62]), "test": ([9.0, 11.0, 13.0], [14.62, 14.62, 14.63])}
    splits = {"train": columns(whole, A, [14.62] * 4)} | {k: columns(whole, a, b) for k, (a, b) in later.items()}
    task.prepare(made_up.examples_of(**splits), {"fraction": 1.0})
    assert task.truth("test")[-1, 0, 1] == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("column", "seen"),
    [
        ([1.0, 2.0, 1e300, 2.0], "1e\\+300 in row 3"),
        ([-1.7e308, 1.7e308, 1.0, 2.0], "1.7e\\+308 in row"),
        ([1.0, 1.0, 1.0, 1e20], "1e\\+20 in row 4"),
    ],
)
def test_values_that_single_precision_cannot_hold_are_named(column: list[float], seen: str) -> None:
    """Their error would be infinite, or every other value the same."""
    values = np.array(column)[:, None]
    with pytest.raises(UserError, match=seen):
        standardise(values, 3 if column[-1] == 1e20 else 4, ["flow"])


def test_rows_of_test_change_nothing_that_is_trained_on() -> None:
    clean = made_up.series()
    spoilt = made_up.series()
    spoilt["test"]["c0"] = [1e6] * len(clean["test"]["c0"])
    tasks = []
    for splits in (clean, spoilt):
        task = Forecasting(**OPTIONS)
        task.prepare(made_up.examples_of(**splits), {"fraction": 0.5})
        tasks.append(task)
    one, other = tasks
    assert np.array_equal(one.mean, other.mean)
    assert np.array_equal(one.deviation, other.deviation)
    for split in ("train", "validation"):
        index = torch.arange(len(one.splits[split]))
        mine, yours = one.splits[split].batch(index), other.splits[split].batch(index)
        assert torch.equal(mine.inputs, yours.inputs)
        assert torch.equal(mine.targets, yours.targets)
    assert not np.array_equal(one.truth("test"), other.truth("test"))


def test_a_share_of_train_leaves_scaling_and_the_other_splits_alone() -> None:
    whole, half = by_hand(), by_hand(fraction=0.5)
    assert len(half.splits["train"]) == 1
    assert np.array_equal(whole.series, half.series)
    assert [len(half.splits[name]) for name in ("validation", "test")] == [2, 3]


def forecasts(task: Task, network: Any, split: str = "test", add: float = 0.0) -> np.ndarray:
    batch = task.splits[split].batch(torch.arange(len(task.splits[split])))
    batch.inputs.add_(add)
    with torch.no_grad():
        return task.evaluate(network, batch)["forecast"]


@pytest.mark.parametrize("architecture", ["lstm", "mlp", "ae"])
@pytest.mark.parametrize("normalise", ["none", "last_value"])
def test_last_value_follows_a_level_that_is_added(architecture: str, normalise: str) -> None:
    torch.manual_seed(0)
    task, network = made_up.built("forecasting", architecture, f"task.normalise={normalise}")
    network.eval()
    moved = forecasts(task, network, add=5.0) - forecasts(task, network)
    assert np.allclose(moved, 5.0, atol=1e-5) is (normalise == "last_value")


def test_an_autoencoder_also_reconstructs_the_window() -> None:
    task, network = made_up.built("forecasting", "ae")
    losses = task.losses(network, task.splits["train"].batch(torch.arange(3)))
    assert losses.reconstruction is not None
    weight = task.reconstruction_weight
    expected = (losses.task + weight * losses.reconstruction) / (3 * 2)
    torch.testing.assert_close(task.objective(losses), expected)
    assert forecasts(task, network).shape == (18, 3, 2)
    without, plain = made_up.built("forecasting", "ae", "task.reconstruction_weight=0")
    assert without.losses(plain, without.splits["train"].batch(torch.arange(3))).reconstruction is None


@settings(max_examples=30)
@given(log_scale=st.floats(-4, 3), error=st.lists(st.floats(-5, 5), min_size=1, max_size=4))
def test_gaussian_nats_equal_scipys_without_the_constant(log_scale: float, error: list[float]) -> None:
    noise = GaussianNoise().double()
    noise.log_scale.data.fill_(log_scale)
    values = torch.tensor([error, error], dtype=torch.float64)[:, :, None]
    expected = -stats.norm.logpdf(error, 0, np.exp(log_scale)).sum() - len(error) * np.log(2 * np.pi) / 2
    found = noise(values, torch.zeros_like(values))
    assert found.tolist() == pytest.approx([expected] * 2, rel=1e-6, abs=1e-6)


def test_the_learned_scale_settles_at_the_root_of_the_mean_squared_error() -> None:
    noise = GaussianNoise()
    errors = torch.tensor([[0.3, -0.1], [0.2, 0.4]])
    optimizer = torch.optim.LBFGS(noise.parameters(), max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = noise(errors, torch.zeros(2, 2)).mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert noise.log_scale.exp().item() == pytest.approx(errors.square().mean().sqrt().item(), rel=1e-4)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"window": 4}, "too short"),
        ({"horizon": 3}, "too short"),
    ],
)
def test_impossible_options_are_users_errors(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        by_hand(**changed)


def test_the_last_incomplete_batch_of_windows_is_left_out_beside_the_whole() -> None:
    """Three windows of test, batches of two: the last window counts in mse alone."""
    task = by_hand(window=1, drop_last=2)
    truth = task.truth("test")
    assert len(truth) == 3
    wrong = np.array([1.0, 2.0, 4.0])[:, None, None]
    found = task.metrics({"forecast": truth + wrong}, "test")
    assert (found["mse"], found["mae"]) == pytest.approx((7.0, 7 / 3), rel=1e-6)
    assert (found["mse_drop_last"], found["mae_drop_last"]) == pytest.approx((2.5, 1.5), rel=1e-6)
    assert "mse_drop_last" not in by_hand().metrics({"forecast": by_hand().truth("test")}, "test")


def test_dropping_needs_a_whole_batch() -> None:
    with pytest.raises(UserError, match="No window is left"):
        by_hand(drop_last=4)
