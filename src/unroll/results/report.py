"""Tables shown: in the terminal with Rich, and as Markdown that the same records give byte for byte."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unroll.results import cells
from unroll.results.claims import VERDICTS, Answer, answers
from unroll.results.paired import DRAWS
from unroll.results.scores import Scores, score_name, scores_under
from unroll.results.store import read_records
from unroll.results.tables import Table, make_tables

if TYPE_CHECKING:
    import rich.table

    from unroll.planning.suites import Plan
    from unroll.planning.trial import Trial

CAPTION = (
    "Test split, opened once at the end, every example counted once. Mean ± sample standard deviation over "
    "the seeds that finished; n is their number, and no ± means n = 1. Best mean of the ranked rows in bold. "
    "Parameters: without embeddings and the projection to the vocabulary. "
    "Seconds: mean training time of a trial."
)


CLAIMS_CAPTION = (
    "A comparison pairs two architectures that differ in nothing else, on the same seeds and the same test examples "
    "(a bootstrap of examples nested in seeds; Student's t of paired seeds where a metric has no score of an example). "
    "It holds or is contradicted where p is below 0.05 after Holm's correction over the claim's comparisons, else it "
    "is undecided, which is not equality: the interval says how large a difference may have been missed. A claim is "
    "mixed where some hold and some are contradicted."
)


def report(folder: str | Path, plan: "Plan | None" = None, out: str | Path | None = None) -> list[Path]:
    """Write the report of the records under `folder`; return the files written.

    `out` ending in .md takes one file with every table, any other `out` is a folder that takes a file for
    each task and data set; without it, folder/report.md. With `plan`, exactly the trials of that suite are
    reported, missing ones too, and in one file also what its claims come to.
    Raises UserError when the folder is not there or a record is damaged.
    """
    records, scores = read_records(folder), scores_under(folder)
    trials = None if plan is None else [item.trial for item in plan.trials]
    path = Path(out) if out is not None else Path(folder) / "report.md"
    if path.suffix != ".md":
        return write_tables(records, path, trials, scores)
    title = "Report" if plan is None else f"Suite {plan.name}"
    return [write_report(records, path, trials, title, scores, () if plan is None else answers(plan, records, scores))]


def write_report(
    records: Sequence[dict[str, Any]],
    path: str | Path,
    trials: Sequence["Trial"] | None = None,
    title: str = "Report",
    scores: Scores | None = None,
    answers: Sequence[Answer] = (),
) -> Path:
    """Write answers to claims, then every table of the records, to one Markdown file and return its path."""
    return _write(Path(path), markdown(records, title, trials, scores, answers))


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
        _write(Path(folder) / f"{task}-{data}.md", _page(tables, f"{task} on {data}"))
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
    return _page(make_tables(records, trials, scores), title, answers)


def summary(records: Iterable[dict[str, Any]]) -> str:
    """Return one Markdown table: each problem's best network beside its best baseline."""
    return _grid(*cells.summary(make_tables(records)))


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _page(tables: Sequence[Table], title: str, answers: Sequence[Answer] = ()) -> str:
    parts = [f"# {title}"]
    if answers:
        parts += ["## What is said, and what the trials say", CLAIMS_CAPTION, _grid(*cells.verdicts(answers))]
        for answer in answers:
            parts += [f"### {answer.says}", _paragraph(answer)]
            parts += [_grid(*cells.tests(answer))] if answer.tests else []
    parts.append(CAPTION if tables else "No records.")
    if len(tables) > 1:
        parts += ["## Overview", _grid(*cells.overview(tables))]
    for table in tables:
        parts += [f"## {table.title}", _grid(*cells.main(table, intervals=True))]
        parts += ["\n".join(f"- {note}" for note in _below(table))]
        parts += ["### All test metrics", _grid(*cells.metrics(table))]
        parts += ["### Trials", _grid(*cells.trials(table))]
    return "\n\n".join(part for part in parts if part) + "\n"


def rich_table(records: Iterable[dict[str, Any]], trials: Sequence["Trial"] | None = None) -> list["rich.table.Table"]:
    """Return one Rich table a problem; where there are several, an overview of all at the end."""
    from rich import box
    from rich.table import Table as RichTable

    def shown(title: str, header: list[str], rows: list[list[str]], caption: str, sections: set[int]) -> RichTable:
        table = RichTable(
            title=title, caption=caption, box=box.SIMPLE_HEAD, title_justify="left", caption_justify="left"
        )
        for number, name in enumerate(header):
            table.add_column(name, justify="left" if number == 0 else "right", overflow="fold")
        for number, row in enumerate(rows):
            table.add_row(*(_rich_bold(cell) for cell in row), end_section=number + 1 in sections)
        return table

    tables = make_tables(records, trials)
    found = []
    for table in tables:
        header, rows = cells.main(table, intervals=False)
        found.append(shown(table.title, header, rows, "\n".join(table.notes), {len(table.networks)}))
    if len(tables) > 1:
        header, rows = cells.overview(tables)
        networks = len({row.label for table in tables for row in table.networks})
        found.append(shown("Every architecture x task", header, rows, CAPTION, {networks}))
    return found


def _paragraph(answer: Answer) -> str:
    """A claim's answer in words: the verdict, the counts behind it, what is missing, and the note of its YAML."""
    counts = ", ".join(f"{answer.count(verdict)} {verdict}" for verdict in VERDICTS)
    said = [f"**{answer.verdict.capitalize()}**: of {len(answer.tests)} comparisons {counts}."]
    if answer.missing:
        said.append(f"{answer.missing} more lack finished trials.")
    return " ".join([*said, answer.note.strip()]).strip()


def _below(table: Table) -> list[str]:
    said = [f"Protocol {table.protocol} of the task."]
    if table.networks:
        said.append(f"Checkpoint of each trial: {table.selection}.")
    said += _compared(table)
    if table.common:
        said.append(f"Task options of all networks: {', '.join(table.common)}.")
    return [*said, *table.notes]


def _compared(table: Table) -> list[str]:
    """How the rows were compared with the best network: by examples, by seeds alone, or some so and some so."""
    found = [row.to_best.paired for row in table.rows if row.to_best]
    said = []
    if any(paired.examples for paired in found):
        score = score_name(table.metric)
        blocks = ", windows that overlap drawn together" if found[0].block > 1 else ""
        said.append(
            f"Compared with the best network by a paired bootstrap of the test examples' {score}, nested in "
            f"seeds ({DRAWS:,} draws{blocks})."
        )
    if any(not paired.examples for paired in found):
        kept = "where no scores of examples are kept" if said else "no score of single examples being there"
        said.append(f"Compared with the best network by Student's t of paired seeds, {kept}.")
    return [*said, "p after Holm's correction over this table's rows."] if said else []


def _grid(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table: the first column left, the rest right."""

    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join([line(header), line(rule), *(line(row) for row in rows)])


def _rich_bold(cell: str) -> str:
    from rich.markup import escape

    bold = cell.startswith("**")
    shown = escape(cell.strip("*"))
    return f"[bold green]★ {shown}[/]" if bold else shown
