"""Unroll's side, in a process of its own: `api.train` up to the end of fit; no peer does the final evaluation."""

import sys
from pathlib import Path

from benchmarks.peers.cases import CASES
from benchmarks.peers.clock import timed
from unroll import api
from unroll.config.trial import Trial
from unroll.training import story
from unroll.training.run import Run


def trial_of(case: str, folder: Path) -> Trial:
    """A case as Unroll trains it, with its runs in a folder."""
    each = CASES[case]
    common = ["trainer=cpu", "trainer.threads=1", "trainer.progress=false", f"paths.runs={folder / 'runs'}"]
    budget = ["budget.epochs=null", f"budget.steps={each.steps}", "budget.validate_every=null"]
    sizes = [f"data.batch_size={each.batch_size}", f"optimizer.learning_rate={each.learning_rate}"]
    return api.compose([*each.overrides, *common, *budget, *sizes])


def main(case: str, folder: Path) -> None:
    """Train a case; ends the process once fit has ended."""
    fit = story.fit

    def timed_fit(run: Run) -> None:
        def steps() -> int:
            fit(run)
            return run.progress.step

        timed(steps, sum(each.numel() for each in run.network.parameters()))
        sys.exit()

    story.fit = timed_fit
    api.train(trial_of(case, folder))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
