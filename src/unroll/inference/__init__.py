"""A trained model to use: a trial, or a folder of an exported model, comes in; predictions, evaluations on other data,
summaries, and such folders go out.

`unroll.load` is the door. Nothing that a folder holds is run or unpickled.
"""
