"""What tables show, as cells: a header and rows. Markdown, LaTeX, CSV and the terminal render these and no others."""

import math
import string
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from unroll.analysis.across import Group
from unroll.analysis.comparisons import Comparison
from unroll.analysis.hypotheses import UNDECIDED, VERDICTS, Answer
from unroll.analysis.provenance import code, date
from unroll.analysis.statistics.summary import Summary
from unroll.analysis.tables import Row, Table
from unroll.verification import replications


class Grid(NamedTuple):
    """Text cells: the header's may break lines, bold ones begin and end with **."""

    header: list[str]
    rows: list[list[str]]
    networks: int | None = None  # rows above the line between networks and baselines; None: no such line


ALPHABET = string.ascii_lowercase + string.ascii_uppercase
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


def spread(summary: Summary | None, places: int, paper: bool = False) -> str:
    """A mean and, of several values, their standard deviation, such as "81.50 ± 0.71".

    Of a paper, a deviation that its digits would not show has one digit of its own.
    """
    if summary is None:
        return "—"
    mean = number(summary.mean, places)
    if summary.sd is None:
        return mean
    short = paper and 1e-4 <= summary.sd < 0.5 * 10**-places
    return f"{mean} ± {f'{summary.sd:.1g}' if short else number(summary.sd, places)}"


def interval(summary: Summary | None, places: int) -> str:
    """The 95 % t-interval of a mean."""
    if summary is None or summary.low is None or summary.high is None:
        return "—"
    return f"{number(summary.low, places)} to {number(summary.high, places)}"


def difference(comparison: Comparison | None, places: int) -> str:
    """A difference with its interval and adjusted p, such as "-1.20 [-2.00, -0.40], p 0.012"."""
    if comparison is None:
        return "—"
    value, low, high = comparison.difference, comparison.low, comparison.high
    shown = f"{'+' if value > 0 else ''}{number(value, places)}"
    if low is None or high is None or comparison.p is None:
        return shown
    return f"{shown} [{number(low, places)}, {number(high, places)}], p {probability(comparison.p)}"


def probability(p: float) -> str:
    """A p; what lies so far in the tails that no model is known there is only said to be below 0.0001."""
    return "< 0.0001" if p < 1e-4 else f"{p:.2g}"


def places_of(table: Table) -> int:
    """The decimals of a table's primary metric."""
    if (stated := table.decimals(table.metric)) is not None:
        return stated
    found = [row for row in table.rows if row.primary]
    competing = [row for row in found if not row.unranked]
    return decimals(row.primary.mean for row in competing or found if row.primary)


def _places_of(table: Table, metric: str) -> int:
    stated = table.decimals(metric)
    means = (row.metrics[metric].mean for row in table.rows if metric in row.metrics)
    return decimals(means) if stated is None else stated


def value(row: Row, table: Table, spread: bool = True) -> str:
    """Return a row's primary metric as its table shows it, with the spread over seeds or without."""
    places = places_of(table)
    if spread or row.primary is None:
        return value_of(row, places, table.labels is not None)
    mean = number(row.primary.mean, places)
    return f"**{mean}**" if row.best else mean


def value_of(row: Row, places: int, paper: bool = False) -> str:
    """A row's primary metric, bold where the row is surely best; `paper` is as of `spread`."""
    cell = spread(row.primary, places, paper) + (" (reopened)" if row.reopened else "")
    return f"**{cell}**" if row.best else cell


def seeds_of(row: Row) -> str:
    """How many of a row's trials finished, failed and are missing."""
    said = str(row.count("finished")) if row.seeded else "no seed"
    for status in ("failed", "missing"):
        if count := row.count(status):
            said += f", {count} {status}"
    return said


def main(table: Table, intervals: bool) -> Grid:
    """The primary metric, its letters, n, parameters and seconds of each row; `intervals` adds the 95 % t-interval,
    what the row differs by from the best network where that was compared, and the train-test gap where it has one."""
    paper = table.labels is not None  # a column holds short headings
    said = f"{table.unit} {ARROWS[table.direction][0]}" if paper else f"({ARROWS[table.direction]})"
    header = ["", f"{table.called(table.metric)},{'' if paper else f' {table.unit}'}\n{said}", "n"]
    lettered = any(row.letters for row in table.rows)
    header += ["group" if paper else "not surely apart"] if lettered else []
    header += ["95 % t-interval of the mean"] if intervals else []
    compared = intervals and any(row.to_best for row in table.rows)
    header += ["to the best network: difference [95 %, all pairs], p"] if compared else []
    gaps = [row for row in table.rows if row.gap] if intervals else []
    measured = {row.gap_metric for row in gaps if row.gap_metric}
    header += (
        [f"train − test, {table.with_unit(min(measured)) if len(measured) == 1 else 'each its own'}"] if gaps else []
    )
    header += ["params" if paper else "parameters", "seconds"]
    places = places_of(table)
    gap_places = decimals(row.gap.mean for row in gaps if row.gap)
    rows = []
    for row in table.rows:
        n = "—" if paper and seeds_of(row) == "no seed" else seeds_of(row)
        cells = [_label(row), value_of(row, places, paper), n]
        cells += [letters(row.letters)] if lettered else []
        if intervals:
            cells.append(interval(row.primary, places))
        if compared:
            cells.append(difference(row.to_best, places))
        if gaps:
            own = f" {table.with_unit(row.gap_metric)}" if row.gap_metric and len(measured) > 1 else ""
            cells.append(spread(row.gap, gap_places) + own)
        cells.append("—" if row.parameters is None else f"{row.parameters:,}")
        cells.append("—" if row.seconds is None else f"{row.seconds:.1f}")
        rows.append(cells)
    return Grid(header, rows, len(table.networks))


def intervals(table: Table) -> Grid:
    """The 95 % t-interval of each row's mean and what it differs by from the best network, where that was compared."""
    places, compared = places_of(table), any(row.to_best for row in table.rows)
    header = ["", "95 % t-interval\nof the mean"]
    header += ["to the best network:\ndifference [95 %, all pairs], p"] if compared else []
    rows = [
        [_label(row), interval(row.primary, places), *([difference(row.to_best, places)] if compared else [])]
        for row in table.rows
    ]
    return Grid(header, rows, len(table.networks))


def letters(shown: str | None) -> str:
    """A row's letters, such as "abc" and "a-fh": four and more that follow each other in short."""
    runs: list[str] = []
    for letter in shown or "":
        if runs and ALPHABET.index(letter) == ALPHABET.index(runs[-1][-1]) + 1:
            runs[-1] += letter
        else:
            runs.append(letter)
    return "".join(run if len(run) < 4 else f"{run[0]}-{run[-1]}" for run in runs) or "—"


def _label(row: Row) -> str:
    return f"{row.label} (baseline)" if row.baseline else row.label


def overview(tables: Sequence[Table]) -> Grid:
    """Rows: architectures, then baselines; columns: problems; cells: the primary metric."""
    header = ["", *(f"{t.heading}:\n{t.called(t.metric)},\n{t.unit} {ARROWS[t.direction][0]}" for t in tables)]
    rows: dict[str, list[str]] = {}
    for baseline in (False, True):
        labels = sorted({_label(row) for t in tables for row in t.rows if row.baseline == baseline})
        rows.update({label: ["—"] * len(tables) for label in labels})
    for column, table in enumerate(tables):
        for row in table.rows:
            rows[_label(row)][column] = value(row, table)
    networks = len({row.label for table in tables for row in table.networks})
    return Grid(header, [[label, *cells] for label, cells in rows.items()], networks)


def summary(tables: Sequence[Table]) -> Grid:
    """One row a problem: its best network and its best ranked baseline, mean ± spread and n."""

    def best(rows: Sequence[Row], places: int) -> str:
        ranked = [row for row in rows if row.primary and not row.unranked]
        if not ranked:
            return "—"
        cell = f"{ranked[0].label} {spread(ranked[0].primary, places)}"
        if ranked[0].seeded:
            cell += f" (n = {ranked[0].count('finished')})"
        return f"**{cell}**" if ranked[0].best else cell

    rows = []
    for table in tables:
        places = places_of(table)
        metric = f"{table.metric}, {table.unit} {ARROWS[table.direction][0]}"
        rows.append([table.title, metric, best(table.networks, places), best(table.baselines, places)])
    return Grid(["test split", "metric", "best network", "best baseline"], rows)


def metrics(table: Table) -> Grid:
    """Every metric on test, mean ± spread."""
    names = list(dict.fromkeys(name for row in table.rows for name in row.metrics))
    places = {name: _places_of(table, name) for name in names}
    header = ["", *(table.with_unit(name) for name in names)]
    paper = table.labels is not None
    rows = [
        [_label(row), *(spread(row.metrics.get(name), places[name], paper) for name in names)] for row in table.rows
    ]
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
        if test.comparison.is_sure and test.comparison.is_small:
            said += ", by less than X"
        metric = ", ".join(filter(None, (test.metric, test.unit)))
        margin = "—" if test.margin is None else f"{test.margin:g}"
        rows.append([test.setting, metric, *pair, seeds(test.comparison), margin])
        rows[-1] += [f"{100 * test.look.level:.2g}"] if test.look else []
        rows[-1] += [difference(test.comparison, places), said]
    level = ["level, %", "difference [1 − level], p"] if answer.course else ["difference [95 %], p"]
    return Grid(["", "metric", "mean", "against", "seeds", "X", *level, "verdict"], rows)


def seeds(comparison: Comparison) -> str:
    """How many seeds both rows have."""
    one, other = comparison.seeds
    return str(one) if one == other else f"{one}, {other}"


def ranking(group: Group) -> Grid:
    """Each network's mean rank and ranks, failed trials, probability of improvement on the first and, where they are
    there, its interval, the interquartile mean of its skill, the trials above the baselines, and which it is surely
    worse than."""
    intervals = any(one.low is not None for one in group.improvements)
    header = ["", "mean rank\n(1 is best)", "ranks", "failed", f"P(better than {group.networks[0]})"]
    header += ["95 % bootstrap interval"] if intervals else []
    header += ["interquartile mean\nof skill [95 %]", "trials above\n0", "trials above\n1"] if group.skills else []
    header += ["worse than, surely (p)"] if group.p else []
    rows = []
    for number, (network, mean) in enumerate(zip(group.networks, group.mean_ranks, strict=True)):
        own = [ranks[number] for ranks in group.ranks]
        cells = [network, f"{mean:.2f}", f"{min(own):g} to {max(own):g}", str(group.failed[number])]
        one = group.improvements[number - 1] if number else None
        cells.append(f"{one.probability:.2f}" if one else "—")
        if intervals:
            cells.append("—" if one is None or one.low is None else f"{one.low:.2f} to {one.high:.2f}")
        if group.skills:
            found = group.skills.means[number]
            cells.append(f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]")
            cells += [f"{share:.0%}".replace("%", " %") for share in group.skills.above[number]]
        if group.p:
            ahead = [other for other in range(len(group.networks)) if group.surely_worse(number, other)]
            cells.append(", ".join(f"{group.networks[o]} ({group.p[number][o]:.2g})" for o in ahead) or "—")
        rows.append(cells)
    return Grid(header, rows)


def values(tables: Sequence[Table]) -> tuple[list[str], list[list[Any]]]:
    """Every row of every table as plain values, not rounded; None where there is none."""
    rows: list[dict[str, Any]] = []
    for table in tables:
        for row in table.rows:
            compared, gain = row.to_best, row.half and row.half.gain
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
                    "to_best_p": compared and compared.p,
                    "letters": row.letters,
                    "half": row.half and row.half.half.mean,
                    "whole_minus_half": gain and gain.difference,
                    "whole_minus_half_low": gain and gain.low,
                    "whole_minus_half_high": gain and gain.high,
                    "gap_metric": row.gap_metric,
                    "gap": row.gap and row.gap.mean,
                    "parameters": row.parameters,
                    "seconds": row.seconds,
                    "code": " ".join(sorted({code(trial) for trial in row.finished})),
                    "run_again": len(replications.of(row.trials)),
                }
            )
    return (list(rows[0]), [list(row.values()) for row in rows]) if rows else ([], [])


def halves(table: Table) -> Grid:
    """Half the budget beside the whole one, of each network that was trained with both."""
    places = places_of(table)
    rows = []
    for row in table.networks:
        if (found := row.half) is not None:
            means = [spread(found.half, places), spread(found.whole, places), str(found.whole.n)]
            rows.append([row.label, *means, difference(found.gain, places), found.verdict])
    unit = f"{table.called(table.metric)}, {table.unit} {ARROWS[table.direction][0]}"
    return Grid(["", f"half the budget:\n{unit}", "the whole", "n", "whole − half [95 %], p", "the whole is"], rows)


def trials(table: Table) -> Grid:
    """Every trial with its value, the source of its data, its code and date and, where any ran again, how that went."""
    places = places_of(table)
    again = any(replications.of(row.trials) for row in table.rows)
    rows = []
    for row in table.rows:
        for trial in row.trials:
            done = trial["status"] == "finished"
            value = number(trial["result"]["primary"]["value"], places) if done else trial["status"]
            made = _made(trial) if done else ["—"] * 3
            rows.append([f"`{trial['trial_id']}`", value, *made])
            if again:
                rows[-1].append("; ".join(f"{one.by}: {one.outcome}" for one in replications.of([trial])) or "—")
        for half in row.half.records if row.half else ():
            value = number(half["result"]["primary"]["value"], places)
            rows.append([f"`{half['trial_id']}` (half the budget)", value, *_made(half), *(["—"] if again else [])])
    header = ["trial", f"{table.metric}, {table.unit}", "data from", "code", "date"]
    return Grid([*header, "run again by"] if again else header, rows)


def _made(record: Mapping[str, Any]) -> list[str]:
    return [record["data"]["source"], code(record), date(record)]
