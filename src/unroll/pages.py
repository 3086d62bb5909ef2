"""Files that are made from committed records and from nothing else: what each must hold, and which on disk do not."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from unroll.analysis.hypotheses import Answer, answers, courses
from unroll.analysis.render.cells import verdicts
from unroll.analysis.render.markdown import page
from unroll.analysis.render.page import CLAIMS_CAPTION, Section, sections
from unroll.analysis.report import summary
from unroll.analysis.stopping import to_show
from unroll.analysis.tables import Table, make_tables
from unroll.analysis.webpage.content import Sources, content
from unroll.analysis.webpage.write import html
from unroll.config.planned import Plan
from unroll.errors import UserError
from unroll.records.scores import Scores, scores_under
from unroll.records.store import read_records
from unroll.registry.groups import group_options
from unroll.reproduction import published_page
from unroll.reproduction.judge import Reproduction
from unroll.reproduction.run import finder, overview
from unroll.sweeps.suite import plan
from unroll.verification import disputes

RECORDS, TABLES, README, ABOUT, INDEX = "records", "tables", "README.md", "about.md", "index.html"
REMAKE = "python tools/publish.py"
IN_README = "reference"  # the suite whose table the README shows
IN_INDEX = "matrix"  # the suite whose cells the HTML page shows
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
REPRODUCED = "<!-- reproduced -->"  # in about.md: where their list stands
REPRODUCED_CAPTION = (
    "Of networks that were trained with seeds: numbers whose verdict is reproduced, so that the whole 95 % interval of "
    "the difference lies within the table's tolerance. Ours: mean ± sample standard deviation over n seeds, "
    "then the published number. The tables below say which split the metrics are of, and hold every other verdict."
)
TABLES_CAPTION = (
    "Each table's published numbers beside what its trials gave, with a verdict "
    "([how often one is wrong](../benchmarks/false_verdicts.md)); `unroll reproduce NAME` trains them. A row that is "
    "runnable and not run yet says so. Every number follows from the records that its row's seeds link to."
)
CAPTION = (
    f"From the committed records ([results](results/README.md)), made by `{REMAKE}`. Of the test "
    "split: mean ± sample standard deviation over n seeds; weights selected on validation; bold: surely "
    "better than all others, which two seeds never show."
)


def generated(results: str | Path, suites: Iterable[str] = ()) -> dict[Path, str]:
    """Return every generated file and its text: a page for each published suite, the results' own README with every
    published table, the HTML page of `IN_INDEX` where that is published, and the README beside the folder.

    Args:
        results: the folder that holds records/ and tables/.
        suites: those to be published now; published are those that have a page.

    Raises:
        UserError: there are no records, one is damaged, or a suite cannot be planned.
    """
    results = Path(results)
    records, scores = read_records(results / RECORDS), scores_under(results / RECORDS)
    records = disputes.disputed(records, disputes.filed(results))
    published = {path.stem for path in (results / TABLES).glob("*.md")} & set(group_options("suite"))
    reproduced = _reproduced(results)
    files = {results / README: front_page(results, reproduced)}
    ids = {record["trial_id"] for record in records}
    said: dict[str, Sequence[Answer]] = {}
    index = None
    for name in sorted({*published, *suites}):
        planned = plan([f"suite={name}"])
        said[name], tables = found_of(planned, records, scores)
        text = page(sections(tables, f"Suite {name}", said[name], suite=name))
        files[results / TABLES / f"{name}.md"] = _linked(text, ids)
        readme = results.absolute().parent / README
        if name == IN_README and readme.is_file() and BEGIN in (text := readme.read_text(encoding="utf-8")):
            files[readme] = with_table(text, planned, records, scores)
        if name == IN_INDEX:
            index = planned, tables
    if index is not None:
        files[results / INDEX] = html_page(*index, said, reproduced, ids)
    return files


def front_page(results: Path, found: Sequence[Reproduction]) -> str:
    """Return the results' README: about.md with the list of reproduced numbers, then every published table."""
    about = (results / ABOUT).read_text(encoding="utf-8").rstrip()
    title = "Published numbers that networks reproduced"
    opening = page([Section(title, 2, (REPRODUCED_CAPTION,), published_page.reproduced(found))])
    return f"{about.replace(REPRODUCED, opening.rstrip())}\n\n{page(_published_tables(found))}"


def _reproduced(results: Path) -> list[Reproduction]:
    find = disputes.finder(finder(results / RECORDS), disputes.filed(results))
    return overview(results / RECORDS, find=find)


def _published_tables(found: Sequence[Reproduction], level: int = 2) -> list[Section]:
    text = tuple(filter(None, (TABLES_CAPTION, published_page.hours(found))))
    shown = [Section("Published tables", 2, text, published_page.summary(found))]
    shown += [Section(grid=published_page.totals(found)), published_page.rule(3)]
    for one in found:
        shown += published_page.sections(one, level, lambda trial_id: f"{RECORDS}/{trial_id}.json")
    return shown


def found_of(
    planned: Plan, records: Sequence[dict[str, Any]], scores: Scores
) -> tuple[Sequence[Answer], Sequence[Table]]:
    """Return what a suite's claims come to, and its tables."""
    said = answers(planned, records, scores)
    trials = [item.trial for item in to_show(planned, courses(said), records)]
    return said, make_tables(records, trials, None if planned.stop else scores)


def html_page(
    planned: Plan,
    tables: Sequence[Table],
    said: Mapping[str, Sequence[Answer]],
    reproduced: Sequence[Reproduction],
    ids: Collection[str],
) -> str:
    """Return the page for browsers: a suite's cells, what the claims of all suites come to, the published tables."""
    said_of = {name: found for name, found in said.items() if found and name != planned.name}
    last = [
        Section(
            f"What is said, and what the trials say: suite {name}",
            text=(f"Each comparison: [{TABLES}/{name}.md]({TABLES}/{name}.md).",),
            grid=verdicts(found),
        )
        for name, found in said_of.items()
    ]
    last += [Section("How a claim is decided", 3, (CLAIMS_CAPTION,))] if last else []
    sources = Sources(
        answers=said[planned.name],
        suite=planned.name,
        about=planned.description,
        last=(*last, *_published_tables(reproduced, 3)),
        link=lambda trial_id: f"{RECORDS}/{trial_id}.json" if trial_id in ids else None,
        elsewhere=[("All results", README), *((f"Suite {name}", f"{TABLES}/{name}.md") for name in said)],
    )
    return html(content(tables, f"Suite {planned.name}", sources))


def _linked(text: str, ids: Collection[str]) -> str:
    """A page beside the records' folder, where each trial's id is a link to its record."""

    def link(found: re.Match[str]) -> str:
        return f"[{found[0]}](../{RECORDS}/{found[1]}.json)" if found[1] in ids else found[0]

    return re.sub(r"`([^`\s]+)`", link, text)


def with_table(readme: str, planned: Plan, records: Iterable[dict[str, Any]], scores: Scores) -> str:
    """Return the README's text with the summary of a suite's records between the two markers."""
    before, rest = readme.split(BEGIN)
    after = rest.split(END)[1]
    shown = summary(records, [item.trial for item in planned.trials], scores)
    return f"{before}{BEGIN}\n\n{shown}\n\n{CAPTION}\n\n{END}{after}"


def write(files: dict[Path, str]) -> None:
    """Write generated files."""
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def check(results: str | Path) -> list[str]:
    """Return what does not follow from the committed records, a line each; empty where all does."""
    results = Path(results)
    files = generated(results)
    wrong = [
        f"{path} is not what the records give" if path.is_file() else f"{path} is missing"
        for path, text in files.items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    wrong += [
        f"{path} is made by nothing: it is the page of no suite"
        for path in sorted((results / TABLES).iterdir())
        if path not in files
    ]
    wrong += disputes.wrong(results)
    shown = "".join(files.values())
    ids = (path.stem for path in sorted((results / RECORDS).glob("*.json")))
    return wrong + [f"{trial_id} stands on no page" for trial_id in ids if trial_id not in shown]


def refuse_unlike(results: str | Path) -> None:
    """Raise UserError, naming each, where a generated file is not what the records give."""
    if wrong := check(results):
        raise UserError(
            "Generated files do not follow from the committed records.", saw="\n           ".join(wrong), run=REMAKE
        )
