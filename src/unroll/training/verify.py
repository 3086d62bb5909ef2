"""Verification: a trial is trained again in a directory of its own, and the two results are compared bit by bit."""

import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

from unroll.errors import UserError
from unroll.planning.compose import compose
from unroll.planning.trial import Trial
from unroll.training.train import train


def verify(record: Mapping[str, Any], overrides: Mapping[str, Any] | None = None) -> list[str]:
    """Train a finished record's trial again; returns each difference of the two results, empty where identical.

    Args:
        record: of the trial.
        overrides: values for `trainer` keys, such as threads.

    Raises:
        UserError: the record failed, its budget is in seconds, or the data is not what it was.
        TrialFailed: training again ended in an error.
    """
    if record["status"] != "finished":
        raise UserError("Only a finished trial can be verified.", saw=f"{record['trial_id']}: {record['status']}")
    config = dict(record["config"])
    if config["budget"]["seconds"] is not None:
        raise UserError(
            "A budget in seconds trains another number of steps each time, so it cannot be verified.",
            saw=f"budget.seconds={config['budget']['seconds']}",
            allowed="budget.epochs or budget.steps",
        )
    with tempfile.TemporaryDirectory(prefix="unroll-verify-") as folder:
        stated = {key: value for key, value in config["paths"].items() if value is not None}  # published: none
        config["paths"] = {**compose([]).config["paths"], **stated, "runs": folder}
        config["trainer"] = {**config["trainer"], **(overrides or {})}
        config["logger"] = {**config["logger"], "csv": False, "tensorboard": False}
        config["logger"]["wandb"] = {**config["logger"]["wandb"], "mode": "disabled"}
        again = train(Trial(config, record["trial_id"]))
    return list(differences(record["result"], again["result"]))


def differences(first: Any, second: Any, where: str = "result") -> Iterator[str]:
    """Each leaf at which two results differ, as `path: first -> second`."""
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        for key in sorted(first.keys() | second.keys(), key=str):
            yield from differences(first.get(key), second.get(key), f"{where}.{key}")
    elif isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        for number, (one, other) in enumerate(zip(first, second, strict=True)):
            yield from differences(one, other, f"{where}[{number}]")
    elif first != second:
        yield f"{where}: {first} -> {second}"
