"""Tests that train networks, or build them."""

from training_imports import imports_are_not_collected  # noqa: F401 - a fixture of every test here
