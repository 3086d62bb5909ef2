"""Training: a planned trial comes in; its record, checkpoints and per-example scores go out.

`train.train` tells the whole story of one trial; everything else here is one step of it.
"""
