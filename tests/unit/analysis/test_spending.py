"""How much each look may spend, on literals; what the looks spend in all."""

import pytest

from unroll.analysis.statistics.spending import SPENDING, looks, obrien_fleming, pocock

SEEDS = [3, 5, 8, 12, 20]


def test_pocock_spends_nearly_evenly() -> None:
    """alpha ln(1 + (e - 1) t), by hand: at t = 0.15 it is 0.05 x 0.22932."""
    assert [round(pocock(seeds / 20), 6) for seeds in SEEDS] == [0.011466, 0.017869, 0.026157, 0.035426, 0.05]
    assert [round(look.level, 6) for look in looks(SEEDS, "pocock")] == [
        0.011466,
        0.006403,
        0.008288,
        0.009269,
        0.014574,
    ]


def test_obrien_and_fleming_save_it_for_the_end() -> None:
    """2 - 2 Phi(1.959964 / sqrt(t)): at t = 0.25 the normal's two tails beyond 3.919928."""
    assert obrien_fleming(0.25) == pytest.approx(8.85754e-05, rel=1e-5)
    assert obrien_fleming(1.0) == pytest.approx(0.05)
    assert [look.level for look in looks([10, 20], "obrien_fleming")] == pytest.approx(
        [0.00557460, 0.04442540], rel=1e-5
    )


@pytest.mark.parametrize("spending", SPENDING)
@pytest.mark.parametrize("seeds", [SEEDS, [3], [3, 4, 1000]])
def test_all_looks_spend_the_whole_and_no_more(spending: str, seeds: list[int]) -> None:
    found = looks(seeds, spending)
    assert [look.seeds for look in found] == seeds
    assert sum(look.level for look in found) == pytest.approx(0.05)
    assert all(look.level > 0 for look in found)
