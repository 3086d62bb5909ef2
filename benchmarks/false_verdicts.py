"""How often a verdict on a published number is wrong, simulated with the very function that gives verdicts.

A true gap between our expected value and the published one is known, in tolerances, since it is made up; so is the
standard deviation of a seed. Seeds are drawn, `unroll.reproduction.verdicts.verdict` judges them, and its words are
counted. What is published is one of:

    constant         a number without a spread, exactly the gap away from our expected value
    mean of 5 runs   drawn anew each time: the mean and the sample standard deviation of five runs of our spread
    one run          drawn anew each time: one run of our spread, printed without one
    rare failures    a constant; one of our seeds in ten fails, by so much that our expected value is the gap away

    python benchmarks/false_verdicts.py            # minutes: false_verdicts.csv, then false_verdicts.md from it
    python benchmarks/false_verdicts.py --page     # the page again, from the committed data
"""

import argparse
import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unroll.analysis.render.cells import Grid
from unroll.analysis.render.markdown import page
from unroll.analysis.render.page import Section
from unroll.reproduction.published import Tolerance, Value
from unroll.reproduction.verdicts import MEAN_WITHIN, REPRODUCED, RULE, VERDICTS, verdict

DATA, PAGE = (Path(__file__).with_suffix(suffix) for suffix in (".csv", ".md"))
DRAWS, ENTROPY = 10_000, 20_261_130
GAPS, SDS, SEEDS = (1.0, 1.5, 2.0, 3.0), (0.25, 0.5, 1.0, 2.0), (1, 2, 3, 5, 10)  # gaps and sds in tolerances
CONSTANT, MEAN_OF_5, ONE_RUN, RARE = PUBLISHED = ("constant", "mean of 5 runs", "one run", "rare failures")
FAILING = 0.1  # of seeds, in "rare failures"
POWER, POWER_GAPS = 0.8, (0.0, 0.5)
SETTING = ("published", "gap", "sd", "seeds", "draws")  # columns of the data before those of words
ONE = Tolerance(absolute=1.0)


@dataclass(frozen=True)
class Cell:
    """A setting, and how many of its draws got each word (in the order of `VERDICTS`)."""

    published: str
    gap: float
    sd: float
    seeds: int
    draws: int
    words: tuple[int, ...]

    def per_cent(self, word: str) -> float:
        return 100 * self.words[VERDICTS.index(word)] / self.draws


def simulated(published: str, gap: float, sd: float, seeds: int, draws: int = DRAWS) -> Cell:
    """Judge made-up seeds; the same arguments give the same counts."""
    key = [ENTROPY, PUBLISHED.index(published), round(100 * gap), round(100 * sd), seeds]
    random = np.random.default_rng(key)
    ours = random.normal(0.0 if published == RARE else gap, sd, (draws, seeds))
    if published == RARE:
        ours += (random.random((draws, seeds)) < FAILING) * (gap / FAILING)
    theirs = random.normal(0.0, sd, (draws, 5))
    found = Counter(
        verdict(values, _reported(published, runs), "lower", ONE).word
        for values, runs in zip(ours.tolist(), theirs, strict=True)
    )
    return Cell(published, gap, sd, seeds, draws, tuple(found[word] for word in VERDICTS))


def _reported(published: str, runs: np.ndarray) -> Value:
    if published == MEAN_OF_5:
        return Value(value=float(runs.mean()), spread=float(runs.std(ddof=1)), n=len(runs))
    return Value(value=float(runs[0]) if published == ONE_RUN else 0.0)


def seeds_for_power(gap: float, sd: float, draws: int = DRAWS) -> Cell:
    """The fewest seeds of which `POWER` of the draws are called reproduced, the published value being a constant."""

    def enough(seeds: int) -> bool:
        return simulated(CONSTANT, gap, sd, seeds, draws).per_cent(REPRODUCED) >= 100 * POWER

    low, high = 1, 2  # one seed is never enough
    while not enough(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return simulated(CONSTANT, gap, sd, high, draws)


def cells() -> Iterator[Cell]:
    for published in PUBLISHED:
        for gap in (0.0, *GAPS) if published != RARE else GAPS:
            yield from (simulated(published, gap, sd, seeds) for sd in SDS for seeds in SEEDS)
    known = {(0.0, sd, seeds) for sd in SDS for seeds in SEEDS}
    for gap in POWER_GAPS:
        found = (seeds_for_power(gap, sd) for sd in SDS)
        yield from (cell for cell in found if (gap, cell.sd, cell.seeds) not in known)


def write(found: Sequence[Cell]) -> None:
    with DATA.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*SETTING, *VERDICTS])
        writer.writerows([*(getattr(cell, name) for name in SETTING), *cell.words] for cell in found)


def read() -> list[Cell]:
    with DATA.open(newline="", encoding="utf-8") as file:
        return [
            Cell(
                line["published"],
                float(line["gap"]),
                float(line["sd"]),
                int(line["seeds"]),
                int(line["draws"]),
                tuple(int(line[word]) for word in VERDICTS),
            )
            for line in csv.DictReader(file)
        ]


def worst(found: Sequence[Cell], published: str, word: str) -> list[float]:
    """For each of `GAPS` the largest share of draws, in per cent, that got a word: over deviations and seeds."""
    return [max(c.per_cent(word) for c in found if (c.published, c.gap) == (published, gap)) for gap in GAPS]


def fewest(found: Sequence[Cell], gap: float) -> list[int]:
    """For each of `SDS` the fewest seeds with `POWER`."""
    at = [c for c in found if (c.published, c.gap) == (CONSTANT, gap) and c.per_cent(REPRODUCED) >= 100 * POWER]
    return [min(c.seeds for c in at if c.sd == sd) for sd in SDS]


def said(found: Sequence[Cell]) -> str:
    """What stands beside the rule, in a sentence a fact."""
    return (
        f"Simulated with this rule (`benchmarks/false_verdicts.md`; {min(SEEDS)} to {max(SEEDS)} seeds whose standard "
        f"deviation is {SDS[0]:g} to {SDS[-1]:g} tolerances): a number that is truly off by {_listed(GAPS)} tolerances "
        f"is called reproduced in at most {_listed(worst(found, CONSTANT, REPRODUCED), 1)} of 100 draws; its mean is "
        f"within the tolerance in up to {_listed(worst(found, CONSTANT, MEAN_WITHIN), 0)}. A number that is not off is "
        f"called reproduced in {100 * POWER:g} of 100 draws from {_listed(fewest(found, 0.0))} seeds on, at standard "
        f"deviations of {_listed(SDS)} tolerances. Two things no rule on few seeds can see. Where the published value "
        f"is one run of a method that varies as ours does and is truly off by {_listed(GAPS)} tolerances, that figure "
        f"is called reproduced in up to {_listed(worst(found, ONE_RUN, REPRODUCED), 0)} of 100 draws. Where one of our "
        "seeds in ten fails and the others hit the published value, so that our expected value is off by as much, it "
        f"is in up to {_listed(worst(found, RARE, REPRODUCED), 0)}."
    )


def _listed(numbers: Sequence[float], decimals: int | None = None) -> str:
    shown = [f"{one:g}" if decimals is None else f"{one:.{decimals}f}" for one in numbers]
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


ABOUT = {
    CONSTANT: (
        "A published constant",
        "The published value stands still, as the rule takes every value without a spread over runs. At a gap of one "
        "tolerance, the edge of what is allowed, reproduced is an error of at most 2.5 % by its construction.",
    ),
    MEAN_OF_5: (
        "A published mean of five runs with its spread",
        "Welch's interval, whose degrees of freedom are an approximation, rough with two seeds. The gap is "
        "between expected values, and the published runs vary as ours do.",
    ),
    ONE_RUN: (
        "A published value of one run without a spread",
        "The gap is between expected values. The rule takes the value for a constant, so it speaks of the figure that "
        "was printed: a lucky run is reproduced as such, whatever its method gives on average.",
    ),
    RARE: (
        "Seeds of which one in ten fails",
        "The other nine hit the published value on average; the failures move our expected value by the gap. An "
        "interval from seeds that all went well cannot know of them. No rule on few seeds can.",
    ),
}


def shown(found: Sequence[Cell]) -> str:
    """The page."""
    draws = {c.draws for c in found}
    text = (
        f"Made by `python benchmarks/false_verdicts.py` from `{DATA.name}`, which it simulates: {max(draws):,} draws a "
        "cell, each judged by `unroll.reproduction.verdicts.verdict`. Gaps and standard deviations (sd) of a seed are "
        "in tolerances. Seeds are normal unless said. The standard error of a percentage is at most 0.5.",
        f"The rule. {RULE}",
        said(found),
    )
    parts = [Section("How often a verdict on a published number is wrong", 1, text)]
    for published, (title, about) in ABOUT.items():
        cell = "Each cell: % of draws called reproduced / called mean within tolerance."
        parts.append(Section(title, 2, (about, cell), _grid([c for c in found if c.published == published])))
    title = f"Seeds that reproduced takes: called so in {100 * POWER:g} % of draws"
    header = ["true gap", *(f"sd {sd:g}" for sd in SDS)]
    lines = [[f"{gap:g}", *map(str, fewest(found, gap))] for gap in POWER_GAPS]
    return page([*parts, Section(title, 2, ("The published value is a constant.",), Grid(header, lines))])


def _grid(found: Sequence[Cell]) -> Grid:
    by = {(c.sd, c.gap, c.seeds): c for c in found}
    gaps = [gap for gap in (0.0, *GAPS) if (SDS[0], gap, SEEDS[0]) in by]
    lines = []
    for sd in SDS:
        for gap in gaps:
            of = [by[sd, gap, seeds] for seeds in SEEDS]
            both = [f"{c.per_cent(REPRODUCED):.1f} / {c.per_cent(MEAN_WITHIN):.1f}" for c in of]
            lines.append([f"sd {sd:g}, gap {gap:g}", *both])
    return Grid(["", *(f"n = {seeds}" for seeds in SEEDS)], lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--page", action="store_true", help="only the page, from the data that are there")
    if not parser.parse_args().page:
        write(list(cells()))
    PAGE.write_text(shown(read()), encoding="utf-8")


if __name__ == "__main__":
    main()
