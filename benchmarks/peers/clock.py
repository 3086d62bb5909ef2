"""The clock of both sides: CPU seconds of fit, and of the whole process."""

import json
import os
import time
from collections.abc import Callable


def cpu_seconds() -> float:
    """CPU seconds of this process and of those it has waited for, kernel included."""
    return sum(os.times()[:4])


def timed(fit: Callable[[], int], parameters: int) -> None:
    """Run fit, which returns the steps it took, and print what `run.py` reads: one line of JSON, the last."""
    before, wall = cpu_seconds(), time.perf_counter()
    steps = fit()
    after = cpu_seconds()
    found = {"fit": after - before, "process": after, "wall": time.perf_counter() - wall}
    print("\n" + json.dumps(found | {"steps": steps, "parameters": parameters}), flush=True)
