"""W&B's client and the stand-in for its server: which operations the client asks, and that each kind of use works.

The sets of operations are pinned, so that an upgrade of wandb shows what it asks beyond them: the stand-in, and what
Unroll rests on, may have to learn it.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from wandb_server import KEY, Sweep, WandbServer, wandb_server

BESIDE = {  # telemetry, who asks, and what the server can do: now and then, or not at all
    "POST sdk",
    "Viewer",
    "GetDefaultEntity",
    "ServerFeaturesQuery",
    "OrganizationCoreWeaveOrganizationID",
}
STREAM = {"UpsertBucket", "CreateRunFiles", "POST file_stream", "PUT file"}
RESUME = {"RunResumeStatus"}
ARTIFACT = {"ArtifactType", "CreateArtifact", "CreateArtifactManifest", "CreateArtifactFiles", "CommitArtifact"}
SWEEP = {"SweepWithRuns", "CreateAgent", "Heartbeat"}

LOG = """
import wandb
run = wandb.init(project="p", id="one", name="gru s0", group="g", job_type="network", tags=["a"], notes="n",
                 config={"problem": "x/y", "task": {"name": "x"}}, resume="allow")
for number in range(3):
    run.log({"selection": number / 2}, step=number)
run.summary["primary"] = 1.5
run.finish()
"""
GO_ON = """
import wandb
run = wandb.init(project="p", id="one", resume="allow")
assert run.starting_step == 3, run.starting_step
run.log({"selection": 7.0}, step=5)
run.finish(exit_code=1)
"""
TABLE = """
import wandb
run = wandb.init(project="p", id="two", resume="allow")
run.log({"examples": wandb.Table(columns=["example", "text"], data=[[3, "a"]])}, step=0)
run.finish()
"""
RECORD = """
import wandb
run = wandb.init(project="p", id="RUN", resume="allow")
artifact = wandb.Artifact("record", "record", metadata={"primary": 1.5})
with artifact.new_file("record.json") as file:
    file.write("{}")
run.log_artifact(artifact, aliases=["best"])
run.finish()
"""
OFFLINE = """
import wandb
run = wandb.init(project="p", id="three", mode="offline", config={"seed": 1})
for number in range(3):
    run.log({"selection": number}, step=2 * number)
run.finish()
"""
READ = """
import wandb
found = {run.id: (run.state, run.config, run.summary["primary"]) for run in wandb.Api().runs("local/p")}
assert found == {"one": ("finished", {"problem": "x/y", "task": {"name": "x"}}, 1.5)}, found
wandb.Api().run("local/p/one").delete()
"""
TRAIN = """
import sys, wandb
run = wandb.init()
run.log({"selection": float(sys.argv[1].partition("=")[2])})
run.finish()
"""
AGENT = """
program: train.py
method: grid
metric: {name: selection, goal: minimize}
command: ["${env}", "${interpreter}", "${program}", "${args_no_hyphens}"]
parameters: {optimizer.learning_rate: {values: [0.001, 0.003]}}
"""
Client = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def server() -> Iterator[WandbServer]:
    with wandb_server() as running:
        yield running


@pytest.fixture
def client(server: WandbServer, tmp_path: Path) -> Client:
    """Run Python, or one of wandb's commands, in a folder and a home of its own."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"  # an agent starts `python`
    own = {"HOME": str(tmp_path), "PATH": path, "WANDB_BASE_URL": server.url, "WANDB_API_KEY": KEY}

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        server.operations.clear()
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=kept | own, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return done

    return run


def asked(server: WandbServer) -> set[str]:
    """The operations since the client began, without those beside."""
    return set(server.operations) - BESIDE


def test_a_run_goes_on_where_it_was(server: WandbServer, client: Client) -> None:
    client("-c", LOG)
    assert asked(server) == STREAM | RESUME
    run = server.runs["one"]
    assert {key: run.about[key] for key in ("displayName", "groupName", "jobType", "tags", "notes")} == {
        "displayName": "gru s0",
        "groupName": "g",
        "jobType": "network",
        "tags": ["a"],
        "notes": "n",
    }
    assert run.config == {"problem": "x/y", "task": {"name": "x"}}
    assert run.steps == {0: {"selection": 0.0}, 1: {"selection": 0.5}, 2: {"selection": 1.0}}
    assert (run.summary["primary"], run.exit_code, run.states) == (1.5, 0, ["running", "finished"])
    assert "wandb-summary.json" in run.files
    client("-c", GO_ON)
    assert asked(server) == STREAM | RESUME
    assert list(run.steps) == [0, 1, 2, 5]
    assert (run.summary["primary"], run.exit_code, run.state) == (1.5, 1, "failed")


def test_a_table(server: WandbServer, client: Client) -> None:
    client("-c", TABLE)
    assert asked(server) == STREAM | RESUME | ARTIFACT
    assert server.runs["two"].steps[0]["examples"]["nrows"] == 1
    content = server.artifact("run-two-examples").files["examples.table.json"]
    assert b'"data": [[3, "a"]]' in content


def test_an_artifact_whose_content_is_there_is_not_sent_again(server: WandbServer, client: Client) -> None:
    client("-c", RECORD.replace("RUN", "four"))
    assert asked(server) == STREAM | RESUME | ARTIFACT
    found = server.artifact("record")
    assert (found.type, found.run, found.metadata) == ("record", "four", {"primary": 1.5})
    assert found.files == {"record.json": b"{}"}
    assert "best" in found.aliases
    client("-c", RECORD.replace("RUN", "five"))
    assert not asked(server) & {"CreateArtifactFiles", "CommitArtifact"}
    assert len(server.artifacts) == 1


def test_what_was_written_offline_is_synced(server: WandbServer, client: Client, tmp_path: Path) -> None:
    client("-c", OFFLINE)
    assert asked(server) == set()
    (folder,) = tmp_path.glob("wandb/offline-run-*-three")
    client("-m", "wandb", "sync", str(folder))
    assert asked(server) == STREAM
    run = server.runs["three"]
    assert run.steps == {0: {"selection": 0}, 2: {"selection": 1}, 4: {"selection": 2}}
    assert (run.config, run.exit_code) == ({"seed": 1}, 0)


def test_an_agent_starts_what_the_sweep_says(server: WandbServer, client: Client, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(TRAIN, encoding="utf-8")
    values = [0.001, 0.003]
    server.sweep = Sweep(AGENT, [{"optimizer.learning_rate": value} for value in values])
    client("-m", "wandb", "agent", "--count", "2", "local/p/sweep")
    assert asked(server) == STREAM | SWEEP
    for number, value in enumerate(values):
        run = server.runs[Sweep.run_id(number)]
        assert (run.about["sweep"], run.config) == ("sweep", {"optimizer.learning_rate": value})
        assert run.steps == {0: {"selection": value}}
        assert run.exit_code == 0


def test_runs_are_listed_and_deleted(server: WandbServer, client: Client) -> None:
    client("-c", LOG)
    client("-c", READ)
    assert asked(server) == {"Runs", "Run", "DeleteRun"}
    assert server.runs == {}


def test_it_dies_when_it_was_told_to(server: WandbServer, client: Client) -> None:
    """And keeps the bytes of what came before, without the key."""
    server.die_at = ("POST file_stream", 2)
    client("-c", LOG.replace("wandb.init(", "wandb.init(settings=wandb.Settings(finish_timeout=3), "))
    assert server.closing.is_set()
    assert (server.runs["one"].exit_code, server.runs["one"].history) == (None, [])
    assert b"problem" in server.heard()
    assert KEY.encode() not in server.heard()


def test_it_answers_late_or_badly_from_an_operation_on(server: WandbServer, client: Client) -> None:
    """The client waits, and tries again."""
    server.delay_seconds = 0.2
    times = {"UpsertBucket": 0}

    def before(operation: str) -> None:
        times[operation] = times.get(operation, 0) + 1
        server.mode = "500" if operation == "UpsertBucket" and times[operation] == 1 else "answer"

    server.before = before
    client("-c", LOG)
    assert times["UpsertBucket"] > 1
    assert len(server.runs["one"].steps) == 3
