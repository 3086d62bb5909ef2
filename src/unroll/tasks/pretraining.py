"""The protocol of supervised tasks: everything at once, or the autoencoder first and then a classifier on its code."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from torch import nn

from unroll.errors import UserError
from unroll.registry.options import Count, Fraction, OptionGroup

SHARE = 0.5


@dataclass(frozen=True)
class Pretraining:
    """The autoencoder is trained first, on reconstruction and penalties; a classifier on its code after that.

    As in Rifai et al. 2011 (section 5, fine-tuned) and Makhzani & Frey 2014 (section 4, both ways).
    """

    share: float  # of the budget's steps
    steps: int | None  # instead of a share
    frozen: bool  # the code stays as it was pretrained; otherwise the classifier's loss trains the encoder on

    def boundary(self, steps: int) -> int:
        """The steps of pretraining out of a budget's.

        Raises:
            UserError: one of the two phases would have no step.
        """
        boundary = self.steps if self.steps is not None else round(self.share * steps)
        if not 0 < boundary < steps:
            raise UserError(
                "Each phase of task.protocol=pretrain needs a step.",
                saw=f"{boundary} of {steps} steps for pretraining",
                allowed=f"task.pretrain_steps from 1 to {steps - 1}" if steps > 1 else "a budget of 2 steps or more",
            )
        return boundary


@dataclass(frozen=True)
class PretrainingOptions(OptionGroup):
    """How a task is trained: the options of every task that can be pretrained.

    Args:
        protocol: joint, or pretrain first.
        pretrain_share: of the budget's steps.
        pretrain_steps: instead of a share.
        frozen: the code stays as it was pretrained.

    Raises:
        UserError: an option that the others make void.
    """

    protocol: Literal["joint", "pretrain"] = "joint"
    pretrain_share: Fraction = SHARE
    pretrain_steps: Count | None = None
    frozen: bool = True

    def __post_init__(self) -> None:
        share, steps, void = self.pretrain_share, self.pretrain_steps, None
        if self.protocol == "joint" and (share != SHARE or steps is not None or not self.frozen):
            void = f"task.pretrain_share={share} task.pretrain_steps={steps} task.frozen={self.frozen} "
            void += "with task.protocol=joint"
        elif steps is not None and share != SHARE:
            void = f"task.pretrain_share={share} beside task.pretrain_steps={steps}"
        if void is not None:
            allowed = "task.protocol=pretrain" if self.protocol == "joint" else "one of the two"
            raise UserError("This option would change nothing.", saw=void, allowed=allowed)

    def pretraining(self) -> Pretraining | None:
        """Return the first phase; None for joint training."""
        if self.protocol == "joint":
            return None
        return Pretraining(self.pretrain_share, self.pretrain_steps, self.frozen)


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """A module as in evaluation (no dropout, no corruption, the mean code) for as long as the block runs."""
    was_training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(was_training)
