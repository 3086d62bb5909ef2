"""What forecasting takes from published protocols: differences, ranges, no held-out rows, a fixed scale, a state."""

from typing import Any

import made_up
import numpy as np
import pytest
import torch

from unroll.config.compose import compose
from unroll.config.problem import problem
from unroll.errors import UserError
from unroll.tasks.forecasting import Forecasting
from unroll.training.carry import Carry
from unroll.training.evaluation import evaluate_split

OPTIONS: dict[str, Any] = {
    "window": 1,
    "horizon": 1,
    "channels": "joint",
    "normalise": "none",
    "dropout": 0.0,
    "reconstruction_weight": 0.0,
}
ROWS = {"train": [1.0, 3.0, 2.0, 6.0], "validation": [7.0, 5.0], "test": [9.0, 19.0, 16.0]}


LONGER = [4.0, 0.0, 5.0, *ROWS["train"]]


def by_hand(train: list[float] = ROWS["train"], **changed: Any) -> Forecasting:
    """One channel, 1 3 2 6 | 7 5 | 9 19 16."""
    task = Forecasting(**{**OPTIONS, **changed})
    splits = {
        name: {"timestamp": [str(i) for i in range(len(a))], "a": a} for name, a in {**ROWS, "train": train}.items()
    }
    task.prepare(made_up.examples_of(**splits), {"fraction": 1.0})
    return task


def test_differences_are_what_windows_hold() -> None:
    task = by_hand(difference=1, scaling="range")
    assert task.series.ravel() * task.deviation + task.mean == pytest.approx([2, -1, 4, 1, -2, 4, 10, -3])
    assert {name: len(split) for name, split in task.splits.items()} == {"train": 2, "validation": 2, "test": 3}
    seasonal = by_hand(difference=3, scaling="range", limits=[-1.0, 1.0], window=1, horizon=1, hold_out=False)
    assert seasonal.series.ravel() * seasonal.deviation + seasonal.mean == pytest.approx([5, 4, 3, 3, 12, 11])


@pytest.mark.parametrize(("scaling", "low", "high"), [("range", 1.0, 6.0), ("range_of_all", 1.0, 19.0)])
def test_a_range_is_of_train_and_only_the_one_that_leaks_is_of_all(scaling: str, low: float, high: float) -> None:
    for limits in (None, [-1.0, 1.0]):
        task, (first, last) = by_hand(scaling=scaling, limits=limits), limits or (0.0, 1.0)
        whole = np.concatenate([*ROWS.values()])
        assert task.series.ravel() == pytest.approx(first + (last - first) * (whole - low) / (high - low), abs=1e-6)


def test_without_held_out_rows_validation_is_trained_on_and_scales() -> None:
    task = by_hand(hold_out=False, scaling="range")
    assert {name: len(split) for name, split in task.splits.items()} == {"train": 5, "validation": 2, "test": 3}
    seen = np.concatenate([ROWS["train"], ROWS["validation"]])
    assert (task.mean[0], task.deviation[0]) == (seen.min(), np.ptp(seen))
    assert task.splits["train"].all_targets().ravel()[-1] == pytest.approx((5 - 1) / 6)


@pytest.mark.parametrize("difference", [1, 2])
def test_original_units_are_those_of_the_series_before_its_differences(difference: int) -> None:
    task = by_hand(LONGER, difference=difference, window=1, horizon=2)
    forecast = task.truth("test") * 0 + 0.25
    found = task.metrics({"forecast": forecast}, "test")
    whole = np.concatenate([*ROWS.values()])
    errors = []
    for start in (6, 7):  # the first true value of each window's horizon
        levels = list(whole[:start])
        for step in range(2):
            levels.append(levels[start + step - difference] + 0.25 * task.deviation[0] + task.mean[0])
        errors.append(np.array(levels[start:]) - whole[start : start + 2])
    assert found["mse_original"] == pytest.approx(np.square(errors).mean())
    assert found["rmse_original"] == pytest.approx(np.sqrt(np.square(errors).mean()))
    assert found["mae_original"] == pytest.approx(np.abs(errors).mean())


def test_a_forecast_of_raw_rows_is_of_the_series_before_its_differences() -> None:
    task = by_hand([*LONGER, 8.0], difference=2, window=1, horizon=2)
    raw = task.raw(np.array([[4.0], [10.0], [11.0]]))
    inputs = raw.splits[0].batch(torch.arange(1)).inputs
    assert inputs.ravel().tolist() == pytest.approx([(7 - task.mean[0]) / task.deviation[0]])
    steps = (np.array([1.0, 2.0, 5.0]) - task.mean[0]) / task.deviation[0]
    told = raw.told(None, {"forecast": steps.reshape(1, 3, 1)})  # type: ignore[arg-type]
    assert told["forecast"].ravel().tolist() == pytest.approx([11, 13, 16])
    with pytest.raises(UserError, match="too short"):
        task.raw(np.array([[4.0], [10.0]]))


def test_a_fixed_scale_is_the_squared_error_and_has_no_parameter() -> None:
    learned, fixed = (made_up.built("forecasting", "gru", f"task.scale={scale}") for scale in ("null", "0.5"))
    batch = fixed[0].splits["train"].batch(torch.arange(5))
    fixed[1].eval()
    error = (fixed[0]._run(fixed[1], batch)[0] - batch.targets).flatten(1)
    expected = 0.5 * error.square().sum(dim=1) / 0.25 + error.shape[1] * np.log(0.5)
    torch.testing.assert_close(fixed[0].losses(fixed[1], batch).task, expected)
    names = [dict(network.named_parameters()).keys() for _, network in (learned, fixed)]
    assert names[0] - names[1] == {"heads.noise.log_scale"}


def test_a_carried_state_makes_windows_one_sequence() -> None:
    """With windows of one step the last one's code is that of the whole split read at once."""
    task, network = made_up.built("forecasting", "gru", "task.stateful=true", "task.window=1", "task.horizon=1")
    network.eval()
    split = task.splits["test"]
    assert split.in_order
    codes: list[torch.Tensor] = []

    def code(network: Any, batch: Any) -> Any:
        codes.append(network.encode(batch).code)
        return task.evaluate(network, batch)

    evaluate_split(code, network, split, 0, torch.device("cpu"))
    whole = split.batch(torch.arange(len(split)))
    series = whole.inputs.flatten(0, 1)[None]
    lengths = torch.tensor([len(split)])
    states = network.encoder(series, lengths, torch.ones(1, len(split), dtype=torch.bool)).states
    projected = network.bottleneck.projection(states[0, -1:])
    torch.testing.assert_close(codes[-1], projected)
    assert Carry().into(whole).state is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["task.limits=[1,0]", "task.scaling=range"], "no limits of a range"),
        (["task.limits=[0,1]"], "no limits of a range"),
        (["task.stateful=true", "task.channels=independent"], "One stream has all channels"),
        (["task.stateful=true", "architecture=mlp"], "goes on from a state"),
        (["task.stateful=true", "data.fraction=0.5", "task.channels=joint"], "carried through all of train"),
        (["task.hold_out=false"], "selected by rows that were trained on"),
    ],
)
def test_what_contradicts_itself_is_refused(options: list[str], message: str) -> None:
    from unroll.training.train import check_components

    with pytest.raises(UserError, match=message):
        check_components(compose(["task=forecasting", "architecture=gru", *options]))


def test_options_as_they_are_by_default_pose_no_other_problem() -> None:
    usual, other = (
        compose(["task=forecasting", "architecture=gru", *more]).plain
        for more in ([], ["task.scaling=range", "task.difference=12"])
    )
    older = {
        **usual,
        "task": {key: value for key, value in usual["task"].items() if key not in ("scaling", "hold_out")},
    }
    assert problem(usual).posed == problem(older).posed == ("horizon=24",)
    assert problem(other).posed == ("horizon=24", "difference=12", "scaling=range")
