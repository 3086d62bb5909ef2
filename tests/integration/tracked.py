"""What a run in W&B holds beside what the trial's own files say, and the command that makes it again."""

import json
from typing import Any

from typer.testing import CliRunner
from wandb_server import Run

from unroll.cli import app
from unroll.config.trial import Trial

SHORT = ["architecture=gru", "budget.epochs=2", "trainer.log_every=2"]
ONLINE = ["logger=wandb", "logger.wandb.timeout_seconds=60"]


def track(*arguments: str) -> str:
    """Run the command in this process; returns what it says."""
    done = CliRunner().invoke(app, ["track", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def curves(run: Run) -> list[dict[str, Any]]:
    """What a run's history says of train and validation, with the step; each step once."""
    assert list(run.steps) == list(range(len(run.steps)))
    own = ("train/", "validation/")
    lines = [{"step": line.get("progress/step"), **_only(line, own)} for line in run.steps.values()]
    return [line for line in lines if len(line) > 1]


def _only(line: dict[str, Any], prefixes: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name.startswith(prefixes)}


def measured(trial: Trial) -> list[dict[str, Any]]:
    """What metrics.jsonl says of train and validation while training."""
    lines = [json.loads(line) for line in (trial.directory / "metrics.jsonl").read_text().splitlines()]
    trained = [line for line in lines if not any(name.startswith("test/") for name in line)]
    own = ("train/", "validation/")
    return [line for line in ({"step": each["step"], **_only(each, own)} for each in trained) if len(line) > 1]
