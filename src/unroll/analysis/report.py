"""Reports: Markdown, LaTeX and CSV that the same records give byte for byte, and tables in the terminal with Rich."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unroll.analysis.hypotheses import Answer, answers
from unroll.analysis.render import cells, latex
from unroll.analysis.render import markdown as in_markdown
from unroll.analysis.render.page import CAPTION, Section, sections
from unroll.analysis.tables import Table, make_tables
from unroll.errors import UserError
from unroll.records.audit import trusted
from unroll.records.scores import Scores, scores_under
from unroll.visible import as_cell, visible

if TYPE_CHECKING:
    import rich.table

    from unroll.config.planned import Plan
    from unroll.config.trial import Trial

FORMATS = (".md", ".tex", ".csv")
REFUSED = (
    "They are damaged or not true to themselves, and stand in no table above; `unroll audit` says what was expected."
)


def report(
    folder: str | Path,
    plan: "Plan | None" = None,
    out: str | Path | None = None,
    refused: list[UserError] | None = None,
) -> list[Path]:
    """Write the report of the records under `folder`; return the files written.

    Records that are damaged or not true to themselves are left out; `refused` takes the reasons, and a file with every
    table ends in them.

    `out` ending in .md or .tex takes one file with every table, in .csv one with a line for every row of every table,
    numbers not rounded. Any other `out` is a folder that takes a Markdown file for each task and data set; without it,
    folder/report.md. With `plan`, exactly the trials of that suite are reported, missing ones too, and in one file also
    what its claims come to.
    Raises UserError when the folder is not there, or `out` has another suffix.
    """
    path = Path(out) if out is not None else Path(folder) / "report.md"
    if path.suffix and path.suffix not in FORMATS and not path.is_dir():
        raise UserError("A report has no such format.", saw=path, allowed=(*FORMATS, "a folder"))
    refused = [] if refused is None else refused
    records, scores = trusted(folder, refused), scores_under(folder)
    trials = None if plan is None else [item.trial for item in plan.trials]
    if path.suffix not in FORMATS:
        return write_tables(records, path, trials, scores)
    title = "Report" if plan is None else f"Suite {plan.name}"
    said = () if plan is None or path.suffix == ".csv" else answers(plan, records, scores)
    return [write_report(records, path, trials, title, scores, said, refused)]


def write_report(
    records: Sequence[dict[str, Any]],
    path: str | Path,
    trials: Sequence["Trial"] | None = None,
    title: str = "Report",
    scores: Scores | None = None,
    answers: Sequence[Answer] = (),
    refused: Sequence[UserError] = (),
) -> Path:
    """Write answers to claims, then every table of the records, to one file of its suffix's format; return its path."""
    path, last = Path(path), left_out(refused)
    tables = make_tables(records, trials, scores)
    if path.suffix == ".csv":
        return _write(path, comma_separated(tables))
    if path.suffix == ".tex":
        return _write(path, latex.document([*sections(tables, title, answers, trials=False), *last]))
    return _write(path, in_markdown.page([*sections(tables, title, answers), *last]))


def left_out(refused: Sequence[UserError]) -> list[Section]:
    """What a page says of records that it does not believe; nothing where there are none."""
    if not refused:
        return []
    notes = tuple(" ".join(f"{error.what} Seen: {error.saw}".split()) for error in refused)
    return [Section("Refused records", 2, (REFUSED,), notes=notes)]


def write_tables(
    records: Sequence[dict[str, Any]],
    folder: str | Path,
    trials: Sequence["Trial"] | None = None,
    scores: Scores | None = None,
) -> list[Path]:
    """Write one Markdown file for each task and data set into `folder`; return their paths, sorted."""
    pages: dict[tuple[str, str], list[Table]] = {}
    for table in make_tables(records, trials, scores):
        pages.setdefault((table.task, table.data), []).append(table)
    return [
        _write(Path(folder) / f"{task}-{data}.md", in_markdown.page(sections(tables, f"{task} on {data}")))
        for (task, data), tables in sorted(pages.items())
    ]


def markdown(
    records: Iterable[dict[str, Any]],
    title: str,
    trials: Sequence["Trial"] | None = None,
    scores: Scores | None = None,
    answers: Sequence[Answer] = (),
) -> str:
    """Return a Markdown page: claims, an overview, then each problem's table, its test metrics and its trials."""
    return in_markdown.page(sections(make_tables(records, trials, scores), title, answers))


def summary(records: Iterable[dict[str, Any]]) -> str:
    """Return one Markdown table: each problem's best network beside its best baseline."""
    return in_markdown.grid(cells.summary(make_tables(records)))


def comma_separated(tables: Sequence[Table]) -> str:
    """Return a line for every row of some tables, and a header; what is not there is empty."""
    header, rows = cells.values(tables)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *(map(as_cell, row) for row in rows)])
    return text.getvalue()


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def rich_table(records: Iterable[dict[str, Any]], trials: Sequence["Trial"] | None = None) -> list["rich.table.Table"]:
    """Return one Rich table a problem; where there are several, an overview of all at the end."""
    from rich import box
    from rich.table import Table as RichTable

    def shown(title: str, grid: cells.Grid, caption: str) -> RichTable:
        table = RichTable(
            title=_escaped(title),
            caption=_escaped(caption),
            box=box.SIMPLE_HEAD,
            title_justify="left",
            caption_justify="left",
        )
        for number, name in enumerate(grid.header):
            table.add_column(_escaped(name), justify="left" if number == 0 else "right", overflow="fold")
        for number, row in enumerate(grid.rows):
            table.add_row(*(_rich_bold(cell) for cell in row), end_section=number + 1 == grid.networks)
        return table

    tables = make_tables(records, trials)
    found = []
    for table in tables:
        found.append(shown(table.title, cells.main(table, intervals=False), "\n".join(table.notes)))
    if len(tables) > 1:
        found.append(shown("Every architecture x task", cells.overview(tables), CAPTION))
    return found


def _rich_bold(cell: str) -> str:
    bold = cell.startswith("**")
    shown = _escaped(cell.strip("*"))
    return f"[bold green]★ {shown}[/]" if bold else shown


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(visible(text))
