"""Python's collection of garbage, held back where there is none: where libraries are imported, or many objects made.

Importing torch, Lightning and what they bring makes a million objects, and no garbage.
"""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def collecting_nothing() -> Iterator[None]:
    """Collect no garbage inside."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
