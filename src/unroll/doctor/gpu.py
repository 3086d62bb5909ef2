"""GPUs beyond their names: what nvidia-smi says of each, and whether it computes, by one real kernel.

The kernel is what recurrent trials spend their time in: an LSTM of cuDNN, forward and backward in deterministic mode,
held against the CPU. NCCL is tried in a group of this process alone.
"""

import contextlib
import csv
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from unroll.doctor.line import OK, PROBLEM, WARNING, Finding, Settings

if TYPE_CHECKING:
    from torch import Tensor

FIELDS = ("index", "name", "driver_version", "memory.total", "memory.free", "mig.mode.current", "compute_mode")
SECONDS = 60  # for nvidia-smi, and for NCCL
ENOUGH = 2048  # MiB free, for a context and a small network's trial
TOLERANCE = 1e-4  # of a tensor's largest number: single precision is off by some 1e-6, TF32 by some 1e-3
BATCH, STEPS, WIDTH = 8, 20, 64
MPS = "nvidia-cuda-mps-control"


def gpus(settings: Settings) -> list[Finding]:
    """What nvidia-smi says of each GPU; of those that torch sees, whether they and NCCL compute."""
    import torch

    shared, found = mps_runs(os.environ), list[Finding]()
    if shutil.which("nvidia-smi"):
        found += judge_smi(*ask_smi(), shared)
    if torch.cuda.is_available():
        found.append(judge_sharing(shared, shutil.which(MPS) is not None))
        tf32 = settings.config["trainer"]["tf32"]
        found += [kernel(number, tf32) for number in range(torch.cuda.device_count())]
        found.append(nccl())
    return found


def ask_smi() -> tuple[int, str]:
    """Return the exit status of nvidia-smi and what it says: a line of `FIELDS` a GPU, memory in MiB."""
    command = ["nvidia-smi", f"--query-gpu={','.join(FIELDS)}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return 1, str(error)
    return done.returncode, done.stdout + done.stderr


def judge_smi(status: int, said: str, shared: bool) -> list[Finding]:
    """Say what state each GPU is in; `shared`: MPS's daemon runs."""
    rows = [[word.strip() for word in row] for row in csv.reader(said.splitlines()) if row]
    if status or not all(len(row) == len(FIELDS) for row in rows):
        seen = f"nvidia-smi says: {' '.join(said.split()) or 'nothing'}"
        return [Finding("gpu", WARNING, seen, "nvidia-smi on its own; tell the machine's administrator")]
    return [_judge_gpu(dict(zip(FIELDS, row, strict=True)), shared) for row in rows]


def _judge_gpu(gpu: Mapping[str, str], shared: bool) -> Finding:
    total, free = (int(gpu[key]) if gpu[key].isdigit() else None for key in ("memory.total", "memory.free"))
    mig, mode = gpu["mig.mode.current"], gpu["compute_mode"]
    memory = f"{free} of {total} MiB free" if total and free is not None else "free memory unknown"
    seen = f"{gpu['name']}, driver {gpu['driver_version']}, {memory}, compute mode {mode}"
    seen += f", MIG {mig.lower()}" if mig in ("Enabled", "Disabled") else ", no MIG"
    state, todo = WARNING, ""
    if mode == "Prohibited":
        state, todo = PROBLEM, f"an administrator: nvidia-smi -i {gpu['index']} -c DEFAULT"
    elif mode == "Exclusive_Process" and not shared:
        todo = f"one worker a GPU, or {MPS} -d, or an administrator: nvidia-smi -i {gpu['index']} -c DEFAULT"
    elif mig == "Enabled":
        todo = "one process an instance: CUDA_VISIBLE_DEVICES=MIG-... of nvidia-smi -L, trainer.devices=1"
    elif free is not None and free < ENOUGH:
        todo = "nvidia-smi shows who holds the memory; CUDA_VISIBLE_DEVICES chooses another GPU"
    return Finding(f"gpu {gpu['index']}", state if todo else OK, seen, todo)


def mps_runs(environment: Mapping[str, str]) -> bool:
    """Whether the daemon of CUDA's Multi-Process Service runs: its file of process ids names one that lives."""
    folder = Path(environment.get("CUDA_MPS_PIPE_DIRECTORY", "/tmp/nvidia-mps"))
    try:
        os.kill(int((folder / f"{MPS}.pid").read_text(encoding="utf-8")), 0)
    except PermissionError:  # of another user
        return True
    except (OSError, ValueError):
        return False
    return True


def judge_sharing(shared: bool, there: bool) -> Finding:
    """Say how several workers would share a GPU; `there`: MPS is installed."""
    if shared:
        return Finding("mps", OK, "MPS's daemon runs: workers compute on one GPU at the same time")
    seen = "workers on one GPU take turns: MPS's daemon does not run"
    return Finding("mps", OK, seen, f"{MPS} -d, before a sweep of several workers a GPU" if there else "")


def kernel(number: int, tf32: bool) -> Finding:
    """One of torch's GPUs: whether this build of torch has code for it, and whether it computes what the CPU does."""
    import torch

    from unroll.training.devices import TF32_SINCE, set_tf32

    name, capability = torch.cuda.get_device_name(number), torch.cuda.get_device_capability(number)
    state = "off" if not tf32 else "on in trials" if capability >= TF32_SINCE else "asked for, which it does not have"
    about = f"{name}, compute capability {capability[0]}.{capability[1]}, CUDA {torch.version.cuda}, TF32 {state}"
    label, built = f"kernel cuda:{number}", torch.cuda.get_arch_list()
    if not has_code(capability, built):
        seen, todo = (
            f"{about}; this torch has code for {', '.join(built)} alone",
            "install a build of torch for this GPU",
        )
        return Finding(label, PROBLEM, seen, todo)
    set_tf32(False)
    try:
        found = lstm(f"cuda:{number}")
    except RuntimeError as error:
        seen = f"{about}; an LSTM fails: {str(error).strip().partition(chr(10))[0]}"
        return Finding(label, PROBLEM, seen, "free memory on it, or a build of torch for this driver (nvidia-smi)")
    about += f", cuDNN {torch.backends.cudnn.version()}"
    return judge_lstm(label, about, gap(found, lstm("cpu")), os.environ.get("NVIDIA_TF32_OVERRIDE"))


def has_code(capability: tuple[int, int], built: Sequence[str]) -> bool:
    """Whether a build of torch runs on a compute capability: its own code, an older minor's, or code still to compile.

    Args:
        capability: major and minor, such as (9, 0).
        built: of `torch.cuda.get_arch_list()`, such as sm_80, sm_90a, compute_90; other words (of ROCm) tell nothing.
    """
    known = False
    for word in built:
        parts = re.fullmatch(r"(sm|compute)_(\d+)(\d)([a-z]?)", word)
        if parts:
            known, has = True, (int(parts[2]), int(parts[3]))
            within = has[0] == capability[0] if parts[1] == "sm" else True
            if has == capability or (within and has <= capability and not parts[4]):
                return True
    return not known


def lstm(device: str) -> "list[Tensor]":
    """Outputs [8, 20, 64] of an LSTM, then the gradients of its inputs and weights, of a seed's; on the CPU."""
    import torch

    with torch.random.fork_rng(devices=[]), _deterministic():
        torch.default_generator.manual_seed(0)
        layer, inputs = torch.nn.LSTM(WIDTH, WIDTH, batch_first=True), torch.randn(BATCH, STEPS, WIDTH)
        layer, inputs = layer.to(device), inputs.to(device).requires_grad_()
        outputs, _ = layer(inputs)
        gradients = torch.autograd.grad(outputs.square().sum(), [inputs, *layer.parameters()])
    return [tensor.detach().cpu() for tensor in (outputs, *gradients)]


@contextlib.contextmanager
def _deterministic() -> Iterator[None]:
    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # as Lightning does; read when cuBLAS is first used
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


def gap(found: "Sequence[Tensor]", expected: "Sequence[Tensor]") -> float:
    """The largest difference between tensors, as a share of the largest expected number; nan if any is no number."""
    import torch

    pairs = zip(found, expected, strict=True)
    return float(torch.stack([(one - other).abs().max() / other.abs().max() for one, other in pairs]).max())


def judge_lstm(label: str, about: str, off: float, tf32_override: str | None) -> Finding:
    """Say whether a GPU computes what the CPU does; `tf32_override`: the value of NVIDIA_TF32_OVERRIDE."""
    seen = f"{about}; an LSTM's outputs and gradients are off by {off:.0e} from the CPU's (allowed: {TOLERANCE:.0e})"
    if off <= TOLERANCE:
        return Finding(label, OK, seen)
    if tf32_override == "1":
        return Finding(label, PROBLEM, f"{seen}; NVIDIA_TF32_OVERRIDE=1", "unset NVIDIA_TF32_OVERRIDE")
    return Finding(label, PROBLEM, seen, "another driver or build of torch; results made here are wrong")


def nccl() -> Finding:
    """Whether NCCL starts and reduces on the first GPU."""
    from torch import cuda, distributed

    if not (distributed.is_available() and distributed.is_nccl_available()):
        return Finding("nccl", OK, "not in this build of torch: one GPU a trial")
    version = ".".join(map(str, cuda.nccl.version()))
    try:
        reduce_alone("nccl", "cuda:0")
    except RuntimeError as error:
        seen = f"NCCL {version} fails: {str(error).strip().partition(chr(10))[0]}"
        return Finding("nccl", WARNING, seen, "NCCL_DEBUG=INFO unroll doctor; until then one GPU a trial")
    return Finding("nccl", OK, f"NCCL {version} starts and reduces, in a group of one process")


def reduce_alone(backend: str, device: str) -> None:
    """Form a group of this process alone, and sum a number over it; RuntimeError where that fails."""
    import torch
    from torch import distributed
    from torch.distributed import HashStore  # type: ignore[attr-defined]

    wait = timedelta(seconds=SECONDS)
    distributed.init_process_group(backend, store=HashStore(), rank=0, world_size=1, timeout=wait)
    try:
        total = torch.full((1,), 3.0, device=device)
        distributed.all_reduce(total)
        if total.item() != 3.0:
            raise RuntimeError(f"the sum over one process of 3 is {total.item()}")
    finally:
        distributed.destroy_process_group()
