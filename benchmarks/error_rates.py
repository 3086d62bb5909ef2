"""How often tables and claims err: simulated on networks that are equal, with the functions that pages are made by.

    python benchmarks/error_rates.py            # about an hour on one core; it resumes
    python benchmarks/error_rates.py 1000       # so many tables a line instead of 500
    python benchmarks/error_rates.py --page     # the page from what is there

Scores are crossed: network k, seed s, example n. A latent score is b[n] + i[k,n] + a[k,s] + e[k,s,n], normal with
standard deviations 1, 0.4, 0.03 (weak) or 0.2 (strong), and 0.5. Continuous scores are the latent ones, binary ones
whether they pass -1, which eight of ten do. Writes error_rates.json, then results/error_rates.md.
"""

import functools
import itertools
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from unroll.analysis.power import smallest_difference
from unroll.analysis.statistics.pairs import difference
from unroll.analysis.statistics.samples import LEAST_SEEDS, Sample, all_correlation
from unroll.analysis.statistics.simultaneous import LEVEL, AllPairs, all_pairs

HERE = Path(__file__).resolve().parent
DATA, PAGE = HERE / "error_rates.json", HERE.parent / "results" / "error_rates.md"
TABLES, POWERED, PAIRS, DRAWS, PLANNING = 500, 100, 4000, 1999, 20
EXAMPLE, INTERACTION, REST, THRESHOLD = 1.0, 0.4, 0.5, -1.0
SEED = {"weak": 0.03, "strong": 0.2}
LATENT = float(np.sqrt(EXAMPLE**2 + INTERACTION**2 + REST**2))  # standard deviation of a score, but for the seed


class Condition(NamedTuple):
    """Equal networks: how many, of how many seeds and examples, and how these vary."""

    networks: int
    seeds: int
    examples: int
    scores: str  # binary | continuous
    effect: str  # of seeds: weak | strong
    spreads: str = "equal"  # equal | unequal (of factors e^N(0, 0.7)) | failing (three seeds of ten fall far below)

    @property
    def key(self) -> str:
        return " ".join(map(str, self))


ASKED = [
    Condition(*one)
    for one in itertools.product((10, 29), (3, 5, 10), (500, 1221, 3000), ("binary", "continuous"), ("weak", "strong"))
]
BEYOND = [
    Condition(networks, seeds, 1221, "binary", "strong", spreads)
    for spreads, networks, seeds in itertools.product(("unequal", "failing"), (3, 10, 29), (3, 5, 10))
]
TWO = [Condition(2, *one, "strong") for one in itertools.product((3, 5, 10), (500, 3000), ("binary", "continuous"))] + [
    Condition(2, *one, "weak") for one in itertools.product((3, 5, 10), (500, 3000), ("binary", "continuous"))
]


def latent(condition: Condition, random: np.random.Generator) -> np.ndarray:
    """Scores [K, S, N] of equal networks before they are cut."""
    shape = networks, seeds, examples = condition[:3]
    sds = np.full(networks, SEED[condition.effect])
    if condition.spreads == "unequal":
        sds = sds * np.exp(random.normal(0, 0.7, networks))
    of_seeds = (random.standard_normal((networks, seeds)) * sds[:, None]).astype(np.float32)
    if condition.spreads == "failing":
        of_seeds -= random.random((networks, seeds)) < 0.3
    found = random.standard_normal(shape, dtype=np.float32)
    found *= REST
    found += of_seeds[:, :, None]
    found += INTERACTION * random.standard_normal((networks, 1, examples), dtype=np.float32)
    found += EXAMPLE * random.standard_normal(examples, dtype=np.float32)
    return found


def samples(condition: Condition, scores: np.ndarray) -> list[Sample]:
    """The rows of a table with these latent scores."""
    if condition.scores == "binary":
        scores = scores > THRESHOLD
    scores = scores.astype(np.float64)
    return [Sample(tuple(range(condition.seeds)), row.mean(axis=1), row, condition.examples) for row in scores]


def shift(condition: Condition, gain: float) -> float:
    """What is added to a network's latent scores so that its mean score gains so much."""
    if condition.scores == "continuous":
        return gain
    least = ndtr(-THRESHOLD / LATENT)
    return float(LATENT * (ndtri(min(least + gain, 1 - 1e-9)) - ndtri(least)))


def apart(found: AllPairs) -> bool:
    """Whether a table says of any two of its rows that they differ."""
    return any(found.p(one, other) < LEVEL for one, other in itertools.combinations(range(len(found.means)), 2))


def table(condition: Condition, tables: int) -> dict[str, Any]:
    """Simulate tables: how many err anywhere, and in how many a network that is better is told from an equal one."""
    powered = tables * POWERED // TABLES
    random = np.random.default_rng(list(condition.key.encode()))
    planned = [all_pairs(samples(condition, latent(condition, random)), DRAWS) for _ in range(PLANNING)]
    gain = float(np.mean([smallest_difference(found) for found in planned]))
    wrong = seen = 0
    for number in range(tables):
        scores = latent(condition, random)
        wrong += apart(all_pairs(samples(condition, scores), DRAWS))
        if number < powered:
            scores[0] += shift(condition, gain)
            seen += all_pairs(samples(condition, scores), DRAWS).p(0, 1) < LEVEL
    return {"tables": tables, "wrong": wrong, "gain": gain, "powered": powered, "seen": seen}


def pair(condition: Condition) -> dict[str, Any]:
    """Simulate two networks: of none equal ones are told apart, of ones a margin apart taken for nearer."""
    random = np.random.default_rng(list(condition.key.encode()))
    margin = 0.02 if condition.scores == "binary" else 0.05
    counts = dict.fromkeys(("wrong", "nearer", "wrong_correlated"), 0)
    for _ in range(PAIRS):
        scores = latent(condition, random)
        one, other = samples(condition, scores)
        counts["wrong"] += difference(one, other).p < LEVEL
        common = scores + SEED[condition.effect] * random.standard_normal((1, condition.seeds, 1))
        one, other = samples(condition, common)
        counts["wrong_correlated"] += difference(one, other, all_correlation([one, other])).p < LEVEL
        scores[0] += shift(condition, margin)
        one, other = samples(condition, scores)
        counts["nearer"] += difference(one, other).p_beyond(margin) < LEVEL
    return {"pairs": PAIRS, "margin": margin, **counts}


def run(tables: int = TABLES) -> None:
    """Simulate what the data file lacks, a condition at a time, `tables` of each."""
    done = json.loads(DATA.read_text(encoding="utf-8")) if DATA.exists() else {}
    asked: list[tuple[Condition, Callable[[Condition], dict[str, Any]]]] = [(one, pair) for one in TWO]
    asked += [(one, functools.partial(table, tables=tables)) for one in (*ASKED, *BEYOND)]
    for number, (condition, simulate) in enumerate(asked, 1):
        if condition.key not in done:
            done[condition.key] = simulate(condition)
            DATA.write_text(json.dumps(done, indent=1, sort_keys=True) + "\n", encoding="utf-8")
            print(f"[{number}/{len(asked)}] {condition.key}: {done[condition.key]}", flush=True)


def page(done: dict[str, dict[str, Any]]) -> str:
    """The page of error rates, from the data."""
    return "\n".join(_lines(done)) + "\n"


def _lines(done: dict[str, dict[str, Any]]) -> Iterator[str]:
    rates = [100 * done[one.key]["wrong"] / done[one.key]["tables"] for one in ASKED if one.key in done]
    yield "# How often the statements err"
    yield ""
    yield (
        "Made by benchmarks/error_rates.py: networks that are equal, simulated; the functions are those that the pages "
        f"are made by. An error is a table that says of any two rows that they surely differ; {100 * LEVEL:.0f} % are "
        f"allowed. At least {TABLES:,} tables a line, so that a line's figure is known to ±1.9 points. Power: one "
        "network is better by the difference that the tables themselves say they see with a chance of 80 %; the share "
        f"of at least {POWERED} tables in which it is surely apart from another. The difference is in points of "
        f"accuracy or in standard deviations of an example's score. Fewer than {LEAST_SEEDS} seeds get no p."
    )
    yield ""
    yield f"Of {len(rates)} lines of equal spreads the highest is {max(rates):.1f} %, the mean {np.mean(rates):.1f} %."
    yield ""
    yield "## Tables of equal networks"
    yield ""
    yield from _tables(done, ASKED)
    yield ""
    yield "## Beyond the model: spreads that differ by network, and seeds that fail"
    yield ""
    yield (
        "Unequal: each network's seeds spread by a factor of its own, e to the power of a normal of standard deviation "
        "0.7. Failing: three seeds of ten fall by a whole standard deviation of the examples; with three seeds a "
        "network may fail in none and another in all, and no test of three seeds can know."
    )
    yield ""
    yield from _tables(done, BEYOND)
    yield ""
    yield "## Two networks that were named before"
    yield ""
    yield (
        f"{PAIRS:,} pairs a line. Wrong: equal networks told apart. Correlated: the same, where half of the seeds' "
        "variance is common to both networks (of so few seeds it is hardly ever shown, so the test errs on the safe "
        "side). Nearer: networks a margin apart (0.02 of accuracy, 0.05 of a continuous score) taken to be nearer "
        "than that."
    )
    yield ""
    yield "| seeds | examples | scores | seeds' effect | wrong, % | correlated, % | nearer, % |"
    yield "| ---: | ---: | --- | --- | ---: | ---: | ---: |"
    for one in (one for one in TWO if one.key in done):
        found = done[one.key]
        shares = [f"{100 * found[key] / found['pairs']:.1f}" for key in ("wrong", "wrong_correlated", "nearer")]
        yield f"| {one.seeds} | {one.examples:,} | {one.scores} | {one.effect} | {' | '.join(shares)} |"


def _tables(done: dict[str, dict[str, Any]], conditions: list[Condition]) -> Iterator[str]:
    yield "| networks | seeds | examples | scores | seeds' effect | wrong tables, % | difference | seen, % |"
    yield "| ---: | ---: | ---: | --- | --- | ---: | ---: | ---: |"
    for one in (one for one in conditions if one.key in done):
        found = done[one.key]
        effect = one.effect if one.spreads == "equal" else f"{one.effect}, {one.spreads}"
        gain = f"{100 * found['gain']:.1f} points" if one.scores == "binary" else f"{found['gain'] / LATENT:.3f} sd"
        yield (
            f"| {one.networks} | {one.seeds} | {one.examples:,} | {one.scores} | {effect} "
            f"| {100 * found['wrong'] / found['tables']:.1f} | {gain} | {100 * found['seen'] / found['powered']:.0f} |"
        )


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--page"]) and not (len(sys.argv) == 2 and sys.argv[1].isdecimal()):
        sys.exit(__doc__)
    if sys.argv[1:] != ["--page"]:
        run(int(sys.argv[1]) if sys.argv[1:] else TABLES)
    PAGE.write_text(page(json.loads(DATA.read_text(encoding="utf-8"))), encoding="utf-8")
    print(PAGE)
