"""The documentation builds as a site without a warning, and its pages ask the network for nothing."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOADED = re.compile(r'<(?:script|img|iframe|source)\b[^>]*\bsrc="([^"]*)"|<link\b[^>]*\bhref="([^"]*)"')


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return folder


def test_every_page_is_there(site: Path) -> None:
    sources = [*(ROOT / "docs").rglob("*.md"), ROOT / "CONTRIBUTING.md", ROOT / "slurm" / "README.md"]
    for source in sources:
        path = source.relative_to(ROOT / "docs" if source.is_relative_to(ROOT / "docs") else ROOT)
        page = site / path.with_name("index.html" if path.name == "README.md" else f"{path.stem}.html")
        assert page.is_file(), path
        assert "<h1" in page.read_text(encoding="utf-8"), path


def test_pages_load_their_own_files_alone(site: Path) -> None:
    pages = [page for page in site.rglob("*.html") if page.name != "404.html"]
    loaded = {(page, one or other) for page in pages for one, other in LOADED.findall(page.read_text(encoding="utf-8"))}
    assert len(loaded) > 3 * len(pages)
    for page, address in loaded:
        if not address.startswith("data:"):
            assert (page.parent / address.partition("?")[0].partition("#")[0]).exists(), (page, address)
    styles = [path.read_text(encoding="utf-8") for path in site.rglob("*.css")]
    assert not [found for text in styles for found in re.findall(r"url\(\s*[\"']?https?:|@import", text)]


def test_equations_are_drawn_by_the_browser(site: Path) -> None:
    page = (site / "architectures" / "recurrent.html").read_text(encoding="utf-8")
    source = (ROOT / "docs" / "architectures" / "recurrent.md").read_text(encoding="utf-8")
    assert page.count('display="block"') == source.count("$$") // 2
    for path in site.rglob("*.html"):
        text = re.sub(r"<math\b.*?</math>|<code.*?</code>", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert "arithmatex" not in text, path
        assert "\\text{" not in text, path
        assert "$$" not in text, path


def test_files_beside_the_pages_are_named_and_not_linked(site: Path) -> None:
    published = (site / "published.html").read_text(encoding="utf-8")
    assert "<code>results/README.md</code>" in published
    assert 'href="slurm/index.html' in (site / "sweeps.html").read_text(encoding="utf-8")
