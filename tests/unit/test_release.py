"""What an audit of pinned versions comes to, and that a failed command ends the check of a release."""

from pathlib import Path

import pytest

from tools.release_check import run, verdict


def test_versions_without_a_weakness() -> None:
    found = verdict([{"name": "a", "vulns": []}, {"name": "b", "vulns": []}, {"name": "c", "skip_reason": "unknown"}])
    assert found == "pip-audit: 2 pinned versions without a known weakness, 1 not audited"


def test_a_service_that_knows_no_package_was_not_reached() -> None:
    assert "not reached" in verdict([{"name": "a", "skip_reason": "unknown"}, {"name": "b", "skip_reason": "unknown"}])


def test_a_weakness_ends_the_check() -> None:
    with pytest.raises(SystemExit, match=r"known weaknesses in b;"):
        verdict([{"name": "a", "vulns": []}, {"name": "b", "vulns": [{"id": "PYSEC-1"}]}])


def test_a_command_that_fails_ends_the_check(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="this command failed"):
        run("false", cwd=tmp_path)
