"""Diagnostics: what gradients, gates and codes of a network look like on one fixed batch of train.

`probe.diagnose` gathers them; `gradients`, `gates` and `codes` define each with its equation and source. They read a
network in evaluation mode, through first derivatives only, and leave nothing behind: no `.grad`, no random number drawn
from training's stream. So training has the same bits with them and without them.
"""
