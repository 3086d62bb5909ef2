"""unroll track: runs made again from records hold what live ones hold, key by key; twice is once; nothing leaks."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_data import Tiny
from tracked import ONLINE, SHORT, curves, measured, track
from wandb_server import KEY, Run, WandbServer

from unroll.config.trial import Trial
from unroll.errors import UserError
from unroll.records.record import read_record
from unroll.training.train import train

SECRETS = {"HF_TOKEN": "hf_Secret0123456789abcdef", "MY_PASSWORD": "correcthorsebattery"}
_OF_A_MOMENT = ("_timestamp", "_runtime", "_wandb")


def without_moments(value: Any) -> Any:
    """What a run holds, without when it was made and where its tables lie on the server."""
    if isinstance(value, dict):
        hidden = (*_OF_A_MOMENT, "artifact_path", "_latest_artifact_path")
        return {key: without_moments(one) for key, one in value.items() if key not in hidden}
    return [without_moments(one) for one in value] if isinstance(value, list) else value


def content(run: Run) -> dict[str, Any]:
    """All of a run that a user can see."""
    about = {key: run.about.get(key) for key in ("project", "groupName", "displayName", "jobType", "tags", "notes")}
    held = {"about": about, "config": run.config, "summary": run.summary, "history": run.history}
    return {**without_moments(held), "exit": run.exit_code}


def baseline(tiny: Tiny, runs: Path, name: str) -> Trial:
    return tiny.trial("forecasting", runs, f"baseline={name}", *ONLINE)


def test_a_run_made_again_is_the_live_one(
    servers: Callable[[], WandbServer], tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Networks with diagnostics and baselines; online, and offline and synced."""
    monkeypatch.setattr(sys, "argv", ["unroll", "train", "task=forecasting", "task.window=8"])  # in notes and names
    live = servers()
    trials = [
        baseline(tiny, tmp_path, "last_value"),
        baseline(tiny, tmp_path, "seasonal"),
        tiny.trial("forecasting", tmp_path, *SHORT, *ONLINE, "trainer.diagnose=validations"),
    ]
    for trial in trials:
        train(trial)
    assert set(live.runs) == {trial.trial_id for trial in trials}
    network = live.runs[trials[-1].trial_id]
    assert network.summary["primary/skill"] is not None
    assert (network.about["jobType"], live.runs[trials[0].trial_id].about["jobType"]) == ("network", "baseline")
    assert [line["selection"] for line in network.history if "selection" in line]
    assert curves(network) == measured(trials[-1])
    assert not any(name.startswith("test/") for line in network.history for name in line)
    first = live.runs[trials[0].trial_id]
    assert "primary/skill" not in first.summary, "the other baseline came later, and W&B keeps no None"
    assert "2 there, 0 missing, 1 different" in track("--runs", str(tmp_path), "--to", "online")
    assert first.summary["primary/skill"] == 1.0
    again = servers()
    said = track("--runs", str(tmp_path), "--to", "online")
    assert "0 there, 3 missing, 0 different" in said
    summaries = [content(server.runs[trials[0].trial_id])["summary"] for server in (live, again)]
    assert [{**each, "_step": 0} for each in summaries] == [{**summaries[1], "_step": 0}] * 2
    for trial in trials[1:]:
        assert content(again.runs[trial.trial_id]) == content(live.runs[trial.trial_id])
    assert "3 there, 0 missing, 0 different" in track("--runs", str(tmp_path), "--to", "online", "--dry-run")
    synced = servers()
    said = track("--runs", str(tmp_path), "--folder", str(tmp_path / "offline"))
    assert "primary/skill = (value - weakest baseline) / (best baseline - weakest baseline)" in said
    assert synced.runs == {}
    wandb = str(Path(sys.executable).parent / "wandb")
    folders = [str(path.relative_to(tmp_path / "offline")) for path in tmp_path.glob("offline/wandb/offline-run-*")]
    subprocess.run([wandb, "sync", *folders], cwd=tmp_path / "offline", capture_output=True, check=True, timeout=120)
    for trial in trials[1:]:
        assert content(synced.runs[trial.trial_id]) == content(live.runs[trial.trial_id])


def test_what_is_missing_or_different_is_written_and_no_more(
    servers: Callable[[], WandbServer], tiny: Tiny, tmp_path: Path
) -> None:
    """A network first, then the baselines that its skill is told by: its run is another one from then on."""
    servers()
    network = tiny.trial("forecasting", tmp_path, *SHORT)
    train(network)
    assert "1 missing" in track("--runs", str(tmp_path))
    (before,) = tmp_path.glob("wandb/offline-run-*")
    for name in ("last_value", "seasonal"):
        train(tiny.trial("forecasting", tmp_path, f"baseline={name}"))
    assert "0 there, 2 missing, 1 different" in track("--runs", str(tmp_path), "--dry-run")
    assert before.exists()
    track("--runs", str(tmp_path))
    assert not before.exists()
    assert len(list(tmp_path.glob("wandb/offline-run-*"))) == 3
    assert "3 there, 0 missing, 0 different" in track("--runs", str(tmp_path))


def test_artifacts_by_choice(servers: Callable[[], WandbServer], tiny: Tiny, tmp_path: Path) -> None:
    """Live and made again; the record that goes along names no folder and no host."""
    server = servers()
    chosen = "logger.wandb.artifacts=[record,checkpoint]"
    trial = tiny.trial("forecasting", tmp_path, *SHORT, *ONLINE, chosen)
    record = train(trial)
    found = json.loads(server.artifact(f"record-{trial.trial_id}").files["record.json"])
    assert found["result"] == record["result"]
    assert "host" not in found["run"]["hardware"]
    checkpoint = server.artifact(f"checkpoint-{trial.trial_id}")
    assert checkpoint.type == "model"
    assert checkpoint.metadata["primary"] == record["result"]["primary"]["value"]
    assert checkpoint.metadata["data_sha256"] == record["result"]["data_sha256"]
    assert checkpoint.files["best.ckpt"] == (trial.directory / "best.ckpt").read_bytes()
    again = servers()
    kinds = [text for kind in ("predictions", "record") for text in ("--artifact", kind)]
    track("--runs", str(tmp_path), "--to", "online", *kinds)
    predictions = again.artifact(f"predictions-{trial.trial_id}")
    assert predictions.files["predictions.npz"] == (trial.directory / "predictions.npz").read_bytes()
    assert predictions.metadata["predictions_sha256"] == record["result"]["predictions_sha256"]


def test_nothing_of_this_machine_is_sent(
    servers: Callable[[], WandbServer], tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Live with artifacts, made again, and in the files that wait for `wandb sync`."""
    live = servers()
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    typed = ["unroll", "train", f"paths.runs={tmp_path}", "optimizer.learning_rate=0.001", f"x={SECRETS['HF_TOKEN']}"]
    monkeypatch.setattr(sys, "argv", [*typed, "by=me@example.org"])
    trial = tiny.trial("forecasting", tmp_path, *SHORT, *ONLINE, "logger.wandb.artifacts=[record]")
    train(trial)
    again = servers()
    track("--runs", str(tmp_path), "--to", "online", "--artifact", "record")
    track("--runs", str(tmp_path), "--folder", str(tmp_path / "offline"), "--artifact", "record")
    (kept,) = tmp_path.glob("offline/wandb/offline-run-*/*.wandb")
    staged = b"".join(path.read_bytes() for path in tmp_path.glob("offline/wandb/artifacts/**/*") if path.is_file())
    everything = live.heard() + again.heard() + kept.read_bytes() + staged
    assert b"optimizer.learning_rate=0.001" in everything, "the command is told"
    private = [str(tmp_path), str(Path.home()), os.getcwd(), sys.prefix, tiny.config_dir, "me@example.org", KEY]
    private += [*SECRETS.values(), f'"{socket.gethostname()}"']
    assert [text for text in private if text.encode() in everything] == []


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--to", "onlin"], "Runs go to no 'onlin'. Did you mean 'online'?"),
        (["--artifact", "records"], "There is no artifact 'records'. Did you mean 'record'?"),
        (["--project", "a/b"], "W&B takes no such project."),
        (["--runs", "nowhere"], "There is no folder nowhere"),
        (["suite=quikstart"], "quikstart"),
        (["--to", "online"], "W&B has no login"),
    ],
)
def test_bad_input(arguments: list[str], what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    runs = [] if "--runs" in arguments else ["--runs", str(tmp_path)]
    with pytest.raises(UserError) as error:
        track(*arguments, *runs)
    assert what in str(error.value)
    assert not (tmp_path / "wandb").exists()


def test_a_server_that_does_not_answer(servers: Callable[[], WandbServer], tiny: Tiny, tmp_path: Path) -> None:
    """Is said in bounded time; a record's folder is never touched."""
    server = servers()
    trial = tiny.trial("forecasting", tmp_path, "baseline=last_value")
    train(trial)
    before = read_record(trial.directory)
    server.mode = "500"
    with pytest.raises(UserError, match="W&B does not say which runs it has"):
        track("--runs", str(tmp_path), "--to", "online", "--timeout", "5")
    server.mode, server.die_at = "answer", ("UpsertBucket", 1)
    with pytest.raises(UserError, match="W&B took 0 of 1 runs"):
        track("--runs", str(tmp_path), "--to", "online", "--timeout", "5")
    assert read_record(trial.directory) == before
