"""Reports: Markdown, LaTeX and CSV that the same records give byte for byte."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unroll.analysis.hypotheses import Answer, answers, courses
from unroll.analysis.render import cells, latex
from unroll.analysis.render import markdown as in_markdown
from unroll.analysis.render.page import Section, below_overview, sections
from unroll.analysis.stopping import to_show
from unroll.analysis.tables import Table, make_tables
from unroll.errors import COMMAND, UserError
from unroll.records.audit import pooled
from unroll.records.evidence import scores_of
from unroll.records.pool import Folders, labs_of
from unroll.records.scores import Scores
from unroll.verification.replications import with_replications
from unroll.visible import as_cell

if TYPE_CHECKING:
    from unroll.config.planned import Plan
    from unroll.config.trial import Trial

FORMATS = (".md", ".tex", ".csv")
REFUSED = (
    "They are damaged or not true to themselves, and stand in no table above; `unroll audit` says what was expected."
)


def report(
    folders: Folders,
    plan: "Plan | None" = None,
    out: str | Path | None = None,
    refused: list[UserError] | None = None,
) -> list[Path]:
    """Write the report of the records under some folders, pooled; return the files written.

    A trial counts once (`records.pool`); its other runs are replications, shown beside it. Records that are damaged or
    not true to themselves are left out; `refused` takes the reasons, and a file with every table ends in them.

    `out` ending in .md or .tex takes one file with every table, in .csv one with a line for every row of every table,
    numbers not rounded. Any other `out` is a folder that takes a Markdown file for each task and data set; without it,
    FOLDER/report.md, of a single folder. With `plan`, exactly the trials of that suite are reported, missing ones too,
    and in one file also what its claims come to.
    Raises UserError when a folder is not there, `out` has another suffix, or there is none for several folders.
    """
    path = Path(out) if out is not None else _inside(folders)
    if path.suffix and path.suffix not in FORMATS and not path.is_dir():
        raise UserError("A report has no such format.", saw=path, allowed=(*FORMATS, "a folder"))
    refused = [] if refused is None else refused
    found = pooled(folders, refused)
    records, scores = with_replications(found), scores_of(found)
    if plan is None:
        said, trials = list[Answer](), None
    else:
        said = answers(plan, records, scores) if plan.stop or path.suffix in (".md", ".tex") else []
        trials = [item.trial for item in to_show(plan, courses(said), records)]
    suite = None if plan is None else plan.name
    if path.suffix not in FORMATS:
        return write_tables(records, path, trials, None if plan and plan.stop else scores, suite)
    title = "Report" if plan is None else f"Suite {plan.name}"
    return [write_report(records, path, trials, title, scores, said, refused, suite)]


def _inside(folders: Folders) -> Path:
    labs = labs_of(folders)
    if len(labs) > 1:
        raise UserError(
            "A report of several folders lies in none of them.",
            saw=", ".join(str(lab.folder) for lab in labs),
            allowed="--out FILE.md, .tex or .csv, or a folder",
            run=f"{COMMAND} --out report.md",
        )
    return labs[0].folder / "report.md"


def write_report(
    records: Sequence[dict[str, Any]],
    path: str | Path,
    trials: Sequence["Trial"] | None = None,
    title: str = "Report",
    scores: Scores | None = None,
    answers: Sequence[Answer] = (),
    refused: Sequence[UserError] = (),
    suite: str | None = None,
) -> Path:
    """Write answers to claims, then every table of the records, to one file of its suffix's format; return its path.

    `suite` is that of the trials, if they are of one. Where the answers follow a rule of when to stop, the tables
    compare no rows: only the claims allow for the looks.
    """
    path, last = Path(path), left_out(refused)
    tables = make_tables(records, trials, None if courses(answers) else scores)
    if path.suffix == ".csv":
        return _write(path, comma_separated(tables))
    if path.suffix == ".tex":
        return _write(path, latex.document([*sections(tables, title, answers, False, suite), *last]))
    return _write(path, in_markdown.page([*sections(tables, title, answers, suite=suite), *last]))


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
