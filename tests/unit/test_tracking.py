"""metrics.jsonl: one object a line, and a resumed trial writes its steps again, once."""

import json
from pathlib import Path

import pytest
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger, WandbLogger

from unroll.tracking.loggers import JsonLinesLogger, build_loggers, close

WANDB = {"mode": "disabled", "project": "p", "entity": None, "group": None, "tags": []}


def lines(path: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_one_object_a_line(tmp_path: Path) -> None:
    logger = JsonLinesLogger(tmp_path / "metrics.jsonl", 0)
    logger.log_metrics({"train/task": 1.5}, step=10)
    logger.log_metrics({"validation/mse": 0.25}, step=10)
    assert lines(tmp_path / "metrics.jsonl") == [
        {"step": 10, "train/task": 1.5},
        {"step": 10, "validation/mse": 0.25},
    ]


def test_resuming_drops_the_lines_past_the_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    first = JsonLinesLogger(path, 0)
    for step in (10, 20, 30):
        first.log_metrics({"a": step}, step=step)
    JsonLinesLogger(path, 20).log_metrics({"a": 3}, step=30)
    assert lines(path) == [{"step": 10, "a": 10}, {"step": 20, "a": 20}, {"step": 30, "a": 3}]


def test_starting_again_without_a_checkpoint_drops_every_line(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    for _ in range(2):
        JsonLinesLogger(path, 0).log_metrics({"a": 1}, step=0)
    assert lines(path) == [{"step": 0, "a": 1}]


def test_resuming_after_a_line_was_cut_in_the_middle(tmp_path: Path) -> None:
    """A process killed while it wrote leaves half a line, which belongs to no checkpoint."""
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 10, "a": 1}\n{"step": 20, "a"')
    JsonLinesLogger(path, 10).log_metrics({"a": 2}, step=20)
    assert lines(path) == [{"step": 10, "a": 1}, {"step": 20, "a": 2}]


@pytest.mark.parametrize(
    ("changed", "kinds"),
    [
        ({}, [JsonLinesLogger]),
        ({"csv": True}, [JsonLinesLogger, CSVLogger]),
        ({"tensorboard": True}, [JsonLinesLogger, TensorBoardLogger]),
        ({"wandb": {**WANDB, "mode": "offline"}}, [JsonLinesLogger, WandbLogger]),
    ],
)
def test_json_lines_always_and_the_rest_by_config(tmp_path: Path, changed: dict, kinds: list[type]) -> None:
    config = {"logger": {"csv": False, "tensorboard": False, "wandb": WANDB, **changed}}
    config |= {"task": {"name": "t"}, "data": {"name": "d"}, "architecture": {"name": "a"}, "optimizer": {}, "seed": 0}
    loggers = build_loggers(config, tmp_path, "t-d-a-s0-0", 0)
    assert [type(logger) for logger in loggers] == kinds


def test_closing_tells_each_logger_how_it_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logger = JsonLinesLogger(tmp_path / "metrics.jsonl", 0)
    heard: list[str] = []
    monkeypatch.setattr(logger, "finalize", heard.append)
    close([logger], failed=True)
    close([logger], failed=False)
    assert heard == ["failed", "success"]
