"""What is sent holds no path, no address and no secret; what is none of them stays as it is."""

from pathlib import Path
from typing import Any

import pytest

from unroll.tracking.cleaned import HIDDEN, cleaned

SECRET = "abcdef0123456789"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("paths.runs=/scratch/me/runs seed=1", "paths.runs=runs seed=1"),
        ("data.files=[/a/b.csv,../c/d.csv]", "data.files=[b.csv,d.csv]"),
        ("~/data/mine.csv", "mine.csv"),
        ("file:///home/me/mine/conf.yaml", "conf.yaml"),
        ("by me@example.org", f"by {HIDDEN}"),
        (f"token {SECRET}.", f"token {HIDDEN}."),
        ("hf_ABCDEFGHIJKLMNOPQRSTUVWX", HIDDEN),
        (f"{Path.home()}/a b/c.csv", "a b/c.csv"),
    ],
)
def test_what_goes(text: str, expected: str) -> None:
    assert cleaned(text, {"SOME_TOKEN": SECRET, "PATH": "/usr/bin", "A_KEY": "short"}) == expected


@pytest.mark.parametrize(
    "text",
    ["forecasting/etth1/horizon=24 · gru", "train/task", "https://example.org/a/b", "1/2 and a / b", "short", "/"],
)
def test_what_stays(text: str) -> None:
    assert cleaned(text, {"A_KEY": "short", "MY_PATH": "train/task"}) == text


def test_in_containers_and_keys() -> None:
    found: Any = cleaned({"/a/b": [("/c/d", 1.5)], "n": None, "yes": True}, {})
    assert found == {"b": [["d", 1.5]], "n": None, "yes": True}
