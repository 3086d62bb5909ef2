"""NVIDIA's Multi-Process Service: kernels of several processes on one GPU at the same time, and not in turns.

A shell keeps the daemon that a sweep has started. It waits for the end of its input, which comes when the sweep ends,
however that ends, and then stops the daemon: a sweep that was killed leaves none behind.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from unroll.sweeps.capacity import Gpu
from unroll.threads import environment
from unroll.visible import say

CONTROL = "nvidia-cuda-mps-control"
PIPES, LOGS = "CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY"
DEFAULT_PIPES = Path("/tmp/nvidia-mps")  # where CUDA looks for a daemon that no variable names
_STOP_SECONDS = 30  # for a daemon to end
_KEEPER = """
said=$CUDA_MPS_LOG_DIRECTORY/said
trap 'rm -rf "$CUDA_MPS_LOG_DIRECTORY"' EXIT
if ! "$0" -d </dev/null >"$said" 2>&1; then head -n 1 "$said"; exit 1; fi
echo started
cat >/dev/null
echo quit | "$0" >/dev/null 2>&1
"""


@contextlib.contextmanager
def shared(gpus: Sequence[Gpu], workers: int, allowed: bool = True) -> Iterator[int]:
    """Let workers share GPUs while the block runs, by a daemon that is there or by one of their own.

    Args:
        gpus: that the workers use.
        workers: how many are wanted.
        allowed: False: no daemon is looked for or started.

    Yields:
        How many may run: one a GPU where a GPU takes one process at a time and there is no MPS.
    """
    if not gpus or workers <= len(gpus):
        yield workers
        return
    with _served(gpus) if allowed else contextlib.nullcontext(False) as served:
        if not served and any(gpu.exclusive for gpu in gpus):
            say("A GPU is in EXCLUSIVE_PROCESS mode and there is no MPS: one worker a GPU", err=True)
            workers = len(gpus)
        yield workers


@contextlib.contextmanager
def _served(gpus: Sequence[Gpu]) -> Iterator[bool]:
    """Whether MPS serves processes that start inside.

    A daemon numbers the GPUs that it was given anew, so that its clients name theirs by UUID.
    """
    control = shutil.which(CONTROL)
    uuids = [gpu.uuid for gpu in gpus if gpu.uuid]
    named = {"CUDA_VISIBLE_DEVICES": ",".join(uuids)} if len(uuids) == len(gpus) else {}
    if _answers(control):
        say("MPS: the workers share GPUs by the daemon that is there", err=True)
        with environment(named):
            yield True
    elif control is None:
        yield False
    else:
        folder = tempfile.mkdtemp(prefix="mps-")  # a short name: a socket's path has 107 letters at most
        with environment({**named, PIPES: folder, LOGS: folder}), _kept(control) as trouble:
            say(f"MPS does not start: {trouble}" if trouble else f"MPS: the workers share GPUs, by {folder}", err=True)
            yield not trouble


def _answers(control: str | None) -> bool:
    """Whether a daemon answers where CUDA looks for one; without the command, whether its pipe is there."""
    if PIPES not in os.environ and not (DEFAULT_PIPES / "control").exists():
        return False
    if control is None:
        return (Path(os.environ.get(PIPES, DEFAULT_PIPES)) / "control").exists()
    try:
        done = subprocess.run(
            [control], input="get_server_list\n", capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and "Cannot find" not in done.stdout + done.stderr


@contextlib.contextmanager
def _kept(control: str) -> Iterator[str]:
    """Keep a daemon while the block runs; yields why there is none, or nothing."""
    keeper = subprocess.Popen(
        ["/bin/sh", "-c", _KEEPER, control],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a terminal's Ctrl-C is not for it
    )
    assert keeper.stdin is not None
    assert keeper.stdout is not None
    try:
        said = keeper.stdout.readline().strip()
        yield "" if said == "started" else said or f"{CONTROL} -d ended without a word"
    finally:
        keeper.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            keeper.wait(_STOP_SECONDS)
        keeper.stdout.close()
