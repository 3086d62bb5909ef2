"""The phases of a trial's training: which one a step is in, as a function of the step and the budget alone."""

from dataclasses import dataclass

from unroll.config.schema import BudgetConfig, Optimizer
from unroll.data.splits import Batch
from unroll.errors import UserError
from unroll.models.contracts import Term
from unroll.models.network import Network
from unroll.tasks.task import Losses, Task


@dataclass(frozen=True)
class Phases:
    """Pretraining up to step `boundary`, where the optimizer's state and the learning rate start anew; then the task.

    A boundary of 0 is one phase only: the task's losses from the first step on.
    """

    boundary: int
    steps: int

    def pretrains(self, step: int) -> bool:
        """Whether the step that starts after `step` done ones is of the first phase."""
        return step < self.boundary

    def within(self, step: int) -> tuple[int, int]:
        """Steps done in the phase, and its length."""
        if self.pretrains(step):
            return step, self.boundary
        return step - self.boundary, self.steps - self.boundary

    def begins_second(self, step: int) -> bool:
        """Whether the second of two phases starts after `step` done steps."""
        return 0 < self.boundary == step

    def optimizer(self, config: Optimizer, step: int) -> Optimizer:
        """The optimizer's options at a step: those of `supervised`, where they are given, in the second phase."""
        if not self.boundary or self.pretrains(step):
            return config
        return config.second_phase()

    def losses(self, task: Task, network: Network, batch: Batch, step: int) -> Losses:
        """The losses that are minimised at a step."""
        if self.pretrains(step):
            return task.pretraining_losses(network, batch)
        return task.supervised_losses(network, batch) if self.boundary else task.losses(network, batch)


def phases_of(task: Task, steps: int) -> Phases:
    """The phases of a budget's steps.

    Raises:
        UserError: a phase would have no step.
    """
    return Phases(0 if task.pretraining is None else task.pretraining.boundary(steps), steps)


def check_phases(task: Task, budget: BudgetConfig) -> None:
    """Raise UserError where a budget cannot be divided into a task's phases, as far as it is known without data."""
    if task.pretraining is None:
        return
    if budget.seconds is not None:
        raise UserError(
            "A budget in seconds has no number of steps to divide into two phases.",
            saw=f"budget.seconds={budget.seconds} task.protocol=pretrain",
            allowed="budget.epochs or budget.steps, or task.protocol=joint",
        )
    if budget.steps is not None:
        task.pretraining.boundary(budget.steps)


def check_schedule(name: str, term: Term, budget: BudgetConfig) -> None:
    """Raise UserError where a term changes with the steps, and the budget does not say how many there are."""
    if budget.seconds is not None and term.scheduled():
        raise UserError(
            f"A budget in seconds has no number of steps for the term {name} to change over.",
            saw=f"budget.seconds={budget.seconds}",
            allowed="budget.epochs, budget.steps or budget.flops, or a term that stays as it is",
        )
