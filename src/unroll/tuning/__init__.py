"""Choosing options: a search space comes in, the best point by validation goes out."""
