"""When a claim is decided: looks at the first seeds alone, lost seeds, the same decisions from the same records."""

import itertools
from typing import Any

import pytest
from table_records import record

from unroll.analysis.comparisons import Comparison
from unroll.analysis.hypotheses import CONTRADICTED, HOLDS, NONE, UNDECIDED, Answer, answer
from unroll.analysis.render import looks as words
from unroll.analysis.statistics.spending import Look
from unroll.analysis.stopping import follow

CLAIM = {
    "says": "s",
    "note": "",
    "option": "architecture",
    "pairs": [["lstm", "rnn"]],
    "where": [],
    "metric": "primary",
    "direction": None,
}
STOP = {"looks": [3, 5, 8], "spending": "pocock"}
RULE = [Look(3, 0.01), Look(5, 0.02), Look(8, 0.02)]
WAVE = [0.0, 0.3, -0.3, 0.2, -0.2, 0.1, -0.1, 0.25]  # what seeds add


def compared(p: float, alike: float | None = None, level: float = 0.01) -> Comparison:
    return Comparison(1.0, (3, 3), 0, 1, 0.0, 2.0, p, alike, level)


def trials(row: str, values: list[float | None], margin: float | None = None) -> list[dict[str, Any]]:
    """Records of a row's first seeds, None for a failed one, and what stands for those that are missing of eight.

    The task is one that no YAML of today's states a margin for.
    """
    stated = {"metric": "accuracy", "margin": margin, "because": "x"} if margin else None
    own = {"task__name": "own", "task__equivalence": stated}
    found = [record(row, seed, value, **own) for seed, value in enumerate(values)]
    return found + [{**record(row, seed, None, **own), "status": "missing"} for seed in range(len(values), 8)]


def asked(*rows: list[dict[str, Any]], stop: Any = STOP, claim: Any = CLAIM) -> Answer:
    return answer("c", claim, list(itertools.chain(*rows)), lambda one: None, stop=stop)


def around(mean: float, seeds: int, waves: float = 1.0) -> list[float | None]:
    return [mean + waves * wave for wave in WAVE[:seeds]]


def test_looks_go_on_until_each_comparison_is_decided() -> None:
    taken = []

    def at(look: Look) -> dict[int, Comparison]:
        taken.append(look.seeds)
        return {0: compared(0.001), 1: compared(0.5 if look.seeds < 5 else 0.019, level=look.level)}

    found = follow(RULE, at, 2)
    assert (found.is_decided, found.taken, taken) == (True, 2, [3, 5])


def test_a_decided_comparison_stays_as_it_was_found() -> None:
    later = {3: compared(0.001), 5: compared(0.9), 8: compared(0.9)}
    found = follow(RULE, lambda look: {0: later[look.seeds], 1: compared(0.9)}, 2)
    assert found.last[0].p == 0.001
    assert (found.is_decided, found.taken) == (False, 3)


def test_a_look_is_at_its_own_level() -> None:
    """0.015 would do at the second look's 0.02, and not at the first one's 0.01."""
    found = follow(RULE, lambda look: {0: compared(0.015, level=look.level)}, 1)
    assert found.taken == 2


def test_a_comparison_without_trials_is_not_decided() -> None:
    assert not follow(RULE, lambda look: {0: compared(0.001)}, 2).is_decided
    assert not follow(RULE, lambda look: {}, 0).is_decided


def test_a_clear_claim_needs_the_first_look_only() -> None:
    found = asked(trials("lstm", around(90, 3)), trials("rnn", around(70, 3)))
    assert found.course is not None
    assert (found.course.is_decided, found.course.taken, found.course.seeds) == (True, 1, 3)
    (test,) = found.tests
    assert (test.verdict, test.look and test.look.seeds) == (HOLDS, 3)
    assert test.comparison.level == pytest.approx(0.05 * 0.497349, rel=1e-5)  # ln(1 + (e - 1) 3 / 8)
    assert found.fixed == ()


def test_an_unclear_one_asks_for_the_next_seeds() -> None:
    found = asked(trials("lstm", around(70.3, 3)), trials("rnn", around(70, 3)))
    assert found.course is not None
    assert (found.course.taken, found.course.seeds, found.course.lacking) == (1, 5, 4)
    assert "the look after 5 seeds lacks 4 trials" in words.in_words(found.course)


def test_the_last_look_ends_it_whatever_it_finds() -> None:
    found = asked(trials("lstm", around(70.05, 8)), trials("rnn", around(70, 8)))
    assert found.course is not None
    assert (found.course.is_decided, found.course.has_ended, found.course.seeds) == (False, True, 8)
    assert found.verdict == UNDECIDED


def test_a_margin_decides_too() -> None:
    found = asked(trials("lstm", around(70.05, 3, 0.1), margin=2.0), trials("rnn", around(70, 3, 0.1), margin=2.0))
    assert found.course is not None
    assert (found.course.is_decided, found.course.taken, found.verdict) == (True, 1, NONE)


def test_seeds_beyond_a_look_do_not_enter_it() -> None:
    """Later seeds say the contrary; the look of three never sees them."""
    lstm, rnn = around(90, 3), around(70, 3)
    for seeds in (3, 5, 8):
        later = [20.0 + number for number in range(seeds - 3)]
        found = asked(trials("lstm", [*lstm, *later]), trials("rnn", [*rnn, *around(70, seeds)[3:]]))
        (test,) = found.tests
        assert (test.verdict, test.comparison.seeds, test.values[0]) == (HOLDS, (3, 3), pytest.approx(90))


def test_decisions_follow_from_the_records_in_any_order() -> None:
    records = [*trials("lstm", around(70.6, 8)), *trials("rnn", around(70, 8))]
    wanted = asked(records)
    assert asked(records[::-1]).course == wanted.course
    assert [test.comparison for test in asked(records[::-1]).tests] == [test.comparison for test in wanted.tests]


def test_a_look_waits_for_trials_that_have_not_ended() -> None:
    lstm = trials("lstm", around(90, 3))
    lstm[1]["status"] = "missing"
    found = asked(lstm, trials("rnn", around(70, 8)))
    assert found.course is not None
    assert (found.course.taken, found.course.seeds, found.course.lacking, found.tests) == (0, 3, 1, ())


def test_a_failed_trial_is_a_lost_seed() -> None:
    found = asked(trials("lstm", [90.0, None, 90.2, 90.1, 89.9]), trials("rnn", around(70, 5)))
    assert found.course is not None
    (test,) = found.tests
    assert (test.comparison.seeds, found.course.lost, found.verdict) == ((4, 5), 1, HOLDS)
    assert test.look is not None
    assert test.look.seeds == 5  # with two seeds left, the look of three tells nothing


def test_a_row_that_always_fails_ends_with_the_last_look() -> None:
    found = asked(trials("lstm", [None] * 8), trials("rnn", around(70, 8)))
    assert found.course is not None
    assert (found.course.has_ended, found.course.is_decided, found.missing, found.verdict) == (
        True,
        False,
        1,
        "no trials",
    )


def test_all_seeds_at_once_stand_beside_the_looks() -> None:
    found = asked(trials("lstm", around(90, 8)), trials("rnn", around(91, 8)))
    (whole,) = found.fixed
    assert (whole.verdict, whole.comparison.seeds, whole.comparison.level) == (CONTRADICTED, (8, 8), 0.05)
    beside = words.beside_all_seeds([found])
    assert beside is not None
    _, grid, notes = beside
    assert grid.rows == [["s", "own on sst2", "lstm v. rnn", "3", CONTRADICTED, CONTRADICTED]]
    assert notes[0] == "1 of 1 verdicts are equal."
    assert notes[1].startswith("The rule needed 6 of 16 trials (62% saved)")
