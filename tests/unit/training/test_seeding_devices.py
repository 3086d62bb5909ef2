"""Noise is seeded where it is drawn, and nowhere else."""

import pytest
import torch

from unroll.training.devices import seed_noise


@pytest.mark.parametrize("index", [0, 1, None])
def test_a_gpus_generator_alone_is_seeded(index: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the GPU that is meant; without a number the current one, here the second."""
    generators = [torch.Generator().manual_seed(7) for _ in range(2)]
    monkeypatch.setattr(torch.cuda, "default_generators", tuple(generators))
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    before = torch.random.get_rng_state()
    seed_noise(2**62 + 3, torch.device("cuda", index) if index is not None else torch.device("cuda"))
    seeded = 1 if index is None else index
    assert [one.initial_seed() for one in generators] == [2**62 + 3 if place == seeded else 7 for place in (0, 1)]
    assert torch.equal(torch.random.get_rng_state(), before)
    seed_noise(5, torch.device("cpu"))
    drawn = torch.rand(3)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(3), drawn)
