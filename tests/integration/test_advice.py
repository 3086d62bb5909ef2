"""Every `run:` line of every message is a command that works: each mistake is made, and its advice is followed."""

import inspect
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from advice import SRC, Place, sites
from advised import MESSAGES
from tiny_data import Tiny
from wandb_server import wandb_server

from unroll import api
from unroll.config.trial import Trial
from unroll.errors import UserError
from unroll.records.record import write_record


@pytest.fixture
def place(
    tmp_path: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Place]:
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
    for name in ("DRY_RUN", "NO_DEPS"):
        monkeypatch.setenv(f"PIP_{name}", "1")  # what is advised is looked for, and not installed
    with wandb_server() as server:
        found.server = server.url
        yield found


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


def forged(place: Place) -> list[str]:
    """A record that says more steps than its config."""
    one = trial(place)
    record = api.train(one)
    record["result"]["steps"] += 1
    write_record(one.directory, record)
    return ["show", one.trial_id]


def of_two_folders(place: Place) -> list[str]:
    """A report of trials here and in a folder beside."""
    (place.folder / "theirs").mkdir()
    return finished(place, "report", "--runs", "runs", "--runs", "MIT=theirs")


def undisputed(place: Place) -> list[str]:
    """A copy of a published record, to be filed as a dispute."""
    words = finished(place, "dispute", "TRIAL", "--lab", "MIT")
    published = place.folder / "results" / "records" / f"{words[1]}.json"
    published.parent.mkdir(parents=True)
    shutil.copy(place.folder / "runs" / words[1] / "record.json", published)
    return words


def shadowed(place: Place) -> list[str]:
    """A user's file that would never be read."""
    folder = place.folder / "mine"
    shutil.copytree(place.tiny.config_dir, folder)
    shutil.copy(folder / "data" / "tiny_copying.yaml", folder / "data" / "copying.yaml")
    return ["train", "--config-dir", str(folder), *place.small()[2:]]


def river(line: str, *wrong: str, header: str = "date,a,b") -> Callable[[Place], list[str]]:
    """A person's own series of 200 rows; `line` is a row of hour n: {n}, {t} its time, {a} and {b} two values."""

    def words(place: Place) -> list[str]:
        rows = [
            line.format(n=n, t=f"2020-01-{1 + n // 24:02} {n % 24:02}:00", a=n % 7, b=n % 5 if n != 50 else "n/a")
            for n in range(200)
        ]
        (place.folder / "river").mkdir()
        (place.folder / "river" / "river.csv").write_text("\n".join([header, *rows]) + "\n")
        (place.folder / "mine" / "data").mkdir(parents=True)
        origin = {"sources": [{"local": "river", "files": {"river.csv": None}}]}
        node = {"name": "river", "kind": "series", "reader": "series", "channels": "joint", "origin": origin}
        (place.folder / "mine" / "data" / "river.yaml").write_text(json.dumps(node))
        baseline = ["task=forecasting", "data=river", "baseline=last_value"]
        paths = [f"paths.data={place.folder}", "task.window=8", "task.horizon=2"]
        return ["train", "--config-dir", "mine", *baseline, *paths, *wrong]

    return words


SHORT = ["task.window=8", "task.horizon=2"]
TUNED = ["hydra/sweeper=optuna", "hydra.sweeper.trials=3"]
COMMANDS: dict[str, list[Callable[[Place], list[str]]]] = {
    "sweeps/job.py:refuse": [lambda place: ["train", "--architecture", "lstm"]],
    "config/overrides.py:refuse_repeated": [lambda place: ["train", *place.small("copying", "seed=1"), "seed=2"]],
    "config/overrides.py:expand": [
        lambda place: [
            *["train", "-m", *place.small(), "optimizer.learning_rate=interval(0.001, 0.01)"],
            *["hydra.sweeper.trials=1", "hydra/launcher=basic"],
        ]
    ],
    "config/explain.py:explain": [train("seed=0,1")],
    "config/validate.py:_budget": [
        train("budget.seconds=1"),
        train("budget.steps=null", "budget.seconds=1"),
    ],
    "config/validate.py:_contradictions": [train("task.hold_out=false", *SHORT, task="forecasting")],
    "config/validate.py:_decays": [train("optimizer.schedule=exponential"), train("optimizer.clip_value=1")],
    "config/compose.py:_checked": [train("baseline=memoryless")],
    "training/metric_names.py:check_metrics": [train("task.primary.direction=higher"), train("task.primary.unit=dB")],
    "reproduction/run.py:_read_by_a_trial": [lambda place: ["reproduce", "keras_parameter_counts", "seed=3"]],
    "api.py:find_record": [interrupted],
    "data/sources.py:locate": [train("paths.data=/nowhere")],
    "registry/groups.py:_shadowed": [shadowed],
    "sweeps/job.py:one_process_each": [lambda place: ["train", "-m", *place.small(), "trainer.devices=2", "seed=0,1"]],
    "config/search_space.py:read_space": [lambda place: suite(place, "hydra/sweeper=optuna", "hydra.sweeper.trials=1")],
    "tuning/study.py:_study": [
        lambda place: suite(place, *TUNED, "hydra.sweeper.space={architecture.nothing: 'choice(1,2)'}"),
        lambda place: suite(place, *TUNED, "hydra.sweeper.space={optimizer.learning_rate: 'choice(0.1,0.01)'}"),
    ],
    "config/explain.py:_one_at_a_time": [lambda place: [*suite(place)[:3], "suite=one,two", *suite(place)[4:]]],
    "data/readers/series.py:_channels": [river("{n},{t},{a}", header=",date,a")],
    "data/readers/series.py:_refuse_words": [river("{t},{a},calm")],
    "data/readers/series.py:_refuse_times": [river("{t},{a},{a}", "data.options.columns=[date,a,b]")],
    "data/readers/series.py:_first_known": [river("{t},{a},")],
    "data/readers/times.py:require_order": [river("2020-01-01 0{a}:00,{n},{n}")],
    "data/readers/times.py:_moment": [river("01.02.2020 0{a}:00,{n},{n}", "data.options.sort=true")],
    "data/readers/numbers.py:_no_number": [river("{t},{a},{b}")],
    "records/audit.py:refuse_untrue": [forged],
    "analysis/report.py:_inside": [of_two_folders],
    "verification/disputes.py:dispute": [undisputed],
    "records/export.py:export": [lambda place: finished(place, "export", "--runs", "runs", "--out", "records.txt")],
    "verification/verify.py:_overridden": [
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
