"""Optimizers of one's own: classes that a YAML names, their options, what of them an id hashes, what is refused."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from unroll.config.again import again
from unroll.config.compose import compose
from unroll.config.trial import Trial
from unroll.errors import UserError
from unroll.registry.components import foreign
from unroll.training.optimizers import build_optimizer, check_optimizer, group_options

LION = '''
import torch


class Lion(torch.optim.Optimizer):
    """Chen et al. 2023, algorithm 2."""

    decoupled_weight_decay = True

    def __init__(self, params, lr=1e-4, weight_decay=0.0, betas: list[float] = (0.9, 0.99)):
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "betas": betas})

    def step(self, closure=None):
        with torch.enable_grad():
            loss = closure()
        for group in self.param_groups:
            first, second = group["betas"]
            for weight in group["params"]:
                mean = self.state[weight].setdefault("mean", torch.zeros_like(weight))
                with torch.no_grad():
                    update = (first * mean + (1 - first) * weight.grad).sign()
                    weight.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * update)
                    mean.mul_(second).add_((1 - second) * weight.grad)
        return loss


class NoRate(torch.optim.Optimizer):
    def __init__(self, params, weight_decay=0.0):
        super().__init__(params, {"weight_decay": weight_decay})


class Forgetful(torch.optim.Optimizer):
    def __init__(self, params, lr, weight_decay=0.0):
        super().__init__(params, {"weight_decay": weight_decay})

    def step(self, closure=None):
        return closure()


class Deaf(torch.optim.Optimizer):
    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    def step(self, closure=None):
        return None


class Twice(Deaf):
    def step(self, closure=None):
        closure()
        return closure()
'''
OF_FILE = {"lion": "Lion", "no_rate": "NoRate", "forgetful": "Forgetful", "deaf": "Deaf", "twice": "Twice"}
OF_TORCH = {"lbfgs": "LBFGS", "sparse": "SparseAdam", "radam": "RAdam", "rprop": "Rprop", "again": "AdamW"}
CLASSES = {
    **{name: f"lions.{kind}" for name, kind in OF_FILE.items()},
    **{name: f"torch.optim.{kind}" for name, kind in OF_TORCH.items()},
    "none": "torch.nn.Linear",
}
PLAIN = "defaults: [adam, _self_]\nname: {}\n_target_: {}\n"


@pytest.fixture
def mine(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "optimizer").mkdir()
    (tmp_path / "lions.py").write_text(LION)
    for name, target in CLASSES.items():
        (tmp_path / "optimizer" / f"{name}.yaml").write_text(PLAIN.format(name, target))
    yield str(tmp_path)
    sys.modules.pop("lions", None)


def trial(mine: str, *overrides: str) -> Trial:
    return compose(["task=forecasting", "architecture=gru", *overrides], mine)


def checked(mine: str, *overrides: str) -> Any:
    config = trial(mine, *overrides).config.network.optimizer
    check_optimizer(config)
    return config


def test_a_class_gets_rate_decay_and_its_own_options(mine: str) -> None:
    options = ["optimizer.learning_rate=0.5", "optimizer.weight_decay=0.1", "optimizer.options.betas=[0.5,0.6]"]
    config = checked(mine, "optimizer=lion", *options)
    optimizer = build_optimizer(torch.nn.Linear(1, 1), config, fused=True)
    assert type(optimizer).__name__ == "Lion"
    (group,) = optimizer.param_groups
    assert (group["lr"], group["weight_decay"], group["betas"]) == (0.5, 0.1, [0.5, 0.6])


def test_every_class_of_torch_that_steps_on_a_gradient_may_be_named(mine: str) -> None:
    for name in ("radam", "rprop", "again", "rmsprop"):
        optimizer = build_optimizer(torch.nn.Linear(1, 1), checked(mine, f"optimizer={name}"), fused=False)
        assert type(optimizer).__module__.startswith("torch.optim")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["optimizer=no_rate"], "takes the learning rate as `lr`"),
        (["optimizer=lbfgs"], "lbfgs cannot train a network here"),
        (["optimizer=sparse"], "dense gradients"),
        (["optimizer=forgetful"], "keeps no learning rate"),
        (["optimizer=deaf"], "for the loss 0 times"),
        (["optimizer=twice"], "for the loss 2 times"),
        (["optimizer=none"], "of the kind torch.optim.optimizer.Optimizer|takes the learning rate as `lr`"),
        (["optimizer=rprop", "optimizer.weight_decay=0.1"], "has no weight decay"),
        (["optimizer=lion", "optimizer.options.beta=1"], "Did you mean 'betas'"),
        (["optimizer=lion", "optimizer.options.betas=high"], "optimizer.options.betas' is of another type"),
        (["optimizer=lion", "optimizer.options.lr=1"], "no option 'lr'"),
        (["optimizer=radam", "optimizer.options.eps=-1.0"], "Invalid epsilon"),
        (["optimizer=lion", "optimizer.betas=[0.5,0.6]"], "optimizer.betas with lion"),
        (["optimizer=lion", "optimizer.momentum=0.5"], "optimizer.momentum with lion"),
        (["optimizer=lion", "optimizer.name=adam"], "ships with Unroll"),
        (["optimizer=adam", "optimizer.name=lion"], "names no optimizer"),
        (["optimizer=adam", "optimizer.name=adma"], "Did you mean 'adam'"),
        (["optimizer=adam", "optimizer.options.eps=0.1"], "would change nothing"),
        (["optimizer=adam", "optimizer.milestones=[0.5]"], "optimizer.milestones with optimizer.schedule=cosine"),
        (["optimizer=adam", "optimizer.factor=0.1"], "optimizer.factor with optimizer.schedule=cosine"),
        (["optimizer=adam", "optimizer.schedule=stairs"], "without a step down"),
        (["optimizer=adam", "optimizer.schedule=stairs", "optimizer.milestones=[1.5]"], "optimizer.milestones"),
        (["optimizer=adam", "budget.weights=last", "budget.patience=2"], "budget.patience with budget.weights=last"),
        (["optimizer=lion", "+optimizer.learning_rte=1"], "Did you mean 'learning_rate'"),
        (["optimizer=lion", "optimizer._target_=lions.Lino"], "Did you mean 'Lion'"),
    ],
)
def test_what_cannot_train_is_refused_before_training(mine: str, overrides: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        checked(mine, *overrides)


def test_an_id_hashes_name_version_and_what_differs(mine: str) -> None:
    plain = trial(mine, "optimizer=lion")
    assert plain.decides["optimizer"]["class"] == {"is": "Lion@1"}
    assert trial(mine, "optimizer=lion", "optimizer.options.betas=[0.9,0.99]").trial_id == plain.trial_id
    assert trial(mine, "optimizer=lion", "optimizer.name=other").trial_id == plain.trial_id
    assert trial(mine, "optimizer=lion", "optimizer.options.betas=[0.9,0.9]").trial_id != plain.trial_id
    assert trial(mine, "optimizer=lion", "optimizer.learning_rate=0.5").trial_id != plain.trial_id
    assert trial(mine, "optimizer=radam").trial_id != plain.trial_id


def test_a_record_says_how_to_train_it_again(mine: str) -> None:
    one = trial(mine, "optimizer=lion", "optimizer.options.betas=[0.9,0.9]", "seed=3")
    assert again(one.trial_id, one.plain, mine).trial.trial_id == one.trial_id
    assert foreign(one.plain) == {"optimizer._target_": "lions.Lion"}
    assert foreign(trial(mine, "optimizer=radam").plain) == {}


def test_a_decoupled_decay_shrinks_scaled_weights_by_the_same_factor(mine: str) -> None:
    for name, decay in (("lion", 0.1), ("again", 0.1), ("radam", 0.4)):
        config = checked(mine, f"optimizer={name}", "optimizer.weight_decay=0.1")
        assert group_options(config, [0.5])[1] == {"weight_decay": pytest.approx(decay)}
    decoupled = checked(
        mine, "optimizer=radam", "optimizer.weight_decay=0.1", "optimizer.options.decoupled_weight_decay=true"
    )
    assert group_options(decoupled, [0.5])[1] == {"weight_decay": pytest.approx(0.1)}
