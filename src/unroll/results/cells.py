"""What tables show, as text cells: a header and rows. Rendering them is report.py's."""

import math
from collections.abc import Iterable, Sequence

from unroll.results.claims import UNDECIDED, VERDICTS, Answer
from unroll.results.comparisons import Comparison
from unroll.results.statistics import Summary
from unroll.results.tables import Row, Table
from unroll.results.units import unit

Grid = tuple[list[str], list[list[str]]]  # header (may break lines), rows; bold cells begin and end with **
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
    """The primary metric, n, parameters and seconds of each row; `intervals` adds the 95 % t-interval, and what the row
    differs by from the best network where that was compared."""
    header = ["", f"{table.metric}, {table.unit}\n({ARROWS[table.direction]})", "n"]
    header += ["95 % t-interval of the mean"] if intervals else []
    compared = intervals and any(row.to_best for row in table.rows)
    header += ["to the best network: difference [95 %], p"] if compared else []
    header += ["parameters", "seconds"]
    places = _places(table.rows)
    rows = []
    for row in table.rows:
        cells = [_label(row), _value(row, places), _seeds(row)]
        if intervals:
            cells.append(_interval(row.primary, places))
        if compared:
            cells.append(difference(row.to_best, places))
        cells.append("—" if row.parameters is None else f"{row.parameters:,}")
        cells.append("—" if row.seconds is None else f"{row.seconds:.1f}")
        rows.append(cells)
    return header, rows


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
    return header, [[label, *cells] for label, cells in rows.items()]


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
    return ["test split", "metric", "best network", "best baseline"], rows


def metrics(table: Table) -> Grid:
    """Every metric on test, mean ± spread."""
    names = list(dict.fromkeys(name for row in table.rows for name in row.metrics))
    places = {name: decimals(row.metrics[name].mean for row in table.rows if name in row.metrics) for name in names}
    header = ["", *(f"{name}{', ' if (u := unit(table.task, name)) else ''}{u}" for name in names)]
    rows = [[_label(row), *(_spread(row.metrics.get(name), places[name]) for name in names)] for row in table.rows]
    return header, rows


def verdicts(answers: Sequence[Answer]) -> Grid:
    """Each claim with its verdict and how many of its comparisons bear it out."""
    rows = [[a.says, f"**{a.verdict}**", *(str(a.count(verdict)) for verdict in VERDICTS)] for a in answers]
    return ["said", "verdict", *VERDICTS], rows


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
    return ["", "metric on test", "mean", "against", "seeds", "difference [95 %], p", "verdict"], rows


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
    return ["trial", f"{table.metric}, {table.unit}", "data from"], rows
