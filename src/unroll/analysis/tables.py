"""Records grouped into tables: one a problem (task, data set, what poses it), a row a network or baseline.

Pure functions. A trial that failed, or that was planned and has no record, counts in its row and shows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from unroll.analysis import variants
from unroll.analysis.comparisons import Comparison
from unroll.analysis.halves import Half, beside, rows_alone
from unroll.analysis.labels import Labels
from unroll.analysis.power import Resolution
from unroll.analysis.standing import equivalence, standing
from unroll.analysis.statistics.summary import Summary, summarise
from unroll.analysis.table_notes import notes
from unroll.config.half import is_half
from unroll.config.identity import is_baseline, is_seeded
from unroll.config.problem import problem as problem_of
from unroll.config.schema import Equivalence, TaskConfig
from unroll.records import stale
from unroll.records.scores import Scores
from unroll.registry.facts import facts
from unroll.registry.metric import Metric
from unroll.verification import replications

if TYPE_CHECKING:
    from unroll.config.trial import Trial

# A coded size may pass the task's rate by this much, since the quantiser is chosen on validation.
RATE_TOLERANCE = 1.05


@dataclass(frozen=True)
class Row:
    """What the trials of one architecture or baseline, equal but for the seed, say together."""

    name: str
    variant: tuple[str, ...]  # `key=value` of the options that tell it from other rows
    baseline: bool
    seeded: bool
    trials: tuple[dict[str, Any], ...]  # records, in order of seeds; status "missing" where there is none
    primary: Summary | None  # None: no trial finished
    metrics: dict[str, Summary]  # every metric on test
    parameters: int | None  # without embeddings and the projection to the vocabulary
    seconds: float | None  # mean training time
    unranked: str | None  # why it does not compete; None where it does
    gap: Summary | None = None  # train - test; None where no trial has it
    gap_metric: str | None = None
    off: float | None = None  # per cent from budget.parameters; None where the width was given
    best: bool = False  # surely better than every other ranked row
    beats: tuple[str, ...] = ()  # labels of the ranked rows that it is surely better than
    letters: str | None = None  # ranked rows that share one are not surely apart; None: too few seeds to tell
    to_best: Comparison | None = None  # this row minus the best network; None for that one and for unranked rows
    half: Half | None = None  # its trials beside those of half their budget; None: a baseline, or none is there

    @property
    def finished(self) -> tuple[dict[str, Any], ...]:
        return tuple(trial for trial in self.trials if trial["status"] == "finished")

    @property
    def has_asked_for_half(self) -> bool:
        """Whether the page owes to its reader what half the budget gives: of trained networks that are no half."""
        return not self.baseline and bool(self.finished) and not is_half(self.trials[0]["config"])

    @property
    def label(self) -> str:
        return " ".join((self.name, *self.variant))

    @property
    def reopened(self) -> bool:
        """Whether another run of one of its trials contradicts the one that counts."""
        return replications.reopened(self.trials) is not None

    def count(self, status: str) -> int:
        """How many of its trials are finished, failed or missing."""
        return sum(trial["status"] == status for trial in self.trials)


@dataclass(frozen=True)
class Table:
    """One problem's rows: networks from best to worst, then baselines likewise."""

    task: str
    data: str
    problem: tuple[str, ...]  # `key=value` of task options that pose the problem
    protocol: str
    metric: str
    unit: str
    direction: str
    selection: str
    common: tuple[str, ...]  # `key=value` of the task options that all networks share
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    equivalence: Equivalence | None = None  # the difference that counts as none
    resolution: Resolution | None = None  # what its networks' trials can tell apart
    labels: Labels | None = None  # what names are called, and digits by metric; None: names as they are typed

    @property
    def networks(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if not row.baseline)

    @property
    def baselines(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.baseline)

    def known(self, metric: str) -> Metric | None:
        """What is declared of a metric; None where no row's trials say anything of it."""
        found = (facts(row.trials[0]["config"]["task"]).metric(metric) for row in self.rows)
        return next(filter(None, found), None)

    def with_unit(self, metric: str, said: str | None = None) -> str:
        """A metric's name, or what else is said of it, and its unit as far as it is known."""
        known = self.known(metric)
        return ", ".join(filter(None, (said or self.called(metric), "" if known is None else known.unit)))

    def called(self, metric: str) -> str:
        """What a metric is called."""
        return metric if self.labels is None else self.labels.metric(metric)

    def decimals(self, metric: str) -> int | None:
        """How many decimals a metric is given with in a paper; None: as many as its values ask for."""
        known = self.known(metric)
        return None if self.labels is None else self.labels.decimals(metric, "" if known is None else known.unit)

    @property
    def title(self) -> str:
        return f"{self.task} on {self.data}" + (f" ({', '.join(self.problem)})" if self.problem else "")

    def _repr_markdown_(self) -> str:
        from unroll.analysis.render import markdown, page  # which take tables

        return markdown.page(page.problem_sections(self, trials=False))

    @property
    def heading(self) -> str:
        """The title as a paper has it, where there are labels."""
        if self.labels is None:
            return self.title
        posed = f" ({', '.join(self.problem)})" if self.problem else ""
        return f"{self.task.replace('_', ' ').capitalize()} on {self.labels.data(self.data)}{posed}"


def make_tables(
    records: Iterable[dict[str, Any]],
    trials: Sequence["Trial"] | None = None,
    scores: Scores | None = None,
    labels: Labels | None = None,
) -> list[Table]:
    """Return the records' tables, sorted by title; with `trials`, of exactly those, missing ones too.

    With `labels` rows are called as these say. With `scores` the ranked rows of a table are compared, all at once. What
    was planned as half the budget of another trial stands beside that one, where both are there, and is no row unless
    `trials` names it.
    """
    every = {record["trial_id"]: record for record in records}
    by_id = rows_alone(every)
    if trials is not None:
        by_id = stale.planned(trials, every.get)
    problems: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for record in sorted(by_id.values(), key=lambda record: (record["config"]["seed"], record["trial_id"])):
        problems.setdefault(_problem(record["config"]), []).append(record)
    problems = _with_baselines(problems)
    tables = []
    for key, members in problems.items():
        task, data, protocol, data_options, ways, primary, *problem = key
        alike = [other for other in problems if other[:4] == key[:4]]
        if len({other[4] for other in alike}) > 1:
            problem.append(ways)
        if len({other[5] for other in alike}) > 1:
            problem.append(f"by {primary}")
        same = [other for other in problems if other[:2] + other[4:] == key[:2] + key[4:]]
        problem += [data_options] * (len({other[3] for other in same}) > 1)
        problem += [f"protocol {protocol}"] * (len({other[2] for other in same}) > 1)
        tables.append(_table(task, data, protocol, tuple(filter(None, problem)), members, scores, every.get, labels))
    return sorted(tables, key=lambda table: table.title)


def _problem(config: Mapping[str, Any]) -> tuple[str, ...]:
    *parts, posed = problem_of(config)
    return *parts, *posed


def _with_baselines(
    problems: dict[tuple[str, ...], list[dict[str, Any]]],
) -> dict[tuple[str, ...], list[dict[str, Any]]]:
    """Baselines stand beside the networks of their problem, whatever the ways of these."""
    found = {key: list(members) for key, members in problems.items()}
    for key, members in problems.items():
        if all(is_baseline(record["config"]) for record in members):
            others = [other for other in problems if other != key and other[:4] + other[5:] == key[:4] + key[5:]]
            for other in others:
                found[other] += members
            if others:
                del found[key]
    return found


def _table(
    task: str,
    data: str,
    protocol: str,
    problem: tuple[str, ...],
    records: list[dict[str, Any]],
    scores: Scores | None,
    find: stale.Find,
    labels: Labels | None,
) -> Table:
    rows = _rows(records, labels)
    described = next((r["result"]["primary"] for r in records if r["status"] == "finished"), None)
    described = described or records[0]["config"]["task"]["primary"]
    direction = described["direction"]
    networks = _sorted([row for row in rows if not row.baseline], direction)
    baselines = _sorted([row for row in rows if row.baseline], direction)
    margin, seen = equivalence(records), None
    if scores is not None and networks:
        compared, seen = _compared([*networks, *baselines], direction, scores, margin)
        networks, baselines = compared[: len(networks)], compared[len(networks) :]
    halves = beside([row.finished for row in networks], find, scores)
    networks = [replace(row, half=half) for row, half in zip(networks, halves, strict=True)]
    return Table(
        task=task,
        data=data,
        problem=problem,
        protocol=protocol,
        metric=described["name"],
        unit=described["unit"],
        direction=direction,
        selection=_selected(records),
        common=_common(networks),
        rows=(*networks, *baselines),
        notes=tuple(notes(networks, baselines, described)),
        equivalence=margin,
        resolution=seen,
        labels=labels,
    )


def _selected(records: Sequence[Mapping[str, Any]]) -> str:
    """Which weights of its networks a table compares, in words."""
    configs = [record["config"] for record in records]
    last = {config["budget"].get("weights") == "last" for config in configs if not is_baseline(config)}
    if last == {True}:
        return "the last step"
    selection = configs[0]["task"]["selection"]
    best = f"{'highest' if selection['direction'] == 'higher' else 'lowest'} validation {selection['name']}"
    return best + (", or the last step where budget.weights=last" if True in last else "")


def _rows(records: list[dict[str, Any]], labels: Labels | None) -> list[Row]:
    grouped: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for record in records:
        config = record["config"]
        chosen = variants.options(config)
        key = (is_baseline(config), variants.name(config), tuple(sorted(chosen.items())))
        grouped.setdefault(key, []).append(record)
    told_apart: dict[tuple[Any, ...], list[str]] = {}
    for baseline in (False, True):
        keys = [key for key in grouped if key[0] == baseline]
        named = variants.differences([(key[1], dict(key[2])) for key in keys])
        told_apart.update(zip(keys, named, strict=True))
    called = {key: labels.whole_row(key[1], told_apart[key]) for key in grouped} if labels else {}
    return [_row(called.get(key, (key[1], told_apart[key])), key[0], members) for key, members in grouped.items()]


def _row(called: tuple[str, list[str]], baseline: bool, records: list[dict[str, Any]]) -> Row:
    finished = [record for record in records if record["status"] == "finished"]
    results = [record["result"] for record in finished]
    names = list(dict.fromkeys(metric for result in results for metric in result["metrics"]["test"]))
    metrics = {
        metric: summarise([r["metrics"]["test"][metric] for r in results if metric in r["metrics"]["test"]])
        for metric in names
    }
    seconds = [s for r in finished if (s := r["run"].get("training_seconds")) is not None]
    gaps = [gap for result in results if (gap := (result.get("train") or {}).get("gap"))]
    config = records[0]["config"]
    return Row(
        name=called[0],
        variant=tuple(called[1]),
        baseline=baseline,
        seeded=is_seeded(config),
        trials=tuple(records),
        primary=summarise([result["primary"]["value"] for result in results]) if results else None,
        metrics=metrics,
        parameters=finished[0]["parameters"]["counted"] if finished else None,
        seconds=summarise(seconds).mean if seconds else None,
        unranked=replications.reopened(records)
        or _unranked(config, metrics, finished[0]["parameters"] if finished else {}),
        gap=summarise([gap["value"] for gap in gaps]) if gaps else None,
        gap_metric=gaps[0]["metric"] if gaps else None,
        off=(finished[0]["parameters"].get("sizing") or {}).get("off_per_cent") if finished else None,
    )


def _unranked(config: Mapping[str, Any], metrics: Mapping[str, Summary], parameters: Mapping[str, Any]) -> str | None:
    if said := (config.get("baseline") or {}).get("unranked"):
        return str(said)
    rate, measured = config["task"].get("rate"), metrics.get("bits_per_pixel")
    if rate is not None and measured is not None and measured.mean > rate * RATE_TOLERANCE:
        return f"it takes {measured.mean:.3f} bits per pixel where the task allows {rate}"
    outside = (parameters.get("sizing") or {}).get("outside")
    return None if outside is None else f"outside equal-parameter ranks: {outside}"


def _compared(
    rows: Sequence[Row], direction: str, scores: Scores, margin: Equivalence | None
) -> tuple[list[Row], Resolution | None]:
    """Rows with how the ranked ones stand to each other, and what their trials can tell apart."""
    ranked = [row for row in rows if row.primary and not row.unranked]
    networks = sum(not row.baseline for row in ranked)
    found = standing([row.finished for row in ranked], networks, direction, scores, margin.margin if margin else None)
    placed = {
        (row.baseline, row.label): replace(
            row,
            letters=letters,
            to_best=to_best,
            beats=tuple(ranked[other].label for other in beats),
            best=0 < len(beats) == len(ranked) - 1,
        )
        for row, letters, to_best, beats in zip(ranked, found.letters, found.to_best, found.beats, strict=True)
    }
    return [placed.get((row.baseline, row.label), row) for row in rows], found.resolution


def _sorted(rows: Iterable[Row], direction: str) -> list[Row]:
    sign = -1 if direction == "higher" else 1
    return sorted(
        rows,
        key=lambda row: (
            row.unranked is not None,
            row.primary is None,
            sign * row.primary.mean if row.primary else 0.0,
            row.label,
        ),
    )


def _common(networks: Sequence[Row]) -> tuple[str, ...]:
    """Task options that all networks of a table share, for the line below it."""
    if not networks:
        return ()
    tasks = [trial["config"]["task"] for row in networks for trial in row.trials]
    known = facts(tasks[0])
    described = (*TaskConfig.described, *known.poses, *known.ways)
    return tuple(
        f"{key}={value}"
        for key, value in tasks[0].items()
        if key not in described and not key.startswith("_") and not isinstance(value, dict | list)
        if all(task.get(key) == value for task in tasks)
    )
