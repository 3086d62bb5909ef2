"""Where a table's numbers come from: code, dates, CPUs or GPUs, threads, precision, packages; and what was made again.

Pure functions. What all trials share is said once; what differs, value by value, with the rows that have it.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from unroll.analysis.tables import Row, Table
from unroll.config.identity import is_baseline
from unroll.records.devices import cpu_name, device_used
from unroll.verification import replications
from unroll.verification.compare import Gap

Record = Mapping[str, Any]
_COMMIT = 7  # digits
_VALUES, _ROWS = 5, 3  # that are named; the list of trials has the rest


def code(record: Record) -> str:
    """Return the commit that trained a record, or the version where it has none."""
    found = record["run"]["code"]
    name = found["commit"][:_COMMIT] if found["commit"] else f"version {found['version']}"
    return f"{name} with changes" if found["dirty"] else name


def date(record: Record) -> str:
    """Return the day on which a record's last attempt started, in UTC."""
    return str(record["run"]["started"])[:10]


def _machine(record: Record) -> str:
    device, hardware = device_used(record), record["run"]["hardware"]
    if device.kind != "cpu":
        count = (record["run"].get("device") or {}).get("count") or 1
        return f"{device.name} x {count}" if count > 1 else device.name
    return cpu_name(hardware)


def _threads(record: Record) -> str:
    run = record["run"]
    count, ranks = run.get("threads") or record["config"]["trainer"].get("threads"), run.get("world_size") or 1
    said = "threads not recorded" if count is None else f"{count} thread{'s' if count > 1 else ''}"
    return said if ranks == 1 else f"{ranks} ranks, {said} each"


def _precision(record: Record) -> str | None:
    if is_baseline(record["config"]):
        return None  # no network computes
    trainer, device = record["config"]["trainer"], record["run"].get("device") or {}
    tf32 = " with TF32" if device.get("tf32") else ""
    return f"{device.get('precision') or trainer.get('precision') or 'precision not recorded'}{tf32}"


FACETS: dict[str, Callable[[Record], str | None]] = {
    "code": code,
    "machine": _machine,
    "threads": _threads,
    "precision": _precision,
}


def notes(table: Table) -> list[str]:
    """Return the lines of a table's footer that say where its trials were made, and which were made again."""
    trials = [(row, trial) for row in table.rows for trial in row.finished]
    if not trials:
        return []
    days = sorted({date(trial) for _, trial in trials})
    shared = [f"trained {days[0]}" if len(days) == 1 else f"trained {days[0]} to {days[-1]}"]
    differing = []
    for name, of in (*FACETS.items(), *_packages(trials)):
        values = [(row, value) for row, trial in trials if (value := of(trial)) is not None]
        if len({value for _, value in values}) > 1:
            differing.append(f"Different {name}: {_by_value(values)}.")
        elif values and name in FACETS:
            shared.append(values[0][1] if name != "code" else f"code {values[0][1]}")
    said = [f"All trials: {', '.join(shared)}.", *differing]
    return [*said, *_mixed(table), *_made_again([trial for _, trial in trials])]


def _packages(trials: Sequence[tuple[Row, Record]]) -> list[tuple[str, Callable[[Record], str | None]]]:
    """A facet for each package of which the trials had several versions; what some did not need yet is none."""
    versions: dict[str, set[str]] = {}
    for _, trial in trials:
        for name, version in trial["run"]["packages"].items():
            versions.setdefault(name, set()).add(version)
    several = sorted(name for name, found in versions.items() if len(found) > 1)
    return [(name, partial(_version, name)) for name in several]


def _version(package: str, record: Record) -> str | None:
    found: str | None = record["run"]["packages"].get(package)
    return found


def _by_value(values: Sequence[tuple[Row, str]]) -> str:
    """Each value with how many trials have it and, of all but the commonest, the rows; last the rows that have two."""
    counts = Counter(value for _, value in values)
    ordered = sorted(counts, key=lambda value: (-counts[value], value))
    parts = []
    for place, value in enumerate(ordered[:_VALUES]):
        rows = [row.name for row, other in values if other == value]
        of = f"{counts[value]} trial{'s' if counts[value] > 1 else ''}"
        parts.append(f"{value} ({of})" if place == 0 else f"{value} ({of}: {_names(rows)})")
    if rest := ordered[_VALUES:]:
        parts.append(f"{len(rest)} more ({sum(counts[value] for value in rest)} trials)")
    of_row: dict[tuple[str, str], set[str]] = {}
    for row, value in values:
        of_row.setdefault((row.name, row.label), set()).add(value)
    several = [name for (name, _), found in of_row.items() if len(found) > 1]
    return "; ".join(parts) + (f". Within a row: {_names(several)}" if several else "")


def _names(names: Sequence[str]) -> str:
    """The first names, without the options that are shown in the table, and how many more there are."""
    first = list(dict.fromkeys(names))
    if len(first) <= _ROWS:
        return ", ".join(first)
    return f"{', '.join(first[:_ROWS])} and {len(first) - _ROWS} more"


def _mixed(table: Table) -> Iterator[str]:
    """Rows whose trials are of several code versions that are known to give other results.

    Raised versions of a protocol or a component are in a trial's id, so such trials never share a row. What is left:
    results that differ in what no seed changes (`_ASPECTS`), and two runs of one trial whose bits differ though nothing
    but the code does.
    """
    measured = {
        frozenset((code(trial), code(one.record)))
        for row in table.rows
        for trial in row.finished
        for one in replications.of([trial])
        if one.found and one.found.code and not one.found.moved and not one.found.identical
    }
    for row in table.rows:
        by_code: dict[str, list[Record]] = {}
        for trial in row.finished:
            by_code.setdefault(code(trial), []).append(trial)
        versions = sorted(by_code)
        why = []
        for number, first in enumerate(versions):
            for second in versions[number + 1 :]:
                found = _differences(by_code[first], by_code[second])
                if frozenset((first, second)) in measured:
                    found.append("other bits of one trial on the same CPU, threads and packages")
                why += [f"{first} and {second} differ in {', '.join(found)}"] if found else []
        if why:
            more = f"; and {len(why) - _ROWS} more pairs" if len(why) > _ROWS else ""
            yield f"{row.label} mixes code versions whose results differ: {'; '.join(why[:_ROWS])}{more}."


def _differences(first: Sequence[Record], second: Sequence[Record]) -> list[str]:
    """What no seed changes, and no result of the one code version shares with one of the other."""
    return [what for what, of in _ASPECTS.items() if not any(of(one) == of(other) for one in first for other in second)]


def _variants(record: Record) -> dict[str, str]:
    """The labels that say which variant of a metric was measured, such as sacreBLEU's signature."""
    labels = record["result"].get("labels") or {}
    return {name: text for name, text in labels.items() if name.endswith("_signature")}


_ASPECTS: dict[str, Callable[[Record], Any]] = {
    "numbers of examples": lambda record: record["result"]["examples"],
    "parameters": lambda record: record["parameters"]["counted"],
    "which metrics there are": lambda record: set(record["result"]["metrics"]["test"]),
    "variants of a metric": _variants,
    "whether a train-test gap is there": lambda record: record["result"].get("train") is not None,
    "what is kept of pretraining": lambda record: record["result"].get("pretrained") is not None,
}


def _made_again(trials: Sequence[Record]) -> list[str]:
    """How many trials ran more than once, where, and how far apart the runs lie at most."""
    found = replications.of(trials)
    if not found:
        return []
    within = [one.found for one in found if one.found and not one.found.identical and one.found.within]
    widest = max(((one.largest, one.trial_id) for one in within if one.largest), key=_relative, default=None)
    apart = (
        f", at most {replications.per_cent(widest[0])} apart ({widest[0].metric} of `{widest[1]}`)" if widest else ""
    )
    counts = {
        "bit-identical": sum(one.found is not None and one.found.identical for one in found),
        f"within the tolerance of `unroll verify`{apart}": len(within),
        "beyond the tolerance of `unroll verify`": sum(one.contradicts for one in found),
        "failed": sum(one.found is None for one in found),
    }
    said = [f"{count} {what}" for what, count in counts.items() if count]
    said[0] = said[0].replace(" ", " run " if said[0].startswith("1 ") else " runs ", 1)
    labs = ", ".join(sorted({lab for one in found for lab in one.labs}))
    count = len({one.trial_id for one in found})
    return [
        f"Replications, which count in no mean: {count} of {len(trials)} trials ran again ({labs}): {', '.join(said)}."
    ]


def _relative(found: tuple[Gap, str]) -> float:
    return found[0].relative
