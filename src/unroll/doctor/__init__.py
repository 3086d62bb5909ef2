"""Doctor: what this machine has, and what would fail on it.

In: Hydra overrides (`paths.runs=...`), the environment, the installed packages. Out: lines, each with what was seen
and what to do; a problem is what would stop a trial or a job. No network is asked, and nothing is written; but of a
config of several ranks a few steps are timed, for which its data are prepared in `paths.cache`.
`checks.py` holds the list; `software.py`, `machine.py`, `gpu.py`, `ranks.py` and `storage.py` what is checked;
`line.py` how it is told.
"""
