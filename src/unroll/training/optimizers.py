"""Gradients into steps: the optimizer that a config names, and what its groups of parameters differ in.

An optimizer of one's own is a class of `torch.optim.Optimizer` whose constructor takes `params`, `lr`, `weight_decay`
where it has one, and its options. It states `decoupled_weight_decay = True` where the decay is no part of the gradient
(Loshchilov & Hutter 2019).
"""

from collections.abc import Iterable
from typing import Any

import torch

from unroll.config.schema import Optimizer
from unroll.errors import UserError
from unroll.models.network import weight_scales
from unroll.registry.components import accepted, locate
from unroll.registry.options import grouped

_DECOUPLED = (torch.optim.AdamW, torch.optim.Adafactor)


def group_options(config: Optimizer, scales: Iterable[float]) -> list[dict[str, Any]]:
    """In what the optimizer's groups differ from the config: all other parameters; word vectors, where they have
    options of their own; each scaled weight, whose decay is that of what it stands for. A decoupled decay shrinks both
    by the same factor; elsewhere it is the gradient of a square, which the scale enters twice.
    """
    own = {key: getattr(config, f"embedding_{key}") for key in ("learning_rate", "weight_decay")}
    given = {key: value for key, value in own.items() if value is not None}
    scales = list(scales)
    power = 0 if scales and _is_decoupled(config) else 2
    scaled = [{"weight_decay": config.weight_decay / scale**power} for scale in scales]
    return [{}, *([given] if given else []), *scaled]


def _is_decoupled(config: Optimizer) -> bool:
    kind = _class(config)
    stated = config.options.get("decoupled_weight_decay", getattr(kind, "decoupled_weight_decay", False))
    return bool(stated) or kind in _DECOUPLED


def build_optimizer(network: torch.nn.Module, config: Optimizer, fused: bool) -> torch.optim.Optimizer:
    """The optimizer that a config names; fused where that kernel exists."""
    scales = weight_scales(network)
    first, *others = group_options(config, scales.values())
    vectors = [module.weight for module in network.modules() if isinstance(module, torch.nn.Embedding)]
    members: list[list[torch.Tensor]] = [[weight] for weight in scales]
    if len(others) > len(scales):
        members.insert(0, vectors)
    known = {id(parameter) for group in members for parameter in group}
    rest = [parameter for parameter in network.parameters() if id(parameter) not in known]
    names = {"learning_rate": "lr", "weight_decay": "weight_decay"}
    takes = _takes(config)
    groups = [
        {"params": parameters} | {names[key]: value for key, value in own.items() if names[key] in takes}
        for parameters, own in zip([rest, *members], [first, *others], strict=True)
    ]
    given = {"lr": config.learning_rate, "weight_decay": config.weight_decay, "fused": fused}
    options = {key: value for key, value in given.items() if key in takes} | _own_options(config)
    found: torch.optim.Optimizer = _class(config)(groups, **options)
    return found


def check_optimizer(config: Optimizer) -> None:
    """Check that a class of one's own makes steps as the trainer asks for them; UserError where it does not."""
    if config.node is None:
        return
    kind, asked = _class(config), 0
    network = torch.nn.ParameterList([torch.ones(2, 2), torch.ones(2)])

    def loss() -> Any:
        nonlocal asked
        asked += 1
        for parameter in network.parameters():
            parameter.grad = torch.ones_like(parameter)
        return torch.ones(())

    try:
        optimizer = build_optimizer(network, config, fused=False)
        optimizer.step(closure=loss)
    except Exception as error:  # a user's class may do anything
        raise _refused(config, f"{type(error).__name__}: {error}") from error
    if asked != 1:
        raise _refused(config, f"{kind.__name__}.step asks for the loss {asked} times a step")
    if not all("lr" in group for group in optimizer.param_groups):
        raise _refused(config, f"{kind.__name__} keeps no learning rate for a schedule to set")


def _refused(config: Optimizer, saw: str) -> UserError:
    return UserError(
        f"The optimizer {config.name} cannot train a network here.",
        saw=saw,
        allowed="a class of torch.optim.Optimizer for parameters of every shape, whose param_groups hold `lr`, "
        "and whose step(closure) asks for the loss once",
    )


def _class(config: Optimizer) -> Any:
    if config.node is not None:
        return locate(config.node, "optimizer", torch.optim.Optimizer)
    shipped = torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD, torch.optim.Adagrad
    return dict(zip(Optimizer.shipped, shipped, strict=True))[config.name]


def _takes(config: Optimizer) -> Iterable[str]:
    """Of the arguments that the trainer gives, those that the constructor has."""
    return ("lr", "weight_decay", "fused") if config.node is None else accepted(config.node, "optimizer").schemas


def _own_options(config: Optimizer) -> dict[str, Any]:
    if config.node is not None:
        return grouped(_class(config), config.options)
    own = {"sgd": {"momentum": config.momentum}, "adagrad": {}}
    return own.get(config.name, {"betas": tuple(config.betas)})
