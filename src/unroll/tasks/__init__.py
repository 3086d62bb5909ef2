"""Tasks: a data set's examples come in; a network's adapter and heads, its loss, and its metrics go out.

Each task names one primary metric (conf/task) and scores every example once. A task's `metrics` serve networks and
baselines alike.
"""
