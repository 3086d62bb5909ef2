"""A trial's budget in optimizer steps."""

from unroll.config.schema import BudgetConfig
from unroll.training import flops

ENDLESS = 10**9  # steps of a budget in seconds


def budget_steps(budget: BudgetConfig, per_epoch: int, forward: int = 0, batch_size: int = 1) -> tuple[int, int | None]:
    """The budget in optimizer steps, and the steps between validations (None = at the end only).

    `forward` are the operations of a forward pass per example, for a budget in operations.
    """
    if budget.steps is not None:
        steps = budget.steps
    elif budget.epochs is not None:
        steps = max(1, round(budget.epochs * per_epoch))
    elif budget.flops is not None:
        steps = flops.steps_for(budget.flops, forward, batch_size)
    else:
        steps = ENDLESS
    every = budget.validate_every
    return steps, None if every is None else max(1, round(every * per_epoch))
