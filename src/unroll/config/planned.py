"""Trials that were planned: each with the overrides that make it, and a suite's all together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from unroll.config.trial import Trial
from unroll.names import check_id


@dataclass(frozen=True)
class Planned:
    """A trial, and the overrides that make it: what comes after `unroll train`."""

    trial: Trial
    overrides: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """A suite's trials without repetition, and how to run them: options of the sweeper, overrides of Hydra's part."""

    name: str
    description: str
    trials: tuple[Planned, ...]
    workers: int | None
    rules: dict[str, Any]
    hydra: tuple[str, ...]
    hypotheses: Mapping[str, dict[str, Any]] = field(default_factory=dict)  # of `Hypothesis`
    refused: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # a reason -> the pairs left out for it
    of: str | None = None  # the suite whose trials these are with half their budget
    stop: Mapping[str, Any] | None = None  # of `Stop`: the suite's rule of when its claims are decided
    until_decided: bool = False  # whether the sweep follows that rule

    def __post_init__(self) -> None:
        check_id(self.name, "a suite")  # its report and Hydra's files lie in a folder of that name
