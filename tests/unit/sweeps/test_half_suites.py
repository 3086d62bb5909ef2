"""suite=half: the networks of any suite with half their budget; every committed suite has one."""

from pathlib import Path

import pytest

from unroll.config.half import half_of, is_half
from unroll.errors import UserError
from unroll.registry.groups import group_options
from unroll.sweeps.suite import plan

SUITES = [
    name for name in group_options("suite") if name not in ("half", "published_baselines")
]  # the latter trains none


@pytest.mark.parametrize("suite", SUITES)
def test_every_shipped_suite_has_its_half(suite: str) -> None:
    whole, half = plan([f"suite={suite}"]), plan(["suite=half", f"suite.of={suite}"])
    networks = [item.trial for item in whole.trials if not item.trial.is_baseline]
    wanted = [one.trial_id for trial in networks if (one := half_of(trial.plain)) is not None]
    assert [item.trial.trial_id for item in half.trials] == list(dict.fromkeys(wanted))
    assert len(wanted) == len(networks)
    assert all(is_half(item.trial.plain) for item in half.trials)
    assert (half.name, half.of, dict(half.hypotheses)) == (f"{suite}-half", suite, {})


def test_what_shapes_the_whole_shapes_the_half() -> None:
    words = [
        "suite.of=matrix",
        "task=adding",
        "architecture=rnn,gru",
        "seed=0",
        "budget.epochs=8",
        "workers=1",
        "suite=half",
        "sweep.retries=0",
    ]
    found = plan(words)
    assert [(item.trial.row, item.trial.plain["budget"]["epochs"]) for item in found.trials] == [
        (row, 4) for row in ("rnn", "gru")
    ]
    assert (found.workers, found.rules["retries"]) == (1, 0)


@pytest.mark.parametrize(
    ("overrides", "what", "seen"),
    [
        (["suite=half"], "suite.of says which", "suite=half"),
        (["suite=half", "suite.of=quikstart"], "Did you mean 'quickstart'", "suite=half suite.of=quikstart"),
        (["suite=half", "suite.of=half"], "suite.of says which", "suite=half suite.of=half"),
        (["suite=half", "suite.of=quickstart", "budget.steps=1"], "This budget has no half", "budget.steps=1"),
        (
            ["suite=half", "suite.of=quickstart", "hydra/sweeper=optuna"],
            "Half a budget is not tuned",
            "hydra/sweeper=optuna",
        ),
    ],
)
def test_what_cannot_be_halved_says_so(overrides: list[str], what: str, seen: str) -> None:
    with pytest.raises(UserError, match=what) as error:
        plan(overrides)
    assert error.value.saw == seen


def test_baselines_alone_have_no_half(tmp_path: Path) -> None:
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite" / "counts.yaml").write_text(
        "name: counts\noverrides: [task=sentiment, baseline=majority]\nbaselines: false\n"
    )
    with pytest.raises(UserError, match="The suite counts has no network, and a baseline has no budget"):
        plan(["suite=half", "suite.of=counts"], str(tmp_path))
