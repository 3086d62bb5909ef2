"""Tensors on their way to a device: the CPU does not wait until they are there."""

from collections.abc import Sequence

import torch
from torch import Tensor

PINNED = {"cuda"}  # kinds of device that copy from pinned memory while the CPU goes on


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on a device; where it is there already, the tensor itself."""
    if tensor.device == device:
        return tensor
    if device.type in PINNED and tensor.device.type == "cpu":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def sent_together(tensors: Sequence[Tensor], device: torch.device) -> list[Tensor]:
    """The tensors on a device, where those of one type arrive in one copy."""
    found = list(tensors)
    for kind in {tensor.dtype for tensor in tensors}:
        alike = [place for place, each in enumerate(tensors) if each.dtype == kind and each.device != device]
        if alike:
            packed = sent(torch.cat([tensors[place].flatten() for place in alike]), device)
            for place, part in zip(alike, packed.split([tensors[place].numel() for place in alike]), strict=True):
                found[place] = part.view(tensors[place].shape)
    return found
