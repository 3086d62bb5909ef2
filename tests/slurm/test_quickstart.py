"""A slice of the quickstart suite, on its real data: jobs of Slurm and warm workers give the same bits."""

import sys

from local_cluster import ROOT, LocalCluster

SLICE = ("--filter", "seed=0", "--filter", "architecture=lstm")
TRIALS = 3  # one on each task of recurrent networks


def test_slurm_gives_the_results_of_local_workers(cluster: LocalCluster) -> None:
    runs = {launcher: str(cluster.folder / launcher) for launcher in ("local", "slurm")}
    for launcher, folder in runs.items():
        options = (f"hydra/launcher={launcher}", f"paths.runs={folder}")
        cluster.run(cluster.environment["UNROLL"], "sweep", "suite=quickstart", *SLICE, *options)
    assert list((cluster.folder / "slurm").glob(".submitit/*")), "they were jobs"
    compared = cluster.run(sys.executable, str(ROOT / "tools" / "compare_runs.py"), *runs.values())
    assert compared == f"{TRIALS} of {TRIALS} trials have the same result, bit by bit"
