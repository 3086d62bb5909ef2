"""Signatures of metrics: what a number of a table has to be read with, such as sacreBLEU's settings and its case."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from unroll.registry.facts import facts

if TYPE_CHECKING:
    from unroll.analysis.tables import Table

_CASES = {"lc": "of lower-cased text", "mixed": "of text as it is written"}  # sacreBLEU's words


def signatures(records: Iterable[Mapping[str, Any]], metrics: Sequence[str] | None = None) -> list[str]:
    """Return a sentence for each metric of finished records that has a signature, the same for all or each with counts.

    Args:
        records: of one problem.
        metrics: those that are shown; None for all of test.
    """
    finished = [record for record in records if record["status"] == "finished"]
    names = dict.fromkeys(name for record in finished for name in record["result"]["metrics"]["test"])
    said = []
    for name in names if metrics is None else [name for name in metrics if name in names]:
        counts: dict[str, int] = {}
        for record in finished:
            metric = facts(record["config"]["task"]).metric(name)
            if metric is not None and metric.signature is not None and name in record["result"]["metrics"]["test"]:
                label = (record["result"].get("labels") or {}).get(metric.signature, "not recorded")
                counts[label] = counts.get(label, 0) + 1
        if len(counts) == 1:
            said.append(f"{name} is {_read(*counts)}.")
        elif counts:
            each = "; ".join(f"{count} trials {_read(label)}" for label, count in counts.items())
            said.append(f"{name} has several signatures, which do not compare: {each}.")
    return said


def of_primary(tables: Sequence["Table"]) -> list[str]:
    """Return what stands under an overview of tables, which shows the primary metric of each alone."""
    trials = [([trial for row in table.rows for trial in row.trials], table.metric) for table in tables]
    return list(dict.fromkeys(said for records, metric in trials for said in signatures(records, [metric])))


def _read(signature: str) -> str:
    """A signature, and its case in words."""
    case = next((part.removeprefix("case:") for part in signature.split("|") if part.startswith("case:")), None)
    return " ".join(filter(None, (f"`{signature}`", f"({_CASES[case]})" if case in _CASES else None)))
