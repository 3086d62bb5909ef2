"""What is said of a trial that ran out of memory, on the texts of torch and NumPy."""

import errno

import pytest
import torch

from unroll.training import devices, out_of_memory
from unroll.training.out_of_memory import message

OF_TORCH = (
    "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 79.15 GiB of which 512.25 MiB is "
    "free. Including non-PyTorch memory, this process has 9.1 GiB memory in use."
)
OF_CPU = (
    "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8000000000 bytes. Error code 12"
)
NUMPY = "Unable to allocate 7.45 GiB for an array with shape (1000, 1000000) and data type float64"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (torch.OutOfMemoryError(OF_TORCH), "The GPU's memory ran out: it asked for 2.50 GiB, 512.25 MiB of 79.15 GiB"),
        (
            RuntimeError(f"cuDNN error: {'CUDNN_STATUS_ALLOC_FAILED'}"),
            "The GPU's memory ran out: its need is not known",
        ),
        (RuntimeError("CUDA error: out of memory"), "what was free is not known."),
        (RuntimeError(OF_CPU), "The machine's memory ran out: it asked for 8000000000 bytes, 3.5 GB are free."),
        (MemoryError(NUMPY), "it asked for 7.45 GiB, 3.5 GB are free."),
        (MemoryError(), "The machine's memory ran out: its need is not known, 3.5 GB are free."),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "The machine's memory ran out"),
    ],
)
def test_it_says_what_was_needed_and_what_was_free(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(out_of_memory, "memory_bytes", lambda: 3_500_000_000)
    found = message(error, 64)
    assert said in found
    assert "Try data.batch_size=32 (it was 64), or " in found
    assert "(workers=N)" in found
    assert found.endswith(str(error))


def test_another_errors_message_is_its_own() -> None:
    assert message(ValueError("out of memory of better days"), 64) == "out of memory of better days"


def test_the_peak_of_a_gpu_starts_anew_with_each_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: calls.append("reset"))
    devices.reset_peak()
    assert calls == []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    devices.reset_peak()
    assert calls == ["reset"]
