"""Texts drawn from a trained network: a language model goes on from a prompt, masked words fill its blanks."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch

from unroll.config.trial import Trial
from unroll.errors import UserError
from unroll.models.network import Network
from unroll.seeds import derive
from unroll.tasks.sequences import check_limits
from unroll.tasks.task import Task
from unroll.training.load import load_trained


@dataclass(frozen=True)
class Drawing:
    """How texts are drawn.

    Args:
        count: texts.
        length: tokens of each, at most.
        seed: of the draws.
        temperature, top_k, top_p: as of `unroll.tasks.sequences.restricted`.
    """

    count: int = 1
    length: int = 50
    seed: int = 0
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        for name in ("count", "length"):
            if getattr(self, name) < 1:
                raise UserError(f"'{name}' is out of range.", saw=getattr(self, name), allowed="1 or more")
        check_limits(self.temperature, self.top_k, self.top_p)

    def limits(self) -> dict[str, Any]:
        """What each token is drawn under."""
        return {"temperature": self.temperature, "top_k": self.top_k, "top_p": self.top_p}


@runtime_checkable
class Draws(Protocol):
    """A task whose networks give texts."""

    def drawn(
        self, network: Network, prompt: str, count: int, length: int, random: torch.Generator, **limits: Any
    ) -> list[str]:
        """Texts that go on from a prompt, or with its blanks filled."""


def sample(place: Trial | str | Path, prompt: str = "", how: Drawing | None = None, trust: bool = False) -> list[str]:
    """Return texts that a trial's network draws: on one device the same ones for the same seed.

    On another device the probabilities differ by rounding, and so a text may.

    Args:
        place: a trial, or a trial's directory.
        prompt: what the texts begin with; for masked words a sentence with ___ for each word to fill in.
        how: how they are drawn.
        trust: whether to import what the directory's config names beside Unroll and installed plugins.

    Raises:
        UserError: as `load_network` does; the trial's task gives no texts; or an option is out of range.
    """
    trained = load_trained(place, trust)
    return drawn_texts(trained.task, trained.network, prompt, how or Drawing())


def drawn_texts(task: Task, network: Network, prompt: str, how: Drawing) -> list[str]:
    """As `sample`, of a network that is loaded already."""
    if not isinstance(task, Draws):
        raise UserError(
            "The networks of this task give no texts.",
            saw=type(task).__name__,
            allowed="a trial of language_modelling, sentence_modelling or masked_words, or of a task that has `drawn`",
        )
    random = torch.Generator().manual_seed(derive(how.seed, "sample") % 2**63)
    return task.drawn(network, prompt, how.count, how.length, random, **how.limits())
