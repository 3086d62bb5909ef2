"""Commands of the documentation: where each stands, and whether it is one: parsed, composed and planned, not run."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer.main
from typer.core import TyperGroup

from unroll.cli import app
from unroll.config.compose import compose
from unroll.reproduction.published import table_names
from unroll.sweeps.suite import plan

ROOT = Path(__file__).resolve().parents[1]
PAGES = (
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")),
    *sorted((ROOT / "slurm").rglob("*.md")),
)
SHELL = ("sh", "bash", "console")
OURS = {"unroll", "make", "sbatch", "pip", "python", "pytest", "ray"}
OTHERS = {
    "cd",
    "export",
    "git",
    "mkdir",
    "cat",
    "head",
    "source",
    "getent",
    "squeue",
    "sacct",
    "scontrol",
    "scancel",
    "sinfo",
}
_BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"`(unroll [^`]+)`", re.DOTALL)
_PLACEHOLDER = re.compile(r"(^|[=/])[A-Z][A-Z_0-9]*$")
_OF_A_PROCESS = ("hydra", "workers=", "sweep.", "paths.", "logger")  # what a suite's plan does not ask for


@dataclass(frozen=True)
class Command:
    """A command as a page has it, without a prompt and with its continued lines."""

    page: Path
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {self.text}"


def commands() -> list[Command]:
    """Of all pages: the lines of shell blocks, and `unroll ...` amid the text."""
    return [Command(page, text) for page in PAGES for text in _of(page.read_text(encoding="utf-8"))]


def _of(text: str) -> Iterator[str]:
    for _, language, block in _BLOCK.findall(text):
        if language in SHELL:
            yield from lines(block, language)
    for found in _INLINE.findall(_BLOCK.sub("", text)):
        for each in found.split(" \\| ") if "\\|" in found else [found]:
            if each.startswith("unroll "):
                yield " ".join(each.split())


def lines(block: str, language: str = "sh") -> Iterator[str]:
    """The commands of a shell block; of `console` those behind a prompt."""
    block = block.replace("\\\n", " ")
    for line in block.splitlines():
        line = line.strip()
        if language == "console":
            if line.startswith("$ "):
                yield line[2:]
        elif line and not line.startswith("#"):
            yield line


def words_of(text: str) -> list[list[str]]:
    """The commands of a line, each as words; without variables before, `...`, redirections and comments."""
    text = re.sub(r"\.? ?<\((.*)\)|eval \"\$\((.*)\)\"", lambda found: found[1] or found[2], text)
    found: list[list[str]] = [[]]
    for word in shlex.split(text, comments=True):
        if word in ("&&", "|", ";"):
            found.append([])
        else:
            found[-1].append(word)
    kept = [[word for word in words if word != "..." and not word.startswith(("<", ">"))] for words in found]
    return [words[_variables(words) :] for words in kept]


def _variables(words: list[str]) -> int:
    return next((n for n, word in enumerate(words) if not re.match(r"[A-Z_]+=", word)), len(words))


def check(command: Command) -> None:
    """Raise where a command is none: of Unroll as the command line and the planner see it, of others by its files."""
    for name, *words in words_of(command.text):
        if name.startswith((".ci/", "slurm/")):
            assert (ROOT / name).is_file(), f"{command}: no such script"
            continue
        program = name.rpartition("/")[2] if name.startswith(".venv/bin/") else name
        assert program in OURS | OTHERS, f"{command}: {program} is no program that the pages may use"
        if program in OURS:
            globals()[f"_{program}"](words, command)


def _make(words: list[str], command: Command) -> None:
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert words[0] in targets, f"{command}: no such target"


def _pip(words: list[str], command: Command) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    asked = re.findall(r"\[([\w-]+)\]", " ".join(words))
    assert set(asked) <= set(extras), f"{command}: no such extra"
    assert words[0] == "install", command


def _python(words: list[str], command: Command) -> None:
    module = words[1].replace(".", "/") if words[0] == "-m" else words[0].removesuffix(".py")
    places = (ROOT / f"{module}.py", ROOT / module / "__main__.py")
    made = f"{command.page.read_text(encoding='utf-8')}".count(f"# {words[0]}\n")  # a file that the page has
    assert made or any(place.is_file() for place in places), f"{command}: no such program"


def _pytest(words: list[str], command: Command) -> None:
    assert all((ROOT / word).exists() for word in words if word.startswith("tests")), command


def _ray(words: list[str], command: Command) -> None:
    assert words[0] in ("start", "stop"), command


def _sbatch(words: list[str], command: Command) -> None:
    place = next(n for n, word in enumerate(words) if not word.startswith("-"))
    assert (ROOT / words[place]).is_file(), f"{command}: no such script"
    sub = "sweep" if words[place].endswith("sweep.sbatch") else "train"
    _unroll([sub, *words[place + 1 :]], command)


def _unroll(words: list[str], command: Command) -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    if words[0].startswith("-") or "--help" in words:
        assert words[0] in ("-sc", "--help", "--version") or not words[0].startswith("-"), f"{command}: no such option"
        return
    sub, rest = words[0], words[1:]
    found = group.commands.get(sub)
    assert found is not None, f"{command}: no such command"
    if isinstance(found, TyperGroup):
        if not rest:
            return
        sub, found, rest = rest[0], found.commands.get(rest[0]), rest[1:]
        assert found is not None, f"{command}: no such command"
    overrides = _parsed(found, sub, rest, command)
    if command.page.name == "extending.md" or "--config-dir" in words or any(map(_PLACEHOLDER.search, overrides)):
        return  # of files of one's own: test_recipes.py, test_first_hour.py and test_pages_to_write.py run those
    _composed(sub, overrides, "-m" in words, command)


def _parsed(found: Any, sub: str, rest: list[str], command: Command) -> list[str]:
    """The overrides among the words, all options being known."""
    if sub == "train":
        hydra = ("-m", "--cfg", "job", "hydra", "--info", "-sc", "install=bash", "--config-dir", "mine")
        return [word for word in rest if word not in hydra]
    if not rest:  # a command that is spoken of
        return []
    context = found.make_context(sub, list(rest))
    asked = [value for name, value in context.params.items() if name in ("overrides", "words")]
    given = [word for value in asked for word in value or ()]
    assert not [word for word in given if word.startswith("-")], f"{command}: no such option"
    return given


def _composed(sub: str, overrides: list[str], many: bool, command: Command) -> None:
    if sub == "reproduce":
        names = [word for word in overrides if "=" not in word]
        assert set(names) <= set(table_names()), f"{command}: no such table"
    elif any(word.startswith("suite=") for word in overrides):
        plan([word for word in overrides if not word.startswith(_OF_A_PROCESS)])
    elif sub == "seeds" and overrides:
        plan([f"suite={word}" for word in overrides])
    elif sub in ("train", "summary", "doctor", "cost", "matrix") and overrides:
        if many or any(word.startswith("hydra/") for word in overrides):
            overrides = [_first(word) for word in overrides if not word.startswith("hydra") and "(" not in word]
        compose([word for word in overrides if not word.startswith(("hydra", "workers="))])


def _first(word: str) -> str:
    key, _, value = word.partition("=")
    return word if value.startswith(("[", "{", "'")) else f"{key}={value.partition(',')[0]}"
