"""Published tables beside reproduced ones, as sections of a page."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from statistics import stdev

from unroll.analysis import halves
from unroll.analysis.render.cells import Grid, number
from unroll.analysis.render.page import Section
from unroll.reproduction import orderings, verdicts
from unroll.reproduction.judge import JudgedCell, Outcome, Reproduction
from unroll.reproduction.published import CPU, PAPER, Deviation, Metric, Value

HEADER = ["row", "metric", "reported", "reproduced", "seeds", "difference [95 %]", "verdict"]
SIGNS = {"higher": "↑", "lower": "↓", "equal": "="}
COUNTED, COMPUTED, TRAINED = "parameters, counted", "computed without a seed", "of networks trained with seeds"
NO_SHARE = "How long the published trials trained is not stated, so that no share of it can be given."
Link = Callable[[str], str]  # where the record of a trial lies, seen from the page


def rows(found: Reproduction, link: Link | None = None) -> list[list[str]]:
    """A line a number of each row that was run; with `link`, the seeds of published ones are links to its trials."""
    shown = []
    for row in found.outcomes:
        if waits(row):
            continue
        for position, cell in enumerate(row.cells):
            metric, first = found.plan.table.metrics[cell.metric], position == 0
            label = f"{cell.metric}, {metric.unit} {SIGNS[metric.direction]}"
            numbers = _numbers(row, cell, decimals_of(cell.reported, metric), link if first or cell.reported else None)
            if first and row.notes:
                numbers[-1] += f" ({'; '.join(row.notes)})"
            shown.append([row.plan.row.says if first else "", label, *numbers])
    return shown


def waits(row: Outcome) -> str:
    """Why a row has no numbers; empty if it has."""
    if row.plan.row.cannot is not None:
        return row.plan.row.cannot
    if row.plan.is_open:
        return "runnable; its open options are not chosen yet"
    if row.plan.has_no_choice:
        return "every trial that was to choose its open options failed"
    if not row.failed and not any(cell.values for cell in row.cells):
        return "runnable; not run yet"
    return ""


def _numbers(row: Outcome, cell: JudgedCell, decimals: int, link: Link | None) -> list[str]:
    published = "—" if cell.reported is None else _published(cell.reported, decimals)
    spread = decimals + 1 if decimals else 0
    mean = "—" if cell.mean is None else f"{cell.mean:,.{spread}f}"
    found = cell.verdict
    difference = "—" if found.difference is None else f"{found.difference:+,.{spread}f}"
    if found.low is not None and found.high is not None and found.low != found.high:
        difference += f" [{found.low:+,.{spread}f}, {found.high:+,.{spread}f}]"
    verdict = "none published"
    if cell.reported is not None:
        verdict = str(found).replace(found.word, f"**{found.word}**", 1)
        if cell.seeds_needed:
            decided = f"to be {verdicts.REPRODUCED}" if found.word == verdicts.MEAN_WITHIN else "to decide"
            verdict += f"; {cell.seeds_needed} seeds {decided}"
    return [published, mean, _seeds(row, cell, link), difference, verdict]


def _seeds(row: Outcome, cell: JudgedCell, link: Link | None) -> str:
    said = str(len(cell.values)) if cell.seeded else "no seed"
    if link and row.records:
        links = [f"[{record['config']['seed']}]({link(record['trial_id'])})" for record in row.records]
        said += f": {' '.join(links)}"
    if row.failed:
        said += f", {len(row.failed)} failed"
    if row.missing:
        said += f", {len(row.missing)} missing"
    return said


def not_run(found: Reproduction) -> list[str]:
    """The rows without numbers by their reason, with what is published of them."""
    waiting: dict[str, list[str]] = {}
    for row in found.outcomes:
        if reason := waits(row):
            published = row.plan.row.reported.items()
            metrics = found.plan.table.metrics
            values = [f"{name} {_published(one, decimals_of(one, metrics[name]))}" for name, one in published]
            waiting.setdefault(reason, []).append(" ".join([row.plan.row.says, *filter(None, [", ".join(values)])]))
    return [f"{reason}: {'; '.join(names)}" for reason, names in waiting.items()]


def decimals_of(value: Value | None, metric: Metric) -> int:
    """The metric's decimals, or as many as the published value has where those would round it."""
    return metric.decimals if value is None else _decimals(value.value, metric.decimals)


def _decimals(value: float, decimals: int) -> int:
    if round(value, decimals) == value:
        return decimals
    exponent = Decimal(repr(value)).as_tuple().exponent
    return max(decimals, -int(exponent))


def _published(value: Value, decimals: int) -> str:
    shown = f"{value.value:,.{decimals}f}"
    if value.spread is not None:
        shown += f" ± {value.spread:.{_decimals(value.spread, decimals)}f}"
    if value.spread_of == "evaluations":
        return f"{shown} ({value.n or 'several'} evaluations of one network)"
    return shown if value.n is None else f"{shown} (n = {value.n})"


def summary(found: Sequence[Reproduction]) -> Grid:
    """A line a table: how many of its rows can run, were run, and the verdicts of their numbers."""
    lines = []
    for one in found:
        runnable = [row for row in one.outcomes if row.plan.row.cannot is None]
        run = [row for row in runnable if row.is_run]
        said = ", ".join(filter(None, (_counted(one, word) for word in verdicts.VERDICTS))) or "—"
        orders = ", ".join(order.verdict for order in one.orderings) or "—"
        lines.append([one.plan.table.name, str(len(one.outcomes)), str(len(runnable)), str(len(run)), said, orders])
    return Grid(["table", "rows", "runnable", "run", "verdicts of its numbers", "published orders"], lines)


def _counted(found: Reproduction, word: str) -> str:
    """How many numbers have a verdict, and how many of those that are reproduced needed no seed for it."""
    having = [cell for cell in found.judged if cell.verdict.word == word]
    exact = sum(not cell.seeded for cell in having) if word == verdicts.REPRODUCED else 0
    said = f"{len(having)} {word}" if having else ""
    return f"{said} ({exact} without a seed)" if exact else said


def reproduced(found: Sequence[Reproduction]) -> Grid:
    """A line a row with reproduced numbers of networks that were trained with seeds: ours beside the published ones."""
    lines = []
    for one in found:
        for row in one.outcomes:
            cells = [cell for cell in row.cells if cell.seeded and cell.verdict.word == verdicts.REPRODUCED]
            if cells:
                names = {record["config"]["architecture"]["name"]: None for record in row.records}
                said = "; ".join(_beside(cell, one.plan.table.metrics[cell.metric]) for cell in cells)
                lines.append([one.plan.table.name, row.plan.row.says, ", ".join(names), said])
    return Grid(["table", "row", "architecture", "ours, and published"], lines)


def _beside(cell: JudgedCell, metric: Metric) -> str:
    assert cell.reported is not None
    assert cell.mean is not None
    places = decimals_of(cell.reported, metric)
    more = places + 1 if places else 0
    unit = f" {metric.unit}" if metric.unit else ""
    ours = f"{cell.mean:,.{more}f} ± {stdev(cell.values):,.{more}f}{unit}, n = {len(cell.values)}"
    return f"{cell.metric} {ours}, published {_published(cell.reported, places)}"


def totals(found: Sequence[Reproduction]) -> Grid:
    """The verdicts of all tables by what gives our number: what is counted or computed proves nothing of training."""
    counts = {kind: dict.fromkeys(verdicts.VERDICTS, 0) for kind in (COUNTED, COMPUTED, TRAINED)}
    for row in (row for one in found for row in one.outcomes):
        for cell in row.cells:
            if cell.reported is not None and cell.values:
                kind = COUNTED if row.plan.row.count is not None else TRAINED if cell.seeded else COMPUTED
                counts[kind][cell.verdict.word] += 1
    lines = [[kind, str(sum(of.values())), *map(str, of.values())] for kind, of in counts.items()]
    return Grid(["our number is", "numbers", *verdicts.VERDICTS], lines)


def rule(level: int) -> Section:
    """The rule of verdicts, and how often its words are wrong."""
    return Section("The rule of the verdicts", level, (verdicts.RULE, verdicts.SIMULATED))


def sections(found: Reproduction, level: int = 1, link: Link | None = None) -> list[Section]:
    """Return a table as sections: numbers and verdicts, tolerance, orders, deviations, choices, training, trials.

    What the verdicts mean is `rule`, which a page prints once.
    """
    table = found.plan.table
    source = f"{table.citation}, <{table.link}>. Numbers read in: {table.source.read}"
    source += "." if table.source.primary else " (a secondary source)."
    data = f"Data: {table.data}; {table.split}. Protocol: {' '.join(table.protocol.split())}"
    tolerance = f"Tolerance: {table.tolerance}{_other_tolerances(found)}."
    text, numbers = tuple(filter(None, (source, data, _budget(found)))), rows(found, link)
    grid = Grid(HEADER, numbers) if numbers else None
    shown = [Section(table.title, level, text, grid, links=(table.link,)), Section(text=(tolerance,))]
    if found.orderings:
        said = tuple(_order(found, one) for one in found.orderings)
        shown.append(Section("Orders of the published values", level + 1, (orderings.RULE,), notes=said))
    below = {
        "Not run": not_run(found),
        "Published, and without a row here": table.left_out,
        "What deviates": _deviations(found),
        "What was chosen on validation": [_choice(row) for row in found.outcomes if row.plan.points],
        "Trials": [_trials(row) for row in found.outcomes if row.records or row.failed],
    }
    return shown + [Section(title, level + 1, notes=tuple(notes)) for title, notes in below.items() if notes]


def _deviations(found: Reproduction) -> list[str]:
    """The table's, then those of its rows; of several rows with the same one, once."""
    said: dict[Deviation, list[str]] = {deviation: [] for deviation in found.plan.table.deviations}
    for row in found.outcomes:
        for one in row.plan.row.deviations:
            said.setdefault(one, []).append(row.plan.row.says)
    of = {one: f"{'; '.join(names)}: " if names else "" for one, names in said.items()}
    return [f"{rows_}{one.says}. Why: {one.because}" for one, rows_ in of.items()]


def _budget(found: Reproduction) -> str:
    wanted = found.plan.table.budgets.get(found.plan.budget)
    if wanted is None:
        return ""
    name = "fits one machine without a GPU" if found.plan.budget == CPU else "the published one"
    said = f"Budget `{found.plan.budget}` ({name}): {wanted.says}"
    published = found.plan.table.budgets.get(PAPER)
    unknown = published is None or not published.published
    return " ".join(filter(None, [said, NO_SHARE if unknown else "", _how_far(found), hours([found])]))


def _how_far(found: Reproduction) -> str:
    """What is known of how far the training of its rows went; empty where none of them is a network's."""
    asked = [row.half for row in found.outcomes if row.is_trained]
    budget = "" if found.plan.budget == CPU else f" budget={found.plan.budget}"
    return halves.said(asked, f"unroll reproduce {found.plan.table.name}{budget} --half") if asked else ""


def hours(found: Sequence[Reproduction]) -> str:
    """How long the trials of tables took, a trial of several counted once; empty where there are none."""
    records = list({record["trial_id"]: record for one in found for record in one.trained}.values())
    if not records:
        return ""
    runs = [record["run"] for record in records]
    seconds = sum((run.get("training_seconds") or 0) + (run.get("evaluation_seconds") or 0) for run in runs)
    machines = sorted({str(run["hardware"].get("cpu", "unknown")) for run in runs})
    chosen_by = {point.planned.trial.trial_id for one in found for row in one.plan.rows for point in row.points}
    choosing = sum(record["trial_id"] in chosen_by for record in records)
    among = f", {choosing} of them to choose," if choosing else ""
    return f"{len(records)} trials{among} took {seconds / 3600:.2f} hours in all, on {', '.join(machines)}."


def _other_tolerances(found: Reproduction) -> str:
    table = found.plan.table
    own = {f"{name} {metric.tolerance}" for name, metric in table.metrics.items() if metric.tolerance}
    own |= {f"{row.says} {row.tolerance}" for row in table.rows.values() if row.tolerance}
    return "".join(f"; {text}" for text in sorted(own))


def _order(found: Reproduction, one: orderings.Ordered) -> str:
    names = {row.plan.name: row.plan.row.says for row in found.outcomes}
    metric = found.plan.table.metrics[one.ordering.metric]
    means = [
        f"{names[name]} {number(one.means[name], metric.decimals + 1)}" if name in one.means else names[name]
        for name in one.ordering.rows
    ]
    total = len(one.pairs)
    said = f"**{one.ordering.says}: {one.verdict}.** Published from best to worst in {one.ordering.metric}: "
    said += f"{', '.join(means)}. Of {total} pairs {one.count(True, True)} are surely as published, "
    said += f"{one.count(True, False)} surely reversed, {one.count(False, True) + one.count(False, False)} undecided"
    if one.pairs:
        said += f", by {one.test}"
    if one.kendall is not None:
        said += "; Kendall's tau {:.2f} (exact p {:.2g})".format(*one.kendall)
    if one.missing:
        said += f"; without trials: {', '.join(names[name] for name in one.missing)}"
    return said + "."


def _choice(row: Outcome) -> str:
    """Every point with the validation metric that it was chosen by."""
    lines = []
    for number_, point in enumerate(row.plan.points):
        trial = f"`{point.planned.trial.trial_id if point.record is None else point.record['trial_id']}`"
        if point.record is not None and not point.failed:
            selection = point.record["result"]["selection"]
            trial = f"{selection['name']} {selection['value']:.4g}, {trial}"
        mark = " (chosen)" if number_ == row.plan.chosen else " (failed)" if point.failed else ""
        lines.append(f"`{' '.join(point.overrides)}`{mark}: {trial}")
    choose = row.plan.row.choose
    assert choose is not None
    under = f", under `{' '.join(choose.overrides)}`" if choose.overrides else ""
    edge = " It is at an end of what was tried." if _is_at_an_end(row) else ""
    return f"{row.plan.row.says}{under}: {'; '.join(lines)}.{edge}"


def _is_at_an_end(row: Outcome) -> bool:
    """Whether the chosen one of several numbers is the smallest or the largest."""
    try:
        values = [float(text.partition("=")[2]) for point in row.plan.points for text in point.overrides]
    except ValueError:
        return False
    if row.plan.chosen is None or len(values) != len(row.plan.points):
        return False
    return values[row.plan.chosen] in (min(values), max(values))


def _trials(row: Outcome) -> str:
    ids = [record["trial_id"] for record in row.records] + [f"{trial_id} (failed)" for trial_id in row.failed]
    said = f"{row.plan.row.says}: {', '.join(f'`{trial_id}`' for trial_id in ids)}"
    halves_ = [record["trial_id"] for record in row.half.records] if row.half else []
    return f"{said}; half the budget: {', '.join(f'`{trial_id}`' for trial_id in halves_)}" if halves_ else said


def below(found: Reproduction) -> list[str]:
    """What a terminal shows below a table's numbers."""
    said = [f"Tolerance: {found.plan.table.tolerance}{_other_tolerances(found)}.", _budget(found)]
    said += [orderings.RULE] if found.orderings else []
    said += [_order(found, one).replace("**", "") for one in found.orderings]
    said += [f"Deviates: {line}." for line in _deviations(found)]
    said += [f"Chosen on validation: {_choice(row).replace('`', '')}" for row in found.outcomes if row.plan.points]
    return said
