"""What tables show, as cells: a header and rows. Markdown, LaTeX, CSV and the terminal render these and no others."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from unroll.analysis.across import Across, Group
from unroll.analysis.comparisons import Comparison
from unroll.analysis.hypotheses import UNDECIDED, VERDICTS, Answer
from unroll.analysis.statistics.summary import Summary
from unroll.analysis.tables import Row, Table
from unroll.records.units import unit


class Grid(NamedTuple):
    """Text cells: the header's may break lines, bold ones begin and end with **."""

    header: list[str]
    rows: list[list[str]]
    networks: int | None = None  # rows above the line between networks and baselines; None: no such line


ARROWS = {"higher": "↑ higher is better", "lower": "↓ lower is better"}


def number(value: float, decimals: int) -> str:
    """Return a number with so many decimals, or in scientific form where those would show nothing of it."""
    if value != 0 and (abs(value) < 0.5 * 10**-decimals or abs(value) >= 1e7):
        return f"{value:.2e}"
    return f"{value:.{decimals}f}"


def decimals(values: Iterable[float]) -> int:
    """Return the decimals that give the middle one of some values four significant digits: 0 to 4."""
    sizes = sorted(abs(value) for value in values if value)
    if not sizes:
        return 2
    return min(4, max(0, 3 - math.floor(math.log10(sizes[len(sizes) // 2]))))


def _spread(summary: Summary | None, places: int) -> str:
    if summary is None:
        return "—"
    mean = number(summary.mean, places)
    return mean if summary.sd is None else f"{mean} ± {number(summary.sd, places)}"


def _interval(summary: Summary | None, places: int) -> str:
    if summary is None or summary.low is None or summary.high is None:
        return "—"
    return f"{number(summary.low, places)} to {number(summary.high, places)}"


def difference(comparison: Comparison | None, places: int) -> str:
    """A difference with its interval and adjusted p, such as "-1.20 [-2.00, -0.40], p 0.012"."""
    if comparison is None:
        return "—"
    paired = comparison.paired
    shown = f"{'+' if paired.difference > 0 else ''}{number(paired.difference, places)}"
    if paired.low is not None and paired.high is not None:
        shown += f" [{number(paired.low, places)}, {number(paired.high, places)}]"
    return shown if comparison.adjusted is None else f"{shown}, p {comparison.adjusted:.2g}"


def _places(rows: Iterable[Row]) -> int:
    return decimals(row.primary.mean for row in rows if row.primary)


def _value(row: Row, places: int) -> str:
    cell = _spread(row.primary, places)
    return f"**{cell}**" if row.best else cell


def _seeds(row: Row) -> str:
    said = str(row.count("finished")) if row.seeded else "no seed"
    for status in ("failed", "missing"):
        if count := row.count(status):
            said += f", {count} {status}"
    return said


def main(table: Table, intervals: bool) -> Grid:
    """The primary metric, n, parameters and seconds of each row; `intervals` adds the 95 % t-interval, what the row
    differs by from the best network where that was compared, and the train-test gap where a row has one."""
    header = ["", f"{table.metric}, {table.unit}\n({ARROWS[table.direction]})", "n"]
    header += ["95 % t-interval of the mean"] if intervals else []
    compared = intervals and any(row.to_best for row in table.rows)
    header += ["to the best network: difference [95 %], p"] if compared else []
    gaps = [row for row in table.rows if row.gap] if intervals else []
    measured = {row.gap_metric for row in gaps if row.gap_metric}
    header += (
        [f"train − test, {_described(table, min(measured)) if len(measured) == 1 else 'each its own'}"] if gaps else []
    )
    header += ["parameters", "seconds"]
    places = _places(table.rows)
    gap_places = decimals(row.gap.mean for row in gaps if row.gap)
    rows = []
    for row in table.rows:
        cells = [_label(row), _value(row, places), _seeds(row)]
        if intervals:
            cells.append(_interval(row.primary, places))
        if compared:
            cells.append(difference(row.to_best, places))
        if gaps:
            own = f" {_described(table, row.gap_metric)}" if row.gap_metric and len(measured) > 1 else ""
            cells.append(_spread(row.gap, gap_places) + own)
        cells.append("—" if row.parameters is None else f"{row.parameters:,}")
        cells.append("—" if row.seconds is None else f"{row.seconds:.1f}")
        rows.append(cells)
    return Grid(header, rows, len(table.networks))


def _described(table: Table, metric: str) -> str:
    """A metric with its unit."""
    return ", ".join(filter(None, (metric, unit(table.task, metric))))


def _label(row: Row) -> str:
    return f"{row.label} (baseline)" if row.baseline else row.label


def overview(tables: Sequence[Table]) -> Grid:
    """Rows: architectures, then baselines; columns: problems; cells: the primary metric."""
    header = ["", *(f"{t.title}:\n{t.metric},\n{t.unit} {ARROWS[t.direction][0]}" for t in tables)]
    rows: dict[str, list[str]] = {}
    for baseline in (False, True):
        labels = sorted({_label(row) for t in tables for row in t.rows if row.baseline == baseline})
        rows.update({label: ["—"] * len(tables) for label in labels})
    for column, table in enumerate(tables):
        for row in table.rows:
            rows[_label(row)][column] = _value(row, _places(table.rows))
    networks = len({row.label for table in tables for row in table.networks})
    return Grid(header, [[label, *cells] for label, cells in rows.items()], networks)


def summary(tables: Sequence[Table]) -> Grid:
    """One row a problem: its best network and its best ranked baseline, mean ± spread and n."""

    def best(rows: Sequence[Row], places: int) -> str:
        ranked = [row for row in rows if row.primary and not row.unranked]
        if not ranked:
            return "—"
        cell = f"{ranked[0].label} {_spread(ranked[0].primary, places)}"
        if ranked[0].seeded:
            cell += f" (n = {ranked[0].count('finished')})"
        return f"**{cell}**" if ranked[0].best else cell

    rows = []
    for table in tables:
        places = _places(table.rows)
        metric = f"{table.metric}, {table.unit} {ARROWS[table.direction][0]}"
        rows.append([table.title, metric, best(table.networks, places), best(table.baselines, places)])
    return Grid(["test split", "metric", "best network", "best baseline"], rows)


def metrics(table: Table) -> Grid:
    """Every metric on test, mean ± spread."""
    names = list(dict.fromkeys(name for row in table.rows for name in row.metrics))
    places = {name: decimals(row.metrics[name].mean for row in table.rows if name in row.metrics) for name in names}
    header = ["", *(_described(table, name) for name in names)]
    rows = [[_label(row), *(_spread(row.metrics.get(name), places[name]) for name in names)] for row in table.rows]
    return Grid(header, rows, len(table.networks))


def verdicts(answers: Sequence[Answer]) -> Grid:
    """Each claim with its verdict and how many of its comparisons bear it out."""
    rows = [[a.says, f"**{a.verdict}**", *(str(a.count(verdict)) for verdict in VERDICTS)] for a in answers]
    return Grid(["said", "verdict", *VERDICTS], rows)


def tests(answer: Answer) -> Grid:
    """Each comparison of a claim: both means, the difference with its interval and p, the verdict."""
    rows = []
    for test in answer.tests:
        places = decimals(test.values)
        pair = [f"{name} {number(value, places)}" for name, value in zip(test.pair, test.values, strict=True)]
        said = test.verdict if test.verdict == UNDECIDED else f"**{test.verdict}**"
        metric = ", ".join(filter(None, (test.metric, test.unit)))
        rows.append([test.setting, metric, *pair, str(test.comparison.paired.seeds)])
        rows[-1] += [difference(test.comparison, places), said]
    return Grid(["", "metric", "mean", "against", "seeds", "difference [95 %], p", "verdict"], rows)


def ranking(group: Group) -> Grid:
    """Each network's mean rank, how many of its trials failed, and which it is surely worse than."""
    found, rows = group.ranking, []
    for number, (network, rank) in enumerate(zip(group.networks, found.mean_ranks, strict=True)):
        ahead = [other for other in range(number) if found.apart(number, other)]
        best = rank == min(found.mean_ranks)
        shown = f"**{rank:.2f}**" if best else f"{rank:.2f}"
        worse = ", ".join(group.networks[other] for other in ahead)
        rows.append([network, shown, str(group.failed[number]), worse or "—"])
    return Grid(["", "mean rank (1 is best)", "failed", "worse than, surely"], rows)


def improvements(found: Across) -> Grid:
    """The probability that each network's trial beats one of the reference."""
    rows = []
    for network, one in found.improvements:
        interval = f"{one.low:.2f} to {one.high:.2f}"
        rows.append(
            [network, f"{one.probability:.2f}", interval, str(one.problems), f"{one.trials[0]} and {one.trials[1]}"]
        )
    header = ["", f"P(better than {found.reference})", "95 % bootstrap interval", "problems", "trials of both"]
    return Grid(header, rows)


def values(tables: Sequence[Table]) -> tuple[list[str], list[list[Any]]]:
    """Every row of every table as plain values, not rounded; None where there is none."""
    rows: list[dict[str, Any]] = []
    for table in tables:
        for row in table.rows:
            compared = row.to_best.paired if row.to_best else None
            rows.append(
                {
                    "task": table.task,
                    "data": table.data,
                    "problem": ", ".join(table.problem),
                    "protocol": table.protocol,
                    "metric": table.metric,
                    "unit": table.unit,
                    "direction": table.direction,
                    "row": row.label,
                    "kind": "baseline" if row.baseline else "network",
                    "mean": row.primary and row.primary.mean,
                    "sd": row.primary and row.primary.sd,
                    "low": row.primary and row.primary.low,
                    "high": row.primary and row.primary.high,
                    "best": row.best,
                    "unranked": row.unranked,
                    **{status: row.count(status) for status in ("finished", "failed", "missing")},
                    "to_best": compared and compared.difference,
                    "to_best_low": compared and compared.low,
                    "to_best_high": compared and compared.high,
                    "to_best_p": row.to_best and row.to_best.adjusted,
                    "gap_metric": row.gap_metric,
                    "gap": row.gap and row.gap.mean,
                    "parameters": row.parameters,
                    "seconds": row.seconds,
                }
            )
    return (list(rows[0]), [list(row.values()) for row in rows]) if rows else ([], [])


def trials(table: Table) -> Grid:
    """Every trial with its value and the source of its data."""
    places = _places(table.rows)
    rows = []
    for row in table.rows:
        for trial in row.trials:
            done = trial["status"] == "finished"
            value = number(trial["result"]["primary"]["value"], places) if done else trial["status"]
            source = trial["data"]["source"] if done else "—"
            rows.append([f"`{trial['trial_id']}`", value, source])
    return Grid(["trial", f"{table.metric}, {table.unit}", "data from"], rows)
