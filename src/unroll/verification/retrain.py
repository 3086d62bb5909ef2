"""Records trained again: a draw of them, each verified, in words."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from unroll.errors import TrialFailed, UserError
from unroll.registry.components import foreign
from unroll.registry.groups import group_value
from unroll.verification.verify import verify
from unroll.verification.words import lines


class Retrained(NamedTuple):
    """The ids of trials that do not hold, and of those that could not be trained here."""

    unlike: list[str]
    refused: list[str]


def trainable(records: Sequence[dict[str, Any]], trust: bool = False) -> list[dict[str, Any]]:
    """Return the records that this code can train again: of today's protocol, no budget in seconds, trusted code."""
    protocol = functools.cache(lambda task: group_value("task", task, "protocol_version"))
    return [
        record
        for record in records
        if record["config"].get("budget", {}).get("seconds") is None
        and protocol(record["config"]["task"]["name"]) in (None, record["protocol_version"])
        and (trust or not foreign(record["config"]))
    ]


def retrain(
    records: Sequence[dict[str, Any]],
    say: Callable[[str], None] = print,
    runs: Path = Path("runs"),
    trust: bool = False,
) -> Retrained:
    """Train finished trials again and say how each compares.

    Args:
        records: of the trials.
        say: takes each line.
        runs: where they lie, for what is advised.
        trust: whether to import what they name beside Unroll and installed plugins.
    """
    found = Retrained([], [])
    for record in records:
        name = record["trial_id"]
        try:
            verified = verify(record, runs=runs, trust=trust)
        except UserError as error:
            say(f"{name}: cannot be trained again here: {error}")
            found.refused.append(name)
            continue
        except TrialFailed as error:
            say(f"{name}: {error}")
            found.unlike.append(name)
            continue
        if verified is None:  # a rank other than 0
            continue
        for line in lines(verified):
            say(line)
        if not verified.passed:
            found.unlike.append(name)
    return found
