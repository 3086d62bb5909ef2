"""What ranks would share of a trial's steps, timed in one process: whether several of them can pay."""

import tempfile
from dataclasses import dataclass

from unroll.config.trial import Trial
from unroll.threads import computing_threads
from unroll.training import story
from unroll.training.devices import set_tf32
from unroll.training.pilot import (
    TIMED,
    WARM_UP,
    SomeBatches,
    changed,
    clock_of,
    new_run,
    read_blind,
    timed_fit,
)
from unroll.training.prepared import prepared_task
from unroll.training.run import Schedule
from unroll.training.train import check

ROUNDS = 3  # in which the whole batch and a rank's share alternate


@dataclass(frozen=True)
class Shares:
    """What ranks would share.

    Attributes:
        whole: seconds of an optimizer step at the whole batch, of the clock that `Pilot` says.
        share: of one at a rank's share of it, without an exchange of gradients.
        gradient_bytes: that ranks would exchange in each step.
    """

    whole: float
    share: float
    gradient_bytes: int


def share_seconds(trial: Trial, world: int) -> Shares:
    """Time a trial's first steps in this process, at the whole batch and at what one of `world` ranks has of it.

    Of each batch the fastest of three rounds counts, since other work on the machine makes steps slower only.

    Raises:
        UserError: the trial cannot start, or its data are not on this machine.
    """
    with tempfile.TemporaryDirectory(prefix="unroll-shares-") as folder:
        trainer = {**trial.plain["trainer"], "devices": 1, "num_nodes": 1, "progress": False}
        alone = changed(trial, paths={**trial.plain["paths"], "runs": folder}, trainer=trainer)
        check(alone)
        alone.directory.mkdir()
        set_tf32(trial.config.trainer.tf32)
        with computing_threads(trial.config.trainer.threads):
            prepared_task(alone, download=False, blind=True)
            rounds = [(_steps(alone, 1), _steps(alone, world)) for _ in range(ROUNDS)]
    wholes, shares = ([seconds for seconds, _ in each] for each in zip(*rounds, strict=True))
    return Shares(fastest(wholes), fastest(shares), rounds[0][0][1])


def fastest(rounds: list[list[float]]) -> float:
    """Mean over the steps of a round of the fastest in any round."""
    steps = [min(of_all) for of_all in zip(*rounds, strict=True)]
    return sum(steps) / len(steps)


def _steps(trial: Trial, world: int) -> tuple[list[float], int]:
    """Seconds of each step that does not warm up, and the bytes of a step's gradients."""
    run, now = new_run(trial), clock_of(trial)
    read_blind(run)
    story.make_network(run)
    story.count_cost(run)
    story.plan_steps(run)
    steps = WARM_UP + TIMED
    run.schedule = Schedule(run.schedule.per_epoch, max(run.schedule.steps, steps + 1), None)  # its end is not timed
    story.find_checkpoint(run)
    story.set_up(run)
    before, after = timed_fit(run, SomeBatches(run, steps, world=world), now)
    seconds = [end - start for start, end in zip(after, before, strict=False)]
    size = sum(weights.nbytes for weights in run.network.parameters() if weights.requires_grad)
    return seconds[WARM_UP:], size
