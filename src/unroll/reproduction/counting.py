"""Published parameter counts: a wiring described by its parts, counted on our own modules without memory."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from unroll.config.compose import compose
from unroll.errors import UserError
from unroll.models.contracts import Shape, Side
from unroll.models.sizing import meta_counts
from unroll.registry.components import create

PARTS = ("embedding", "linear", "encoder")


def count_parts(parts: Sequence[Mapping[str, Any]]) -> int:
    """Return the trained numbers of a wiring.

    Each part is one of

        {embedding: [rows, width]}
        {linear: [inputs, outputs], bias: true}
        {encoder: [architecture=lstm, ...], input_width: 64}   the encoder of an architecture, read from its overrides

    and counts `times` times (1).

    Raises:
        UserError: a part of no such kind, or an architecture that cannot be composed.
    """
    return sum(int(part.get("times", 1)) * _count(part) for part in parts)


def _count(part: Mapping[str, Any]) -> int:
    kinds = [kind for kind in PARTS if kind in part]
    if len(kinds) != 1:
        raise UserError("A part that is counted is of one kind.", saw=dict(part), allowed=PARTS)
    kind = kinds[0]
    if kind == "embedding":
        rows, width = part[kind]
        return int(rows) * int(width)
    if kind == "linear":
        inputs, outputs = part[kind]
        return meta_counts(lambda: nn.Linear(inputs, outputs, bias=part.get("bias", True)))["total"]
    node = compose(["task=sentiment", *part[kind]]).plain["architecture"]["encoder"]
    width = int(part["input_width"])
    sentence = Side(width, 52)  # no encoder that is counted so depends on the longest one
    shape = Shape(sentence, sentence, width)
    return meta_counts(lambda: create(node, "architecture.encoder", nn.Module, shape=shape))["total"]
