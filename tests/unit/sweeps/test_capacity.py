"""How many workers fit: on literals, and with a stand-in for nvidia-smi."""

import os
from pathlib import Path
from typing import Any, cast

import pytest

from unroll.config.trial import Trial
from unroll.errors import UserError
from unroll.sweeps import capacity
from unroll.sweeps.capacity import Gpu, gpus_for, how_many, listed, refuse_one_gpu_for_all, visible_gpus, workers_here

SAID = """0, GPU-aaaa-1, 81000, Default
1, GPU-bbbb-2, 9000, Exclusive_Process
2, GPU-cccc-3, [N/A], Default
"""
ALL = [
    Gpu("0", "GPU-aaaa-1", 81000 * 2**20 / 1e9),
    Gpu("1", "GPU-bbbb-2", 9000 * 2**20 / 1e9, exclusive=True),
    Gpu("2", "GPU-cccc-3", None),
]


class Planned:
    """What is asked of a trial here."""

    def __init__(self, accelerator: str = "auto"):
        self.plain = {"trainer": {"accelerator": accelerator}}


def trials(*accelerators: str) -> list[Trial]:
    return cast("list[Trial]", [Planned(accelerator) for accelerator in accelerators])


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An nvidia-smi of three GPUs, which refuses to be asked anything else."""
    script = tmp_path / "nvidia-smi"
    wanted = "--query-gpu=index,uuid,memory.free,compute_mode --format=csv,noheader,nounits"
    script.write_text(f"#!/bin/sh\n[ \"$*\" = '{wanted}' ] || exit 9\ncat <<'END'\n{SAID}END\n", encoding="utf-8")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.mark.parametrize(
    ("cores", "memory_gb", "free_gb", "workers"),
    [
        (16, 64.0, [], 16),
        (16, 6.1, [], 4),
        (16, 0.5, [], 1),
        (16, None, [], 16),
        (16, 64.0, [80.0], 8),
        (16, 64.0, [7.9], 3),
        (16, 64.0, [0.1], 1),
        (16, 64.0, [None], 1),
        (16, 64.0, [80.0, 80.0], 16),
        (12, 64.0, [80.0, 80.0], 12),
        (64, 640.0, [80.0, 5.0, 80.0], 6),
    ],
)
def test_the_scarcest_decides(cores: int, memory_gb: float | None, free_gb: list[float | None], workers: int) -> None:
    assert how_many(cores, memory_gb, [Gpu(str(number), None, free) for number, free in enumerate(free_gb)]) == workers


def test_what_nvidia_smi_says_is_read() -> None:
    assert listed(SAID) == ALL
    assert listed("NVIDIA-SMI has failed because it could not talk to the driver.\n") == []


@pytest.mark.usefixtures("smi")
def test_all_gpus_are_visible_where_nothing_is_said() -> None:
    assert gpus_for(trials("auto")) == ALL
    assert visible_gpus() == ["0", "1", "2"]


@pytest.mark.usefixtures("smi")
@pytest.mark.parametrize(
    ("stated", "found"),
    [
        ("1, 0", [ALL[1], ALL[0]]),
        ("GPU-cccc", [ALL[2]._replace(name="GPU-cccc")]),
        ("MIG-dddd,7", [Gpu("MIG-dddd"), Gpu("7")]),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
    ],
)
def test_those_that_are_said_to_be_visible_are(stated: str, found: list[Gpu], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", stated)
    assert gpus_for(trials("gpu", "cpu")) == found
    assert visible_gpus() == [gpu.name for gpu in found]


@pytest.mark.usefixtures("smi")
def test_trials_of_the_cpu_use_no_gpu() -> None:
    assert gpus_for(trials("cpu", "cpu")) == []


def test_a_machine_without_nvidia_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert gpus_for(trials("auto")) == []


@pytest.mark.parametrize(("memory", "workers"), [(8 * 10**9, 5), (None, 12)])
def test_this_machine_is_asked(memory: int | None, workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "cores", lambda: 12)
    monkeypatch.setattr(capacity, "memory_bytes", lambda: memory)
    assert workers_here([]) == workers


@pytest.mark.parametrize("jobs", [-1, 2])
def test_jobs_side_by_side_on_one_gpu_are_refused(jobs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    with pytest.raises(UserError, match="all of them on the first GPU") as error:
        refuse_one_gpu_for_all(trials("auto", "auto"), lambda: {"n_jobs": jobs})
    assert f"hydra.launcher.n_jobs={jobs}; GPUs: 0, 1" in str(error.value)
    assert error.value.change == ("hydra.launcher.n_jobs=1",)


@pytest.mark.parametrize(
    ("devices", "accelerators", "options"),
    [
        ("0", ["auto", "auto"], {"n_jobs": 1}),
        ("0", ["auto", "auto"], {"workers": "auto"}),
        ("0", ["auto"], {"n_jobs": -1}),
        ("0", ["cpu", "cpu"], {"n_jobs": -1}),
        ("", ["auto", "auto"], {"n_jobs": -1}),
    ],
)
def test_others_are_not(
    devices: str, accelerators: list[str], options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", devices)
    refuse_one_gpu_for_all(trials(*accelerators), lambda: options)
