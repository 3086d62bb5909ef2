"""Memory that a step frees is there for the next step, without the kernel clearing its pages again."""

import ctypes
import os
import platform
import subprocess
import sys

import pytest

from unroll.training import memory

FAULTS = """
import ctypes, resource, sys
import torch
from unroll.training.memory import keep_freed_memory

ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)  # PR_SET_THP_DISABLE: pages of 4 KiB, whatever the machine prefers
held = keep_freed_memory() if sys.argv[1] == "kept" else "default"

def step():
    return float(sum(torch.ones(10 << 20) for _ in range(4)).sum())  # blocks of 40 MiB: glibc maps each of over 32 anew

step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(held, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")


def steps(setting: str, **environment: str) -> tuple[str, int]:
    """What `keep_freed_memory` said in a process of its own, and the page faults of five steps after the first."""
    clean = {name: value for name, value in os.environ.items() if name not in memory.VARIABLES}
    run = [sys.executable, "-c", FAULTS, setting]
    said = subprocess.run(run, env={**clean, **environment}, check=True, capture_output=True, text=True).stdout.split()
    return said[0], int(said[1])


@glibc
def test_steps_after_the_first_touch_no_new_pages() -> None:
    (_, before), (held, after) = steps("default"), steps("kept")
    assert held == "kept"
    assert before > 5 * 10240  # a block's pages each step, at least
    assert after < before / 4  # a few blocks', where an earlier step left a gap that is too small


@glibc
def test_a_variable_of_glibcs_is_heeded() -> None:
    held, faults = steps("kept", MALLOC_MMAP_THRESHOLD_=str(2**16))
    assert held == "environment"
    assert faults > 5 * 10240


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(ctypes, "CDLL", lambda name: pytest.fail("asked the C library"))
    assert memory.keep_freed_memory() == "default"
