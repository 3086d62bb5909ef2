"""How often networks are told apart across problems, by simulation: equal ones, and one that leads.

    python benchmarks/across.py

Prints the table of benchmarks/README.md. A value is unit[p] (interaction[k, p] + seed[k, p, s] + lead[k]) of network
k, problem p and one of three seeds s. Units differ between problems by factors of thousands; the spread of the seeds is
1. Equal networks are equal on average over problems and differ in each of them, by the interaction. That is normal, or
exponential less its mean: in most problems a little below 0, in a few far above.

A false page calls any network surely worse than another, all being equal. A lead is seen where the page calls another
network surely worse than the leading one; the interaction is normal there, of spread 1. The tests are those of a page
of results: `analysis/statistics/ranks.py`, with Holm's correction over the pairs.
"""

from collections.abc import Callable
from itertools import combinations

import numpy as np

from unroll.analysis.statistics.pairs import holm
from unroll.analysis.statistics.ranks import cohens_d, problems_needed, signed_ranks
from unroll.analysis.statistics.simultaneous import LEVEL

PAGES = 2000
SEEDS = 3
SIZES = ((2, 6), (2, 12), (3, 7), (3, 10), (3, 20), (4, 8), (4, 14))  # networks, problems
SPREADS = (0.0, 1.0, 4.0)  # of the interaction, in spreads of the seeds
Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
SHAPES: dict[str, Draw] = {
    "normal": lambda random, shape: random.normal(size=shape),
    "exponential": lambda random, shape: random.exponential(size=shape) - 1,
}


def worse_ones(random: np.random.Generator, values: np.ndarray) -> set[tuple[int, int]]:
    """Pairs (worse, better) that a page of values [K, N, S] calls sure, each problem in a unit of its own."""
    values = values * random.lognormal(0, 2, (1, values.shape[1], 1))
    found = signed_ranks(
        {
            (one, other): [cohens_d(x, y) for x, y in zip(values[one].tolist(), values[other].tolist(), strict=True)]
            for one, other in combinations(range(len(values)), 2)
        }
    )
    return {pair for pair, p in zip(found, holm(list(found.values())), strict=True) if p < LEVEL}


def page(
    random: np.random.Generator, networks: int, problems: int, spread: float, draw: Draw, lead: float
) -> np.ndarray:
    """Values [K, N, S] before their units; the first network leads."""
    values = spread * draw(random, (networks, problems, 1)) + random.normal(size=(networks, problems, SEEDS))
    values[0] += lead
    return values


def main() -> None:
    """Print a line for each number of networks and problems: false statements, then what a lead is seen by."""
    kinds = [("normal", 0.0), *((shape, spread) for shape in SHAPES for spread in SPREADS[1:])]
    false = [f"false, {shape} {spread:g}" if spread else "false, no interaction" for shape, spread in kinds]
    print("| networks | problems | fewest that decide |", " | ".join([*false, "seen: lead 2", "seen: lead 4"]), "|")
    print("| ---: |" + " ---: |" * (len(kinds) + 4))
    for networks, problems in SIZES:
        random = np.random.default_rng([networks, problems])
        cells = [str(networks), str(problems), str(problems_needed(networks * (networks - 1) // 2))]
        for shape, spread in kinds:
            wrong = [
                bool(worse_ones(random, page(random, networks, problems, spread, SHAPES[shape], 0.0)))
                for _ in range(PAGES)
            ]
            cells.append(f"{np.mean(wrong):.1%}".replace("%", " %"))
        for lead in (2.0, 4.0):
            seen = [
                any(
                    best == 0
                    for _, best in worse_ones(random, page(random, networks, problems, 1.0, SHAPES["normal"], lead))
                )
                for _ in range(PAGES // 10)
            ]
            cells.append(f"{np.mean(seen):.0%}".replace("%", " %"))
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
