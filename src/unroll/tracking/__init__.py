"""Tracking: a trial's metrics come in; metrics.jsonl, and by config CSV, TensorBoard and W&B, go out.

Local files are the truth; W&B is an output that can be replayed from them.
"""
