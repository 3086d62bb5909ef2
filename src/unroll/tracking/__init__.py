"""Tracking: a trial's metrics come in; metrics.jsonl, and by config CSV, TensorBoard and W&B, go out.

metrics.jsonl is the truth. The others are trackers: what goes wrong in one costs a warning, and never a trial. What a
run in W&B is, `description.py` tells of a record, so that runs can be made again (`replay.py`).
"""
