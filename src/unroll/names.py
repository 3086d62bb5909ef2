"""Names that become parts of paths: they stay inside the folder that they are of."""

import re
from pathlib import Path

from unroll.errors import UserError

ID = re.compile(r"[\w.=+-]+", re.ASCII)


def is_id(name: object) -> bool:
    """Whether a text can name a file or a folder, and leads nowhere else."""
    return isinstance(name, str) and ID.fullmatch(name) is not None and not name.startswith(".")


def check_id(name: object, what: str = "a trial") -> str:
    """Return the name of a trial, a suite or a table, which names a file or a folder.

    Raises:
        UserError: it would lead elsewhere: `..`, a slash, an empty name, a character that no such name has.
    """
    if not is_id(name):
        allowed = "letters, digits, _ . = + -; no dot first"
        raise UserError(f"This is no name of {what}.", saw=repr(name), allowed=allowed)
    return str(name)


def inside(folder: Path, name: str, what: str) -> Path:
    """Return the path of what lies in a folder by the name that a file gave it.

    Raises:
        UserError: the path leads out of the folder.
    """
    path = Path(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name:
        raise UserError(f"{what} leads out of its folder.", saw=repr(name), allowed=f"a path inside {folder}")
    return folder / path
