"""What a step's noise costs: dropout of word vectors by torch and by ours, forward and backward, in turn.

    python benchmarks/noise.py [--pairs 7]

CPU milliseconds of one thread, the median of the pairs; a ratio is torch's seconds by ours [least-most].
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from unroll.models.noise import dropout

SIZES = [(64, 20, 128), (64, 50, 300), (128, 30, 256)]  # batch, positions, width
REPEATS = 40


def seconds(draw: Callable[[Tensor], Tensor], x: Tensor) -> float:
    """CPU seconds of one forward and backward pass."""
    began = time.process_time()
    for _ in range(REPEATS):
        draw(x).sum().backward()
    return (time.process_time() - began) / REPEATS


def main() -> None:
    """Alternate the two and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    sides: list[Callable[[Tensor], Tensor]] = [lambda x: F.dropout(x, 0.5, True), lambda x: dropout(x, 0.5, True)]
    print("| B, T, E | torch, CPU ms | ours | ratio |")
    print("| --- | ---: | ---: | ---: |")
    for size in SIZES:
        x = torch.randn(size, requires_grad=True)
        for draw in sides:
            seconds(draw, x)
        pairs = [[seconds(draw, x) for draw in sides] for _ in range(options.pairs)]
        theirs, ours = (1e3 * statistics.median(pair[side] for pair in pairs) for side in (0, 1))
        ratios = [one / other for one, other in pairs]
        spread = f"{statistics.median(ratios):.1f} [{min(ratios):.1f}-{max(ratios):.1f}]"
        print(f"| {', '.join(map(str, size))} | {theirs:.2f} | {ours:.2f} | {spread} |", flush=True)


if __name__ == "__main__":
    main()
