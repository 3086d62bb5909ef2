"""`unroll seeds`: how many seeds a suite needs to see a difference, and what the missing ones cost."""

import dataclasses
import json
import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from unroll.analysis.render.columns import columns, paragraphs, width
from unroll.analysis.seeds import UNKNOWN, SeedsNeeded, seeds_needed
from unroll.analysis.statistics.samples import LEAST_SEEDS
from unroll.analysis.tables import Table, make_tables
from unroll.config.overrides import refuse_repeated
from unroll.config.planned import Plan
from unroll.errors import UserError, suggest
from unroll.records.audit import trusted
from unroll.records.scores import scores_under
from unroll.sweeps.suite import plan, sorted_out

NOTE = (
    "Seeds of each network that would see a true difference of two networks with a chance of 80 %, beside all pairs at "
    "5 %, by the spreads of these records. Floor: what no number of seeds goes below, since the test set has so many "
    "examples. Core h: of training alone."
)

HEADER = ("to see", "seeds", "there", "seen today", "floor", "trials lack", "core h")


def run(
    words: Sequence[str],
    see: Sequence[str] = (),
    runs: Path = Path("results/records"),
    config_dir: str | None = None,
    refused: list[UserError] | None = None,
) -> tuple[Plan, list[SeedsNeeded]]:
    """Return what each table of a suite needs, in the order of their titles.

    Args:
        words: the suite's name or `suite=NAME`, and overrides.
        see: differences: VALUE for every table, METRIC=VALUE for those of a metric alone.
        runs: the folder of records.
        config_dir: a folder with more YAML groups.
        refused: takes why records were left out.

    Raises:
        UserError: no such suite, a difference that is none, or a metric of no table.
    """
    asked = _differences(see)
    chosen = [word if "=" in word else f"suite={word}" for word in words]
    refuse_repeated(chosen)
    todo = plan(chosen, config_dir)
    records, scores = trusted(runs, [] if refused is None else refused), scores_under(runs)
    tables = make_tables(records, [item.trial for item in todo.trials])
    metrics = sorted({table.metric for table in tables})
    for metric in asked:
        if metric not in ("", *metrics):
            what = f"No table of the suite {todo.name} is of the metric '{metric}'.{suggest(metric, metrics)}"
            raise UserError(what, saw=f"--see {metric}={asked[metric]:g}", allowed=metrics)
    return todo, [seeds_needed(table, scores, _of(asked, table)) for table in tables if _is_asked(asked, table)]


def _differences(texts: Sequence[str]) -> dict[str, float]:
    """Metric, or "" for all, -> difference."""
    found: dict[str, float] = {}
    for text in texts:
        metric, _, value = text.rpartition("=")
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not 0 < number < math.inf:
            raise UserError(
                "A difference to be seen is a number above 0, in the unit of the metric.",
                saw=f"--see {text}",
                allowed="--see 0.5 for every table, --see psnr=0.5 for those of one metric",
            )
        if found.setdefault(metric, number) != number:
            what = f"Two differences are to be seen in {metric or 'every table'}."
            raise UserError(what, saw=" ".join(f"--see {one}" for one in texts), allowed="one of them")
    return found


def _is_asked(asked: Mapping[str, float], table: Table) -> bool:
    return not asked or "" in asked or table.metric in asked


def _of(asked: Mapping[str, float], table: Table) -> float | None:
    return asked.get(table.metric, asked.get(""))


def as_json(todo: Plan, found: Sequence[SeedsNeeded], words: Sequence[str]) -> str:
    """Return the answer as a JSON object, with the command that trains what a table lacks."""
    tables = [{**dataclasses.asdict(one), "run": command(todo, one, words)} for one in found]
    return json.dumps({"suite": todo.name, "tables": tables}, indent=1, ensure_ascii=False)


def show(todo: Plan, found: Sequence[SeedsNeeded], words: Sequence[str]) -> None:
    """Print a table of the problems, and the commands that train what they lack."""
    from unroll.visible import say

    for line in (*table(found), *paragraphs([NOTE], width())):
        say(line)
    for one in found:
        said = [one.why or "", command(todo, one, words) or ""]
        if any(said):
            say(f"{one.problem}: {'; '.join(filter(None, said))}")


def table(found: Sequence[SeedsNeeded]) -> Iterator[str]:
    """Yield the lines of a table, a row a problem: its name, below it the numbers."""
    head, *rows = columns([HEADER, *map(_row, found)], indent=1, left=())
    yield head
    for one, line in zip(found, rows, strict=True):
        yield from (one.problem, line)
    yield ""


def _row(one: SeedsNeeded) -> list[str]:
    few, most = one.seeds
    return [
        "—" if one.see is None else f"{one.see:g} {one.unit}",
        "—" if one.enough is None else str(one.enough),
        str(few) if few == most else f"{few} to {most}",
        *("—" if value is None else f"{value:.3g}" for value in (one.smallest, one.floor)),
        "—" if one.enough is None else str(one.lacking),
        "—" if one.core_hours is None else f"{one.core_hours:.2g}",
    ]


def command(todo: Plan, one: SeedsNeeded, words: Sequence[str]) -> str | None:
    """Return what trains the seeds that a problem lacks, or the first three where spreads are not known, else None."""
    seeds = LEAST_SEEDS if one.why == UNKNOWN else one.enough
    if seeds is None or (one.why is None and not one.lacking):
        return None
    others = [text for text in sorted_out([word for word in words if "=" in word])[2] if not text.startswith("seed=")]
    those = [f"suite.stop.looks=[{seeds}]"] if todo.stop else [f"seed=range({seeds})"]
    filters = ["--filter", f"task={one.task}", "--filter", f"data={one.data}"]
    return shlex.join(["unroll", "sweep", f"suite={todo.name}", *others, *those, *filters])
