"""Unroll: a distributed benchmark and reproducibility suite for recurrent networks and autoencoders."""

__version__ = "0.1.0"
