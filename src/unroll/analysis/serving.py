"""The page of a report, served: records come in, and whenever they change the page is another one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unroll.analysis.chosen import choose
from unroll.analysis.report import left_out
from unroll.analysis.webpage.content import Sources, content
from unroll.analysis.webpage.serve import SECONDS, Live, Made, record_link, serve_until_interrupted
from unroll.analysis.webpage.write import html
from unroll.errors import UserError
from unroll.records.pool import Folders, labs_of
from unroll.records.store import record_paths

if TYPE_CHECKING:
    from unroll.config.planned import Plan


def serve(
    folders: Folders,
    plan: "Plan | None" = None,
    filters: Sequence[str] = (),
    config_dir: str | None = None,
    port: int = 0,
) -> None:
    """Serve the page of the records under some folders on this machine until Ctrl-C; `filters` keep some trials.

    Raises UserError when a folder is not there, or the port is taken.
    """
    serve_until_interrupted(live(folders, plan, filters, config_dir), port)


def live(
    folders: Folders, plan: "Plan | None" = None, filters: Sequence[str] = (), config_dir: str | None = None
) -> Live:
    """Return the page of the records under some folders, which follows them."""
    return Live(lambda: made(folders, plan, filters, config_dir), lambda: stamp(folders))


def made(
    folders: Folders, plan: "Plan | None" = None, filters: Sequence[str] = (), config_dir: str | None = None
) -> Made:
    """Return the page as the records are now; those that are refused stand at its end."""
    refused: list[UserError] = []
    chosen = choose(folders, plan, filters, refused)
    places = chosen.places
    sources = Sources(
        answers=chosen.answers,
        suite=chosen.suite,
        about=chosen.about,
        last=left_out(refused),
        link=lambda trial_id: record_link(trial_id) if trial_id in places else None,
        directories=chosen.directories,
        config_dir=config_dir,
        poll=SECONDS,
    )
    return Made(html(content(chosen.tables(), chosen.title, sources)), places)


def stamp(folders: Folders) -> tuple[tuple[str, int, int], ...]:
    """Return what changes when a record comes, goes or is written anew."""
    seen = []
    for path in (path for lab in labs_of(folders) for path in record_paths(lab.folder)):
        try:
            found = path.stat()
        except FileNotFoundError:  # gone since it was listed
            continue
        seen.append((str(path), found.st_mtime_ns, found.st_size))
    return tuple(seen)
