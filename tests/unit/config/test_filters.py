"""`--filter`: which trials it keeps, and what it says where it cannot."""

import pytest

from unroll.config.filters import keep
from unroll.config.planned import Planned
from unroll.config.trial import Trial
from unroll.errors import UserError


def planned(row: str, seed: int, rate: float = 0.001, **more: object) -> Planned:
    config = {
        "task": {"name": "sentiment", "primary": {"name": "accuracy"}},
        "architecture": {"name": row, "width": 64 if row == "lstm" else None, "bidirectional": row == "bilstm"},
        "baseline": {"name": "none"},
        "optimizer": {"learning_rate": rate},
        "seed": seed,
        **more,
    }
    return Planned(Trial(config, f"sentiment-sst2-{row}-s{seed}-0123456789"), (f"seed={seed}",))


TRIALS = [planned("lstm", 0), planned("lstm", 1, 0.01), planned("bilstm", 0), planned("mlp", 10, extra={"depth": 2})]


def kept(*filters: str) -> list[int]:
    """The numbers of the trials that are kept."""
    return [TRIALS.index(item) for item in keep(TRIALS, filters)]


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ([], [0, 1, 2, 3]),
        (["seed=0"], [0, 2]),
        (["seed=0,1"], [0, 1, 2]),
        (["seed=1*"], [1, 3]),
        (["row=*lstm"], [0, 1, 2]),
        (["row=LSTM,mlp"], [3]),
        (["architecture=lstm"], [0, 1]),
        (["architecture.name=lstm"], [0, 1]),
        (["architecture!=lstm"], [2, 3]),
        (["row!=lstm,mlp"], [2]),
        (["task=sentiment"], [0, 1, 2, 3]),
        (["task.primary=accuracy"], [0, 1, 2, 3]),
        (["trial_id=*-mlp-s10-*"], [3]),
        (["architecture.bidirectional=true"], [2]),
        (["architecture.width=null"], [2, 3]),
        (["architecture.width=64"], [0, 1]),
        (["seed<1"], [0, 2]),
        (["seed<=1"], [0, 1, 2]),
        (["seed>1"], [3]),
        (["seed>=1"], [1, 3]),
        (["optimizer.learning_rate>1e-3"], [1]),
        (["architecture.width>=0"], [0, 1]),
        (["extra.depth=2"], [3]),
        (["extra.depth!=3"], [0, 1, 2, 3]),
        (["extra.depth!=2"], [0, 1, 2]),
        ([" seed = 0 , 1 ", "row=lstm"], [0, 1]),
        (["seed=0", "row!=bilstm"], [0]),
    ],
)
def test_what_is_kept(filters: list[str], numbers: list[int]) -> None:
    assert kept(*filters) == numbers


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        (["seed"], ["cannot be read", "seed", "KEY=VALUES"]),
        (["=3"], ["cannot be read"]),
        (["sed=0"], ["No trial has the key 'sed'", "Did you mean 'seed'?"]),
        (["optimizer.learning_rte=1"], ["Did you mean 'optimizer.learning_rate'?"]),
        (["seed.deeper=1"], ["No trial has the key 'seed.deeper'"]),
        (["seed<one"], ["compares with a number", "seed<one", "seed<NUMBER"]),
        (["seed=7"], ["keep no trial", "seed=7", "seed: 0, 1, 10"]),
        (["seed=0", "row=mlp"], ["keep no trial", "seed=0 row=mlp", "row: bilstm, lstm, mlp"]),
        (["architecture.width<0"], ["keep no trial", "architecture.width: 64, null"]),
    ],
)
def test_mistakes(filters: list[str], said: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        keep(TRIALS, filters)
    for words in said:
        assert words in str(caught.value)
