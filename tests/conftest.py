"""Fixtures that every test may use: where the benchmark data lies, and a private runs directory."""

import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.needed import lacking

# The same examples in every run, however slow the machine is.
settings.register_profile("unroll", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unroll")

# A shell starts what runs in the background with Ctrl-C ignored, and every process of a test would ignore it too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def same_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trial of a sweep sets `sys.argv`, which records keep: no other test of the process sees it."""
    monkeypatch.setattr(sys, "argv", list(sys.argv))


@pytest.fixture(scope="session")
def benchmark_data() -> Path:
    """The folder of benchmark data ($UNROLL_DATA); without it the test skips, in CI it fails."""
    folder = os.environ.get("UNROLL_DATA")
    if folder and Path(folder).is_dir():
        return Path(folder).resolve()
    lacking("needs benchmark data: set UNROLL_DATA to a folder with sst/, multi30k/, ett/, mnist/")


@pytest.fixture
def believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made-up records are shown as if they were true to themselves, which `test_audit.py` is about."""
    from unroll.records import audit

    monkeypatch.setattr(audit, "CHECKS", ())
    monkeypatch.setattr(audit.evidence, "QUICK", ())
