"""How often a sweep that stops when its claims are decided errs, and how many seeds it takes: simulated with the very
functions that decide (`compare`, `looks`, `follow`), on scores as in error_rates.py.

    python benchmarks/stopping_levels.py            # about four minutes on one core; it resumes
    python benchmarks/stopping_levels.py --page     # the page from what is there

Rules: Pocock's and O'Brien and Fleming's spending of 5 %; peeking, every look at 5 %; and a single look after twenty
seeds. All see the same data. Writes stopping_levels.json, then results/stopping_levels.md.
"""

import dataclasses
import functools
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from error_rates import REST, SEED, Condition, latent  # type: ignore[import-not-found]

from unroll.analysis.comparisons import Comparison, compare
from unroll.analysis.statistics.samples import Sample
from unroll.analysis.statistics.simultaneous import LEVEL
from unroll.analysis.statistics.spending import SPENDING, Look, looks
from unroll.analysis.stopping import follow

HERE = Path(__file__).resolve().parent
DATA, PAGE = HERE / "stopping_levels.json", HERE.parent / "results" / "stopping_levels.md"
SEEDS, EXAMPLES, SWEEPS = (3, 5, 8, 12, 20), 200, 1000
RULES: dict[str, tuple[Look, ...]] = {
    **{name: looks(SEEDS, name) for name in SPENDING},
    "peeking": tuple(Look(seeds, LEVEL) for seeds in SEEDS),
    "fixed": (Look(SEEDS[-1], LEVEL),),
}
TITLES = {"pocock": "Pocock", "obrien_fleming": "O'Brien-Fleming", "peeking": "peeking", "fixed": "fixed twenty"}


class Sweep(NamedTuple):
    """A claim of some comparisons, each of a network with the same reference."""

    comparisons: int
    effect: str  # of seeds: weak | strong
    gain: float  # of each network over the reference, in standard deviations of a seed's value
    margin: float | None  # that counts as none, in the same unit; None: none is stated

    @property
    def key(self) -> str:
        return " ".join(map(str, self))


EQUAL = [Sweep(count, effect, 0.0, None) for count in (1, 3) for effect in ("weak", "strong")]
APART = [Sweep(1, "strong", gain, None) for gain in (1.0, 2.0, 3.0)]
NEAR = [Sweep(1, "strong", gain, 2.0) for gain in (0.0, 2.0)]


def compared(scores: np.ndarray, margins: list[float | None]) -> Callable[[Look], dict[int, Comparison]]:
    """What looks at scores [K, S, N] see: each row but the first compared with that, in one family."""

    @functools.cache
    def of(seeds: int) -> list[Comparison]:
        first, *others = (
            Sample(tuple(range(seeds)), row[:seeds].mean(axis=1), row[:seeds], EXAMPLES) for row in scores
        )
        return compare([(row, first) for row in others], margins)

    def at(look: Look) -> dict[int, Comparison]:
        return {number: dataclasses.replace(one, level=look.level) for number, one in enumerate(of(look.seeds))}

    return at


def simulate(sweep: Sweep) -> dict[str, Any]:
    """Return, of each rule, how many sweeps said that any networks differ, and that all are within the margin, and
    their seeds."""
    random = np.random.default_rng(list(sweep.key.encode()))
    condition = Condition(sweep.comparisons + 1, SEEDS[-1], EXAMPLES, "continuous", sweep.effect)
    unit = float(np.sqrt(SEED[sweep.effect] ** 2 + REST**2 / EXAMPLES))
    margins = [None if sweep.margin is None else sweep.margin * unit] * sweep.comparisons
    counts = {name: {"differ": 0, "near": 0, "seeds": 0} for name in RULES}
    for _ in range(SWEEPS):
        scores = latent(condition, random).astype(np.float64)
        scores[1:] += sweep.gain * unit
        at = compared(scores, margins)
        for name, rule in RULES.items():
            found = follow(rule, at, sweep.comparisons)
            counts[name]["differ"] += any(one.is_sure for one in found.last.values())
            counts[name]["near"] += all(one.is_small and not one.is_sure for one in found.last.values())
            counts[name]["seeds"] += rule[found.taken - 1].seeds
    return {"sweeps": SWEEPS, **counts}


def run() -> None:
    """Simulate what the data file lacks."""
    done = json.loads(DATA.read_text(encoding="utf-8")) if DATA.exists() else {}
    for sweep in (*EQUAL, *APART, *NEAR):
        if sweep.key not in done:
            done[sweep.key] = simulate(sweep)
            DATA.write_text(json.dumps(done, indent=1, sort_keys=True) + "\n", encoding="utf-8")
            print(sweep.key, done[sweep.key], flush=True)


def page(done: dict[str, dict[str, Any]]) -> str:
    """The page, from the data."""
    return "\n".join(_lines(done)) + "\n"


def _lines(done: dict[str, dict[str, Any]]) -> Iterator[str]:
    found = [100 * done[one.key][name]["differ"] / SWEEPS for one in EQUAL for name in SPENDING if one.key in done]
    yield "# How often a sweep errs that stops when its claims are decided"
    yield ""
    yield (
        f"Made by benchmarks/stopping_levels.py: {SWEEPS:,} sweeps a line, simulated, decided by the functions that "
        f"decide real ones. Looks after {', '.join(map(str, SEEDS))} seeds, {EXAMPLES} test examples that all networks "
        "share. Pocock and O'Brien-Fleming spend 5 % over the looks; peeking tests each look at 5 %; the fixed twenty "
        "look once. Differences and margins are in standard deviations of a seed's value; the seeds' effect is weak or "
        "strong as in [error_rates.md](error_rates.md)."
    )
    yield ""
    yield f"The highest error rate of a spending rule is {max(found):.1f} %; at most 6 % are allowed."
    yield ""
    yield "## Equal networks: sweeps that say that any two differ, %"
    yield ""
    yield f"| comparisons in the claim | seeds' effect | {' | '.join(TITLES.values())} |"
    yield f"| ---: | --- |{' ---: |' * len(RULES)}"
    for one in EQUAL:
        yield f"| {one.comparisons} | {one.effect} | {_shares(done, one, 'differ')} |"
    yield ""
    yield "## Networks that differ: seen, % (mean seeds)"
    yield ""
    yield f"| difference | {' | '.join(TITLES.values())} |"
    yield f"| ---: |{' ---: |' * len(RULES)}"
    for one in APART:
        yield f"| {one.gain:g} | {_shares(done, one, 'differ', seeds=True)} |"
    yield ""
    yield "## With a margin of 2: said to differ by less, % (mean seeds)"
    yield ""
    yield "Equal networks are said so rightly, those that differ by the whole margin wrongly."
    yield ""
    yield f"| difference | {' | '.join(TITLES.values())} |"
    yield f"| ---: |{' ---: |' * len(RULES)}"
    for one in NEAR:
        yield f"| {one.gain:g} | {_shares(done, one, 'near', seeds=True)} |"


def _shares(done: dict[str, dict[str, Any]], sweep: Sweep, what: str, seeds: bool = False) -> str:
    cells = []
    for name in RULES:
        counts = done[sweep.key][name]
        shown = f"{100 * counts[what] / SWEEPS:.1f}"
        cells.append(f"{shown} ({counts['seeds'] / SWEEPS:.1f})" if seeds else shown)
    return " | ".join(cells)


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--page"]):
        sys.exit(__doc__)
    if not sys.argv[1:]:
        run()
    PAGE.write_text(page(json.loads(DATA.read_text(encoding="utf-8"))), encoding="utf-8")
    print(PAGE)
