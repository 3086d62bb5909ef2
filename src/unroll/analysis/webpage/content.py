"""All that one page shows, as plain data: what JSON can hold, and sections that the Markdown page has, too."""

import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from unroll.analysis import halves
from unroll.analysis.across import Group, across
from unroll.analysis.hypotheses import Answer, courses
from unroll.analysis.render.page import CAPTION, Section, across_problems, claims
from unroll.analysis.tables import Table
from unroll.analysis.webpage.examples import Shelf, examples
from unroll.analysis.webpage.headline import headline, overall
from unroll.analysis.webpage.problems import BASELINES, COSTS, problem
from unroll.analysis.webpage.trials import Commands, Link, trial
from unroll.records.record import FILE_NAME

DIGITS = 7


@dataclass(frozen=True)
class Sources:
    """What a page says beside its tables.

    Args:
        answers: to the suite's claims.
        suite: that the tables are of, if they are of one.
        last: sections at the end: published tables, records that are refused.
        link: where the record of a trial lies, seen from the page.
        directories: of trials whose examples are shown, by id.
        about: what the suite is, in a sentence.
        config_dir: a folder with more YAML groups, which commands name.
        elsewhere: other pages beside this one: a title and a relative address each.
        poll: seconds between two looks at whether the page is a new one; 0: it never is.
    """

    answers: Sequence[Answer] = ()
    suite: str | None = None
    last: Sequence[Section] = ()
    link: Link = lambda trial_id: None
    directories: Mapping[str, Path] = field(default_factory=dict)
    about: str = ""
    config_dir: str | None = None
    elsewhere: Sequence[tuple[str, str]] = ()
    poll: float = 0.0

    @classmethod
    def beside(cls, page: Path, records: Mapping[str, Path], **more: Any) -> "Sources":
        """Return what a page at a path says of trials whose records lie where `records` has them, by id."""
        folder = page.parent.resolve()

        def link(trial_id: str) -> str | None:
            path = records.get(trial_id)
            if path is None or not path.is_file():
                return None
            return quote(Path(os.path.relpath(path.resolve(), folder)).as_posix())

        own = {trial_id: path.parent for trial_id, path in records.items() if path.name == FILE_NAME}
        return cls(link=link, directories=own, **more)


@dataclass(frozen=True)
class Content:
    """`data` is for scripts, too; all else is text."""

    data: dict[str, Any]
    caption: tuple[str, ...]
    across: tuple[Section, ...]
    claims: tuple[Section, ...]
    last: tuple[tuple[Section, tuple[Section, ...]], ...]
    elsewhere: tuple[tuple[str, str], ...]
    poll: float
    suite: str | None


def content(tables: Sequence[Table], title: str, sources: Sources) -> Content:
    """Gather what a page shows of some tables."""
    shelf, commands = Shelf(), Commands(sources.config_dir)
    said = [headline(table) for table in tables]
    problems = [
        {"number": number, **problem(table, one, sources.suite)}
        for number, (table, one) in enumerate(zip(tables, said, strict=True))
    ]
    shown = [examples(table, sources.directories, shelf) for table in tables]
    compared = None if courses(sources.answers) else across(tables)
    data = {
        "title": title,
        "about": sources.about,
        "overall": overall(list(zip(tables, said, strict=True))),
        "counted": counted(tables),
        "costs": {name: said for name, (said, _) in COSTS.items()},
        "problems": problems,
        "grid": grid(problems),
        "filters": _filters(problems),
        "groups": [_group(group) for group in compared.groups] if compared else [],
        "trials": {
            record["trial_id"]: trial(record, commands, sources.link)
            for table in tables
            for row in table.rows
            for record in row.trials
        },
        "examples": {one["id"]: found for one, found in zip(problems, shown, strict=True) if found},
        "pictures_left_out": shelf.left_out,
    }
    has_halves = any(row.half for table in tables for row in table.rows)
    return Content(
        data=tidy(data),
        caption=(CAPTION, halves.CAPTION) if has_halves else (CAPTION,),
        across=tuple(across_problems(compared)) if compared else (),
        claims=tuple(claims(sources.answers, sources.suite)),
        last=grouped(sources.last),
        elsewhere=tuple(sources.elsewhere),
        poll=sources.poll,
        suite=sources.suite,
    )


def grid(problems: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return architectures x problems: the numbers of the problems that have networks, and a line a label.

    A line has for each of them the number of its row there, or None; networks by family and name, then baselines.
    """
    columns = [number for number, one in enumerate(problems) if one["has_networks"]]
    lines: dict[tuple[bool, str, str], list[int | None]] = {}
    for place, number in enumerate(columns):
        for position, row in enumerate(problems[number]["rows"]):
            key = row["baseline"], row["family"], row["label"]
            lines.setdefault(key, [None] * len(columns))[place] = position
    return {
        "columns": columns,
        "lines": [
            {"label": label, "family": family, "baseline": baseline, "rows": cells}
            for (baseline, family, label), cells in sorted(lines.items(), key=lambda one: one[0])
        ],
    }


def grouped(found: Sequence[Section]) -> tuple[tuple[Section, tuple[Section, ...]], ...]:
    """Return sections by what they stand below: a title of level 3 and above begins a group, all else is in one."""
    groups: list[list[Section]] = []
    for section in found:
        if not groups or (section.title and section.level <= 3):
            groups.append([])
        groups[-1].append(section)
    return tuple((first, tuple(others)) for first, *others in groups)


def counted(tables: Sequence[Table]) -> str:
    """Return how much there is, in words: networks, baselines, problems, and trials by their status."""
    rows = [row for table in tables for row in table.rows]
    status = {record["trial_id"]: record["status"] for row in rows for record in row.trials}
    trials = Counter(status.values())
    networks, baselines = ({row.label for row in rows if row.baseline == which} for which in (False, True))
    said = [_many(len(networks), "network"), _many(len(baselines), "baseline"), _many(len(tables), "problem")]
    said.append(f"{_many(trials['finished'], 'trial')} finished")
    said += [f"{trials[name]} {name}" for name in ("failed", "missing") if trials[name]]
    return f"{', '.join(said)}."


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def tidy(value: Any) -> Any:
    """Return plain data with numbers of seven digits, the same on every machine; JSON has none that is not finite."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: tidy(one) for key, one in value.items()}
    return [tidy(one) for one in value] if isinstance(value, list | tuple) else value


def _filters(problems: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """The values that a reader can choose from; networks' budgets alone."""
    rows = [row for one in problems for row in one["rows"]]
    families = sorted({row["family"] for row in rows} - {BASELINES})
    return {
        "task": sorted({one["task"] for one in problems}),
        "metric": sorted({one["metric"] for one in problems}),
        "family": families + [BASELINES] * any(row["baseline"] for row in rows),
        "budget": sorted({row["budget"] for row in rows if not row["baseline"]}),
    }


def _group(group: Group) -> dict[str, Any]:
    return {
        "name": group.name,
        "networks": list(group.networks),
        "problems": list(group.problems),
        "ranks": [list(ranks) for ranks in group.ranks],
        "mean_ranks": list(group.mean_ranks),
    }
