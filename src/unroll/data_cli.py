"""The commands `unroll data ...`. Each imports what it needs when it runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unroll.data.profile import SHOWN
from unroll.errors import UserError
from unroll.visible import say
from unroll.whole_help import Commands

if TYPE_CHECKING:
    from unroll.data.catalogue import SourceOutcome

ConfigDir = Annotated[str | None, typer.Option("--config-dir", help="A folder with more YAML groups.")]
Names = Annotated[list[str] | None, typer.Argument(help="Data sets; none named: all.")]

data = typer.Typer(
    cls=Commands, help="Where data comes from; fetched and verified.", no_args_is_help=True, rich_markup_mode=None
)


@data.command("list")
def list_command(config_dir: ConfigDir = None) -> None:
    """List the data sets with their sources, licences and citations."""
    from unroll.data.catalogue import list_data
    from unroll.registry.groups import config_directories

    rows, wrong = list_data(config_directories(config_dir))
    for row in rows:
        say(f"{row.name} ({row.kind})")
        say(f"  sources:  {'; '.join(row.sources)}")
        say(f"  licence:  {row.licence}")
        say(f"  cite:     {row.citation}")
        say(f"  homepage: {row.homepage}")
        say(f"  content:  {row.content_sha256 or 'no hash stated: unverified'}")
    for error in wrong:
        say(error, err=True)
    if wrong:
        raise typer.Exit(1)


@data.command("fetch")
def fetch_command(
    names: Names = None,
    suite: Annotated[str | None, typer.Option("--suite", help="What this suite's trials read.")] = None,
    config_dir: ConfigDir = None,
) -> None:
    """Bring data sets to this machine, verify and prepare them: before jobs on nodes without a network."""
    from unroll.data.catalogue import fetch, fetch_for
    from unroll.registry.groups import config_directories
    from unroll.sweeps.sweep import suite_trials

    if suite is not None:
        if names:
            raise UserError("Data sets by name, or those of a suite.", saw=f"{' '.join(names)} --suite {suite}")
        _tell(fetch_for(trial.plain for trial in suite_trials([f"suite={suite}"], config_dir)))
        return

    _tell(fetch(names or [], _paths(config_dir), config_directories(config_dir)))


@data.command("check")
def check_command(names: Names = None, config_dir: ConfigDir = None) -> None:
    """Verify every source of the data sets that lies on this machine; downloads nothing."""
    from unroll.data.catalogue import check
    from unroll.registry.groups import config_directories

    _tell(check(names or [], _paths(config_dir), config_directories(config_dir)), absent_is_fine=True)


@data.command("show")
def show_command(
    name: Annotated[str, typer.Argument(help="A data set.")],
    rows: Annotated[int, typer.Option("--rows", help="First rows of each split.", min=0)] = 3,
    config_dir: ConfigDir = None,
) -> None:
    """Show what a data set holds: rows, classes or times, lengths, columns, what was left out, the first rows."""
    from unroll.data.catalogue import show
    from unroll.data.profile_view import cell, lines
    from unroll.data.readers import name_of
    from unroll.registry.groups import config_directories

    found = show(name, _paths(config_dir), config_directories(config_dir), rows)
    say(f"{name} ({found.node['kind']}, reader {name_of(found.node['reader'])}) from {found.source}")
    say(f"  content:   {found.content_sha256}{f' ({found.note})' if found.note else ''}")
    for line in lines(found.profile):
        say(line)
    for split, examples in found.first.items():
        for example in examples:
            say(f"  {split}: {', '.join(f'{key} {cell(value)}' for key, value in example.items())}")


@data.command("add", context_settings={"ignore_unknown_options": False})
def add_command(
    words: Annotated[list[str], typer.Argument(metavar="FILE...", help="Files or folders; data.options.KEY=VALUE.")],
    name: Annotated[str | None, typer.Option("--name", help="Of the data set; else the file's.")] = None,
    kind: Annotated[
        str | None, typer.Option("--kind", help="Such as series, labelled_text, pairs, running_text.")
    ] = None,
    time: Annotated[str | None, typer.Option("--time", help="Column of a series' times.")] = None,
    text: Annotated[str | None, typer.Option("--text", help="Column of texts.")] = None,
    label: Annotated[str | None, typer.Option("--label", help="Column of their labels.")] = None,
    source: Annotated[str | None, typer.Option("--source", help="Column of texts to translate.")] = None,
    target: Annotated[str | None, typer.Option("--target", help="Column of their translations.")] = None,
    languages: Annotated[str | None, typer.Option("--languages", help="Codes: en; of translations: de,en.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the YAML of that name.")] = False,
    config_dir: ConfigDir = "mine",
) -> None:
    """Write the YAML of your own files: guess what they hold, read them, state their hashes, say how to train."""
    from unroll.config.compose import compose
    from unroll.data.add import Wish, add, command
    from unroll.data.guess import COLUMNS
    from unroll.data.overrides import below_data, is_override
    from unroll.data.profile_view import lines
    from unroll.registry.groups import config_directories

    folder = Path(config_dir or "mine")
    said = dict(zip(COLUMNS, (time, text, label, source, target), strict=True))
    columns = {column: value for column, value in said.items() if value is not None}
    files = [word for word in words if not is_override(word)]
    overrides = below_data([word for word in words if is_override(word)])
    if not files:
        raise UserError("Which files?", saw=" ".join(words) or "nothing", allowed="unroll data add FILE")
    codes = [code.strip() for code in languages.split(",")] if languages else []
    wish = Wish(name, kind, columns, codes, overrides, force)
    there = config_directories(str(folder) if folder.is_dir() else None)
    try:
        added = add(files, folder, _paths(None), there, wish)
    except UserError as error:
        error.run = None  # it speaks of a data set that is not there yet
        raise
    try:
        if added.overrides:
            compose(added.overrides, str(folder))
    except BaseException:
        added.undo()
        raise
    say(f"{added.path}: {added.node['kind']}, reader {added.node['reader']}, from {added.examples.source}")
    for line in lines(added.examples.profile):
        say(line)
    if len(added.node.get("languages", [])) == 1 and not languages:
        say(f"  language:  {', '.join(added.node['languages'])} is assumed: --languages CODE")
    alike = added.alike()
    if alike:
        say(f"  note:      labels that differ in case alone are classes of their own: {', '.join(alike)}")
    if added.aside:
        say(f"  columns that nothing reads: {', '.join(added.aside)}")
    if added.overrides:
        say(command(added, folder))
    else:
        say(f"  note:      no task that ships with Unroll trains on {added.node['kind']}")


def _paths(config_dir: str | None) -> dict[str, str | None]:
    from unroll.config.compose import compose

    paths: dict[str, str | None] = compose([], config_dir).plain["paths"]
    return paths


def _tell(outcomes: "list[SourceOutcome]", absent_is_fine: bool = False) -> None:
    for outcome in outcomes:
        rows = ", ".join(f"{split} {count}" for split, count in outcome.rows.items())
        say(": ".join(filter(None, [f"{outcome.name}: {outcome.state}", outcome.source, rows, outcome.detail])))
        for warning in outcome.profile.get("warnings", [])[:SHOWN]:
            say(f"  note: {warning}")
    if not all(outcome.ok or (absent_is_fine and outcome.state == "absent") for outcome in outcomes):
        raise typer.Exit(1)
