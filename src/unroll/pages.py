"""Files that are made from committed records and from nothing else: what each must hold, and which on disk do not."""

import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from unroll.analysis.hypotheses import answers, courses
from unroll.analysis.render.markdown import page
from unroll.analysis.render.page import Section, sections
from unroll.analysis.report import summary
from unroll.analysis.stopping import to_show
from unroll.analysis.tables import make_tables
from unroll.config.planned import Plan
from unroll.errors import UserError
from unroll.records.scores import Scores, scores_under
from unroll.records.store import read_records
from unroll.registry.groups import group_options
from unroll.reproduction import published_page
from unroll.reproduction.run import finder, overview
from unroll.sweeps.suite import plan
from unroll.verification import disputes

RECORDS, TABLES, README, ABOUT = "records", "tables", "README.md", "about.md"
REMAKE = "python tools/publish.py"
IN_README = "reference"  # the suite whose table the README shows
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
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
    published table, and the README beside the folder.

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
    files = {results / README: front_page(results)}
    ids = {record["trial_id"] for record in records}
    for name in sorted({*published, *suites}):
        planned = plan([f"suite={name}"])
        files[results / TABLES / f"{name}.md"] = _linked(suite_page(planned, records, scores), ids)
        readme = results.absolute().parent / README
        if name == IN_README and readme.is_file() and BEGIN in (text := readme.read_text(encoding="utf-8")):
            files[readme] = with_table(text, planned, records, scores)
    return files


def front_page(results: Path) -> str:
    """Return the results' README: what is written in about.md, then every published table with its verdicts."""
    find = disputes.finder(finder(results / RECORDS), disputes.filed(results))
    found = overview(results / RECORDS, find=find)
    about = (results / ABOUT).read_text(encoding="utf-8").rstrip()
    text = tuple(filter(None, (TABLES_CAPTION, published_page.hours(found))))
    shown = [Section("Published tables", 2, text, published_page.summary(found))]
    shown += [Section(grid=published_page.totals(found)), published_page.rule(3)]
    for one in found:
        shown += published_page.sections(one, 2, lambda trial_id: f"{RECORDS}/{trial_id}.json")
    return f"{about}\n\n{page(shown)}"


def suite_page(planned: Plan, records: Sequence[dict[str, Any]], scores: Scores) -> str:
    """Return a suite's page: its claims, the networks across its problems, and a table of each problem."""
    said = answers(planned, records, scores)
    trials = [item.trial for item in to_show(planned, courses(said), records)]
    tables = make_tables(records, trials, None if planned.stop else scores)
    return page(sections(tables, f"Suite {planned.name}", said, suite=planned.name))


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
