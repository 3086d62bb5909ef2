"""GPUs without one: what is said of made-up states, and the kernel on the CPU against itself and a wrong one."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from unroll.doctor import gpu
from unroll.doctor.line import OK, PROBLEM, WARNING, Finding, Settings

SMI = {
    "index": "0",
    "name": "NVIDIA H200",
    "driver_version": "570.86.15",
    "memory.total": "143771",
    "memory.free": "143000",
    "mig.mode.current": "Disabled",
    "compute_mode": "Default",
}


def row(**changed: str) -> str:
    return ", ".join((SMI | changed).values()) + "\n"


@pytest.mark.parametrize(
    ("changed", "shared", "state", "seen", "todo"),
    [
        ({}, False, OK, "NVIDIA H200, driver 570.86.15, 143000 of 143771 MiB free, compute mode Default, MIG dis", ""),
        ({"mig.mode.current": "[N/A]"}, False, OK, "no MIG", ""),
        ({"memory.free": "[N/A]"}, False, OK, "free memory unknown", ""),
        ({"memory.free": "2048"}, False, OK, "2048 of 143771 MiB free", ""),
        ({"memory.free": "2047"}, False, WARNING, "2047 of 143771 MiB free", "who holds the memory"),
        ({"mig.mode.current": "Enabled"}, False, WARNING, "MIG enabled", "CUDA_VISIBLE_DEVICES=MIG-"),
        ({"compute_mode": "Exclusive_Process"}, False, WARNING, "Exclusive_Process", "one worker a GPU"),
        ({"compute_mode": "Exclusive_Process"}, True, OK, "Exclusive_Process", ""),
        ({"compute_mode": "Prohibited"}, True, PROBLEM, "Prohibited", "nvidia-smi -i 0 -c DEFAULT"),
    ],
)
def test_a_gpus_state(changed: dict[str, str], shared: bool, state: str, seen: str, todo: str) -> None:
    other = row(index="1", **{"memory.free": "9"})
    line, second = gpu.judge_smi(0, row(**changed) + "\n" + other, shared)
    assert (line.check, line.state) == ("gpu 0", state)
    assert seen in line.seen
    assert todo in line.todo
    assert bool(line.todo) == (state != OK)
    assert (second.check, second.state) == ("gpu 1", WARNING)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (9, "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n"),
        (2, 'Field "mig.mode.current" is not a valid field to query.\n'),
        (0, "No devices were found\n"),
    ],
)
def test_what_nvidia_smi_says_otherwise_is_passed_on(status: int, said: str) -> None:
    (line,) = gpu.judge_smi(status, said, False)
    assert (line.check, line.state, line.seen) == ("gpu", WARNING, f"nvidia-smi says: {said.strip()}")


def test_nvidia_smi_is_asked_for_what_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "nvidia-smi"
    query = "--query-gpu=index,name,driver_version,memory.total,memory.free,mig.mode.current,compute_mode"
    script.write_text(f'#!/bin/sh\ntest "$*" = "{query} --format=csv,noheader,nounits" && echo "{row().strip()}"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    (line,) = gpu.gpus(Settings())
    assert (line.check, line.state) == ("gpu 0", OK)
    script.write_text("#!/bin/sh\necho 'Failed to initialize NVML: Driver/library version mismatch' >&2\nexit 18\n")
    (line,) = gpu.gpus(Settings())
    assert line.state == WARNING
    assert line.seen == "nvidia-smi says: Failed to initialize NVML: Driver/library version mismatch"


def test_the_daemon_of_mps_runs_while_its_process_lives(tmp_path: Path) -> None:
    places = {"CUDA_MPS_PIPE_DIRECTORY": str(tmp_path)}
    assert not gpu.mps_runs(places)
    file = tmp_path / "nvidia-cuda-mps-control.pid"
    file.write_text(f"{os.getpid()}\n")
    assert gpu.mps_runs(places)
    for wrong in ("", "no number", "999999999"):
        file.write_text(wrong)
        assert not gpu.mps_runs(places), wrong


def test_workers_share_a_gpu_by_mps_or_take_turns() -> None:
    assert gpu.judge_sharing(True, True).todo == gpu.judge_sharing(False, False).todo == ""
    assert gpu.judge_sharing(False, True).todo.startswith("nvidia-cuda-mps-control -d")


@pytest.mark.parametrize(
    ("capability", "built", "runs"),
    [
        ((9, 0), ["sm_80", "sm_90"], True),
        ((8, 6), ["sm_80", "sm_90"], True),  # of the same major, older
        ((8, 0), ["sm_86"], False),
        ((10, 0), ["sm_80", "sm_90"], False),
        ((12, 0), ["sm_90", "compute_90"], True),  # compiled when it is loaded
        ((7, 0), ["sm_90", "compute_90"], False),
        ((12, 0), ["sm_100", "sm_120"], True),
        ((9, 0), ["sm_90a"], True),
        ((10, 3), ["sm_100a", "compute_90a"], False),  # of one architecture alone
        ((9, 4), ["gfx942"], True),  # ROCm names others: nothing is said
    ],
)
def test_a_build_has_code_for_a_gpu_or_not(capability: tuple[int, int], built: list[str], runs: bool) -> None:
    assert gpu.has_code(capability, built) == runs


def test_the_kernel_is_the_same_each_time_and_leaves_no_trace() -> None:
    before = torch.are_deterministic_algorithms_enabled()
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    first, second = gpu.lstm("cpu"), gpu.lstm("cpu")
    assert torch.equal(torch.rand(1), expected)
    assert torch.are_deterministic_algorithms_enabled() == before
    assert [tuple(each.shape) for each in first] == [(8, 20, 64), (8, 20, 64), (256, 64), (256, 64), (256,), (256,)]
    assert all(each.abs().max() > 0 for each in first)
    assert gpu.gap(first, second) == 0
    line = gpu.judge_lstm("kernel", "CPU", gpu.gap(first, second), None)
    assert (line.state, line.todo) == (OK, "")


def wrong(found: list[Tensor], number: int, change: Any) -> list[Tensor]:
    return [change(each) if at == number else each for at, each in enumerate(found)]


@pytest.mark.parametrize(
    "change",
    [lambda x: x * 1.001, lambda x: x.flip(0), lambda x: x * float("nan"), lambda x: x.float() * 0],
    ids=["rounded as TF32 rounds", "another order", "no number", "nothing"],
)
@pytest.mark.parametrize("number", [0, 1, 5])
def test_a_wrong_result_is_reported(number: int, change: Any) -> None:
    expected = gpu.lstm("cpu")
    off = gpu.gap(wrong(expected, number, change), expected)
    assert not off <= gpu.TOLERANCE
    line = gpu.judge_lstm("kernel cuda:0", "GPU", off, None)
    assert line.state == PROBLEM
    assert "(allowed: 1e-04)" in line.seen
    assert gpu.judge_lstm("kernel cuda:0", "GPU", off, "1").todo == "unset NVIDIA_TF32_OVERRIDE"


def test_single_precision_is_right() -> None:
    expected = gpu.lstm("cpu")
    assert gpu.gap([each.double().float() * (1 + 1e-6) for each in expected], expected) <= gpu.TOLERANCE


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A GPU that computes what the CPU computes."""
    told = {
        "is_available": True,
        "device_count": 1,
        "get_device_name": "H200",
        "get_device_capability": (9, 0),
        "get_arch_list": ["sm_90"],
    }
    for name, value in told.items():
        monkeypatch.setattr(torch.cuda, name, lambda *given, value=value: value)
    monkeypatch.setattr(gpu, "nccl", lambda: Finding("nccl", OK, "reduces"))
    monkeypatch.setenv("PATH", "")
    computes = gpu.lstm
    monkeypatch.setattr(gpu, "lstm", lambda device: computes("cpu"))
    return monkeypatch


def lines(tf32: bool = False) -> dict[str, Finding]:
    settings = Settings()
    settings.__dict__["trial"] = SimpleNamespace(plain={"trainer": {"tf32": tf32}})
    return {line.check: line for line in gpu.gpus(settings)}


def test_a_gpu_that_computes(pretended: pytest.MonkeyPatch) -> None:
    found = lines()
    assert list(found) == ["mps", "kernel cuda:0", "nccl"]
    assert {line.state for line in found.values()} == {OK}
    assert "H200, compute capability 9.0" in found["kernel cuda:0"].seen
    assert "TF32 off" in found["kernel cuda:0"].seen
    assert "TF32 on in trials" in lines(tf32=True)["kernel cuda:0"].seen


def test_a_gpu_that_computes_something_else(pretended: pytest.MonkeyPatch) -> None:
    right = gpu.lstm("cpu")
    pretended.setattr(gpu, "lstm", lambda device: right if device == "cpu" else wrong(right, 3, lambda x: x + 1))
    assert lines()["kernel cuda:0"].state == PROBLEM


def test_a_gpu_that_fails(pretended: pytest.MonkeyPatch) -> None:
    def fail(device: str) -> list[Tensor]:
        raise RuntimeError("CUDA error: out of memory\nCompile with ...")

    pretended.setattr(gpu, "lstm", fail)
    line = lines()["kernel cuda:0"]
    assert line.state == PROBLEM
    assert line.seen.endswith("an LSTM fails: CUDA error: out of memory")


def test_a_gpu_that_the_build_does_not_know(pretended: pytest.MonkeyPatch) -> None:
    pretended.setattr(torch.cuda, "get_arch_list", lambda: ["sm_50"])
    line = lines()["kernel cuda:0"]
    assert (line.state, line.todo) == (PROBLEM, "install a build of torch for this GPU")
    assert "code for sm_50 alone" in line.seen


def test_a_group_of_one_sums_and_is_gone_after() -> None:
    gpu.reduce_alone("gloo", "cpu")
    assert not torch.distributed.is_initialized()


@pytest.mark.parametrize("trouble", [None, "unhandled cuda error\nmore"])
def test_nccl(trouble: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    def reduce(backend: str, device: str) -> None:
        assert (backend, device) == ("nccl", "cuda:0")
        if trouble:
            raise RuntimeError(trouble)

    monkeypatch.setattr(torch.distributed, "is_nccl_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "nccl", SimpleNamespace(version=lambda: (2, 29, 7)))
    monkeypatch.setattr(gpu, "reduce_alone", reduce)
    line = gpu.nccl()
    assert line.state == (WARNING if trouble else OK)
    assert line.seen.startswith("NCCL 2.29.7 fails: unhandled cuda error" if trouble else "NCCL 2.29.7 starts")
    assert "more" not in line.seen
