"""How many threads compute: torch, and the BLAS and OpenMP under NumPy, SciPy and scikit-learn. Sums split over another
number of threads differ in their last bits, and what is fitted by iteration carries that on."""

import contextlib
import os
from collections.abc import Iterator, Mapping

VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@contextlib.contextmanager
def environment(wanted: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables inside, and put back what was there."""
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def computing_threads(count: int) -> Iterator[None]:
    """Let every library compute with `count` threads inside: the loaded ones are told, the others read it when loaded.

    Torch keeps the number afterwards.
    """
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(count)
    with environment(dict.fromkeys(VARIABLES, str(count))), threadpool_limits(count):
        yield
