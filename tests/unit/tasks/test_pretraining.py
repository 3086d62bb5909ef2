"""Options of task.protocol: what they mean, and what is refused before any work."""

import copy
from typing import Any

import made_up
import pytest
import torch

from unroll.config.compose import compose
from unroll.config.trial import make_trial
from unroll.errors import UserError
from unroll.tasks.pretraining import Pretraining, PretrainingOptions
from unroll.tasks.task import Task
from unroll.training.phases import Phases
from unroll.training.train import check


def test_a_share_or_a_number_of_steps_is_the_boundary() -> None:
    assert PretrainingOptions().pretraining() is None
    assert Pretraining(0.25, None, True).boundary(10) == 2
    assert Pretraining(0.5, 7, True).boundary(10) == 7


def test_a_phase_is_a_function_of_the_step() -> None:
    phases = Phases(3, 8)
    assert [phases.within(step) for step in range(8)] == [
        (0, 3),
        (1, 3),
        (2, 3),
        (0, 5),
        (1, 5),
        (2, 5),
        (3, 5),
        (4, 5),
    ]
    assert [step for step in range(8) if phases.begins_second(step)] == [3]
    single = Phases(0, 2)
    assert [single.within(step) for step in range(2)] == [(0, 2), (1, 2)]
    assert not any(single.pretrains(step) or single.begins_second(step) for step in range(2))


@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        ("sentiment", ["architecture=ae", "task.protocol=pretrian"], r"'task.protocol' has no such option"),
        ("classification", ["architecture=lstm", "task.protocol=pretrain"], "needs an architecture that reconstructs"),
        (
            "classification",
            ["architecture=ae", "task.protocol=pretrain", "task.reconstruction_weight=0"],
            "needs an architecture that reconstructs",
        ),
        ("sentiment", ["architecture=ae", "task.frozen=false"], "change nothing"),
        ("sentiment", ["architecture=ae", "task.pretrain_share=0.2"], "change nothing"),
        (
            "sentiment",
            ["architecture=ae", "task.protocol=pretrain", "task.pretrain_share=0.2", "task.pretrain_steps=3"],
            "change nothing",
        ),
        ("sentiment", ["architecture=ae", "task.protocol=pretrain", "task.pretrain_share=1"], "out of range"),
        ("sentiment", ["architecture=ae", "task.protocol=pretrain", "task.pretrain_steps=0"], "out of range"),
        (
            "sentiment",
            ["architecture=ae", "task.protocol=pretrain", "budget.epochs=null", "budget.steps=1"],
            "Each phase",
        ),
        (
            "sentiment",
            [
                "architecture=ae",
                "task.protocol=pretrain",
                "budget.epochs=null",
                "budget.seconds=9",
                "optimizer.schedule=constant",
            ],
            "no number of steps",
        ),
        ("sentiment", ["architecture=ae", "optimizer.supervised.learning_rate=0.1"], "change nothing"),
        (
            "sentiment",
            ["architecture=ae", "task.protocol=pretrain", "optimizer.supervised.momentum=0.5"],
            "momentum with adam",
        ),
        (
            "sentiment",
            ["architecture=ae", "optimizer.schedule=constant", "optimizer.final_learning_rate=0.1"],
            "change nothing",
        ),
        (
            "classification",
            [
                "architecture=ae_ksparse",
                "bottleneck.terms.ksparse.first_k=100",
                "budget.epochs=null",
                "budget.seconds=9",
                "optimizer.schedule=constant",
            ],
            "for the term ksparse to change over",
        ),
    ],
)
def test_what_cannot_be_is_refused(task: str, options: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        check(compose([f"task={task}", *options]))


@pytest.mark.parametrize("phase", ["pretraining_losses", "supervised_losses"])
def test_without_noise_a_classifiers_phases_are_parts_of_its_joint_losses(phase: str) -> None:
    """As of any task that says nothing else of its phases."""
    task, network = made_up.built("classification", "ae_sparse", "task.protocol=pretrain", "task.frozen=false")
    batch = task.splits["train"].batch(torch.arange(4))
    own = getattr(task, phase)(network.eval(), batch)
    torch.testing.assert_close(vars(own), vars(getattr(Task, phase)(task, network, batch)))
    found = own.task.sum() if phase == "supervised_losses" else own.penalty.sum() * own.reconstruction.sum()
    assert found > 0


def test_joint_trials_keep_their_ids_and_pretrained_ones_have_their_own() -> None:
    def made(**changed: Any) -> str:
        return made_up.trial("sentiment", "architecture=ae", *(f"task.{k}={v}" for k, v in changed.items())).trial_id

    assert len({made(), made(protocol="pretrain"), made(protocol="pretrain", frozen="false")}) == 3
    assert made() == made(protocol="joint", frozen="true")


def test_a_default_that_a_config_does_not_state_leaves_its_id() -> None:
    plain = make_trial(made_up.trial("sentiment", "architecture=ae_ksparse").plain)
    older = copy.deepcopy(plain.plain)
    del older["optimizer"]["supervised"], older["optimizer"]["final_learning_rate"]
    del older["architecture"]["weight_deviation"]
    for part in ("encoder", "decoder"):
        del older["architecture"][part]["weight_deviation"]
    for key in ("first_k", "anneal"):
        del older["bottleneck"]["terms"]["ksparse"][key]
    assert make_trial(older).trial_id == plain.trial_id
    for option in ("architecture.weight_deviation=0.1", "bottleneck.terms.ksparse.first_k=0.5"):
        assert made_up.trial("sentiment", "architecture=ae_ksparse", option).trial_id != plain.trial_id
