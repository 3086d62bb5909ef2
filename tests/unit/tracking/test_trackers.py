"""metrics.jsonl: a resumed trial writes its steps again, once. Trackers: no fault of theirs is the trial's."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from unroll.config.compose import compose
from unroll.config.trial import Trial
from unroll.tracking import tracking as module
from unroll.tracking.lines import MetricLines
from unroll.tracking.tracking import Tracking


def lines(path: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_one_object_a_line(tmp_path: Path) -> None:
    kept = MetricLines(tmp_path / "metrics.jsonl", 0)
    kept.log({"train/task": 1.5}, step=10)
    kept.log({"validation/mse": 0.25}, step=10)
    assert lines(tmp_path / "metrics.jsonl") == [
        {"step": 10, "train/task": 1.5},
        {"step": 10, "validation/mse": 0.25},
    ]


def test_resuming_drops_the_lines_past_the_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    first = MetricLines(path, 0)
    for step in (10, 20, 30):
        first.log({"a": step}, step=step)
    MetricLines(path, 20).log({"a": 3}, step=30)
    assert lines(path) == [{"step": 10, "a": 10}, {"step": 20, "a": 20}, {"step": 30, "a": 3}]


def test_starting_again_without_a_checkpoint_drops_every_line(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    for _ in range(2):
        MetricLines(path, 0).log({"a": 1}, step=0)
    assert lines(path) == [{"step": 0, "a": 1}]


def test_resuming_after_a_line_was_cut_in_the_middle(tmp_path: Path) -> None:
    """A process killed while it wrote leaves half a line, which belongs to no checkpoint."""
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 10, "a": 1}\n{"step": 20, "a"')
    MetricLines(path, 10).log({"a": 2}, step=20)
    assert lines(path) == [{"step": 10, "a": 1}, {"step": 20, "a": 2}]


def trial(directory: Path, **logger: Any) -> Trial:
    plain = compose([f"paths.runs={directory}"]).plain
    wandb = {**plain["logger"]["wandb"], **logger.pop("wandb", {})}
    made = Trial({**plain, "logger": {**plain["logger"], **logger, "wandb": wandb}}, "t-d-a-s0-0")
    made.directory.mkdir()
    return made


@pytest.mark.parametrize("asked", ["csv", "tensorboard"])
def test_json_lines_always_and_the_rest_by_config(tmp_path: Path, asked: str) -> None:
    one = trial(tmp_path, **{asked: True})
    tracking = Tracking(one)
    tracking.start(0)
    tracking.log({"a": 1.0}, 5)
    assert tracking.states == {asked: "pending"}
    tracking.finish("finished")
    assert tracking.states == {asked: "complete"}
    assert lines(one.directory / "metrics.jsonl") == [{"step": 5, "a": 1.0}]
    assert {path.name for path in one.directory.iterdir()} == {"metrics.jsonl", asked}


def test_another_rank_keeps_nothing(tmp_path: Path) -> None:
    one = trial(tmp_path, csv=True)
    tracking = Tracking(one)
    tracking.log({"a": 1.0}, 5)
    tracking.preempting()
    tracking.finish("failed")
    assert (tracking.states, list(one.directory.iterdir())) == ({}, [])


class Broken:
    """A tracker that raises in one of its methods, and notes what it is asked."""

    def __init__(self, where: str):
        self.where, self.asked = where, []
        self._do("make")

    def _do(self, what: str) -> None:
        self.asked.append(what)
        if what == self.where:
            raise ConnectionResetError(f"{what}\nwent wrong")

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        self._do("log")

    def preempting(self) -> None:
        self._do("preempting")

    def trained(self) -> None:
        self._do("trained")

    def finish(self, ended: str) -> None:
        self._do("finish")

    def abandon(self) -> None:
        self._do("abandon")
        raise OSError("and cannot be stopped")


@pytest.mark.parametrize(
    ("where", "asked"),
    [
        ("make", []),
        ("log", ["make", "log", "abandon"]),
        ("preempting", ["make", "log", "log", "preempting", "abandon"]),
        ("trained", ["make", "log", "log", "preempting", "trained", "abandon"]),
        ("finish", ["make", "log", "log", "preempting", "trained", "finish", "abandon"]),
        ("nowhere", ["make", "log", "log", "preempting", "trained", "finish"]),
    ],
)
def test_a_tracker_that_fails_is_warned_of_once_and_left_out(
    where: str, asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made: list[Broken] = []

    def broken(*_: Any) -> Broken:
        made.append(Broken(where))
        return made[-1]

    monkeypatch.setattr(module, "_tensorboard", broken)
    one = trial(tmp_path, csv=True, tensorboard=True)
    tracking = Tracking(one)
    tracking.start(0)
    for step in (1, 2):
        tracking.log({"a": float(step)}, step)
    tracking.preempting()
    tracking.trained()
    tracking.finish("finished")
    tracking.finish("failed")  # the first end counts
    warned = capsys.readouterr().err
    if where == "nowhere":
        assert (warned, tracking.states["tensorboard"]) == ("", "complete")
    else:
        assert warned.count("Warning") == 1
        assert f"tensorboard is left out from here on: ConnectionResetError: {where} went wrong" in warned
        assert tracking.states["tensorboard"] == f"incomplete: ConnectionResetError: {where} went wrong"
    assert [name for tracker in made for name in tracker.asked] == asked
    assert tracking.states["csv"] == "complete"
    assert [line["step"] for line in lines(one.directory / "metrics.jsonl")] == [1, 2]
    assert len((one.directory / "csv" / "metrics.csv").read_text().splitlines()) == 3


def test_a_signal_ends_the_waiting_for_a_tracker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Broken("nowhere")

    def interrupted(ended: str) -> None:
        made.asked.append("finish")
        raise KeyboardInterrupt

    monkeypatch.setattr(made, "finish", interrupted)
    monkeypatch.setattr(module, "_tensorboard", lambda *_: made)
    one = trial(tmp_path, tensorboard=True)
    tracking = Tracking(one)
    tracking.start(0)
    with pytest.raises(KeyboardInterrupt):
        tracking.finish("finished")
    tracking.finish("preempted")
    assert made.asked == ["make", "finish"]
    assert tracking.states == {"tensorboard": "pending"}


def test_metrics_jsonl_is_no_tracker(tmp_path: Path) -> None:
    one = trial(tmp_path)
    tracking = Tracking(one)
    tracking.start(0)
    (one.directory / "metrics.jsonl").unlink()
    (one.directory / "metrics.jsonl").mkdir()
    with pytest.raises(IsADirectoryError):
        tracking.log({"a": 1.0}, 1)


@pytest.mark.parametrize("damage", [b"\x00\x00\n", b"[1]\n", b'{"step": "x"}\n', b"\xff\xfe\n", b"{}\n"])
@pytest.mark.parametrize("step", [0, 20])
def test_a_line_that_cannot_be_read_is_dropped(step: int, damage: bytes, tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 10, "a": 1}\n' + damage + b'{"step": 20, "a": 2}\n')
    MetricLines(path, step)
    assert lines(path) == ([{"step": 10, "a": 1}, {"step": 20, "a": 2}] if step else [])
