"""What a test needs and a machine may lack: there it skips with the reason, and in CI it fails."""

import os
from typing import NoReturn

import pytest


def lacking(reason: str) -> NoReturn:
    """End the test."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
