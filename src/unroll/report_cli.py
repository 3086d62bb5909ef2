"""Commands that read records: the report of some or all, one figure or table of it, and two trials side by side."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unroll.data_cli import ConfigDir
from unroll.errors import UserError
from unroll.visible import say

if TYPE_CHECKING:
    from unroll.analysis.chosen import Chosen
    from unroll.config.planned import Plan

FAILED = 1
Labs = Annotated[
    list[str] | None, typer.Option("--runs", help="A folder of records, or LAB=FOLDER; repeatable. Default: runs.")
]


def report(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[SUITE] [OVERRIDES]...", help="A suite: quickstart. Default: all.")
    ] = None,
    runs: Labs = None,
    filters: Annotated[
        list[str] | None, typer.Option("--filter", help="KEY=A,B* KEY!=A KEY<N; repeatable. row=lstm,gru: these rows.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="A .md, .html, .tex or .csv file, or a folder; of --figure, x.pdf.")
    ] = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="Show the page on this machine, anew as records arrive; write nothing.")
    ] = False,
    port: Annotated[int, typer.Option("--port", help="Of --serve; 0: one that is free.", min=0, max=65535)] = 0,
    table: Annotated[str | None, typer.Option("--table", help="Only this problem's table: sentiment-sst2.")] = None,
    figure: Annotated[
        str | None, typer.Option("--figure", help="Only this figure: sentiment-sst2-learning. Its caption is printed.")
    ] = None,
    figures: Annotated[Path | None, typer.Option("--figures", help="A folder for figures, and their captions.")] = None,
    formats: Annotated[
        str, typer.Option("--formats", help="Of --figures: svg, png, pdf, pgf, with commas between.")
    ] = "svg,png",
    style: Annotated[
        Path | None, typer.Option("--style", help="A matplotlib style sheet: size, fonts, lines of figures.")
    ] = None,
    labels: Annotated[
        list[str] | None, typer.Option("--label", help="NAME=TEXT, as figures and LaTeX call it: gru=GRU; repeatable.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only say which generated files the records do not give.")
    ] = False,
    results: Annotated[Path, typer.Option("--results", help="What --check looks at.")] = Path("results"),
    config_dir: ConfigDir = None,
) -> None:
    """Write tables, figures and the page for a browser of all records, or of a suite's; or one of them alone."""
    if check:
        _check(results)
        return
    from unroll.analysis.chosen import choose
    from unroll.analysis.figures.files import check_formats
    from unroll.analysis.labels import labels_of
    from unroll.analysis.report import report as write
    from unroll.config.runs_folder import stated_runs

    folders = runs or stated_runs(words or []) or ["runs"]
    called, refused = labels_of(labels or []), list[UserError]()
    asked = [part.strip() for part in formats.split(",")]
    if figures is not None:
        check_formats(asked, style)
    plan = _plan(words or [], config_dir)
    if serve:
        if any(one is not None for one in (out, table, figure, figures)):
            raise UserError("A page that is served is written to no file.", saw="--serve beside an option of files")
        from unroll.analysis.serving import serve as show

        show(folders, plan, filters or [], config_dir, port)
        return
    if table is not None or figure is not None:
        _one(choose(folders, plan, filters or [], refused), table, figure, out, style, labels or [])
    else:
        for path in write(folders, plan, out, refused, filters or [], called, config_dir):
            say(path)
    if figures is not None:
        from unroll.analysis.figures.write import draw_tables

        chosen = choose(folders, plan, filters or [])
        drawn = draw_tables(chosen.tables(called, compared=False), chosen.directories, figures, asked, style)
        for line in (*drawn.paths, *drawn.skipped):
            say(line)
    tell_refused(refused)


def _plan(words: list[str], config_dir: str | None) -> "Plan | None":
    from unroll.config.runs_folder import KEY
    from unroll.sweeps.suite import plan

    if all(word.startswith(KEY) for word in words):
        return None
    return plan([word if "=" in word else f"suite={word}" for word in words], config_dir)


def _check(results: Path) -> None:
    from unroll.pages import refuse_unlike

    try:
        refuse_unlike(results)
    except UserError as error:
        say(error, err=True)
        raise typer.Exit(FAILED) from error
    say(f"{results}: every generated file is what the records give")


def _one(
    chosen: "Chosen", table: str | None, figure: str | None, out: Path | None, style: Path | None, labels: list[str]
) -> None:
    """Write one table, or one figure and say its caption."""
    from unroll.analysis.figures.write import draw_one
    from unroll.analysis.labels import labels_of
    from unroll.analysis.report import write_one

    if out is None or (table is not None and figure is not None):
        saw = f"--table {table} --figure {figure}" if out is not None else "no --out"
        raise UserError(
            "One table or figure goes into one file.", saw=saw, allowed="--table or --figure, and --out FILE"
        )
    called = labels_of(labels)
    if table is not None:
        say(write_one(chosen, table, out, called))
    elif figure is not None:
        say(draw_one(chosen.tables(called, compared=False), chosen.directories, figure, out, style))
        say(out)


def diff(
    first: Annotated[str, typer.Argument(help="A trial's id, its directory, or its record.")],
    second: Annotated[str, typer.Argument(help="Another one's.")],
    runs: Annotated[Path, typer.Option("--runs", help="The folder that holds the trials' records.")] = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
    config_dir: ConfigDir = None,
) -> None:
    """Print in what two trials differ: config, result, curves, cost, and the versions of code and protocol."""
    import json

    from unroll.sweeps.diff import difference
    from unroll.sweeps.diff_view import lines
    from unroll.visible import visible

    found = difference(first, second, runs, config_dir)
    if as_json:
        say(json.dumps(found, indent=1, ensure_ascii=False))
        return
    for line in map(visible, lines(found)):
        typer.secho(line, bold=not line.startswith(" "))


def tell_refused(refused: list[UserError]) -> None:
    """Say which records were left out, after all else was done; they are an error."""
    for error in refused:
        say(error, err=True)
    if refused:
        say(f"{len(refused)} records were refused; all others are in what was written.", err=True)
        raise typer.Exit(FAILED)
