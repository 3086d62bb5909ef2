"""Unroll: a distributed benchmark and reproducibility suite for recurrent networks and autoencoders."""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unroll.api import compose, curves, diff, figure, report, sweep, train
    from unroll.inference.model import Model

__all__ = ["compose", "curves", "diff", "figure", "load", "report", "sweep", "train"]

DISTRIBUTION = "unroll-bench"
"""What pip installs; the name "unroll" on PyPI belongs to another project."""

# Read by cuBLAS when it starts: without it, its sums on a GPU differ from one run to the next.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

__version__ = "0.1.0"


def load(place: Any, *, runs: Any = "runs", trust: bool = False, device: str = "cpu") -> "Model":
    """Return a trained model, ready to predict: of a trial, its id or directory, or a folder of an exported model.

        model = unroll.load("runs/sentiment-...")
        model.predict(["a great film", "two hours of my life"])

    Arguments and errors are those of `unroll.inference.loading.load`; docs/models.md has an example of each task.
    """
    from unroll.inference.loading import load as loaded

    return loaded(place, runs=runs, trust=trust, device=device)


def __getattr__(name: str) -> Any:
    """Functions of `unroll.api`, which are imported when they are asked for: `import unroll` stays quick."""
    if name in __all__:
        from unroll import api

        return getattr(api, name)
    raise AttributeError(f"module 'unroll' has no attribute '{name}'")
