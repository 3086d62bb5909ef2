"""Committed records name no folder of the machine that trained them."""

from pathlib import Path

import pytest

from unroll.records.committed import without_folders
from unroll.records.store import read_records

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("command", "kept"),
    [
        ("unroll train task=x --config-dir /home/me/conf paths.runs=/scratch/r seed=1", "unroll train task=x seed=1"),
        ("unroll train paths.runs='/my runs' --config-dir='/my conf' seed=2", "unroll train seed=2"),
        (r"unroll train paths.data=/my\ data a=1 --runs /r", "unroll train a=1"),
        ("unroll train task=x data.name=paths.b", "unroll train task=x data.name=paths.b"),
    ],
)
def test_a_command_names_no_folder(command: str, kept: str) -> None:
    record = {"config": {"paths": {"runs": "/scratch/r", "cache": "/c", "data": None}}, "run": {"command": command}}
    assert without_folders(record)["run"]["command"] == kept


def test_no_committed_record_names_one() -> None:
    named = [
        record["trial_id"]
        for record in read_records(ROOT / "results" / "records")
        if {"--config-dir", "--runs"} & set((record["run"].get("command") or "").split())
    ]
    assert named == []
