"""Floating-point operations of a network; a multiply-add counts as two."""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from unroll.data.splits import Batch
from unroll.errors import UserError
from unroll.models.network import Network
from unroll.tasks.task import Task

BACKWARD_FACTOR = 3  # forward plus a backward of twice its cost (Kaplan et al. 2020, section 2.1)


def _recurrent(gates: int, steps: int, batch: int, input_width: int, width: int) -> int:
    """Products of one layer in one direction: 2 x T x B x gates x H x (D + H)."""
    return 2 * steps * batch * gates * width * (input_width + width)


def _mkldnn_rnn_layer(x: Any, w_input: Any, w_hidden: Any, *rest: Any, **named: Any) -> int:
    """oneDNN's fused layer; weights [gates x H, D] and [gates x H, H], x [T, B, D]."""
    gates = w_input[0] // w_hidden[1]
    return _recurrent(gates, x[0], x[1], w_input[1], w_hidden[1])


def _cudnn_rnn(x: Any, weights: Any, *rest: Any, **named: Any) -> int:
    """cuDNN's fused layers; x [T, B, D] or [B, T, D], the two first weights of each as in torch.nn."""
    positions = x[0] * x[1]
    matrices = [weight for weight in weights if len(weight) == 2]
    return sum(2 * positions * matrix[0] * matrix[1] for matrix in matrices)


FORMULAS = {
    torch.ops.aten.mkldnn_rnn_layer: _mkldnn_rnn_layer,
    torch.ops.aten._cudnn_rnn: _cudnn_rnn,
}


def forward_flops(task: Task, network: Network, batch: Batch) -> int:
    """Operations of the forward pass of the loss, per example, rounded; padding included, as it is computed."""
    return _counted(lambda: task.losses(network, batch), batch)


def _counted(run: Callable[[], Any], batch: Batch) -> int:
    with torch.no_grad(), FlopCounterMode(display=False, custom_mapping=FORMULAS) as counter:
        run()
    return round(counter.get_total_flops() / len(batch.index))


def phase_flops(task: Task, network: Network, batch: Batch) -> tuple[int, int]:
    """Operations of training on an example, forward and backward, in each of two phases.

    A frozen code is made forward only.
    """
    assert task.pretraining is not None
    first = BACKWARD_FACTOR * _counted(lambda: task.pretraining_losses(network, batch), batch)
    second = BACKWARD_FACTOR * _counted(lambda: task.supervised_losses(network, batch), batch)
    if task.pretraining.frozen:
        second -= (BACKWARD_FACTOR - 1) * _counted(lambda: network.encode(batch), batch)
    return first, second


def steps_for(operations: float, forward_per_example: int, batch_size: int) -> int:
    """The optimizer steps that a budget of training operations pays for: whole batches, forward and backward.

    Raises:
        UserError: it does not pay for one.
    """
    step = BACKWARD_FACTOR * forward_per_example * batch_size
    if operations < step:
        raise UserError(
            "The budget does not pay for one step.", saw=f"budget.flops={operations:g}", allowed=f"at least {step:g}"
        )
    return int(operations // step)
