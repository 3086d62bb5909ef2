"""benchmarks/gpu.py where there is no GPU: what it says, and its loops and sums on the CPU."""

import importlib
import subprocess
import sys
from itertools import cycle, islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import made_up
import pytest
import torch
from torch import Tensor, nn

ROOT = Path(__file__).parents[3]
CPU = torch.device("cpu")
PLAIN = {"precision": "32-true", "tf32": False}


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script, with a few steps of each kind."""
    monkeypatch.syspath_prepend(ROOT)
    script = importlib.import_module("benchmarks.gpu")
    for name, value in {"WARM": 2, "PROFILED": 3}.items():
        monkeypatch.setattr(script, name, value)
    return script


class Line(nn.Module):
    """A hand-written model."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.ones(3, 1))

    def loss(self, x: Tensor, y: Tensor) -> Tensor:
        return (x @ self.slope - y).square().mean()


@pytest.fixture
def case(gpu: Any, tmp_path: Path) -> Any:
    """A made-up forecast, called as one that is written by hand."""
    budget = ["budget.epochs=null", "budget.steps=8", "budget.validate_every=null", "trainer.progress=false"]
    trial = made_up.trial("forecasting", "architecture=gru", *made_up.SMALL, *budget, f"paths.runs={tmp_path}")
    rows = [(None, (torch.full((4, 3), float(n)), torch.ones(4, 1))) for n in range(3)]

    class Written(gpu.Case):
        def hand(self) -> Line:
            return Line()

    return Written("lstm", 8, trial, made_up.prepared(trial), Line, lambda: islice(cycle(rows), 8))


@pytest.mark.parametrize("way", ["unroll", "by hand", "by hand, data on the card"])
def test_each_way_warms_up_and_is_timed(way: str, gpu: Any, case: Any) -> None:
    seen: list[str] = []
    marks = {number: lambda number=number: seen.append(number) for number in (1, 4)}
    clock = gpu.ways_of(case, CPU, PLAIN)[way](marks)
    assert seen == [1, 4]
    assert clock.wall > 0
    assert "by hand, a graph" not in gpu.ways_of(case, CPU, PLAIN)


def test_what_is_measured(gpu: Any, case: Any) -> None:
    ways = {name: way for name, way in gpu.ways_of(case, CPU, PLAIN).items() if name.startswith("by hand")}
    found = gpu.measured(ways, case.steps, 3)
    assert list(found) == ["by hand", "by hand, data on the card"]
    for one in found.values():
        assert len(one["all"]) == 3
        assert one["ms_a_step"] == sorted(one["all"])[1]
        assert one["launches_a_step"] == 0  # a CPU has none


def test_what_a_profile_says(gpu: Any) -> None:
    events = [
        SimpleNamespace(key=key, count=count, self_device_time_total=time, device_type=SimpleNamespace(name=kind))
        for key, count, time, kind in (
            ("cudaLaunchKernel", 30, 0.0, "CPU"),
            ("cuLaunchKernelEx", 3, 0.0, "CPU"),
            ("cudaGraphLaunch", 6, 0.0, "CPU"),
            ("cudaMemcpyAsync", 9, 0.0, "CPU"),
            ("aten::mm", 9, 500.0, "CPU"),
            ("gemm", 9, 500.0, "CUDA"),
            ("Memcpy HtoD", 9, 100.0, "CUDA"),
        )
    ]
    assert gpu.told(events, 0.001) == {"launches_a_step": 13.0, "busy": 0.6}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_it_says_so() -> None:
    done = subprocess.run([sys.executable, "-m", "benchmarks.gpu"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("The benchmark needs an NVIDIA GPU.\n  seen:    no CUDA device: torch ")
    assert "Traceback" not in done.stderr
