"""How often verdicts are wrong: the committed figures, what is printed of them, and the null simulated again, small."""

import math
import runpy
from pathlib import Path
from typing import Any

import pytest

from unroll.reproduction.verdicts import MEAN_WITHIN, REPRODUCED, SIMULATED, UNDECIDED, VERDICTS, WORSE

SCRIPT: dict[str, Any] = runpy.run_path(str(Path(__file__).parents[3] / "benchmarks" / "false_verdicts.py"))
Cell, simulated = SCRIPT["Cell"], SCRIPT["simulated"]
CONSTANT, MEAN_OF_5, ONE_RUN, RARE = SCRIPT["PUBLISHED"]
COMMITTED = SCRIPT["read"]()


def cell(published: str, gap: float, sd: float, seeds: int) -> Any:
    return next(c for c in COMMITTED if (c.published, c.gap, c.sd, c.seeds) == (published, gap, sd, seeds))


def test_the_page_and_the_sentence_beside_the_rule_follow_from_the_committed_counts() -> None:
    assert SCRIPT["PAGE"].read_text(encoding="utf-8") == SCRIPT["shown"](COMMITTED)
    assert SCRIPT["said"](COMMITTED) == SIMULATED


def test_every_draw_got_one_word() -> None:
    assert all(sum(c.words) == c.draws and len(c.words) == len(VERDICTS) for c in COMMITTED)


@pytest.mark.parametrize(("published", "most"), [(CONSTANT, 3.0), (MEAN_OF_5, 3.5)])
def test_reproduced_is_false_at_the_edge_in_two_and_a_half_per_cent(published: str, most: float) -> None:
    """A gap of one tolerance is the hardest null; half a point is left to chance, another to Satterthwaite."""
    at = [c for c in COMMITTED if c.published == published and c.gap == 1.0]
    assert len(at) == len(SCRIPT["SDS"]) * len(SCRIPT["SEEDS"])
    assert all(c.per_cent(REPRODUCED) <= most for c in at)
    assert max(c.per_cent(REPRODUCED) for c in at) > 2.0  # and is no emptier than it says
    assert all(c.per_cent(REPRODUCED) == 0 for c in at if c.seeds == 1)


@pytest.mark.parametrize("published", [CONSTANT, MEAN_OF_5, ONE_RUN, RARE])
def test_the_null_simulated_again(published: str) -> None:
    """400 draws at a gap and a deviation of one tolerance, three seeds: near the committed share, and repeatable."""
    again = simulated(published, 1.0, 1.0, 3, 400)
    assert again == simulated(published, 1.0, 1.0, 3, 400)
    for word in (REPRODUCED, MEAN_WITHIN, UNDECIDED, WORSE):
        share = cell(published, 1.0, 1.0, 3).per_cent(word) / 100
        assert abs(again.per_cent(word) / 100 - share) <= 4 * math.sqrt(max(share, 0.005) * (1 - share) / 400)


def test_one_seed_at_the_edge_is_within_the_tolerance_half_of_the_time() -> None:
    """A seed at one tolerance with a deviation of a quarter: P(-1 <= N(1, 0.25) <= 1) = 1/2, and none is reproduced."""
    found = cell(CONSTANT, 1.0, 0.25, 1)
    assert found.per_cent(MEAN_WITHIN) == pytest.approx(50.0, abs=2.0)
    assert found.per_cent(REPRODUCED) == 0


def test_the_fewest_seeds_are_those_of_a_known_case() -> None:
    """sd 1, no gap: reproduced where t(n - 1) s / sqrt(n) <= 1 - |mean|. Both sides of the found number are tried."""
    found = SCRIPT["seeds_for_power"](0.0, 1.0, 500)
    assert found.per_cent(REPRODUCED) >= 80
    assert simulated(CONSTANT, 0.0, 1.0, found.seeds - 1, 500).per_cent(REPRODUCED) < 80
    assert abs(found.seeds - SCRIPT["fewest"](COMMITTED, 0.0)[SCRIPT["SDS"].index(1.0)]) <= 2


def test_worst_is_the_largest_share_of_a_gap_and_fewest_the_first_with_power() -> None:
    empty = (0,) * (len(VERDICTS) - 1)
    made = [Cell(CONSTANT, gap, 1.0, 2, 100, (count, *empty)) for gap in SCRIPT["GAPS"] for count in (1, 4, 2)]
    assert SCRIPT["worst"](made, CONSTANT, REPRODUCED) == [4.0] * len(SCRIPT["GAPS"])
    made = [
        Cell(CONSTANT, 0.0, sd, seeds, 100, (count, *empty))
        for sd in SCRIPT["SDS"]
        for seeds, count in ((2, 79), (9, 95), (5, 80))
    ]
    assert SCRIPT["fewest"](made, 0.0) == [5] * len(SCRIPT["SDS"])
