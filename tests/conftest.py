"""Fixtures that every test may use: where the benchmark data lies, and a private runs directory."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def benchmark_data() -> Path:
    """The folder of benchmark data ($UNROLL_DATA); without it the test skips, in CI it fails."""
    folder = os.environ.get("UNROLL_DATA")
    if folder and Path(folder).is_dir():
        return Path(folder).resolve()
    if os.environ.get("CI") == "true":
        pytest.fail("UNROLL_DATA does not name a folder; in CI the benchmark data must be there")
    pytest.skip("needs benchmark data: set UNROLL_DATA to a folder with sst/, multi30k/, ett/, mnist/")


@pytest.fixture(scope="session", autouse=True)
def imports_are_not_collected() -> Iterator[None]:
    """Each trial ends with a garbage collection; without what the imports made, that takes 0.02 s in place of 0.4."""
    import pytorch_lightning  # noqa: F401

    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made-up records are shown as if they were true to themselves, which `test_audit.py` is about."""
    from unroll.results import audit

    monkeypatch.setattr(audit, "CHECKS", ())
    monkeypatch.setattr(audit.evidence, "QUICK", ())
