"""Unroll: a distributed benchmark and reproducibility suite for recurrent networks and autoencoders."""

DISTRIBUTION = "unroll-bench"
"""What pip installs; the name "unroll" on PyPI belongs to another project."""

__version__ = "0.1.0"
