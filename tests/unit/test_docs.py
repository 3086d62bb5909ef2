"""The documentation is whole and true: its commands, its pages of architectures and tasks, its pictures, its links."""

import re
from pathlib import Path

import pytest
import yaml
from doc_commands import PAGES, ROOT, SHELL, Command, check, commands

from tools.pictures import __main__ as pictures

DOCS = ROOT / "docs"
_SECTION = re.compile(r"^## (\w+)\n(.*?)(?=^## |\Z)", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s#:]+)(?:#[^)\s]*)?\)")


def sections(*pages: Path) -> dict[str, str]:
    """The text of each section by its heading."""
    return {name: text for page in pages for name, text in _SECTION.findall(page.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("command", commands(), ids=str)
def test_a_command_is_one(command: Command) -> None:
    check(command)


@pytest.mark.parametrize(
    "text",
    [
        *("unroll trian", "unroll status --wach suite=quickstart", "unroll verify --trust", "make tets", "rm -rf x"),
        *("unroll train task=sentiment architecture=lstn", "unroll sweep suite=none", "unroll reproduce none"),
        *("pip install 'unroll-bench[nothing]'", "sbatch slurm/none.sbatch", "python tools/none.py", ".ci/none"),
    ],
)
def test_what_is_no_command_is_noticed(text: str) -> None:
    with pytest.raises(Exception, match=r"[a-z]"):  # of the command line, of Unroll, or an assertion
        check(Command(ROOT / "README.md", text))


@pytest.mark.parametrize(
    ("group", "pages"),
    [("architecture", sorted((DOCS / "architectures").glob("*.md"))), ("task", [DOCS / "tasks.md"])],
    ids=["architecture", "task"],
)
def test_each_has_a_section_with_its_equation_and_its_picture(group: str, pages: list[Path]) -> None:
    found, names = sections(*pages), pictures.names(group)
    assert [name for name in names if name not in found] == []
    assert [name for name in names if found[name].count("$$") < 2] == []
    assert [name for name in names if f"pictures/{group}s/{name}.svg)" not in found[name]] == []


def test_the_tables_name_each() -> None:
    listed = (DOCS / "architectures" / "index.md").read_text(encoding="utf-8")
    assert [name for name in pictures.names("architecture") if f"`{name}`" not in listed] == []


def test_pictures_are_what_is_drawn(tmp_path: Path) -> None:
    pictures.draw(tmp_path)
    drawn = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.svg")}
    there = {path.relative_to(pictures.FOLDER): path.read_bytes() for path in pictures.FOLDER.rglob("*.svg")}
    assert sorted(drawn) == sorted(there)
    assert [str(path) for path in drawn if drawn[path] != there[path]] == []  # python -m tools.pictures


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    text = re.sub(r"^```.*?^```$|`[^`\n]+`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    assert [link for link in _LINK.findall(text) if not (page.parent / link).exists()] == []


def test_every_page_has_a_place() -> None:
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    named = set(re.findall(r"[\w./-]+\.md", str(site["nav"])))
    assert {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")} - named == set()


def test_no_block_is_without_its_language() -> None:
    for page in PAGES:
        for fence in re.findall(r"^ *```(\w*)\n.*?^ *```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
            assert fence in (*SHELL, "python", "yaml", "toml", "text", "json", ""), (page, fence)
