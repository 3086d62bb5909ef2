"""Options that would be accepted, named in a table, and change nothing."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from unroll.config.schema import Config, Data, Network, Optimizer, TokenizerConfig
from unroll.data import kinds
from unroll.errors import UserError


class Idle(NamedTuple):
    """Whether an option has no effect, how a config says it, and what to say instead."""

    idle: bool
    saw: str
    allowed: str


def check(config: Config) -> None:
    """Refuse an option of a config that nothing reads."""
    of_method = _of_network(config.method, config) if isinstance(config.method, Network) else ()
    for found in (*_data(config.data), *of_method):
        if found.idle:
            raise UserError("This option would change nothing.", saw=found.saw, allowed=found.allowed)


def _data(data: Data) -> Iterator[Idle]:
    kind, tokenizer = kinds.get(data.kind), data.tokenizer
    for key, value in (("tokenizer", tokenizer), ("max_length", data.max_length)):
        idle = not kind.texts and value is not None
        yield Idle(idle, f"data.{key} of {data.kind}", f"data.{key}=null, or data of texts")
    channels = not kind.series and data.channels is not None
    yield Idle(channels, f"data.channels of {data.kind}", "data.channels=null")
    if isinstance(tokenizer, TokenizerConfig):
        yield Idle(
            tokenizer.kind != "word" and tokenizer.words != TokenizerConfig.model_fields["words"].default,
            f"data.tokenizer.words={tokenizer.words} of {tokenizer.kind}",
            "data.tokenizer.words=whitespace, which only words read",
        )


def _of_network(network: Network, config: Config) -> Iterator[Idle]:
    yield from _architecture(network.architecture.knobs)
    yield from _optimizer(network.optimizer, config)
    budget = network.budget
    yield Idle(
        bool(budget.patience) and budget.validate_every is None,
        "budget.patience without validations while training",
        "budget.validate_every=1",
    )
    yield Idle(
        bool(budget.patience) and budget.weights == "last",
        "budget.patience with budget.weights=last, which waits for nothing better",
        "budget.patience=null, or budget.weights=best",
    )


def _architecture(knobs: Mapping[str, Any]) -> Iterator[Idle]:
    merge = knobs.get("merge", "concat")
    yield Idle(
        knobs.get("bidirectional") is False and merge != "concat",
        f"architecture.merge={merge} with one direction",
        "architecture.bidirectional=true",
    )
    yield Idle(
        knobs.get("depth") == 1 and "cell" in knobs and knobs.get("dropout", 0) > 0,
        "architecture.dropout between the layers of one",
        "architecture.depth=2 or more, or task.dropout",
    )
    yield Idle(
        knobs.get("depth") == 1 and knobs.get("residual") is False,
        "architecture.residual=false with one layer",
        "architecture.depth=2 or more, or architecture.residual=true",
    )
    yield Idle(
        knobs.get("cell") in ("rnn", "gru") and knobs.get("forget_bias", 1.0) != 1.0,
        f"architecture.forget_bias={knobs.get('forget_bias')} of {knobs.get('cell')}",
        "architecture.forget_bias=1.0, which only an LSTM reads",
    )


def _optimizer(optimizer: Optimizer, config: Config) -> Iterator[Idle]:
    name, supervised = optimizer.name, optimizer.supervised
    sgd, adam = f"with {name}", optimizer.betas != Optimizer.model_fields["betas"].default
    yield Idle(name != "sgd" and optimizer.momentum != 0, f"optimizer.momentum {sgd}", "optimizer=sgd")
    yield Idle(name not in ("adam", "adamw") and adam, f"optimizer.betas {sgd}", "optimizer=adam")
    yield Idle(
        bool(optimizer.options) and optimizer.node is None,
        f"optimizer.options {sgd}",
        "optimizer.options={}, or an optimizer with _target_",
    )
    for key in ("embedding_learning_rate", "embedding_weight_decay"):
        yield Idle(
            getattr(optimizer, key) is not None and config.data.tokenizer is None,
            f"optimizer.{key} without word vectors",
            f"optimizer.{key}=null, or a task on text",
        )
    yield Idle(
        name != "sgd" and supervised.momentum is not None, f"optimizer.supervised.momentum {sgd}", "optimizer=sgd"
    )
    yield Idle(
        bool(supervised.model_dump(exclude_none=True)) and config.task.options.get("protocol", "joint") != "pretrain",
        "optimizer.supervised without a second phase",
        "task.protocol=pretrain, or optimizer itself",
    )
    yield Idle(
        optimizer.final_learning_rate != 0
        and {optimizer.schedule, supervised.schedule} <= {"constant", "stairs", None},
        f"optimizer.final_learning_rate with optimizer.schedule={optimizer.schedule}",
        "optimizer.schedule=cosine, linear or exponential",
    )
    stairs = "stairs" in (optimizer.schedule, supervised.schedule)
    yield Idle(
        not stairs and bool(optimizer.milestones),
        f"optimizer.milestones with optimizer.schedule={optimizer.schedule}",
        "optimizer.milestones=[], or optimizer.schedule=stairs",
    )
    yield Idle(
        not stairs and optimizer.factor != Optimizer.model_fields["factor"].default,
        f"optimizer.factor with optimizer.schedule={optimizer.schedule}",
        "optimizer.factor=0.5, which only stairs read, or optimizer.schedule=stairs",
    )
    yield Idle(
        stairs and not optimizer.milestones,
        "optimizer.schedule=stairs without a step down",
        "optimizer.milestones=[0.5, 0.75], or optimizer.schedule=constant",
    )
