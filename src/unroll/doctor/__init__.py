"""Doctor: what this machine has, and what would fail on it.

In: Hydra overrides (`paths.runs=...`), the environment, the installed packages. Out: lines, each with what was seen
and what to do; a problem is what would stop a trial or a job. Nothing is written and no network is asked.
`checks.py` holds the list; `software.py`, `machine.py` and `storage.py` what is checked; `line.py` how it is told.
"""
