"""The command line as a user meets it: quick help, Hydra's options, completion, messages and exit codes."""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from unroll.config.compose import compose
from unroll.registry.groups import group_options

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "unroll"]
HEAVY = ("torch", "pytorch_lightning", "datasets", "hydra", "polars", "wandb")


def unroll(*arguments: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, env={**os.environ, **environment}, check=False
    )
    assert done.returncode == code, done.stderr
    return done


def modules(*arguments: str) -> set[str]:
    """The modules that a command imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "unroll", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    assert not modules("--help").intersection(HEAVY)
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        said = unroll("--help").stdout
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    assert min(seconds) < 0.5
    for command in ("train", "sweep", "report", "verify", "data"):
        assert command in said


def test_showing_a_config_imports_no_torch() -> None:
    assert not modules("train", "--cfg", "job").intersection({"torch", "pytorch_lightning", "datasets"})


def test_showing_a_trial_imports_no_torch_and_is_json_where_asked() -> None:
    overrides = "task=sentiment architecture=lstm budget=quickstart budget.parameters=50000 "
    overrides += "optimizer.learning_rate=0.005 budget.steps=200 seed=1"  # of quickstart: trained by this protocol
    arguments = ("show", compose(overrides.split()).trial_id, "--runs", str(ROOT / "results" / "records"), "--json")
    assert not modules(*arguments).intersection({"torch", "pytorch_lightning", "datasets", "polars"})
    shown = json.loads(unroll(*arguments).stdout)
    assert shown["command"] == f"unroll train {overrides}"
    assert shown["result"]["primary"]["name"] == "accuracy"


def test_cfg_shows_the_job() -> None:
    said = unroll("train", "architecture=gru", "--cfg", "job", "optimizer.learning_rate=0.5").stdout
    assert "name: gru" in said
    assert "learning_rate: 0.5" in said


def test_info_shows_where_the_config_comes_from() -> None:
    assert "architecture/_recurrent" in unroll("train", "--info", "defaults-tree").stdout


def test_hydras_help() -> None:
    said = unroll("train", "--help").stdout
    assert "unroll is powered by Hydra" in said
    assert "architecture: " in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "optimizer.learning_rte=1"],
        ["train", "-m", "seed=0,1", "optimizer.learning_rte=1"],
        ["train", "--cfg", "job", "optimizer.learning_rte=1"],
        ["sweep", "suite=quickstart", "optimizer.learning_rte=1"],
    ],
    ids=" ".join,
)
def test_a_mistake_is_a_message_and_an_exit_code(arguments: list[str], tmp_path: Path) -> None:
    done = unroll(*arguments, f"paths.runs={tmp_path}/runs", code=2)
    assert done.stderr.startswith("There is no key 'learning_rte' in 'optimizer'. Did you mean 'learning_rate'?")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "runs").exists()


def test_a_wrong_option_of_a_component_is_found_before_any_work(tmp_path: Path) -> None:
    done = unroll("train", "+task.drop=0.1", f"paths.runs={tmp_path}/runs", code=2)
    assert "Did you mean 'dropout'?" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_one_wrong_combination_stops_a_multirun_before_its_first_trial(tmp_path: Path) -> None:
    done = unroll("train", "-m", "architecture=lstm,lstn", f"paths.runs={tmp_path}/runs", code=2)
    assert "Did you mean 'lstm'?" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_multirun_starts_no_processes(tmp_path: Path) -> None:
    done = unroll("train", "-m", "seed=0,1", "trainer.devices=2", f"paths.runs={tmp_path}/runs", code=2)
    assert "torchrun --nproc-per-node 2 -m unroll train" in done.stderr


def test_a_users_folder_is_hydras_own_option(tmp_path: Path) -> None:
    (tmp_path / "architecture").mkdir()
    (tmp_path / "architecture" / "wide.yaml").write_text("defaults: [lstm, _self_]\nname: wide\nwidth: 999\n")
    said = unroll("train", "--config-dir", str(tmp_path), "architecture=wide", "--cfg", "job").stdout
    assert "width: 999" in said


def complete(line: str) -> list[str]:
    said = unroll("-sc", "query=bash", COMP_LINE=line, COMP_POINT=str(len(line)))
    assert said.stderr == ""
    return said.stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("unroll tr", ["track", "train"]),
        ("unroll s", ["sample", "seeds", "show", "status", "summary", "sweep"]),
        ("unroll train arch", ["architecture.", "architecture="]),
        ("unroll train architecture=big", ["architecture=bigru"]),
        ("unroll train architecture=gru optimizer.l", ["optimizer.learning_rate="]),
        ("unroll train -m optimizer=", [f"optimizer={name}" for name in group_options("optimizer")]),
        ("/some/where/bin/unroll train task=tr", ["task=translation"]),
        ("unroll sweep suite=q", ["suite=quickstart"]),
        ("unroll cost suite=q", ["suite=quickstart"]),
        ("unroll report suite=q", ["suite=quickstart"]),
        ("unroll summary architecture=big", ["architecture=bigru"]),
        ("unroll train architecture=nonsense opt", ["optimizer="]),
        ("unroll nonsense arch", []),
    ],
)
def test_completion(line: str, offered: list[str]) -> None:
    assert complete(line) == offered


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_completion_in_a_real_bash(tmp_path: Path) -> None:
    """Hydra's own script, installed as docs/running.md says, with `train` between the program and the word."""
    (line,) = re.findall(r"^  (eval .+)$", (ROOT / "docs" / "running.md").read_text(encoding="utf-8"), re.MULTILINE)
    (tmp_path / "unroll").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m unroll "$@"\n')
    (tmp_path / "unroll").chmod(0o755)
    script = (
        f"{line}\n"
        + """
        complete -p unroll | grep -q hydra_bash_completion || exit 3
        COMP_LINE="unroll train architecture=bi"; COMP_POINT=${#COMP_LINE}
        COMP_WORDS=(unroll train architecture=bi); COMP_CWORD=2
        hydra_bash_completion
        echo "${COMPREPLY[@]}"
    """
    )
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, env={**os.environ, "PATH": path}, check=False
    )
    assert done.stdout.split() == ["architecture=bigru", "architecture=bilstm", "architecture=birnn"], done.stderr


def test_data_sets_show_licence_and_citation() -> None:
    said = unroll("data", "list").stdout
    for name in ("rotten_tomatoes_snippets", "jupyter_en_fr", "beijing_pm25", "mnist_5k", "sst2", "etth1"):
        assert f"{name} (" in said
    assert said.count("licence:") == said.count("cite:") == said.count("homepage:") >= 10


def test_verifying_what_is_not_there_says_so(tmp_path: Path) -> None:
    assert "no record of this trial" in unroll("verify", "nothing", "--runs", str(tmp_path), code=2).stderr


def test_a_failing_trial_leaves_its_record_and_an_exit_code(tmp_path: Path) -> None:
    """Weights that grow without bound; the other trial of the multirun still runs."""
    diverging = ["optimizer=sgd", "optimizer.learning_rate=1e30", "optimizer.clip_norm=null", "trainer.log_every=1"]
    arguments = ["task=compression", "architecture=mlp", "debug=fast", *diverging, f"paths.runs={tmp_path}/runs"]
    done = unroll("train", "-m", "seed=0,1", *arguments, code=1)
    records = sorted((tmp_path / "runs").glob("*/record.json"))
    assert [json.loads(path.read_text())["status"] for path in records] == ["failed", "failed"]
    assert all(json.loads(path.read_text())["error"]["traceback"] for path in records)
    assert all(str(path) in done.stderr for path in records)
    assert "Traceback" not in done.stderr


def test_data_that_is_not_there_fails_no_trial(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "broken.yaml").write_text(
        "name: broken\nkind: images\nreader: mnist\nbatch_size: 8\nepochs: 1\n"
        "origin:\n  licence: none\n  citation: none\n  homepage: none\n  sources: [{local: nowhere, files: [x]}]\n"
    )
    arguments = ["task=compression", "data=broken", "architecture=mlp", f"paths.runs={tmp_path}/runs"]
    done = unroll("train", "--config-dir", str(tmp_path), *arguments, code=2)
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "runs").glob("*/record.json"))


def test_the_hub_is_asked_in_a_process_that_imported_nothing_else(tmp_path: Path) -> None:
    offline = {"HF_HUB_OFFLINE": "1", "UNROLL_DATA": "", "UNROLL_CACHE": str(tmp_path), "HF_HOME": str(tmp_path)}
    done = unroll("data", "fetch", "ettm1", code=1, **offline)
    assert "HF_HUB_OFFLINE is set" in done.stdout
    assert "Traceback" not in done.stderr


def test_an_unknown_launcher_is_answered_with_those_of_plugins(tmp_path: Path) -> None:
    said = unroll("train", "-m", "seed=0,1", "hydra/launcher=dask", f"paths.runs={tmp_path}/runs", code=2)
    for word in ("basic", "joblib", "local", "ray", "slurm"):
        assert word in said.stderr
    assert not (tmp_path / "runs").exists()


def test_help_cuts_no_sentence_and_the_version_is_told() -> None:
    for command in ([], ["data"]):
        assert "..." not in unroll(*command, "--help").stdout.partition("Commands:")[2]
    assert unroll("--version").stdout == f"unroll {version('unroll-bench')}\n"
