"""tests/gpu where there is no GPU: it skips with its reason and passes, and its own logic holds on a CPU."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
OF_A_CPU = (
    "numbers_of_the_cpu and (forecasting-gru or tagging-bilstm or reset)",
    "penalties_of_training and exact",
    "same_bits and generation-ae_variational",
    "where_training_was and attention",
    "one_rank",
)


def asked(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n", "0", "-rs", *options]
    return subprocess.run(command, cwd=ROOT, env=alone | environment, capture_output=True, text=True, timeout=300)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_it_skips_with_the_reason() -> None:
    done = asked("tests/gpu/test_gpu_trials.py", UNROLL_TEST_DEVICE="cuda")
    assert done.returncode == 0, done.stdout
    assert f"no CUDA device: torch {torch.__version__}, built for CUDA" in done.stdout


def test_its_logic_holds_on_a_cpu() -> None:
    done = asked("tests/gpu", "-k", " or ".join(f"({chosen})" for chosen in OF_A_CPU), UNROLL_TEST_DEVICE="cpu")
    assert done.returncode == 0, done.stdout
    assert "SKIPPED" not in done.stdout
