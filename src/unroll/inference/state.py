"""What a task has learned as JSON and arrays, and back: plain values, arrays and tokenizers; nothing is unpickled."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unroll.data.tokenizers import BytePairTokenizer, CharacterTokenizer, Tokenizer, WordTokenizer
from unroll.errors import UserError
from unroll.registry.components import locate
from unroll.tasks.words import Forms

KIND = "_kind_"  # of a JSON object that stands for something else
TOKENIZERS: Mapping[str, Any] = {
    "word": WordTokenizer,
    "bpe": BytePairTokenizer,
    "character": CharacterTokenizer,
}
OWN = "own"  # a tokenizer that the data's config names


def packed(value: Any, name: str, arrays: dict[str, Tensor]) -> Any:
    """Return a learned value as JSON; its arrays go into `arrays`, by dotted name.

    Raises:
        UserError: something that cannot be written so, or a tokenizer of one's own that does not say what it learned.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray | Tensor):
        tensor = value if isinstance(value, Tensor) else torch.from_numpy(np.ascontiguousarray(value))
        arrays[name] = tensor.detach().cpu().contiguous()
        return {KIND: "tensor" if isinstance(value, Tensor) else "array", "name": name}
    if isinstance(value, list | tuple):
        return [packed(item, f"{name}.{place}", arrays) for place, item in enumerate(value)]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        items = {key: packed(item, f"{name}.{key}", arrays) for key, item in value.items()}
        return {KIND: "mapping", "items": items}
    if isinstance(value, Forms):
        tokenizer = packed(value.tokenizer, f"{name}.tokenizer", arrays)
        return {KIND: "forms", "tokenizer": tokenizer, "letters": dict(value.letters)}
    for kind, type_ in TOKENIZERS.items():
        if type(value) is type_:
            return {KIND: "tokenizer", "of": kind, "state": value.to_json()}
    if isinstance(value, Tokenizer) and hasattr(value, "to_json") and hasattr(type(value), "from_json"):
        return {KIND: "tokenizer", "of": OWN, "state": value.to_json()}
    what = type(value).__name__
    raise UserError(
        f"What the task has learned cannot be exported: its '{name}'.",
        saw=what,
        allowed=f"plain values, arrays, Unroll's tokenizers, or {what}.to_json() and the class method from_json(state)",
    )


def unpacked(value: Any, arrays: Mapping[str, Tensor], tokenizer: Mapping[str, Any]) -> Any:
    """Return what `packed` made JSON of.

    Args:
        value: the JSON.
        arrays: those that it names.
        tokenizer: the data's config of a tokenizer of one's own.

    Raises:
        UserError, KeyError, TypeError, ValueError: it is none.
    """
    if isinstance(value, list):
        return [unpacked(item, arrays, tokenizer) for item in value]
    if not isinstance(value, dict):
        return value
    kind = value[KIND]
    if kind == "mapping":
        return {str(key): unpacked(item, arrays, tokenizer) for key, item in value["items"].items()}
    if kind in ("tensor", "array"):
        tensor = arrays[value["name"]]
        return tensor if kind == "tensor" else tensor.numpy()
    if kind == "forms":
        letters = {str(letter): int(number) for letter, number in value["letters"].items()}
        return Forms.spelled(unpacked(value["tokenizer"], arrays, tokenizer), letters)
    if kind == "tokenizer":
        of = value["of"]
        type_: Any = locate(tokenizer, "data.tokenizer", Tokenizer) if of == OWN else TOKENIZERS[of]
        return type_.from_json(value["state"])
    raise ValueError(f"there is no kind of value '{kind}'")
