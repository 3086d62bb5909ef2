"""Records trained again: a draw of them, each verified, in words."""

from collections.abc import Callable, Sequence
from typing import Any

from unroll.errors import TrialFailed, UserError
from unroll.training.verdict import lines
from unroll.training.verify import Verification, verify


def retrain(
    records: Sequence[dict[str, Any]],
    say: Callable[[str], None] = print,
    train_again: Callable[[dict[str, Any]], Verification | None] = verify,
) -> list[str]:
    """Train finished trials again and say how each compares; return the ids of those that do not hold."""
    unlike = []
    for record in records:
        try:
            found = train_again(record)
        except (UserError, TrialFailed) as error:
            say(f"{record['trial_id']}: cannot be trained again here: {error}")
            unlike.append(record["trial_id"])
            continue
        if found is None:  # a rank other than 0
            continue
        for line in lines(found):
            say(line)
        if not found.passed:
            unlike.append(record["trial_id"])
    return unlike
