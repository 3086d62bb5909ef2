"""A report of a suite for W&B: live panels of its runs beside Unroll's own tables. No wandb here.

A suite's plan and its records come in; headings, texts, tables as Markdown and LaTeX, and panels go out.
`unroll.tracking.workspace` makes W&B's own blocks of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from unroll.analysis.hypotheses import answers, courses
from unroll.analysis.render import cells, latex, markdown
from unroll.analysis.render.page import Section, sections
from unroll.analysis.report import left_out
from unroll.analysis.stopping import to_show
from unroll.analysis.tables import Table, make_tables
from unroll.config.problem import problem
from unroll.errors import UserError
from unroll.records.scores import Scores
from unroll.tracking.report_blocks import Block, Heading, Latex, Markdown, Panels, Report
from unroll.tracking.skill import FORMULA
from unroll.tracking.suite_view import SuiteView

if TYPE_CHECKING:
    from unroll.config.planned import Plan

ABOUT_PANELS = (
    f"Panels are live: they show the runs that W&B has now. Skill is {FORMULA}; it is there where a problem has two "
    "ranked baselines. A mean over problems compares architectures that ran on the same ones. Bands and whiskers are "
    "one standard deviation and no test: which difference is sure, the tables say. These were made of the records when "
    "the report was saved; the same command saves it again."
)
FOR_A_PAPER = "Unroll's tables once more, to copy; they need `\\usepackage{booktabs}`."


def wandb_report(
    view: SuiteView,
    plan: "Plan",
    records: Sequence[dict[str, Any]],
    scores: Scores,
    refused: Sequence[UserError] = (),
) -> Report:
    """Return a suite's report: which architecture is better, each problem, and the tables as LaTeX.

    Args:
        view: the suite's panels.
        plan: of the suite.
        records: of any trials; those of the suite's count.
        scores: of the test examples; without those of a trial, seeds alone are compared.
        refused: what is wrong with records that are not among these.
    """
    said = answers(plan, records, scores) if plan.hypotheses else []
    followed = courses(said)
    trials = [item.trial for item in to_show(plan, followed, records)]
    tables = make_tables(records, trials, None if followed else scores)
    found = sections(tables, "", said, trials=False, suite=plan.name)[1:]
    of_table = _by_table(found, tables)
    overall = found[: len(found) - sum(map(len, of_table.values()))]
    blocks: list[Block] = [Heading(view.overall.title, 1), Panels(view.overall), Markdown(ABOUT_PANELS)]
    blocks += _told(overall)
    blocks += [Latex(latex.array(cells.overview(tables)))] if len(tables) > 1 else []
    for part in view.problems:
        blocks += [Heading(part.title, 1), Panels(part)]
        for table in tables:
            if _problem(table) == part.title:
                blocks += [*_told(of_table[table.title]), Latex(latex.array(cells.main(table, intervals=False)))]
    blocks += [Heading("For a paper", 1), Markdown(f"{FOR_A_PAPER}\n\n{_to_copy(overall, tables)}")]
    blocks += _told(left_out(refused))
    return Report(f"Unroll: {plan.name}", plan.description, tuple(blocks))


def _by_table(found: Sequence[Section], tables: Sequence[Table]) -> Mapping[str, list[Section]]:
    """The sections of each table: the one that bears its title, and those below it."""
    titles = {table.title for table in tables}
    by_title: dict[str, list[Section]] = {title: [] for title in titles}
    current: str | None = None
    for section in found:
        if section.level == 2:
            current = section.title if section.title in titles else None
        if current is not None:
            by_title[current].append(section)
    return by_title


def _problem(table: Table) -> str:
    return problem(table.rows[0].trials[0]["config"]).name


def _told(found: Iterable[Section]) -> list[Block]:
    page = markdown.page(found).strip()
    return [Markdown(page)] if page else []


def _to_copy(overall: Sequence[Section], tables: Sequence[Table]) -> str:
    grids = [(section.title, section.grid) for section in overall if section.grid is not None]
    grids += [(table.title, cells.main(table, intervals=True)) for table in tables]
    return "\n\n".join(f"{markdown.plain(title)}\n\n```latex\n{latex.tabular(grid)}\n```" for title, grid in grids)
