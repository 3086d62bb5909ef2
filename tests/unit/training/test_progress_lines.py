"""What a trial says while it trains."""

from typing import Any

import pytest

from unroll.config.compose import compose
from unroll.training import progress_lines
from unroll.training.budget import ENDLESS
from unroll.training.progress_lines import ProgressLines


def lines(*overrides: str, steps: int = 864, begun: tuple[int, float] = (0, 0.0)) -> ProgressLines:
    trial = compose(["task=sentiment", "architecture=gru", "trainer.progress=false", *overrides])
    return ProgressLines(trial.config, steps, 108, begun)


FOUND = {"accuracy": 76.2, "macro_f1": 70.0, "nll": 0.46812}


def test_a_validation_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    said = lines()
    said.logged({"train/task": 0.3941})
    said.validated(216, 20.0, FOUND, best=True)
    said.logged({"validation/nll": 0.5})
    said.validated(324, 30.0, FOUND, best=False)
    assert capsys.readouterr().err.splitlines() == [
        "epoch 2/8  step 216/864  train 0.3941  val nll 0.4681 *  val accuracy 76.2 %  1 min left",
        "epoch 3/8  step 324/864  train 0.3941  val nll 0.4681    val accuracy 76.2 %  50 s left",
    ]


def test_seconds_of_earlier_attempts_are_no_speed(capsys: pytest.CaptureFixture[str]) -> None:
    lines(begun=(432, 1000.0)).validated(648, 1010.0, FOUND, best=False)
    assert capsys.readouterr().err.endswith("  10 s left\n")


def test_the_last_line_has_nothing_left(capsys: pytest.CaptureFixture[str]) -> None:
    lines().validated(864, 90.0, FOUND, best=False)
    assert capsys.readouterr().err == "epoch 8/8  step 864/864  val nll 0.4681    val accuracy 76.2 %\n"


def test_a_budget_in_seconds_has_no_last_step(capsys: pytest.CaptureFixture[str]) -> None:
    said = lines("budget.epochs=null", "budget.seconds=100", "optimizer.schedule=constant", steps=ENDLESS)
    said.validated(216, 40.0, FOUND, best=False)
    assert capsys.readouterr().err == "epoch 2  step 216  val nll 0.4681    val accuracy 76.2 %  1 min left\n"


@pytest.mark.parametrize(
    ("progress", "terminal", "term", "drawn"),
    [
        ("auto", True, "xterm", True),
        ("auto", False, "xterm", False),
        ("auto", True, "dumb", False),
        (True, False, "dumb", True),
        (False, True, "xterm", False),
    ],
)
def test_a_bar_is_for_terminals(
    progress: Any, terminal: bool, term: str, drawn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress_lines.sys.stderr, "isatty", lambda: terminal)
    monkeypatch.setenv("TERM", term)
    assert progress_lines.in_terminal(progress) is drawn


def test_a_line_stands_above_the_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_lines, "_BAR_SECONDS", 1e-9)
    said = lines("trainer.progress=true")
    said.step(100)
    said.validated(108, 10.0, FOUND, best=True)
    said.close()
    said.close()
    assert "val nll 0.4681 *" in capsys.readouterr().err
