"""Per-example scores and predictions: written beside the record, and hashed into it. Images beside them are not."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch

from unroll.atomic import Replacing, replacing
from unroll.tasks.task import Outputs

FILE_NAME = "predictions.npz"
IMAGES = "images.npz"


def _arrays(predictions: dict[str, Outputs]) -> dict[str, np.ndarray]:
    return {
        f"{split}/{name}": np.asarray(values, order="C")  # by rows, so that a large one can be read in parts
        for split, outputs in sorted(predictions.items())
        for name, values in sorted(outputs.items())
    }


def save(directory: Path, predictions: dict[str, Outputs], replacing: Replacing = replacing) -> str:
    """Write predictions.npz: arrays named split/output, examples in the split's order. Returns their SHA-256."""
    arrays = _arrays(predictions)
    with replacing(directory / FILE_NAME) as draft, draft.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def save_images(directory: Path, images: Outputs, replacing: Replacing = replacing) -> None:
    """Write images.npz, a few reconstructions and samples to look at; nothing where there are none."""
    if not images:
        return
    with replacing(directory / IMAGES) as draft, draft.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **{name: np.asarray(images[name]) for name in sorted(images)})


def weights_sha256(state: dict[str, Any]) -> str:
    """SHA-256 over names, shapes and bytes of a state dict, in the order of names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
