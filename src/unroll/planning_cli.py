"""Commands that plan a sweep before any of it is trained."""

from pathlib import Path
from typing import Annotated

import typer

from unroll.data_cli import ConfigDir
from unroll.errors import UserError
from unroll.visible import say


def seeds(
    words: Annotated[list[str] | None, typer.Argument(help="A suite, and overrides: reference task=sentiment.")] = None,
    see: Annotated[
        list[str] | None,
        typer.Option("--see", help="VALUE, or METRIC=VALUE; repeatable. Default: the margin that a task states."),
    ] = None,
    runs: Annotated[
        Path | None, typer.Option("--runs", help="The folder that holds the records. Default: results/records.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
    config_dir: ConfigDir = None,
) -> None:
    """Say how many seeds would see a difference, by the spreads of a suite's records, and what they cost."""
    from unroll.config.overrides import refuse_repeated
    from unroll.config.runs_folder import stated_runs
    from unroll.sweeps import seeds as command

    refuse_repeated(words or [])
    refused: list[UserError] = []
    folder = Path(runs or (stated_runs(words or []) or ["results/records"])[0])
    todo, found = command.run(words or [], see or [], folder, config_dir, refused)
    if as_json:
        say(command.as_json(todo, found, words or []))
    else:
        command.show(todo, found, words or [])
    for error in refused:
        say(error, err=True)
