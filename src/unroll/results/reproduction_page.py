"""Published tables beside reproduced ones, shown: as sections of a page, and in the terminal with Rich."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from unroll.planning.reported import CPU, Value
from unroll.results import orderings, verdicts
from unroll.results.cells import Grid, number
from unroll.results.page import Section
from unroll.results.reproduced import Cell, Outcome, Reproduction

if TYPE_CHECKING:
    import rich.table

HEADER = ["row", "metric", "reported", "reproduced", "seeds", "difference [95 %]", "verdict"]
SIGNS = {"higher": "↑", "lower": "↓", "equal": "="}


def rows(found: Reproduction) -> list[list[str]]:
    """A line a published number, or a metric of a row that has none; rows that cannot run come last."""
    shown = []
    for row in sorted(found.outcomes, key=lambda row: row.plan.row.cannot is not None):
        for position, cell in enumerate(row.cells):
            metric = found.plan.table.metrics[cell.metric]
            name = row.plan.row.says if position == 0 else ""
            label = f"{cell.metric}, {metric.unit} {SIGNS[metric.direction]}"
            shown.append([name, label, *_numbers(row, cell, metric.decimals)])
    return shown


def _numbers(row: Outcome, cell: Cell, decimals: int) -> list[str]:
    published = "—" if cell.reported is None else _published(cell.reported, decimals)
    if row.plan.row.cannot is not None:
        return [published, "—", "—", "—", f"not run: {row.plan.row.cannot}"]
    if row.plan.is_open:
        return [published, "—", "—", "—", "not run: its open options are not chosen yet"]
    if not cell.values:
        return [published, "—", "—", "—", "not run yet"]
    spread = decimals + 1 if decimals else 0
    mean = sum(cell.values) / len(cell.values)
    found = cell.verdict
    difference = "—" if found.difference is None else f"{found.difference:+,.{spread}f}"
    if found.low is not None and found.high is not None and found.low != found.high:
        difference += f" [{found.low:+,.{spread}f}, {found.high:+,.{spread}f}]"
    seeds = str(len(cell.values)) if cell.seeded else "no seed"
    if row.failed:
        seeds += f", {len(row.failed)} failed"
    if row.missing:
        seeds += f", {len(row.missing)} missing"
    word = f"**{found.word}**" if cell.reported is not None else found.word
    return [published, f"{mean:,.{spread}f}", seeds, difference, f"{word}: {found.why}" if found.why else word]


def _published(value: Value, decimals: int) -> str:
    shown = f"{value.value:,.{decimals}f}"
    if value.spread is not None:
        shown += f" ± {value.spread:g}"
    return shown if value.n is None else f"{shown} (n = {value.n})"


def summary(found: Sequence[Reproduction]) -> Grid:
    """A line a table: how many of its rows can run, were run, and the verdicts of their numbers."""
    lines = []
    for one in found:
        runnable = [row for row in one.outcomes if row.plan.row.cannot is None]
        run = [row for row in runnable if row.is_run]
        counts = Counter(one.verdicts)
        said = ", ".join(f"{counts[word]} {word}" for word in verdicts.VERDICTS if counts[word]) or "—"
        orders = ", ".join(order.verdict for order in one.orderings) or "—"
        lines.append([one.plan.table.name, str(len(one.outcomes)), str(len(runnable)), str(len(run)), said, orders])
    return Grid(["table", "rows", "runnable", "run", "verdicts of its numbers", "claimed orders"], lines)


def sections(found: Reproduction, level: int = 1) -> list[Section]:
    """Return a table as sections: numbers and verdicts, rules, orders, deviations, choices, training, trials."""
    table = found.plan.table
    source = f"{table.citation}, <{table.link}>. Numbers read in: {table.source.read}"
    source += "." if table.source.primary else " (a secondary source)."
    data = f"Data: {table.data}; {table.split}. Protocol: {' '.join(table.protocol.split())}"
    rule = f"Rule. {verdicts.RULE} Tolerance: {table.tolerance}{_other_tolerances(found)}."
    shown = [
        Section(table.title, level, tuple(filter(None, (source, data, _budget(found)))), Grid(HEADER, rows(found))),
        Section(text=(rule,)),
    ]
    if found.orderings:
        said = tuple(_order(found, one) for one in found.orderings)
        shown.append(Section("Orders that are claimed", level + 1, (orderings.RULE,), notes=said))
    deviations = [deviation.says for deviation in table.deviations]
    deviations += [f"{row.plan.row.says}: {one.says}" for row in found.outcomes for one in row.plan.row.deviations]
    below = {
        "What deviates": deviations,
        "What was chosen on validation": [_choice(row) for row in found.outcomes if row.plan.points],
        "Training": [f"{row.plan.row.says}: {'; '.join(row.notes)}." for row in found.outcomes if row.notes],
        "Trials": [_trials(row) for row in found.outcomes if row.records or row.failed],
    }
    return shown + [Section(title, level + 1, notes=tuple(notes)) for title, notes in below.items() if notes]


def _budget(found: Reproduction) -> str:
    wanted = found.plan.table.budgets.get(found.plan.budget)
    if wanted is None:
        return ""
    name = "fits one machine without a GPU" if found.plan.budget == CPU else "the published one"
    said = f"Budget `{found.plan.budget}` ({name}): {wanted.says}"
    seconds = [
        (record["run"].get("training_seconds") or 0) + (record["run"].get("evaluation_seconds") or 0)
        for record in found.records
    ]
    machines = sorted({str(record["run"]["hardware"].get("cpu", "unknown")) for record in found.records})
    if not seconds:
        return said
    return f"{said} {len(seconds)} trials took {sum(seconds) / 3600:.2f} hours in all, on {', '.join(machines)}."


def _other_tolerances(found: Reproduction) -> str:
    table = found.plan.table
    own = {f"{name} {metric.tolerance}" for name, metric in table.metrics.items() if metric.tolerance}
    own |= {f"{row.says} {row.tolerance}" for row in table.rows.values() if row.tolerance}
    return "".join(f"; {text}" for text in sorted(own))


def _order(found: Reproduction, one: orderings.Ordered) -> str:
    names = {row.plan.name: row.plan.row.says for row in found.outcomes}
    metric = found.plan.table.metrics[one.ordering.metric]
    means = [
        f"{names[name]} {number(metric.scale * one.means[name], metric.decimals + 1)}"
        if name in one.means
        else names[name]
        for name in one.ordering.rows
    ]
    total = len(one.pairs)
    said = f"**{one.ordering.says}: {one.verdict}.** Claimed from best to worst in {one.ordering.metric}: "
    said += f"{', '.join(means)}. Of {total} pairs {one.count(True, True)} are surely as claimed, "
    said += f"{one.count(True, False)} surely reversed, {one.count(False, True) + one.count(False, False)} undecided"
    if one.tau is not None:
        said += f"; Kendall's tau {one.tau:.2f} (exact p {one.p:.2g})"
    if one.missing:
        said += f"; without trials: {', '.join(names[name] for name in one.missing)}"
    return said + "."


def _choice(row: Outcome) -> str:
    lines = []
    for number_, point in enumerate(row.plan.points):
        mark = " (chosen)" if number_ == row.plan.chosen else ""
        lines.append(f"`{' '.join(point.overrides)}`{mark}: `{point.planned.trial.trial_id}`")
    return f"{row.plan.row.says}: {'; '.join(lines)}"


def _trials(row: Outcome) -> str:
    ids = [record["trial_id"] for record in row.records] + [f"{trial_id} (failed)" for trial_id in row.failed]
    return f"{row.plan.row.says}: {', '.join(f'`{trial_id}`' for trial_id in ids)}"


def rich_tables(found: Reproduction) -> list["rich.table.Table"]:
    """Return a table's numbers for a terminal, and its orders below."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table as RichTable

    table = found.plan.table
    said = [verdicts.RULE, f"Tolerance: {table.tolerance}{_other_tolerances(found)}.", _budget(found)]
    said += [_order(found, one).replace("**", "") for one in found.orderings]
    shown = RichTable(
        title=f"{table.title} ({table.citation})",
        caption="\n".join(filter(None, said)),
        box=box.SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
    )
    for name in HEADER:
        shown.add_column(name, overflow="fold")
    for line in rows(found):
        shown.add_row(*(escape(cell.replace("**", "")) for cell in line))
    return [shown]
