"""The likelihoods that compression can choose."""

import made_up
import torch


def test_bernoulli_is_the_binary_cross_entropy_of_grey_pixels() -> None:
    torch.manual_seed(0)
    task, network = made_up.built("compression", "ae", "task.likelihood=bernoulli")
    batch = task.splits["train"].batch(torch.arange(4))
    losses = task.losses(network.eval(), batch)
    shown = network.decode(network.encode(batch).code, None, task.side).sigmoid()
    expected = -(batch.targets * shown.log() + (1 - batch.targets) * (1 - shown).log()).sum(dim=(1, 2))
    torch.testing.assert_close(losses.task, expected, rtol=1e-4, atol=1e-3)
    assert "noise" not in network.heads
