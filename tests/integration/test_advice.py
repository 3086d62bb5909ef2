"""Every `run:` line of every message is a command that works: each mistake is made, and its advice is followed."""

import inspect
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from advice import SRC, Place, sites
from advised import MESSAGES
from tiny_data import Tiny

from unroll import api
from unroll.errors import UserError
from unroll.planning.trial import Trial


@pytest.fixture
def place(tmp_path: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Place:
    found = Place(tmp_path, tiny, monkeypatch, capfd)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNROLL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    told = UserError.__init__

    def remembered(self: UserError, what: str, **given: object) -> None:
        told(self, what, **given)  # type: ignore[arg-type]
        frame = inspect.currentframe()
        caller = frame.f_back if frame else None
        if caller and Path(caller.f_code.co_filename).is_relative_to(SRC):
            found.given.append((f"{Path(caller.f_code.co_filename).relative_to(SRC)}:{caller.f_code.co_name}", what))

    monkeypatch.setattr(UserError, "__init__", remembered)
    return found


def trial(place: Place, *more: str) -> Trial:
    """A trial that takes a second."""
    return api.compose(place.small("copying", *more)[2:], place.tiny.config_dir)


def interrupted(place: Place) -> list[str]:
    """A trial that has begun and has no record."""
    one = trial(place)
    api.train(one)
    one.record_path.unlink()
    return ["verify", one.trial_id, "--runs", str(one.directory.parent)]


def finished(place: Place, *words: str) -> list[str]:
    """A command about a trial that has a record."""
    one = trial(place)
    api.train(one)
    return [word.replace("TRIAL", one.trial_id) for word in words]


def train(*wrong: str, task: str = "copying") -> Callable[[Place], list[str]]:
    return lambda place: ["train", *place.small(task, *wrong)]


def suite(place: Place, *wrong: str) -> list[str]:
    """A sweep of one small trial."""
    folder = place.folder / "conf"
    if not folder.is_dir():
        shutil.copytree(place.tiny.config_dir, folder)
        (folder / "suite").mkdir(exist_ok=True)
        (folder / "suite" / "one.yaml").write_text("name: one\ngrid: {task: [copying], architecture: [gru]}\n")
    _, _, *small = place.small("copying")
    return ["sweep", "--config-dir", str(folder), "suite=one", "workers=1", *small[1:], *wrong]


def shadowed(place: Place) -> list[str]:
    """A user's file that would never be read."""
    folder = place.folder / "mine"
    shutil.copytree(place.tiny.config_dir, folder)
    shutil.copy(folder / "data" / "tiny_copying.yaml", folder / "data" / "copying.yaml")
    return ["train", "--config-dir", str(folder), *place.small()[2:]]


TUNED = ["hydra/sweeper=optuna", "hydra.sweeper.trials=3"]
COMMANDS: dict[str, list[Callable[[Place], list[str]]]] = {
    "planning/job.py:refuse": [lambda place: ["train", "--architecture", "lstm"]],
    "planning/job.py:refuse_repeated": [train("seed=1", "seed=2")],
    "planning/job.py:expand": [
        lambda place: [
            *["train", "-m", *place.small(), "optimizer.learning_rate=interval(0.001, 0.01)"],
            *["hydra.sweeper.trials=1", "hydra/launcher=basic"],
        ]
    ],
    "planning/mistakes.py:explain": [train("seed=0,1")],
    "planning/validate.py:_contradictions": [
        train("budget.seconds=1"),
        train("budget.steps=null", "budget.seconds=1"),
        train("optimizer.clip_value=1"),
    ],
    "planning/validate.py:_decays": [train("optimizer.schedule=exponential")],
    "planning/validate.py:_baseline": [train("architecture=gru", "baseline=memoryless")],
    "training/metric_names.py:check_metrics": [train("task.primary.direction=higher"), train("task.primary.unit=dB")],
    "planning/reproduce.py:_read_by_a_trial": [lambda place: ["reproduce", "keras_parameter_counts", "seed=3"]],
    "api.py:find_record": [interrupted],
    "data/sources.py:locate": [train("paths.data=/nowhere")],
    "planning/groups.py:refuse_shadowed": [shadowed],
    "planning/job.py:one_process_each": [
        lambda place: ["train", "-m", *place.small(), "trainer.devices=2", "seed=0,1"]
    ],
    "planning/space.py:read_space": [lambda place: suite(place, "hydra/sweeper=optuna", "hydra.sweeper.trials=1")],
    "planning/studies.py:_study": [
        lambda place: suite(place, *TUNED, "hydra.sweeper.space={architecture.nothing: 'choice(1,2)'}"),
        lambda place: suite(place, *TUNED, "hydra.sweeper.space={optimizer.learning_rate: 'choice(0.1,0.01)'}"),
    ],
    "results/export.py:export": [lambda place: finished(place, "export", "--runs", "runs", "--out", "records.txt")],
    "training/verify.py:_overridden": [
        lambda place: finished(place, "verify", "TRIAL", "--runs", "runs", "seed=3"),
    ],
}


@pytest.mark.parametrize(
    ("site", "mistake"),
    [pytest.param(site, one, id=f"{site}-{n}") for site, all_ in COMMANDS.items() for n, one in enumerate(all_)],
)
def test_what_a_message_says_to_run_works(place: Place, site: str, mistake: Callable[[Place], list[str]]) -> None:
    words = mistake(place)
    code, said = place.unroll(*words)
    assert code == 2, said
    assert site in [where for where, _ in place.given], said
    place.follow(said)


@pytest.mark.parametrize(
    ("site", "mistake"),
    [pytest.param(site, one, id=f"{site}-{n}") for site, all_ in MESSAGES.items() for n, one in enumerate(all_)],
)
def test_what_an_error_says_to_run_works(place: Place, site: str, mistake: Callable[[Place], None]) -> None:
    with pytest.raises(UserError) as caught:
        mistake(place)
    assert site in [where for where, _ in place.given], str(caught.value)
    caught.value.mend(place.arguments)
    place.follow(str(caught.value))


def test_every_message_that_advises_is_among_them() -> None:
    assert sites() - set(COMMANDS) - set(MESSAGES) == set()
