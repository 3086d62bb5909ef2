"""A sweep's rounds, with stubs in place of launchers: what is launched again, what is not, and when it ends."""

import errno
import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from stub_records import write_failed, write_finished

from unroll.config.compose import compose
from unroll.config.planned import Planned
from unroll.config.trial import Trial
from unroll.errors import TrialFailed, UserError
from unroll.records.lease import Lease, LeaseHeld, LeaseLost, leased
from unroll.records.record import read_record
from unroll.records.state import state
from unroll.sweeps.scheduler import Rules, complete
from unroll.sweeps.workers import WorkerKilled

NEVER = 10_000.0
Job = Callable[[Trial], Any]


class Sweep:
    """Three trials, and a launcher that does to each what a test says."""

    def __init__(self, runs: Path):
        self.stop, self.said, self.batches = runs / "stop", [], []  # type: ignore[var-annotated]
        common = ["task=compression", "architecture=mlp", f"paths.runs={runs}"]
        self.planned = [Planned(compose([*common, f"seed={seed}"]), (f"seed={seed}",)) for seed in range(3)]
        self.jobs: dict[int, Job] = {}

    def launch(self, batch: Sequence[Planned]) -> Mapping[str, BaseException]:
        self.batches.append([item.trial.plain["seed"] for item in batch])
        errors: dict[str, BaseException] = {}
        for item in batch:
            item.trial.directory.mkdir(parents=True, exist_ok=True)
            try:
                self.jobs.get(item.trial.plain["seed"], write_finished)(item.trial)
            except Exception as error:
                if isinstance(error, PoolBroke):
                    raise
                errors[item.trial.trial_id] = error
        return errors

    def run(self, launch: Any = None, **rules: Any) -> list[str]:
        """The trials' states in the end."""
        rules = {"poll_seconds": 0.01, **rules}
        complete(self.planned, launch or self.launch, Rules(**rules), self.stop, self.said.append)
        return [state(item.trial) for item in self.planned]

    def launched(self) -> Counter[int]:
        return Counter(seed for batch in self.batches for seed in batch)


class PoolBroke(Exception):
    """A launcher's pool of processes ended."""


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    return Sweep(tmp_path)


def killed(trial: Trial) -> None:
    raise WorkerKilled


def killed_times(times: int) -> Job:
    left = iter(range(times))

    def job(trial: Trial) -> None:
        if next(left, None) is not None:
            killed(trial)
        write_finished(trial)

    return job


def fails(trial: Trial) -> None:
    write_failed(trial)
    raise TrialFailed(trial.trial_id, trial.record_path, "the stub fails")


def test_what_is_missing_is_launched_once(sweep: Sweep) -> None:
    write_finished(sweep.planned[1].trial)
    assert sweep.run() == ["finished"] * 3
    assert sweep.batches == [[0, 2]]
    assert sweep.run() == ["finished"] * 3
    assert len(sweep.batches) == 1


def test_a_process_that_dies_now_and_then_is_launched_again(sweep: Sweep) -> None:
    sweep.jobs = {1: killed_times(2)}
    assert sweep.run(retries=2) == ["finished"] * 3
    assert sweep.batches == [[0, 1, 2], [1], [1]]


@pytest.mark.parametrize("retries", [0, 2])
def test_one_that_dies_each_time_gets_a_record_that_says_so(retries: int, sweep: Sweep) -> None:
    sweep.jobs = {1: killed}
    assert sweep.run(retries=retries) == ["finished", "failed", "finished"]
    assert sweep.launched()[1] == retries + 1
    error = read_record(sweep.planned[1].trial.directory)["error"]
    assert error["type"] == "Died"
    assert f"ended {retries + 1} times" in error["message"]


def test_a_failed_trial_is_not_launched_again(sweep: Sweep) -> None:
    sweep.jobs = {0: fails}
    assert sweep.run() == ["failed", "finished", "finished"]
    assert sweep.run() == ["failed", "finished", "finished"]
    assert sweep.launched()[0] == 1


def test_unless_failed_ones_are_retried_and_then_once(sweep: Sweep) -> None:
    write_failed(sweep.planned[0].trial)
    sweep.jobs = {0: fails}
    assert sweep.run(retry_failed=True) == ["failed", "finished", "finished"]
    assert sweep.launched()[0] == 1


def test_a_retry_that_is_killed_is_no_failure_yet(sweep: Sweep) -> None:
    """The record of the earlier failure still lies there."""
    write_failed(sweep.planned[0].trial)
    sweep.jobs = {0: killed_times(2)}
    assert sweep.run(retry_failed=True) == ["finished"] * 3
    assert sweep.launched()[0] == 3


def test_a_retry_that_fails_in_another_sweep_is_over(sweep: Sweep) -> None:
    write_failed(sweep.planned[0].trial)

    def failed_elsewhere(trial: Trial) -> None:
        write_failed(trial)
        raise LeaseHeld("another sweep trained it")

    sweep.jobs = {0: failed_elsewhere}
    assert sweep.run(retry_failed=True) == ["failed", "finished", "finished"]
    assert sweep.launched()[0] == 1


def test_what_cannot_start_is_refused_once_and_told(sweep: Sweep) -> None:
    def refuses(trial: Trial) -> None:
        raise UserError("no such thing")

    sweep.jobs = {1: refuses}
    assert sweep.run() == ["finished", "missing", "finished"]
    assert sweep.launched()[1] == 1
    assert [line for line in sweep.said if "cannot start: no such thing" in line]


@pytest.mark.parametrize("end", ["finished", "failed"])
def test_what_runs_elsewhere_is_waited_for(end: str, sweep: Sweep) -> None:
    trial = sweep.planned[2].trial
    trial.directory.mkdir()
    lease = Lease(trial.directory, NEVER)

    def launch(batch: Sequence[Planned]) -> Mapping[str, BaseException]:
        threading.Thread(target=other_sweep).start()
        return sweep.launch(batch)

    def other_sweep() -> None:
        (write_finished if end == "finished" else write_failed)(trial)
        lease.release()

    assert sweep.run(launch) == ["finished", "finished", end]
    assert sweep.batches == [[0, 1]]


def test_what_died_elsewhere_is_launched_here(sweep: Sweep) -> None:
    trial = sweep.planned[2].trial
    trial.directory.mkdir()
    Lease(trial.directory, NEVER)
    path = trial.directory / "lease-1.json"

    def other_dies(batch: Sequence[Planned]) -> Mapping[str, BaseException]:
        path.write_text(json.dumps({**json.loads(path.read_text()), "born": "1"}))
        return sweep.launch(batch)

    assert sweep.run(other_dies) == ["finished"] * 3
    assert sweep.batches == [[0, 1], [2]]


@pytest.mark.parametrize("kind", [LeaseHeld, LeaseLost])
def test_losing_a_race_for_a_trial_is_no_death(kind: type[UserError], sweep: Sweep) -> None:
    """Another sweep was quicker, five times, and was killed each time."""
    left = iter(range(5))

    def slow(trial: Trial) -> None:
        if next(left, None) is not None:
            raise kind("another was quicker")
        write_finished(trial)

    sweep.jobs = {1: slow}
    assert sweep.run(retries=0) == ["finished"] * 3
    assert sweep.launched()[1] == 6


def test_a_record_that_another_sweep_writes_meanwhile_is_kept(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    """It finishes between this sweep's last look and its verdict that the trial died."""
    trial = sweep.planned[1].trial
    sweep.jobs = {1: killed}

    def late(item: Planned, kind: str, message: str) -> None:
        from unroll.records.failed import record_mishap

        write_finished(item.trial)
        record_mishap(item, kind, message)

    monkeypatch.setattr("unroll.sweeps.scheduler.record_mishap", late)
    assert sweep.run(retries=0) == ["finished"] * 3
    assert read_record(trial.directory)["status"] == "finished"


@pytest.mark.parametrize("trouble", ["fails", "killed"])
def test_fail_fast_launches_nothing_more(trouble: str, sweep: Sweep) -> None:
    def stops(trial: Trial) -> None:
        sweep.stop.touch()  # as the guard around a job does
        fails(trial)

    sweep.jobs = {0: stops if trouble == "fails" else killed}
    assert sweep.run(retries=0, max_batch_size=1, fail_fast=True)[0] == "failed"
    assert sweep.launched()[0] == 1
    if trouble == "fails":
        assert sweep.batches == [[0]]
    assert sweep.stop.exists()


def test_nothing_is_launched_in_batches_larger_than_allowed(sweep: Sweep) -> None:
    assert sweep.run(max_batch_size=2) == ["finished"] * 3
    assert sweep.batches == [[0, 1], [2]]


def dies_with_its_pool(trial: Trial) -> None:
    with leased(trial.directory, NEVER):
        raise PoolBroke(f"{trial.trial_id} was killed")


@pytest.mark.parametrize("retries", [0, 1, 2])
def test_a_pool_that_breaks_costs_the_trial_that_broke_it(retries: int, sweep: Sweep) -> None:
    """Its neighbours are launched again, alone in the end, and finish."""

    def innocent(trial: Trial) -> None:
        with leased(trial.directory, NEVER):
            if len(sweep.batches[-1]) == 1:
                write_finished(trial)

    sweep.jobs = {0: innocent, 1: innocent, 2: dies_with_its_pool}
    assert sweep.run(retries=retries) == ["finished", "finished", "failed"]
    assert read_record(sweep.planned[2].trial.directory)["error"]["type"] == "Died"
    assert sweep.launched()[2] == max(2, retries + 1)
    assert [line for line in sweep.said if "the launcher ended with PoolBroke" in line]


def test_a_launcher_that_never_works_fails_no_trial(sweep: Sweep) -> None:
    def broken(batch: Sequence[Planned]) -> Mapping[str, BaseException]:
        sweep.batches.append([item.trial.plain["seed"] for item in batch])
        raise PoolBroke("invalid partition")

    with pytest.raises(UserError, match="before any trial began") as caught:
        sweep.run(broken, retries=2)
    assert "invalid partition" in str(caught.value)
    assert sweep.batches == [[0, 1, 2]] * 3
    assert [state(item.trial) for item in sweep.planned] == ["missing"] * 3


def test_a_launcher_that_works_again_goes_on(sweep: Sweep) -> None:
    left = iter(range(2))

    def shaky(batch: Sequence[Planned]) -> Mapping[str, BaseException]:
        if next(left, None) is not None:
            raise PoolBroke("no controller answers")
        return sweep.launch(batch)

    assert sweep.run(shaky, retries=2) == ["finished"] * 3


@pytest.mark.parametrize("where", ["job", "launcher"])
def test_a_full_disk_ends_the_sweep_with_one_message(where: str, sweep: Sweep) -> None:
    def full(trial: Trial) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "some file")

    def launcher(batch: Sequence[Planned]) -> Mapping[str, BaseException]:
        full(batch[0].trial)
        return {}

    sweep.jobs = {0: full, 1: full}
    with pytest.raises(UserError, match="no space left") as caught:
        sweep.run(launcher if where == "launcher" else None)
    assert "some file" in str(caught.value)
    assert not [line for line in sweep.said if "space" in line]
    sweep.jobs = {}
    assert sweep.run() == ["finished"] * 3


def test_an_interruption_ends_it_at_once(sweep: Sweep) -> None:
    def interrupted(batch: Sequence[Planned]) -> Mapping[str, BaseException]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep.run(interrupted)
    assert sweep.said == []


def test_a_rank_that_is_lost_is_no_fault_of_the_trial(sweep: Sweep) -> None:
    from unroll.training.ranks import RankLost

    left = iter(range(2))

    def job(trial: Trial) -> None:
        if next(left, None) is not None:
            raise RankLost("Another rank of this trial has ended, or does not answer.")
        write_finished(trial)

    sweep.jobs = {1: job}
    assert sweep.run(retries=2) == ["finished"] * 3
    assert sweep.batches == [[0, 1, 2], [1], [1]]
