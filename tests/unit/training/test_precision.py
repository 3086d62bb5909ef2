"""The precision that a trial computes in is the one that its name says, or it is refused."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from unroll.config.compose import compose
from unroll.config.trial import Trial
from unroll.errors import UserError
from unroll.training import devices
from unroll.training.devices import check_precision, kind_of, set_tf32
from unroll.verification.verify import verify

backends: Any = torch.backends
HALF, TF32 = "trainer.precision=16-mixed", "trainer.tf32=true"
NETWORK, BASELINE = ["architecture=lstm"], ["baseline=majority"]


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Callable[[tuple[int, int] | None], None]:
    """Let there be a GPU of a compute capability, or none."""

    def put(capability: tuple[int, int] | None) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: capability is not None)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
        monkeypatch.setattr(backends.mps, "is_available", lambda: False)

    return put


def made(*overrides: str) -> Trial:
    return compose(["task=sentiment", *overrides])


@pytest.mark.parametrize(
    ("overrides", "capability", "refused"),
    [
        ([*NETWORK, HALF, "trainer=cpu"], (9, 0), "no 16-bit mixed precision"),
        ([*NETWORK, HALF, "trainer=auto"], None, "no 16-bit mixed precision"),
        ([*NETWORK, HALF, "trainer=auto"], (7, 0), None),
        ([*NETWORK, HALF, "trainer=gpu"], (7, 0), None),
        (["architecture=gru", "trainer.precision=bf16-mixed", "trainer=cpu"], None, None),
        ([*BASELINE, HALF, TF32, "trainer=cpu"], None, None),
        ([*NETWORK, TF32, "trainer=cpu"], (9, 0), "no TF32"),
        ([*NETWORK, TF32, "trainer=auto"], None, "no TF32"),
        ([*NETWORK, TF32, "trainer=gpu"], (7, 5), "no TF32"),
        ([*NETWORK, TF32, "trainer=gpu"], (8, 0), None),
        ([*NETWORK, TF32, HALF, "trainer=gpu"], (8, 0), None),
    ],
)
def test_what_a_device_does_not_have_is_refused(
    overrides: list[str], capability: tuple[int, int] | None, refused: str | None, gpu: Callable[..., None]
) -> None:
    gpu(capability)
    if refused is None:
        check_precision(made(*overrides))
        return
    with pytest.raises(UserError, match=refused) as raised:
        check_precision(made(*overrides))
    assert raised.value.saw
    assert raised.value.allowed


def test_an_lstm_in_bfloat16_takes_a_cpu_that_has_it(gpu: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    gpu(None)
    asked = made(*NETWORK, "trainer.precision=bf16-mixed", "trainer=cpu")
    monkeypatch.setattr(devices, "bf16_lstms", lambda: True)
    check_precision(asked)
    monkeypatch.setattr(devices, "bf16_lstms", lambda: False)
    with pytest.raises(UserError, match="no LSTM in bfloat16"):
        check_precision(asked)


def test_asking_for_bfloat16_draws_nothing() -> None:
    before = torch.get_rng_state()
    devices.bf16_lstms()
    assert torch.equal(torch.get_rng_state(), before)


def test_it_is_asked_where_training_is(gpu: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """A login node has no GPU; what needs none to be wrong is refused there as well."""
    gpu(None)
    monkeypatch.setattr(sys, "argv", ["unroll", "sweep", "suite=matrix", "hydra/launcher=slurm"])
    check_precision(made(*NETWORK, HALF, "trainer=auto"))
    with pytest.raises(UserError, match="16-bit"):
        check_precision(made(*NETWORK, HALF, "trainer=cpu"))


def test_what_lightning_calls_it(gpu: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    gpu(None)
    assert [kind_of(name) for name in ("auto", "cpu", "gpu")] == ["cpu", "cpu", "cuda"]
    gpu((8, 0))
    assert [kind_of(name) for name in ("auto", "cpu", "gpu")] == ["cuda", "cpu", "cuda"]
    monkeypatch.setattr(backends.mps, "is_available", lambda: True)
    assert [kind_of(name) for name in ("auto", "cpu", "gpu")] == ["mps", "cpu", "mps"]


@pytest.fixture
def numbers() -> Iterator[Callable[[], tuple[Any, ...]]]:
    """What the names that torch has for it say, the older and the newer ones; as it was afterwards."""

    def said() -> tuple[Any, ...]:
        parts = (backends.cuda.matmul, backends.cudnn.conv, backends.cudnn.rnn, backends.mkldnn.matmul)
        newer = {part.fp32_precision for part in parts[:3]}, parts[3].fp32_precision
        older = backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
        return (*newer, *older)

    yield said
    set_tf32(False)


PARTLY: dict[str, Callable[[], None]] = {
    "torch's defaults": lambda: setattr(backends.cudnn, "allow_tf32", True),
    "the other way": lambda: set_tf32(True),
    "products alone": lambda: torch.set_float32_matmul_precision("medium"),
    "everything": lambda: setattr(backends, "fp32_precision", "tf32"),
    "recurrent layers alone": lambda: setattr(backends.cudnn.rnn, "fp32_precision", "tf32"),
    "on the CPU": lambda: setattr(backends.mkldnn.matmul, "fp32_precision", "bf16"),
}


@pytest.mark.parametrize("before", PARTLY)
def test_all_layers_round_alike_whatever_was_set_before(before: str, numbers: Callable[[], Any]) -> None:
    for allowed in (False, True, False):
        PARTLY[before]()
        set_tf32(allowed)
        rounded = "tf32" if allowed else "ieee"
        assert numbers() == ({rounded}, "ieee", allowed, allowed, "high" if allowed else "highest")


def test_it_is_part_of_a_trial(numbers: Callable[[], Any]) -> None:
    plain, rounded = made(*NETWORK), made(*NETWORK, TF32)
    assert plain.trial_id != rounded.trial_id
    assert made(*BASELINE).trial_id == made(*BASELINE, TF32).trial_id
    protocol = plain.config.task.protocol_version
    record = {"status": "finished", "trial_id": plain.trial_id, "config": plain.plain, "protocol_version": protocol}
    with pytest.raises(UserError, match="only where and how it runs can be another"):
        verify(record, [TF32])


def test_cublas_is_told_before_it_starts() -> None:
    """Lightning says so as well, but a worker's environment is put back after each trial."""
    ask = "import os, sys, unroll; print(os.environ['CUBLAS_WORKSPACE_CONFIG'], 'torch' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", ask], env={}, capture_output=True, text=True, check=True)
    assert told.stdout.split() == [":4096:8", "False"]


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023", "535.104.05"),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.15  Release Build", "550.54.15"),
        ("", None),
        (None, None),
    ],
)
def test_the_drivers_version(
    said: str | None, version: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "DRIVER", tmp_path / "version")
    if said is not None:
        (tmp_path / "version").write_text(said, encoding="utf-8")
    assert devices.driver() == version
