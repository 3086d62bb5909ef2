"""Reports in Python: tables and figures that show themselves in notebooks, from the same records as the command's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from unroll.analysis.chosen import Chosen
from unroll.analysis.figures.files import check_formats, save_one, svg
from unroll.analysis.figures.write import figures, find
from unroll.analysis.labels import Labels, named, slug
from unroll.analysis.render import cells
from unroll.analysis.render.markdown import page
from unroll.analysis.render.page import Section, below_overview
from unroll.analysis.report import write_one, written
from unroll.analysis.tables import Table
from unroll.errors import UserError

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Report:
    """What records say: a table a problem, figures, numbers. In a notebook it shows the best of each problem."""

    chosen: Chosen
    labels: Labels = field(default_factory=Labels)
    refused: tuple[UserError, ...] = ()  # why records were left out

    @cached_property
    def tables(self) -> tuple[Table, ...]:
        """A table a problem, sorted by title; each shows itself."""
        return tuple(self.chosen.tables(self.labels))

    @property
    def titles(self) -> list[str]:
        """What `table` finds each by."""
        return [slug(table.title) for table in self.tables]

    @cached_property
    def figures(self) -> tuple[str, ...]:
        """What `figure` finds each by, of those that can be drawn."""
        found = figures(self._drawn, self.chosen.directories)
        return tuple(one.name for one in found if one.drawing.make is not None)

    @cached_property
    def _drawn(self) -> Sequence[Table]:
        return self.chosen.tables(self.labels, compared=False)

    def table(self, name: str) -> Table:
        """Return one table by its name, such as sentiment-sst2, or a part of it that no other has.

        Raises:
            UserError: there is none, or more than one.
        """
        return dict(zip(self.titles, self.tables, strict=True))[named(name, self.titles, "table", "name")]

    def figure(self, name: str, style: str | Path | None = None) -> "PaperFigure":
        """Return one figure by its name, such as sentiment-sst2-learning, or a part of it that no other has.

        Args:
            name: of `figures`.
            style: a matplotlib style sheet.

        Raises:
            UserError: there is none, more than one, it cannot be drawn, or the style sheet is none.
        """
        check_formats((), style)
        one, make = find(self._drawn, self.chosen.directories, name)
        return PaperFigure(one.name, one.title, one.caption, make, style)

    def frame(self) -> "pl.DataFrame":
        """Return a row for every row of every table, as numbers that are not rounded: what `--out x.csv` holds."""
        import polars as pl

        header, rows = cells.values(self.tables)
        return pl.DataFrame(rows, schema=header, orient="row", infer_schema_length=None)

    def write(self, path: str | Path, table: str | None = None) -> Path:
        """Write all tables, or one by its name, to a .md, .tex or .csv file; return its path.

        Raises:
            UserError: another format, or no such table.
        """
        if table is not None:
            return write_one(self.chosen, table, Path(path), self.labels)
        return written(self.chosen, Path(path), self.refused, self.labels)

    def _repr_markdown_(self) -> str:
        notes = (*self.chosen.said, *below_overview(self.tables))
        return page([Section(self.chosen.title, 3, grid=cells.summary(self.tables), notes=notes)])

    def __repr__(self) -> str:
        return f"<{self.chosen.title}: {len(self.tables)} tables, {len(self.chosen.records)} records>"


@dataclass(frozen=True)
class PaperFigure:
    """A figure that shows itself in a notebook; nothing is burned in that its caption says."""

    name: str
    title: str
    caption: str
    make: "Callable[[], Figure]"
    style: str | Path | None = None

    def save(self, path: str | Path) -> Path:
        """Write it to a .svg, .png, .pdf or .pgf file; return its path.

        Raises:
            UserError: another format, or PGF without LaTeX.
        """
        return save_one(Path(path), self.title, self.make, self.style)

    def _repr_svg_(self) -> str:
        return svg(self.title, self.make, self.style)

    def __repr__(self) -> str:
        return f"<{self.name}: {self.caption}>"
