"""A place where a mistake is made and the advice is then followed: a folder, the commands, what each message said."""

import argparse
import ast
import os
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_data import Tiny, latest

import unroll
from unroll import cli
from unroll.training.train import check

SRC = Path(unroll.__file__).parent
LAUNCHED = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")
SHORT = ["budget.epochs=null", "budget.steps=2", "trainer.diagnose=never"]


def sites() -> set[str]:
    """Every function of the package that gives advice: `config/validate.py:_decays`."""
    found = set()
    for path in SRC.rglob("*.py"):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef):
                found |= {f"{path.relative_to(SRC)}:{function.name}" for call in _own_calls(function) if _advises(call)}
    return found


def _own_calls(function: ast.FunctionDef) -> Iterator[ast.Call]:
    todo: list[ast.AST] = list(function.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Call):
            yield node
        if not isinstance(node, ast.FunctionDef):
            todo += ast.iter_child_nodes(node)


def _advises(call: ast.Call) -> bool:
    named = getattr(call.func, "id", "")
    given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    advice = {given.get("run"), given.get("change")} - {None, "None", "run", "change", "error.run", "error.change"}
    return named[:1].isupper() and bool(advice)


class Place:
    """A folder of one's own with tiny data, where commands run in this process."""

    def __init__(self, folder: Path, tiny: Tiny, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
        self.folder, self.tiny, self.monkeypatch, self.capfd = folder, tiny, monkeypatch, capfd
        self.given: list[tuple[str, str]] = []  # site, what was advised there
        self.arguments: list[str] = []  # what was typed, where a message is not made by `unroll`
        self.server = ""  # address of a stand-in for W&B's
        self.answers: dict[str, str] = {}  # what a person would give a command that asks, in the environment

    def small(self, task: str = "copying", *more: str) -> list[str]:
        """The options of a trial that takes a second."""
        options = latest(*self.tiny.overrides(task, self.folder / "runs"), *SHORT, *more)
        return ["--config-dir", self.tiny.config_dir, *options]

    def unroll(self, *words: str) -> tuple[int, str]:
        """Run a command; its exit code, and what it said."""
        self.monkeypatch.setattr(sys, "argv", ["unroll", *words])
        code: object = 0
        try:
            cli.main()
        except SystemExit as error:
            code = error.code or 0
        said = self.capfd.readouterr()
        return int(str(code)), said.out + said.err

    def advice(self, said: str) -> list[list[str]]:
        """The commands of a message's run line, its remark left out."""
        (line,) = re.findall(r"^  run:     (.*)$", said, re.MULTILINE)
        return [shlex.split(command) for command in line.partition("   # ")[0].split(" && ")]

    def launched(self, *words: str) -> tuple[int, str]:
        """The first rank of a launcher's command: its options are read, and all is checked but training itself."""
        if words[0] == "torchrun":
            from torch.distributed.run import get_args_parser

            told = get_args_parser().parse_args(list(words[1:]))
            assert told.module
            command, each = [told.training_script, *told.training_script_args], int(told.nproc_per_node)
            ranks = {"RANK": "0", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": str(each)}
            ranks["WORLD_SIZE"] = str(int(told.nnodes.partition(":")[0]) * each)
        else:
            parser = argparse.ArgumentParser()
            parser.add_argument("--nodes", type=int)
            parser.add_argument("--ntasks-per-node", type=int)
            parser.add_argument("--job-name", default="job")
            told, command = parser.parse_known_args(list(words[1:]))
            step = {"JOB_ID": 7, "STEP_ID": 0, "PROCID": 0, "LOCALID": 0, "NODEID": 0, "NNODES": told.nodes}
            step |= {"NTASKS": told.nodes * told.ntasks_per_node, "NTASKS_PER_NODE": told.ntasks_per_node}
            ranks = {f"SLURM_{key}": str(value) for key, value in {**step, "JOB_NAME": told.job_name}.items()}
        for name in [name for name in os.environ if name.startswith("SLURM_") or name in LAUNCHED]:
            self.monkeypatch.delenv(name)
        for name, value in ranks.items():
            self.monkeypatch.setenv(name, value)
        assert command[0] == "unroll"
        self.monkeypatch.setattr("unroll.sweeps.job.run_hydra", lambda *given: None)
        self.monkeypatch.setattr("unroll.sweeps.job.train_job", lambda planned, *given, **more: check(planned.trial))
        self.monkeypatch.setattr("unroll.verification.verify.train", lambda trial: {})
        return self.unroll(*command[1:])

    def follow(self, said: str) -> str:
        """Do what a message says; what came out. Fails where a command does not work."""
        out = ""
        for name, value in self.answers.items():
            self.monkeypatch.setenv(name, value)
        for words in self.advice(said):
            if words[0] == "unroll":
                code, text = self.unroll(*words[1:])
            elif words[0] == "python":
                runpy.run_path(words[1], run_name="advised")["main"](words[2:])
                code, text = 0, ""
            elif words[0] in ("torchrun", "srun"):
                code, text = self.launched(*words)
            else:
                done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
                code, text = done.returncode, done.stdout + done.stderr
            assert code in ({0, 1} if words[:2] == ["unroll", "audit"] else {0}), f"{shlex.join(words)}\n{text}"
            out += text
        return out
