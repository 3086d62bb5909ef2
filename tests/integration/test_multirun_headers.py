"""Each trial of a multirun says which one of how many it is, whatever sweeps and launches it."""

import re
import sys
from pathlib import Path

import pytest
from tiny_data import Tiny, small_overrides

from unroll.sweeps.job import run


def words(tiny: Tiny, runs: Path, *more: str) -> list[str]:
    small = ["budget.epochs=null", "budget.steps=2", "trainer.diagnose=never", "architecture=gru"]
    return [
        *tiny.overrides("copying", runs),
        *small_overrides("copying"),
        *small,
        *more,
        "--config-dir",
        tiny.config_dir,
    ]


@pytest.mark.parametrize("sweeper", [[], ["hydra/sweeper=resumable"]], ids=["basic", "resumable"])
def test_headers_count(sweeper: list[str], tiny: Tiny, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = sys.argv
    try:
        assert run([*words(tiny, tmp_path, "seed=3,4", *sweeper), "-m"])
    finally:
        sys.argv = before
    said = capfd.readouterr().err
    assert re.findall(r"^(\d/\d)  gru on copying \(.*\), seed (\d)$", said, re.MULTILINE) == [
        ("1/2", "3"),
        ("2/2", "4"),
    ]


def test_a_trial_alone_is_not_counted(tiny: Tiny, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = sys.argv
    try:
        assert run(words(tiny, tmp_path))
    finally:
        sys.argv = before
    assert capfd.readouterr().err.startswith("gru on copying")
