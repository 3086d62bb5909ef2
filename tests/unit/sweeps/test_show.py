"""`unroll show`: what it knows of trials in every state, and the lines that it prints."""

import json
import sys
from pathlib import Path

import pytest
import yaml
from stub_records import write_failed, write_finished

from unroll.config.compose import compose
from unroll.config.trial import Trial
from unroll.errors import UserError
from unroll.records.lease import PROGRESS, leased
from unroll.records.record import read_record
from unroll.sweeps.show import show
from unroll.sweeps.show_view import curve, lines

pytestmark = pytest.mark.usefixtures("believed")

RECORDS = Path(__file__).resolve().parents[3] / "results" / "records"


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    return compose(["task=forecasting", "architecture=gru", "architecture.width=16", f"paths.runs={tmp_path}"])


def page(trial: Trial, tmp_path: Path) -> list[str]:
    return list(lines(show(trial.trial_id, tmp_path)))


def begin(trial: Trial, *logged: str) -> None:
    trial.directory.mkdir()
    (trial.directory / "config.yaml").write_text(yaml.safe_dump(trial.plain))
    (trial.directory / "metrics.jsonl").write_text("".join(logged))


def test_a_finished_trial(trial: Trial, tmp_path: Path) -> None:
    write_finished(trial, lambda trial: 0.25)
    said = page(trial, tmp_path)
    assert said[0] == f"{trial.trial_id}: finished, reportable"
    headings = [line for line in said[1:] if not line.startswith(" ")]
    assert headings == ["result", "run it again", "environment", "config"]
    assert "  unroll train task=forecasting architecture=gru architecture.width=16" in said
    assert said[said.index("config") + 1] == "  differs by     task=forecasting architecture=gru architecture.width=16"
    assert "  primary        test mse -0.25 standardised², lower is better" in said
    assert "  selection      validation mse 0.25 at step 1, lower is better" in said
    assert any("python==3." in line for line in said)


@pytest.mark.parametrize(("baseline", "skill"), [("majority", "0"), ("tfidf_lr", "1")])
def test_a_trial_has_its_skill_by_the_published_baselines(baseline: str, skill: str) -> None:
    (path,) = RECORDS.glob(f"sentiment-sst2-{baseline}-s0-*.json")
    shown = show(path.stem, RECORDS)
    assert f"  skill          {skill} (0: majority 49.92, 1: tfidf_lr 83.75)" in list(lines(shown))
    assert shown["result"]["skill"]["value"] == float(skill)


def test_a_failed_trial_shows_its_error_and_why_it_is_not_reportable(trial: Trial, tmp_path: Path) -> None:
    write_failed(trial)
    said = page(trial, tmp_path)
    assert said[0] == f"{trial.trial_id}: failed, not reportable"
    assert "  ValueError     the stub fails here" in said
    assert "  not reportable failed: ValueError" in said
    assert "result" not in said


def test_a_trial_without_a_record_says_where_it_stands(trial: Trial, tmp_path: Path) -> None:
    begin(
        trial,
        '{"step": 50, "train/task": 4.0}\n',
        '{"step": 80, "validation/mse": 0.5}\n',
        '{"step": 100, "train/task": NaN}\n',
        '{"step": 150, "train/ta',
    )
    said = page(trial, tmp_path)
    assert said[0] == f"{trial.trial_id}: interrupted: it goes on from its last checkpoint when it is run again"
    first = said.index("curves") + 1
    assert said[first : first + 2] == [
        "  validation mse  0.5 at step 80, the only one",
        "  train task      4 at step 50, the only one",
    ]
    with leased(trial.directory, 10.0):
        (trial.directory / PROGRESS).write_text('{"step": 150, "steps": 600, "seconds": 30.0}')
        assert page(trial, tmp_path)[0] == f"{trial.trial_id}: running, step 150 of 600, 90 s of training left"
    assert json.loads(json.dumps(show(trial.directory), allow_nan=False))["curves"]["train task"] == [
        [50, 4.0],
        [100, None],
    ]


def test_lines_of_a_log_that_are_none_are_left_out(trial: Trial, tmp_path: Path) -> None:
    begin(trial, '{"step": 50, "train/task": 4.0}\n')
    log = trial.directory / "metrics.jsonl"
    odd = [
        b"{\n",
        b"\xff\n",
        b"5\n",
        b"null\n",
        b'["step"]\n',
        b'{"train/task": 1}\n',
        b'{"step": {}, "train/task": 1}\n',
    ]
    odd += [b'{"step": 60, "train/task": "x"}\n', b'{"step": 70, "train/task": 1' + 400 * b"0" + b"}\n"]
    log.write_bytes(log.read_bytes() + b"".join(odd) + b'{"step": 80, "train/task": 2.0}\n')
    assert show(trial.trial_id, tmp_path)["curves"] == {"train task": [(50, 4.0), (60, None), (70, None), (80, 2.0)]}


@pytest.mark.parametrize(
    "text",
    ["", "[]", "5", "task: 5", "{: ", "task: {name: forecasting}", "\x00", "seed: 0\ntask: {}\ntrainer: {}"],
)
def test_a_config_that_is_none_counts_as_never_written(trial: Trial, tmp_path: Path, text: str) -> None:
    begin(trial, '{"step": 50, "train/task": 4.0}\n')
    (trial.directory / "config.yaml").write_text(text)
    said = page(trial, tmp_path)
    assert said[0].startswith(f"{trial.trial_id}: interrupted")
    assert "  no command gives it: its config was never written" in said
    assert said[said.index("curves") + 1].startswith("  train task  ")


@pytest.mark.parametrize("gone", ["task", "trainer", "budget", "seed", "paths"])
def test_a_config_without_a_section_counts_as_never_written(trial: Trial, tmp_path: Path, gone: str) -> None:
    begin(trial)
    kept = {key: value for key, value in trial.plain.items() if key != gone}
    (trial.directory / "config.yaml").write_text(yaml.safe_dump(kept))
    assert show(trial.trial_id, tmp_path)["no_command"] == "its config was never written"


def test_a_config_that_refers_to_nothing_is_shown_and_has_no_command(trial: Trial, tmp_path: Path) -> None:
    begin(trial)
    trial.plain["architecture"]["width"] = "${nowhere}"
    (trial.directory / "config.yaml").write_text(yaml.safe_dump(trial.plain))
    found = show(trial.trial_id, tmp_path)
    assert found["no_command"].startswith("'architecture.width' refers to a value that is not there.")
    assert found["config"]["decides"]["architecture.width"] == "${nowhere}"


def test_a_trial_is_its_id_its_directory_or_its_record(trial: Trial, tmp_path: Path) -> None:
    write_finished(trial)
    wanted = show(trial.trial_id, tmp_path)
    assert show(trial.directory, "elsewhere") == wanted
    assert show(trial.record_path, "elsewhere") == wanted
    alone = tmp_path / "committed" / f"{trial.trial_id}.json"
    alone.parent.mkdir()
    alone.write_bytes(trial.record_path.read_bytes())
    assert show(trial.trial_id, alone.parent) == {**wanted, "place": str(alone)}


def test_an_unknown_trial_is_told_the_nearest(trial: Trial, tmp_path: Path) -> None:
    begin(trial)
    with pytest.raises(UserError, match=f"Did you mean '{trial.trial_id}'") as unknown:
        show(trial.trial_id.replace("gru", "grü"), tmp_path)
    assert "1 trials are there" in str(unknown.value)
    with pytest.raises(UserError, match="no record"):
        show("nothing", tmp_path / "nowhere")


def test_a_record_of_other_data_than_todays_is_stale(trial: Trial, tmp_path: Path) -> None:
    write_finished(trial)
    record = read_record(trial.record_path)
    record["data"] |= {"verified": True, "content_sha256": "f" * 64}
    trial.record_path.write_text(json.dumps(record))
    assert "stale" in page(trial, tmp_path)[0]


def test_a_curve() -> None:
    rising = curve([(step, step / 10) for step in range(8)])
    assert rising.startswith("▁▂▃▄▅▆▇█  0 at step 0 to 0.7 at 7; lowest 0 at 0, highest 0.7 at 7")
    many = curve([(step, 1.0 if step < 600 else 3.0) for step in range(1200)])
    assert many.startswith("▁" * 30 + "█" * 30 + "  ")
    assert curve([(1, None), (2, 5.0), (3, None), (4, 6.0)]).startswith(" ▁ █  5 at step 2 to 6 at 4")
    assert curve([(1, None)]) == "   no finite value"


def test_somebody_elses_code_is_not_run_to_show_a_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, marker = tmp_path / "mine", tmp_path / "ran"
    (mine / "architecture").mkdir(parents=True)
    (mine / "marked.py").write_text(
        f"import pathlib\npathlib.Path({str(marker)!r}).touch()\n"
        "from unroll.models.recurrent import RecurrentEncoder\n"
        "class Marked(RecurrentEncoder):\n    pass\n"
    )
    chosen = ["architecture=gru", "architecture.encoder._target_=marked.Marked", f"paths.runs={tmp_path / 'runs'}"]
    trial = compose(chosen, str(mine))
    trial.directory.mkdir(parents=True)
    (trial.directory / "config.yaml").write_text(yaml.safe_dump(trial.plain))
    marker.unlink()
    monkeypatch.delitem(sys.modules, "marked")
    found = show(trial.trial_id, tmp_path / "runs")
    assert not marker.exists()
    assert found["command"] is None
    assert "--config-dir" in found["no_command"]
    assert show(trial.trial_id, tmp_path / "runs", str(mine))["command"] is not None
