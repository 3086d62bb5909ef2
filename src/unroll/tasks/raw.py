"""Raw inputs of a trained network: texts, images and numbers as people have them come in, checked; arrays go out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unroll.data.splits import Batch, Split
from unroll.errors import UserError
from unroll.models.network import Network

LEVELS = 255  # grey values of an image, above black


@dataclass(frozen=True)
class Raw:
    """What a task makes of raw inputs.

    splits: what the network reads, one after the other; all are of the same form as those of `prepare`.
    told: (network, outputs of all examples in their order) -> what these mean: name -> a list or an array, in the
        order of the inputs.
    score: (network, batch) -> outputs of each example [B]; None: the task's `evaluate`.
    """

    splits: Sequence[Split]
    told: Callable[[Network, dict[str, Any]], dict[str, Any]]
    score: Callable[[Network, Batch], dict[str, Any]] | None = None


def raw_texts(inputs: Any, what: str = "texts") -> list[str]:
    """Return inputs as a list of texts, none of them empty.

    Raises:
        UserError: one text instead of a list, lists of words, something else than text, none, or an empty one.
    """
    allowed = f"a list of {what}, such as ['a first one', 'a second one']"
    if isinstance(inputs, str):
        raise UserError(f"One text is not a list of {what}.", saw=repr(inputs[:60]), allowed=f"[{inputs[:60]!r}]")
    found = _listed(inputs, allowed)
    for place, text in enumerate(found):
        if isinstance(text, list | tuple | np.ndarray) and len(text) and isinstance(text[0], str):
            raise UserError(
                f"Words are given in place of {what}.",
                saw=f"input {place + 1}: {list(text)[:8]}",
                allowed=f"whole {what}, which the model splits itself: {' '.join(map(str, text[:8]))!r}",
            )
        if not isinstance(text, str):
            raise UserError(
                f"Input {place + 1} is no text.", saw=f"{type(text).__name__} {text!r:.60}", allowed=allowed
            )
        if not text.strip():
            raise UserError(f"Input {place + 1} is empty.", saw=repr(text), allowed=allowed)
    return [str(text) for text in found]


def raw_images(inputs: Any, side: int) -> Tensor:
    """Return images [N, side, side], or one of them [side, side], as grey values [N, side, side] of uint8.

    Whole numbers are 0 (black) to 255. Floats are 0 to 1 and are rounded to 255ths, which the network was trained on.

    Raises:
        UserError: no numbers, images of another size, none, NaN, or values out of range.
    """
    allowed = f"images [N, {side}, {side}] as uint8, or as floats from 0 to 1"
    values = raw_numbers(inputs, allowed, whole=True)
    if values.ndim == 2:
        values = values[None]
    if values.ndim != 3 or values.shape[1:] != (side, side) or not len(values):
        raise UserError(
            "These are no images of the size that the network reads.", saw=f"shape {np.shape(inputs)}", allowed=allowed
        )
    if values.dtype == np.bool_:
        values = values.astype(np.float64)
    floats = np.issubdtype(values.dtype, np.floating)
    low, high = values.min(), values.max()
    if low < 0 or high > (1 if floats else LEVELS):
        raise UserError(
            "Grey values are out of range.", saw=f"{values.dtype} from {low:g} to {high:g}", allowed=allowed
        )
    grey = np.rint(values * LEVELS) if floats else values
    return torch.from_numpy(np.array(grey, dtype=np.uint8, order="C"))


def raw_numbers(inputs: Any, allowed: str, whole: bool = False) -> np.ndarray:
    """Return inputs as an array of finite numbers: float64, or with `whole` integers and bools as they are.

    Raises:
        UserError: something that is no array of numbers, or a NaN or an infinity in it.
    """
    try:
        found = np.asarray(inputs)
        if found.dtype == object or not (np.issubdtype(found.dtype, np.number) or found.dtype == np.bool_):
            raise ValueError(f"values of type {found.dtype}")
        if np.iscomplexobj(found):
            raise ValueError("complex numbers")
    except (ValueError, TypeError) as error:
        saw = f"{type(inputs).__name__}: {error}"
        raise UserError("The inputs are no array of numbers.", saw=saw, allowed=allowed) from error
    if not (whole and not np.issubdtype(found.dtype, np.floating)):
        found = found.astype(np.float64)
        bad = np.argwhere(~np.isfinite(found))
        if len(bad):
            place = tuple(bad[0].tolist())
            saw = f"{found[place]} at {list(place)}, {len(bad)} such values"
            raise UserError("A value is missing or infinite.", saw=saw, allowed=f"{allowed}, each value a number")
    return found


def _listed(inputs: Any, allowed: str) -> list[Any]:
    if isinstance(inputs, dict | bytes) or not hasattr(inputs, "__iter__") or hasattr(inputs, "columns"):
        raise UserError("The inputs are no list.", saw=type(inputs).__name__, allowed=allowed)
    found = list(inputs)
    if not found:
        raise UserError("There are no inputs.", saw="an empty list", allowed=allowed)
    return found
