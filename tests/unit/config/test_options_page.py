"""The page of all options is the one that the models and the list of components give."""

import runpy
from pathlib import Path

TOOL = Path(__file__).resolve().parents[3] / "tools" / "write_options.py"


def test_the_page_is_up_to_date() -> None:
    tool = runpy.run_path(str(TOOL))
    assert tool["PAGE"].read_text(encoding="utf-8") == tool["page"](), "run: python tools/write_options.py"
