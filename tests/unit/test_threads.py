"""Every library that computes has the trial's number of threads, whatever the process was started with."""

import os
import subprocess
import sys

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from unroll.threads import VARIABLES, computing_threads, environment

SHOW = """
import numpy, torch
from threadpoolctl import threadpool_info
from unroll.threads import computing_threads
with computing_threads({count}):
    import scipy.linalg, sklearn.mixture
    found = threadpool_info()
    print(len(found), *{{pool["num_threads"] for pool in found}})
"""


@pytest.mark.parametrize(("started", "count"), [("2", 1), ("1", 2)])
def test_libraries_loaded_before_and_inside_have_the_count(started: str, count: int) -> None:
    environ = {**os.environ, **dict.fromkeys(VARIABLES, started)}
    command = [sys.executable, "-c", SHOW.format(count=count)]
    done = subprocess.run(command, env=environ, check=True, capture_output=True, text=True)
    pools, *threads = done.stdout.split()
    assert int(pools) >= 3, "NumPy's and SciPy's BLAS, and an OpenMP"
    assert threads == [str(count)]


def test_the_number_before_comes_back() -> None:
    import numpy as np

    assert np.ones(2).sum() == 2  # its BLAS is loaded
    with environment({"OMP_NUM_THREADS": "7"}), threadpool_limits(2, user_api="blas"):
        with computing_threads(1):
            assert os.environ["OMP_NUM_THREADS"] == "1"
            assert {pool["num_threads"] for pool in threadpool_info()} == {1}
        assert os.environ["OMP_NUM_THREADS"] == "7"
        assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} == {2}


def test_an_unset_variable_is_unset_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with environment({"OMP_NUM_THREADS": "1"}):
        assert os.environ["OMP_NUM_THREADS"] == "1"
    assert "OMP_NUM_THREADS" not in os.environ
