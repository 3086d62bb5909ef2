"""The recipes of docs/extending.md: the text of their files and their command lines, as the page has them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

PAGE = Path(__file__).resolve().parents[1] / "docs" / "extending.md"
_BUILDS_ON = re.compile(r"with\s+the\s+files\s+of\s+\[([^]]+)\]\(#")
_ROW = re.compile(r"^\| \[(.+?)\]\(#.+?\) \| (.+?) \| (\d+) \| .+ \|$", re.MULTILINE)
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Recipe:
    """A section of the page: path -> text of each file, the lines of its shell blocks, and what it builds on."""

    title: str
    files: dict[str, str]
    commands: list[str]
    builds_on: list[str]

    @property
    def lines(self) -> int:
        """Of code and YAML together, without the comments that name the files."""
        return sum(text.strip().count("\n") + 1 for text in self.files.values())

    def write(self, folder: Path) -> None:
        """Write the files into a folder, and those of the recipes that it builds on."""
        for title in self.builds_on:
            recipe(title).write(folder)
        for name, text in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


def recipes() -> list[Recipe]:
    """All of the page's."""
    sections = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return [_recipe(section) for section in sections]


def recipe(title: str) -> Recipe:
    """One, by the heading of its section."""
    (found,) = [one for one in recipes() if one.title == title]
    return found


def table() -> dict[str, tuple[list[str], int]]:
    """What the page's table says: title -> the names of the files, without their folder, and the lines."""
    rows = _ROW.findall(PAGE.read_text(encoding="utf-8"))
    return {title: (re.findall("`(.+?)`", files), int(lines)) for title, files, lines in rows}


def write_data(folder: Path) -> None:
    """Write what the recipes' data sets read: series that turn or swing, and lines of letters."""
    for name, text in _data(np.random.default_rng(0)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _data(random: np.random.Generator) -> Iterator[tuple[str, str]]:
    for number in range(80):
        steps = np.arange(random.integers(4, 12)) + random.random()
        second = np.cos(steps) if number % 2 else 0 * steps
        rows = [f"{a:.4f},{b:.4f}" for a, b in zip(np.sin(steps), second, strict=True)]
        yield f"gestures/{('wave', 'circle')[number % 2]}/{number}.csv", "\n".join(["x,y", *rows, ""])
    for split, lines in (("train", 60), ("validation", 20), ("test", 20)):
        texts = ["".join(random.choice(list("abc de"), random.integers(3, 12))) for _ in range(lines)]
        yield f"letters/{split}.txt", "\n".join([*texts, ""])


def _recipe(section: str) -> Recipe:
    files: dict[str, str] = {}
    commands: list[str] = []
    for language, text in _BLOCK.findall(section):
        if language == "sh":
            commands += text.splitlines()
        else:
            first, _, rest = text.partition("\n")
            assert first.startswith("# "), f"the block's first line names no file: {first}"
            files[first.removeprefix("# ")] = rest
    return Recipe(section.partition("\n")[0], files, commands, _BUILDS_ON.findall(section))
