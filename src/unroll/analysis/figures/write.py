"""Every figure of some tables, drawn and written, or one alone; what cannot be drawn is said."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from unroll.analysis.across import across, profiles
from unroll.analysis.figures.drawing import Drawing
from unroll.analysis.figures.drawings import drawings
from unroll.analysis.figures.files import USUAL, check_formats, save, save_one
from unroll.analysis.figures.ranks import PROFILES, draw_profiles, draw_ranks, said_of_ranks
from unroll.analysis.labels import named, slug
from unroll.analysis.render.page import on_skill, resting_on
from unroll.analysis.tables import Table
from unroll.errors import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CAPTIONS = "captions.md"


@dataclass(frozen=True)
class Named:
    """A figure by its name: that of its files, without suffix."""

    name: str
    title: str
    drawing: Drawing

    @property
    def caption(self) -> str:
        """What stands below it, since no title and no note is burned in."""
        return f"{self.title}. {' '.join(filter(None, self.drawing.notes))}"

    @property
    def missing(self) -> str:
        """Why it cannot be drawn."""
        return f"{self.title}: not drawn, {self.drawing.reason}"


@dataclass
class Drawn:
    """What was written, and what was not."""

    paths: list[Path] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def figures(tables: Sequence[Table], directories: Mapping[str, Path]) -> Iterator[Named]:
    """Return the figures of tables, called PROBLEM-KIND, and of their networks across problems, called ranks-GROUP and
    profiles-GROUP.

    Images and examples are read from the directories of trials, by id.
    """
    for table in tables:
        for drawing in drawings(table, directories):
            yield Named(f"{slug(table.title)}-{drawing.kind}", f"{table.heading}: {drawing.title}", drawing)
    for group in across(tables).groups:
        notes = (*said_of_ranks(group), *resting_on(group))
        ranks = Drawing("ranks", "ranks", partial(draw_ranks, group), notes)
        yield Named(f"ranks-{slug(group.name)}", f"{group.name}: ranks", ranks)
        if shown := profiles(group):
            title, notes = "performance profiles", (PROFILES, *on_skill(group))
            drawing = Drawing("profiles", title, partial(draw_profiles, shown), notes)
            yield Named(f"profiles-{slug(group.name)}", f"{group.name}: {title}", drawing)


def draw_tables(
    tables: Sequence[Table],
    directories: Mapping[str, Path],
    out: Path,
    formats: Sequence[str] = USUAL,
    sheet: str | Path | None = None,
) -> Drawn:
    """Write the figures of tables as out/NAME.FORMAT, and what stands below each in out/captions.md.

    Raises:
        UserError: a format that there is not, or a style sheet that is none; nothing was written.
    """
    check_formats(formats, sheet)
    out.mkdir(parents=True, exist_ok=True)
    drawn, captions = Drawn(), []
    for one in figures(tables, directories):
        if one.drawing.make is None:
            drawn.skipped.append(one.missing)
        else:
            drawn.paths += save(out / one.name, one.title, one.drawing.make, formats, sheet)
            captions.append(f"**{one.name}**: {one.caption}\n")
    if captions:
        (out / CAPTIONS).write_text("\n".join(captions), encoding="utf-8")
        drawn.paths.append(out / CAPTIONS)
    return drawn


def find(tables: Sequence[Table], directories: Mapping[str, Path], name: str) -> "tuple[Named, Callable[[], Figure]]":
    """Return one figure by its name, or a part of it that no other has, and what makes it.

    Raises:
        UserError: there is none, more than one, or it cannot be drawn.
    """
    known = {one.name: one for one in figures(tables, directories)}
    one = known[named(name, known, "figure", "--figure")]
    if one.drawing.make is None:
        raise UserError("This figure cannot be drawn.", saw=f"--figure {one.name}: {one.drawing.reason}")
    return one, one.drawing.make


def draw_one(
    tables: Sequence[Table],
    directories: Mapping[str, Path],
    name: str,
    path: Path,
    sheet: str | Path | None = None,
) -> str:
    """Write one figure alone in the format of a file's suffix; return its caption.

    Raises:
        UserError: as `find`, and for another format or a style sheet that is none.
    """
    one, make = find(tables, directories, name)
    save_one(path, one.title, make, sheet)
    return one.caption
