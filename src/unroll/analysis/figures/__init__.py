"""Figures: tables of records come in, SVG, PNG, PDF and PGF files go out. Imports no torch; matplotlib
only to draw.

In: a `tables.Table` a problem (its rows hold the records), images.npz and examples.json in the trials' directories, and
what `across` finds of all problems; no statistic is computed here. Out: `write.draw_tables` writes PROBLEM-KIND.svg and
so on, the same bytes for the same records and packages, and says what could not be drawn. No title is burned in: what
stands below each figure is in captions.md.

`lines` and `fronts` are what is drawn, as pure functions; `style`, `panels`, `costs`, `ranks`, `pictures` and
`examples` draw it; `drawings` says which figures a problem has, `files` writes them.
"""
