"""Reproduced tables as files: Markdown and LaTeX pages, and CSV with a line a number."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unroll.errors import UserError
from unroll.visible import as_cell

if TYPE_CHECKING:
    from unroll.reproduction.judge import Reproduction

FORMATS = (".md", ".tex", ".csv")
COLUMNS = [
    *(
        "table",
        "row",
        "metric",
        "unit",
        "direction",
        "reported",
        "reported_spread",
        "reported_n",
        "reported_spread_of",
        "reproduced",
        "seeds",
    ),
    *("values", "difference", "low", "high", "verdict", "why", "seeds_needed", "notes", "failed", "missing", "trials"),
]


def report_path(path: str | Path) -> Path:
    """Return where a report goes, its folder made.

    Raises:
        UserError: its suffix is of no format, or no file can be written there.
    """
    path = Path(path)
    if path.suffix not in FORMATS or path.is_dir():
        raise UserError("A report has no such format.", saw=path, allowed=[f"a file that ends in {', '.join(FORMATS)}"])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        path.touch()
        if is_new:
            path.unlink()
    except OSError as error:
        raise UserError("No report can be written there.", saw=f"{path}: {error.strerror}") from error
    return path


def write_report(found: Sequence["Reproduction"], path: Path) -> Path:
    """Write tables to one file in the format of its suffix; return its path."""
    from unroll.analysis.render import latex, markdown
    from unroll.reproduction.published_page import rule, sections

    shown = [*(section for one in found for section in sections(one)), rule(1)]
    makers = {".md": lambda: markdown.page(shown), ".tex": lambda: latex.document(shown)}
    text = makers.get(path.suffix, lambda: comma_separated(found))()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def comma_separated(found: Sequence["Reproduction"]) -> str:
    """Return a line for every number of every row, not rounded, and a header; what is not there is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: as_cell(value) for key, value in line.items()} for one in found for line in _lines(one))
    return text.getvalue()


def _lines(found: "Reproduction") -> Iterator[dict[str, Any]]:
    for row in found.outcomes:
        for cell in row.cells:
            metric, published, judged = found.plan.table.metrics[cell.metric], cell.reported, cell.verdict
            yield {
                "table": found.plan.table.name,
                "row": row.plan.name,
                "metric": cell.metric,
                "unit": metric.unit,
                "direction": metric.direction,
                "reported": published and published.value,
                "reported_spread": published and published.spread,
                "reported_n": published and published.n,
                "reported_spread_of": published.spread_of if published and published.spread is not None else None,
                "reproduced": cell.mean,
                "seeds": len(cell.values) if cell.seeded else "",
                "values": " ".join(map(repr, cell.values)),
                "difference": judged.difference,
                "low": judged.low,
                "high": judged.high,
                "verdict": published and judged.word,
                "why": published and judged.why,
                "seeds_needed": cell.seeds_needed.removeprefix("about "),
                "notes": "; ".join(row.notes),
                "failed": " ".join(row.failed),
                "missing": " ".join(row.missing),
                "trials": " ".join(record["trial_id"] for record in row.records),
            }
