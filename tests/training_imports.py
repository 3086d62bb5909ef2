"""For tests that train: what torch and Lightning made while they were imported is not looked at again."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def imports_are_not_collected() -> Iterator[None]:
    """Each trial ends with a garbage collection; without what the imports made, that takes 0.02 s in place of 0.4."""
    import pytorch_lightning  # noqa: F401

    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
