"""Unroll: a distributed benchmark and reproducibility suite for recurrent networks and autoencoders."""

import os

DISTRIBUTION = "unroll-bench"
"""What pip installs; the name "unroll" on PyPI belongs to another project."""

# Read by cuBLAS when it starts: without it, its sums on a GPU differ from one run to the next.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

__version__ = "0.1.0"
