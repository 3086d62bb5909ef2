"""What keeping freed memory changes: training steps of single layers, with glibc's defaults and with ours.

Each setting runs in processes of its own, in turn, on one thread; a process warms up, then times its steps in CPU
seconds. Both must find the same bits in the gradients.

    python benchmarks/memory.py [--pairs 5]

A ratio is CPU seconds of a step by default over those with freed memory kept, the median of the pairs [least, most].
"""

import argparse
import hashlib
import statistics
import subprocess
import sys
import time

CASES = {  # kind: (batch, steps, input width, width), training steps timed
    "lstm": [((64, 784, 1, 128), 3), ((64, 50, 256, 256), 8), ((64, 20, 128, 128), 40)],
    "gru": [((64, 784, 1, 128), 3), ((32, 96, 7, 64), 20)],
    "rnn": [((64, 784, 1, 128), 6)],
}


def timed(kind: str, case: int, kept: bool) -> None:
    """Print the CPU seconds of a step, page faults of a step, and the gradients' hash."""
    import resource

    import torch

    from unroll.training.memory import keep_freed_memory

    if kept and keep_freed_memory() != "kept":
        raise SystemExit("freed memory cannot be kept here: another C library, or a variable of glibc's")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    (batch, length, inputs, width), steps = CASES[kind][case]
    layer = getattr(torch.nn, kind.upper())(inputs, width, batch_first=True)
    x = torch.randn(batch, length, inputs)
    for step in range(steps + 2):
        if step == 2:
            began, faults = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        layer.zero_grad()
        layer(x)[0].square().mean().backward()
    seconds = (time.process_time() - began) / steps
    faults = (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults) // steps
    found = hashlib.sha256(b"".join(p.grad.numpy().tobytes() for p in layer.parameters())).hexdigest()
    print(seconds, faults, found)


def main() -> None:
    """Alternate the two settings over all cases and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--timed", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.timed:
        kind, case, setting = options.timed
        timed(kind, int(case), setting == "kept")
        return
    print("| layer | B, T, D, H | default, CPU ms a step | kept | ratio | page faults a step | kept |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for kind, cases in CASES.items():
        for case, (sizes, _) in enumerate(cases):
            found: dict[str, list[tuple[float, int, str]]] = {"default": [], "kept": []}
            for pair in range(options.pairs):
                for setting in ("default", "kept") if pair % 2 else ("kept", "default"):
                    run = [sys.executable, __file__, "--timed", kind, str(case), setting]
                    said = subprocess.run(run, check=True, capture_output=True, text=True).stdout.split()
                    found[setting].append((float(said[0]), int(said[1]), said[2]))
            if len({bits for runs in found.values() for *_, bits in runs}) > 1:
                raise SystemExit(f"{kind} {sizes}: the gradients differ")
            ratios = [one[0] / other[0] for one, other in zip(found["default"], found["kept"], strict=True)]
            milliseconds = [1e3 * statistics.median(run[0] for run in found[name]) for name in found]
            faults = [statistics.median(run[1] for run in found[name]) for name in found]
            print(
                f"| {kind} | {', '.join(map(str, sizes))} | {milliseconds[0]:.1f} | {milliseconds[1]:.1f} "
                f"| {statistics.median(ratios):.2f} [{min(ratios):.2f}-{max(ratios):.2f}] "
                f"| {faults[0]:,.0f} | {faults[1]:,.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
