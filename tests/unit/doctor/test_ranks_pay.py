"""Whether several ranks pay: the arithmetic, on literals."""

import pytest

from unroll.doctor.line import OK, WARNING, Settings
from unroll.doctor.ranks import judge_ranks, ranks
from unroll.training.shares import fastest


@pytest.mark.parametrize(
    ("world", "seconds", "state", "words"),
    [
        (
            2,
            (0.030, 0.023, 0.008),
            WARNING,
            "at best 1.30 times as fast as one (efficiency 0.48 to 0.65), and pay only",
        ),
        (2, (0.030, 0.023, 0.030), WARNING, "at best 1.00 times as fast as one (efficiency 0.28 to 0.50), and do not"),
        (4, (0.100, 0.030, 0.010), OK, "at best 3.33 times as fast as one (efficiency 0.62 to 0.83)"),
        (8, (0.010, 0.009, None), WARNING, "could not be timed here: 8 ranks are at best 1.11 times as fast as one"),
        (2, (0.010, 0.0061, None), OK, "at best 1.64 times as fast as one (efficiency at most 0.82)"),
    ],
)
def test_a_ceiling_for_the_efficiency_of_ranks(
    world: int, seconds: tuple[float, float, float | None], state: str, words: str
) -> None:
    line = judge_ranks(world, 64, *seconds, 8_120_000)
    assert line.state == state
    assert words in line.seen
    assert f"one rank's step of 64 examples takes {1e3 * seconds[0]:.1f} ms" in line.seen
    assert "8.1 MB of gradients" in line.seen
    assert line.todo.startswith("trainer.devices=1") == (state == WARNING)


def test_nothing_is_timed_for_one_rank_or_for_a_baseline() -> None:
    assert ranks(Settings(("task=compression", "architecture=ae"))) == []
    assert ranks(Settings(("task=compression", "baseline=pca", "trainer.devices=2"))) == []


def test_of_each_step_the_fastest_counts() -> None:
    assert fastest([[1.0, 9.0, 3.0], [2.0, 4.0, 8.0]]) == (1 + 4 + 3) / 3
