"""Files that are replaced in one step: written as a draft beside the old file, then renamed."""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

Replacing = Callable[[Path], AbstractContextManager[Path]]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield the path of a draft, to be written in the block; then it takes the place of `path`.

    Where the block raises, the draft goes: half a file would keep a full disk full.
    """
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        yield draft
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
