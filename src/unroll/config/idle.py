"""Options that would be accepted, named in a table, and change nothing."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from unroll.errors import UserError


class Idle(NamedTuple):
    """Whether an option has no effect, how a config says it, and what to say instead."""

    idle: bool
    saw: str
    allowed: str


def check(config: Mapping[str, Any]) -> None:
    """Refuse an option of a validated config that nothing reads."""
    for found in (*_data(config["data"]), *_architecture(config), *_optimizer(config), *_budget(config)):
        if found.idle:
            raise UserError("This option would change nothing.", saw=found.saw, allowed=found.allowed)


def _data(data: Mapping[str, Any]) -> Iterator[Idle]:
    text, kind = data["kind"] in ("labelled_text", "pairs"), data["kind"]
    for key in ("tokenizer", "max_length"):
        yield Idle(not text and data[key] is not None, f"data.{key} of {kind}", f"data.{key}=null, or data of texts")
    yield Idle(kind != "series" and data["channels"] is not None, f"data.channels of {kind}", "data.channels=null")


def _architecture(config: Mapping[str, Any]) -> Iterator[Idle]:
    architecture = config["architecture"]
    merge = architecture.get("merge", "concat")
    yield Idle(
        architecture.get("bidirectional") is False and merge != "concat",
        f"architecture.merge={merge} with one direction",
        "architecture.bidirectional=true",
    )
    yield Idle(
        architecture.get("depth") == 1 and "cell" in architecture and architecture.get("dropout", 0) > 0,
        "architecture.dropout between the layers of one",
        "architecture.depth=2 or more, or task.dropout",
    )


def _optimizer(config: Mapping[str, Any]) -> Iterator[Idle]:
    optimizer = config["optimizer"]
    name, supervised = optimizer["name"], optimizer["supervised"]
    yield Idle(
        name != "sgd" and optimizer["momentum"] != 0,
        f"optimizer.momentum with {name}",
        "optimizer=sgd",
    )
    yield Idle(
        name in ("sgd", "adagrad") and optimizer["betas"] != [0.9, 0.999],
        f"optimizer.betas with {name}",
        "optimizer=adam",
    )
    for key in ("embedding_learning_rate", "embedding_weight_decay"):
        yield Idle(
            optimizer[key] is not None and config["data"]["tokenizer"] is None,
            f"optimizer.{key} without word vectors",
            f"optimizer.{key}=null, or a task on text",
        )
    yield Idle(
        name != "sgd" and supervised["momentum"] is not None,
        f"optimizer.supervised.momentum with {name}",
        "optimizer=sgd",
    )
    yield Idle(
        any(value is not None for value in supervised.values())
        and config["task"].get("protocol", "joint") != "pretrain",
        "optimizer.supervised without a second phase",
        "task.protocol=pretrain, or optimizer itself",
    )
    yield Idle(
        optimizer["final_learning_rate"] != 0 and {optimizer["schedule"], supervised["schedule"]} <= {"constant", None},
        "optimizer.final_learning_rate with optimizer.schedule=constant",
        "optimizer.schedule=cosine, linear or exponential",
    )


def _budget(config: Mapping[str, Any]) -> Iterator[Idle]:
    budget = config["budget"]
    yield Idle(
        bool(budget["patience"]) and budget["validate_every"] is None,
        "budget.patience without validations while training",
        "budget.validate_every=1",
    )
