"""The folder of trials on a command line: `--runs FOLDER` in every command, which sets the key `paths.runs`."""

from collections.abc import Sequence
from pathlib import Path

from unroll.config.written import written
from unroll.errors import UserError

OPTION, KEY = "--runs", "paths.runs="


def with_runs(overrides: Sequence[str], runs: str | Path | None) -> list[str]:
    """Return overrides with the folder that `--runs` names, if it names one.

    Raises:
        UserError: they name another one.
    """
    if runs is None:
        return list(overrides)
    for other in stated_runs(overrides):
        if Path(other) != Path(runs):
            raise UserError(
                "Two folders of trials are named.", saw=f"{OPTION} {runs} {KEY}{other}", allowed="one of the two"
            )
    return [*(text for text in overrides if not text.startswith(KEY)), f"{KEY}{written(str(runs))}"]


def stated_runs(overrides: Sequence[str]) -> list[str]:
    """Return the folder that overrides name, or nothing."""
    return [text.removeprefix(KEY).strip("'\"") for text in overrides if text.startswith(KEY)][-1:]


def runs_as_override(arguments: Sequence[str]) -> list[str]:
    """Return a command line of Hydra's with `--runs FOLDER` as an override.

    Raises:
        UserError: no folder follows, or `paths.runs` names another one.
    """
    rest, runs, left = list[str](), None, list(arguments)
    while left:
        text = left.pop(0)
        if text != OPTION and not text.startswith(f"{OPTION}="):
            rest.append(text)
            continue
        value = text.partition("=")[2] if "=" in text else left.pop(0) if left else ""
        if not value or value.startswith("-"):
            raise UserError(
                "A folder of trials follows this option.", saw=" ".join([text, *left][:2]), allowed="--runs FOLDER"
            )
        runs = value
    return with_runs(rest, runs)
