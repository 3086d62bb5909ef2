"""Figures: tables of records come in, SVG and PNG files go out. Imports no torch, and matplotlib only to draw.

In: a `tables.Table` a problem (its rows hold the records), images.npz in the trials' directories, and what `across`
finds of all problems; no statistic is computed here. Out: `write.draw` writes PROBLEM-KIND.svg and .png, the same
bytes for the same records and packages, and says what could not be drawn.

`lines` and `fronts` are what is drawn, as pure functions; `style`, `panels`, `costs`, `ranks` and `pictures` draw it.
"""
