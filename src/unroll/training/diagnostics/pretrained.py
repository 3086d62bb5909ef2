"""What pretraining left: the code's Jacobian and saturation on validation, at the boundary of the two phases.

They are columns of Rifai et al. 2011, Table 1, which measures them "before fine-tuning".
"""

from typing import Any

import torch

from unroll.data.batching import evaluation_order
from unroll.models.network import Coded, Network
from unroll.tasks.task import Task
from unroll.training.diagnostics.codes import saturated_share
from unroll.training.diagnostics.probe import (
    JACOBIAN_EXAMPLES,
    finite,
    fixed_index,
    jacobian_of,
    undisturbed,
)


def pretrained(task: Task, network: Network, step: int, device: torch.device) -> dict[str, Any]:
    """The record's `result.pretrained`, of a network after `step` steps, in evaluation mode; None: not finite.

    jacobian_norm      root mean square over examples of |dz/dx|_F, for z the code and x the embedded input: of all
                       validation where one sigmoid layer gives it in closed form (Rifai et al. 2011, eq. 6), else of
                       `JACOBIAN_EXAMPLES` and in as many directions as `probe.diagnose`
    jacobian_examples  how many
    saturated_share    as `codes.saturated_share`, of all validation; None where no sigmoid or tanh makes the code
    """
    split = task.splits["validation"]
    examples, squares, saturated = len(split), [], []
    with undisturbed(network, device):
        for index in evaluation_order(split):
            code = network.encode(split.batch(index).to(device))
            squares.append(_closed_form(code))
            share = saturated_share(code.code)
            saturated.append(None if share is None else share * len(index))
        exact = [square for square in squares if square is not None]
        if len(exact) == len(squares):
            measured, norm = examples, (sum(exact) / examples) ** 0.5
        else:
            few = fixed_index(examples)[:JACOBIAN_EXAMPLES]
            measured, norm = len(few), jacobian_of(network, split, few, device)
    shares = [share for share in saturated if share is not None]
    found = {
        "step": step,
        "examples": examples,
        "jacobian_norm": norm,
        "jacobian_examples": measured,
        "saturated_share": sum(shares) / examples if len(shares) == len(saturated) else None,
    }
    return dict(finite(found))


def _closed_form(code: Coded) -> float | None:
    """Sum over a batch of |dz/dx|_F^2; None without a closed form, or where a term changes the code in evaluation."""
    closed = code.context.closed_jacobian
    if closed is None or not torch.equal(code.code, code.context.projected):
        return None
    return float(closed(code.code.detach()).detach().double().sum())
