"""The doctor times steps of a config of several ranks, at the whole batch and at a share, and a real exchange."""

from pathlib import Path

import pytest
from tiny_data import Tiny, small_overrides

from unroll.data.splits import Batch
from unroll.doctor import ranks as timed
from unroll.doctor.line import WARNING, Settings
from unroll.training.module import TrialModule

CHOSEN = ["architecture=lstm", "task.dropout=0.3", "data.batch_size=9", "trainer.devices=2"]


@pytest.fixture
def settings(tiny: Tiny, tmp_path: Path) -> Settings:
    overrides = [*tiny.overrides("sentiment", tmp_path / "runs"), *small_overrides("sentiment", CHOSEN[0]), *CHOSEN]
    return Settings(tuple(overrides), tiny.config_dir)


def test_steps_are_timed_at_the_whole_batch_and_at_a_share(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    asked: list[tuple[int, int, str]] = []
    step = TrialModule.training_step

    def watched(self: TrialModule, batch: Batch, batch_idx: int) -> object:
        sizes.append(len(batch.index))
        return step(self, batch, batch_idx)

    def exchange(size: int, count: int, kind: str) -> float:
        asked.append((size, count, kind))
        return 0.004

    monkeypatch.setattr(TrialModule, "training_step", watched)
    monkeypatch.setattr(timed, "exchange_seconds", exchange)
    (line,) = timed.ranks(settings)
    assert len(sizes) == 2 * 3 * 14
    wholes, shares = ([sizes[at : at + 14] for at in range(start, 84, 28)] for start in (0, 14))
    assert wholes == [wholes[0]] * 3
    assert set(wholes[0]) == {9, 1}
    assert shares == [[-(-size // 2) for size in whole] for whole in wholes]
    ((size, count, kind),) = asked
    assert (count, kind) == (2, "cpu")
    assert size > 0
    assert size % 4 == 0
    assert "one rank's step of 9 examples takes" in line.seen
    assert "among 2" in line.seen
    assert not (tmp_path / "runs").exists()


def test_without_data_nothing_is_timed(tmp_path: Path) -> None:
    places = [f"paths.cache={tmp_path}/cache", "paths.data=null", "trainer.devices=2", "trainer=cpu"]
    (line,) = timed.ranks(Settings(("task=sentiment", "architecture=lstm", *places)))
    assert line.state == WARNING
    assert line.todo == "unroll data fetch rotten_tomatoes_snippets"
    assert not (tmp_path / "cache").exists()


def test_an_exchange_is_made_by_processes_of_this_machine() -> None:
    seconds = timed.exchange_seconds(4_000, 2, "cpu")
    assert seconds is not None
    assert 0 < seconds < 60


def test_an_exchange_that_fails_is_not_timed() -> None:
    assert timed.exchange_seconds(-4, 1, "cpu") is None
