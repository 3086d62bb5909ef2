"""Bits that rot under a trial: a cache is prepared again, a checkpoint is told of; no failed record, the same bits."""

from pathlib import Path
from typing import Any

import pytest
from mortal import KILLED, attempt
from rotten import flipped
from tiny_data import Tiny

from unroll.config.trial import Trial
from unroll.errors import UserError
from unroll.training import checkpoint
from unroll.training.train import train

OPTIONS = ["architecture=gru", "budget.epochs=2", "trainer.log_every=1", "trainer.checkpoint_minutes=0.000001"]


def tiny_trial(tiny: Tiny, folder: Path, *overrides: str) -> Trial:
    return tiny.trial("forecasting", folder / "runs", *OPTIONS, f"paths.cache={folder / 'cache'}", *overrides)


@pytest.fixture(scope="module")
def calm(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The result of the trial that nothing disturbs."""
    result: dict[str, Any] = train(tiny_trial(tiny, tmp_path_factory.mktemp("calm")))["result"]
    return result


@pytest.mark.parametrize("fault", ["broken about.json", "broken offsets", "changed value"])
def test_a_damaged_cache_is_prepared_again(
    fault: str, tiny: Tiny, tmp_path: Path, calm: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    trial = tiny_trial(tiny, tmp_path)
    train(trial)
    (tmp_path / "cache" / "wheels").mkdir()
    (tmp_path / "cache" / "wheels" / "foo.whl").touch()
    (folder,) = (tmp_path / "cache").glob("tiny_series-*/")
    if fault == "broken about.json":
        (folder / "about.json").write_bytes(b'{"content_sha')
    elif fault == "broken offsets":
        content = (folder / "train.arrow").read_bytes()
        (folder / "train.arrow").write_bytes(content[:600] + b"\xff" * 400 + content[1000:])
    else:
        size = (folder / "test.arrow").stat().st_size
        with flipped(folder / "test.arrow", 8 * (size - 300)):
            rotten = (folder / "test.arrow").read_bytes()
        (folder / "test.arrow").write_bytes(rotten)
    record = train(tiny_trial(tiny, tmp_path, "trainer.again=true"))
    assert record["status"] == "finished"
    assert record["result"] == calm
    assert capfd.readouterr().err.count("is damaged: the data are prepared again") == 1


def test_a_cache_that_cannot_be_written_fails_no_trial(tiny: Tiny, tmp_path: Path) -> None:
    trial = tiny_trial(tiny, tmp_path, "paths.cache=/proc/nowhere")
    with pytest.raises(UserError, match="cannot be written"):
        train(trial)
    assert not trial.record_path.exists()


def test_a_flipped_bit_of_a_checkpoint_is_told_before_training(
    tiny: Tiny, tmp_path: Path, calm: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = tiny_trial(tiny, tmp_path)
    assert attempt(trial, "after_step_6") == KILLED
    best, last = trial.directory / checkpoint.BEST, trial.directory / checkpoint.LAST
    with monkeypatch.context() as patch:
        patch.setattr("unroll.training.module.TrialModule.training_step", None)  # a step would fail otherwise
        for path, remedy in ((last, f"rm {last}"), (best, f"rm {best} {last}")):
            bit = 8 * (path.stat().st_size // 3)
            with flipped(path, bit), pytest.raises(UserError, match="cannot be read") as caught:
                train(trial)
            assert str(caught.value.run).startswith(remedy)
            assert not trial.record_path.exists()
    assert train(trial)["result"] == calm
