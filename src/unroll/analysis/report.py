"""Reports: Markdown, HTML, LaTeX and CSV that the same records give byte for byte."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unroll.analysis.chosen import Chosen, choose
from unroll.analysis.hypotheses import Answer
from unroll.analysis.labels import Labels, named, slug
from unroll.analysis.render import cells, latex
from unroll.analysis.render import markdown as in_markdown
from unroll.analysis.render.page import Section, below_overview, paper_sections, problem_sections, sections
from unroll.analysis.tables import Table, make_tables
from unroll.analysis.webpage.content import Sources, content
from unroll.analysis.webpage.write import html
from unroll.errors import COMMAND, UserError
from unroll.records.pool import Folders, labs_of
from unroll.records.scores import Scores
from unroll.visible import as_cell

if TYPE_CHECKING:
    from unroll.config.planned import Plan
    from unroll.config.trial import Trial

TABLE_FORMATS = (".md", ".tex", ".csv")
FORMATS = (*TABLE_FORMATS, ".html")
REFUSED = (
    "They are damaged or not true to themselves, and stand in no table above; `unroll audit` says what was expected."
)


def report(
    folders: Folders,
    plan: "Plan | None" = None,
    out: str | Path | None = None,
    refused: list[UserError] | None = None,
    filters: Sequence[str] = (),
    labels: Labels | None = None,
    config_dir: str | None = None,
) -> list[Path]:
    """Write the report of the records under some folders, pooled; return the files written.

    A trial counts once (`records.pool`); its other runs are replications, shown beside it. Records that are damaged or
    not true to themselves are left out; `refused` takes the reasons, and a file with every table ends in them.

    `out` ending in .md, .html or .tex takes one file with every table, in .csv one with a line for every row of every
    table, numbers not rounded. Any other `out` is a folder that takes a Markdown file for each task and data set;
    without it, FOLDER/report.md, of a single folder. The HTML page lies beside Markdown: report.html, in a folder
    index.html; `config_dir` is a folder with more YAML groups, which its commands name. With `plan`, exactly the trials
    of that suite are reported, missing ones too, and in one file also what its claims come to. `filters` keep some of
    the trials; LaTeX calls things as `labels` do.
    Raises UserError when a folder is not there, a filter keeps nothing, `out` has another suffix, or there is none for
    several folders.
    """
    path = Path(out) if out is not None else _inside(folders)
    if path.suffix and path.suffix not in FORMATS and not path.is_dir():
        raise UserError("A report has no such format.", saw=path, allowed=(*FORMATS, "a folder"))
    refused = [] if refused is None else refused
    chosen = choose(folders, plan, filters, refused)
    if path.suffix not in FORMATS:
        files = write_tables(chosen.records, path, chosen.trials, chosen.compared, chosen.suite)
        return [*files, written(chosen, path / "index.html", refused, labels, config_dir)]
    file = written(chosen, path, refused, labels, config_dir, with_page=True)
    return [file, *([path.with_suffix(".html")] if path.suffix == ".md" else [])]


def written(
    chosen: Chosen,
    path: Path,
    refused: Sequence[UserError] = (),
    labels: Labels | None = None,
    config_dir: str | None = None,
    *,
    with_page: bool = False,
) -> Path:
    """Write every table to one file, in the format of its suffix, with the claims of a suite; return its path.

    `with_page`: the HTML page beside Markdown, too.

    Raises:
        UserError: another format.
    """
    if path.suffix not in FORMATS:
        raise UserError("A report has no such format.", saw=path, allowed=FORMATS)
    page = None
    if path.suffix == ".html" or (with_page and path.suffix == ".md"):
        page = Sources.beside(path, chosen.places, about=chosen.about, config_dir=config_dir)
    tables = chosen.tables((labels or Labels()) if path.suffix == ".tex" else None)
    return write_report(
        tables,
        path,
        chosen.title,
        () if path.suffix == ".csv" else chosen.answers,
        refused,
        chosen.suite,
        chosen.said,
        page,
    )


def write_report(
    tables: Sequence[Table],
    path: str | Path,
    title: str = "Report",
    answers: Sequence[Answer] = (),
    refused: Sequence[UserError] = (),
    suite: str | None = None,
    said: Sequence[str] = (),
    page: Sources | None = None,
) -> Path:
    """Write answers to claims, then tables, to one file of its suffix's format; return its path.

    `suite` is that of the trials, if they are of one, and `said` what stands below the title. With `page`, which says
    where records lie, the HTML page is written beside Markdown, and into .html alone. Where the answers follow a rule
    of when to stop, the tables are to compare no rows: only the claims allow for the looks.
    """
    path, paper = Path(path), Path(path).suffix == ".tex"
    if path.suffix == ".csv":
        return _write(path, comma_separated(tables))
    if page is not None or path.suffix == ".html":
        sources = replace(page or Sources(), answers=answers, suite=suite, last=left_out(refused))
        _write(path.with_suffix(".html"), html(content(tables, title, sources)))
    if path.suffix == ".html":
        return path
    first, *rest = sections(tables, title, answers, suite=suite, paper=paper)
    found = [first, Section(text=tuple(said)), *rest, *left_out(refused)]
    return _write(path, latex.document(found) if paper else in_markdown.page(found))


def write_one(chosen: Chosen, name: str, path: Path, labels: Labels | None = None) -> Path:
    """Write one table alone to a .tex, .md or .csv file; return its path.

    Args:
        chosen: what it is of.
        name: the problem's, as `named` has it: sentiment-sst2; a part of it that no other has will do.
        path: of the file.
        labels: what names are called in LaTeX; None: as usual.

    Raises:
        UserError: no such table, more than one, or another format.
    """
    if path.suffix not in TABLE_FORMATS:
        raise UserError("A table has no such format.", saw=path, allowed=TABLE_FORMATS)
    paper = path.suffix == ".tex"
    tables = {slug(table.title): table for table in chosen.tables((labels or Labels()) if paper else None)}
    table = tables[named(name, tables, "table", "--table")]
    if path.suffix == ".csv":
        return _write(path, comma_separated([table]))
    if paper:
        section = paper_sections(table, chosen.suite)[0]
        return _write(path, latex.document([replace(section, notes=(*chosen.said, *section.notes))]))
    said = Section(text=tuple(chosen.said))
    return _write(path, in_markdown.page([said, *problem_sections(table, chosen.suite)]))


def _inside(folders: Folders) -> Path:
    labs = labs_of(folders)
    if len(labs) > 1:
        raise UserError(
            "A report of several folders lies in none of them.",
            saw=", ".join(str(lab.folder) for lab in labs),
            allowed="--out FILE.md, .html, .tex or .csv, or a folder",
            run=f"{COMMAND} --out report.md",
        )
    return labs[0].folder / "report.md"


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
    suite: str | None = None,
) -> list[Path]:
    """Write one Markdown file for each task and data set into `folder`; return their paths, sorted.

    `suite` is that of the trials, if they are of one.
    """
    pages: dict[tuple[str, str], list[Table]] = {}
    for table in make_tables(records, trials, scores):
        pages.setdefault((table.task, table.data), []).append(table)
    return [
        _write(Path(folder) / f"{task}-{data}.md", in_markdown.page(sections(tables, f"{task} on {data}", suite=suite)))
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


def summary(
    records: Iterable[dict[str, Any]], trials: Sequence["Trial"] | None = None, scores: Scores | None = None
) -> str:
    """Return one Markdown table, with notes below, of records or of some trials: each problem's best network beside its
    best baseline. A problem without a network is not in it, unless none has one."""
    tables = make_tables(records, trials, scores)
    tables = [table for table in tables if table.networks] or tables
    return in_markdown.page([Section(grid=cells.summary(tables), notes=tuple(below_overview(tables)))]).rstrip()


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
