"""Which trials are trained again: drawn by a hash that is public, so that everybody draws the same."""

import hashlib
import math
from collections.abc import Sequence
from typing import Any

from unroll.errors import UserError
from unroll.registry.canonical import canonical


def draw(records: Sequence[dict[str, Any]], lot: str, count: int) -> list[dict[str, Any]]:
    """Return some of the records, drawn by the hash of a public text, such as a commit; their order changes nothing."""

    def number(record: dict[str, Any]) -> str:
        return hashlib.sha256(f"{lot} {record['trial_id']}".encode()).hexdigest()

    return sorted(records, key=number)[:count]


def draws_needed(total: int, share: float, probability: float) -> int:
    """Return how many of so many records to draw, so that a share of forged ones is met with at least a probability.

    Of `total` records ceil(share x total) are forged, and `n` are drawn without putting back: the least n for which
    the chance to miss them all is at most 1 - probability.

    Raises:
        UserError: a share or probability that is none.
    """
    if not 0 < share <= 1:
        raise UserError("--share is that of the records that are forged.", saw=share, allowed="more than 0, at most 1")
    if not 0 < probability <= 1:
        raise UserError(
            "--retrain is the probability to meet a forgery.", saw=probability, allowed="more than 0, at most 1"
        )
    return next((drawn for drawn in range(total) if met_by(total, share, drawn) >= probability), total)


def met_by(total: int, share: float, drawn: int) -> float:
    """Return the probability that so many draws without putting back meet one of ceil(share x total) forged records."""
    true = total - math.ceil(share * total)
    return 1 - math.prod(max(0, true - number) / (total - number) for number in range(drawn))


def lot_of(records: Sequence[dict[str, Any]]) -> str:
    """Return the hash of what records say of their trials' results, whatever their order."""
    said = sorted(canonical([record["trial_id"], record["config"], record["result"]]) for record in records)
    return hashlib.sha256("\n".join(said).encode()).hexdigest()
