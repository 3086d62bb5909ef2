"""Which of several processes this is, as srun, torchrun or Lightning says it before a process group exists."""

import os

from unroll.training.cluster import SHELLS, in_slurm_step


def rank() -> int:
    """The global rank; 0 in a single process."""
    slurm = in_slurm_step() and os.environ.get("SLURM_JOB_NAME") not in SHELLS  # a shell's processes inherit its number
    for name in ("RANK", *(["SLURM_PROCID"] if slurm else []), "LOCAL_RANK"):
        if os.environ.get(name, "").isdigit():
            return int(os.environ[name])
    return 0
