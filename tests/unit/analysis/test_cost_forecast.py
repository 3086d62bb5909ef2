"""Forecasts of cost: each rule on literals."""

import copy
import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from trial_records import made_up

from unroll.analysis.cost import (
    AWAY,
    RECORDS,
    SCALED,
    CellCost,
    Forecast,
    History,
    Machine,
    Recorded,
    cell,
    cells,
    measured_errors,
    relative_error,
    seconds,
    total,
)
from unroll.config.compose import compose
from unroll.config.trial import Trial
from unroll.records.devices import cpu_name

ROOT = Path(__file__).resolve().parents[3]
HERE = Machine("A CPU (AVX2)")
LSTM = ["task=sentiment", "data=sst2", "architecture=lstm", "budget.epochs=null", "budget.steps=100"]


@pytest.fixture(scope="module")
def trial() -> Callable[..., Trial]:
    def make(*more: str) -> Trial:
        overrides = {text.partition("=")[0]: text for text in (*LSTM, *more)}
        return compose(list(overrides.values()))

    return make


@pytest.fixture(scope="module")
def record(trial: Callable[..., Trial]) -> Callable[..., dict[str, Any]]:
    """Makes a record of 100 steps: 50 s of training, 4 s of evaluation, 60 s in all."""

    def make(*more: str, started: str = "now", steps: int = 100, **run: Any) -> dict[str, Any]:
        made = copy.deepcopy(made_up(trial(*more)))
        made["result"] |= {"steps": steps, "examples": {"train": 640, "validation": 64, "test": 64}}
        made["parameters"]["total"] = 1000
        times = {"seconds": 60.0, "training_seconds": 50.0, "evaluation_seconds": 4.0, "peak_memory_bytes": 10**9}
        machine = {"hardware": {"cpu": "A CPU", "cpu_capability": "AVX2"}, "threads": 1, "world_size": 1}
        made["run"] |= {"started": started, **times, **machine, **run}
        return made

    return make


def history(*records: dict[str, Any], machine: Machine = HERE) -> History:
    return History([Recorded(one) for one in records], machine)


Records = Callable[..., dict[str, Any]]
Trials = Callable[..., Trial]


def test_a_cell_costs_the_median_of_its_other_seeds(record: Records, trial: Trials) -> None:
    known = [
        record("seed=0", seconds=60.0, peak_memory_bytes=10**9),
        record("seed=1", seconds=62.0, peak_memory_bytes=3 * 10**9),
        record("seed=2", seconds=400.0, peak_memory_bytes=2 * 10**9),
    ]
    found = history(*known).forecast(trial("seed=7").plain)
    assert found == Forecast(62.0, 1, 2 * 10**9, 4000, True, RECORDS, 3, ("A CPU (AVX2)",))
    assert found.core_hours == pytest.approx(62 / 3600)


def test_what_changes_the_work_is_another_cell(record: Records, trial: Trials) -> None:
    known = history(record("seed=0"))
    for other in ("architecture=gru", "data=sst5", "architecture.width=7", "data.batch_size=16", "task.dropout=0.1"):
        assert known.forecast(trial(other).plain) is None, other
    assert known.forecast(trial("seed=3", "trainer.log_every=7", "paths.runs=elsewhere").plain) is not None


def test_a_protocol_that_rose_costs_the_same(record: Records, trial: Trials) -> None:
    older = record("seed=0")
    older["config"]["task"]["protocol_version"] -= 1
    found = history(older).forecast(trial("seed=0").plain)
    assert found is not None
    assert found.source == RECORDS


def test_another_budget_scales_training_by_its_steps_and_leaves_the_rest(record: Records, trial: Trials) -> None:
    known = history(record("seed=0"))
    found = known.forecast(trial("budget.steps=300").plain)
    assert found is not None
    assert (found.seconds, found.source, found.is_most) == (10 + 3 * 50, SCALED, False)
    batch = trial().plain["data"]["batch_size"]
    epochs = known.forecast(trial("budget.steps=null", "budget.epochs=4").plain)
    assert epochs is not None
    assert epochs.seconds == 10 + 0.5 * 4 * -(-640 // batch)
    constant = history(record("seed=0", "optimizer.schedule=constant"))
    clock = constant.forecast(trial("budget.steps=null", "budget.seconds=33", "optimizer.schedule=constant").plain)
    assert clock is not None
    assert clock.seconds == 10 + 33
    patient = known.forecast(trial("budget.steps=300", "budget.patience=2").plain)
    assert patient is not None
    assert patient.is_most


def test_steps_that_were_stopped_early_are_scaled_by_those_that_were_done(record: Records, trial: Trials) -> None:
    found = history(record("budget.patience=2", steps=50)).forecast(trial("budget.steps=300").plain)
    assert found is not None
    assert found.seconds == 10 + 50 / 50 * 300


def test_a_number_of_parameters_makes_another_network_and_is_not_scaled(record: Records, trial: Trials) -> None:
    known = history(record("seed=0", "budget.parameters=100000"))
    assert known.forecast(trial("budget.steps=300").plain) is None
    assert known.forecast(trial("budget.steps=300", "budget.parameters=100000").plain) is not None


def test_a_published_copy_counts_once_and_the_directory_says_what_lies_there(record: Records, trial: Trials) -> None:
    one, other = record("seed=0", started="monday"), record("seed=1", started="monday", seconds=100.0)
    twice = History([Recorded(one), Recorded(one, 7000), Recorded(one), Recorded(other)], HERE)
    found = twice.forecast(trial("seed=2").plain)
    assert found is not None
    assert (found.count, found.seconds, found.disk_bytes, found.disk_is_least) == (2, 80.0, 7000, False)


def test_a_record_that_says_what_it_left_needs_no_directory(record: Records, trial: Trials) -> None:
    found = history(record("seed=0", disk_bytes=12_345)).forecast(trial("seed=2").plain)
    assert found is not None
    assert (found.disk_bytes, found.disk_is_least) == (12_345, False)


def test_records_of_this_processor_count_alone_and_others_are_named(record: Records, trial: Trials) -> None:
    here = record("seed=0", seconds=60.0)
    away = record("seed=1", seconds=80.0, hardware={"cpu": "A CPU", "cpu_capability": "AVX512"})
    assert history(here, away).forecast(trial().plain).seconds == 60.0  # type: ignore[union-attr]
    found = history(away).forecast(trial().plain)
    assert found is not None
    assert (found.source, found.processors) == (AWAY, ("A CPU (AVX512)",))


def test_a_gpu_says_nothing_of_a_cpu(record: Records, trial: Trials) -> None:
    device = {"kind": "cuda", "count": 1, "name": "A GPU", "precision": "32-true", "tf32": False}
    gpu = record("seed=0", seconds=5.0, training_seconds=4.0, evaluation_seconds=0.5, device=device)
    cpu = record("seed=1", seconds=60.0)
    both = history(gpu, cpu, machine=Machine("A CPU (AVX2)", "A GPU"))
    asked = {kind: both.forecast(trial(f"trainer.accelerator={kind}").plain) for kind in ("auto", "cpu", "gpu")}
    assert {kind: one and one.seconds for kind, one in asked.items()} == {"auto": 5.0, "cpu": 60.0, "gpu": 5.0}
    assert history(gpu).forecast(trial("trainer.accelerator=cpu").plain) is None


def test_threads_and_ranks_are_cores_and_those_of_records_must_be_the_same(record: Records, trial: Trials) -> None:
    assert history(record("seed=0")).forecast(trial("trainer.threads=4").plain) is None
    found = history(record("seed=0", "trainer.threads=4", threads=4)).forecast(trial("trainer.threads=4").plain)
    assert found is not None
    assert (found.cores, found.core_hours) == (4, 60 * 4 / 3600)


def test_a_trial_that_went_on_costs_all_its_attempts(record: Records) -> None:
    assert seconds(record(seconds=9.0, training_seconds=50.0, evaluation_seconds=4.0)) == 54.0
    assert seconds(record(seconds=9.0, training_seconds=None, evaluation_seconds=None)) == 9.0


def test_seeds_of_a_baseline_are_one_cell() -> None:
    made = [compose(["task=generation", "baseline=gmm", f"seed={seed}"]).plain for seed in (0, 1)]
    assert cell(made[0]) == cell(made[1])


def test_cells_say_what_tells_them_apart(trial: Trials) -> None:
    wide = [trial(f"architecture.width={width}", f"seed={seed}") for width in (7, 9) for seed in (0, 1)]
    baseline = compose(["task=sentiment", "data=sst2", "baseline=majority"])
    found = cells([(wide[0], True), *((one, False) for one in (*wide[1:], baseline))], {}, {})
    assert [(one.problem, one.row, one.trials, one.ended, one.to_train) for one in found] == [
        ("sentiment on sst2", "lstm architecture.width=7", 2, 1, 1),
        ("sentiment on sst2", "lstm architecture.width=9", 2, 0, 2),
        ("sentiment on sst2", "majority", 1, 0, 1),
    ]


def test_totals_are_sums_but_for_memory_and_leave_out_what_has_ended_or_is_unknown() -> None:
    first = Forecast(1800.0, 2, 10**9, 1000, False, RECORDS, 3, ("A CPU",))
    other = Forecast(3600.0, 1, 2 * 10**9, 50, True, SCALED, 1, ("A CPU",), is_most=True)
    found = total(
        [
            CellCost("p", "a", 4, 1, first),
            CellCost("p", "b", 1, 0, other),
            CellCost("p", "c", 2, 2, None),
            CellCost("p", "d", 5, 2, None, "nobody knows"),
        ]
    )
    assert (found.hours, found.core_hours) == (3 * 0.5 + 1.0, 3 * 1.0 + 1.0)
    assert (found.disk_bytes, found.memory_bytes) == (3050, 2 * 10**9)
    assert (found.known, found.unknown, found.ended) == (4, 3, 5)
    assert (found.is_most, found.disk_is_least) == (True, True)
    nothing = total([CellCost("p", "a", 4, 4, None)])
    assert (nothing.core_hours, nothing.disk_bytes, nothing.memory_bytes, nothing.known) == (0, 0, None, 0)


def test_an_error_is_relative_to_what_was_measured() -> None:
    assert (relative_error(15, 10), relative_error(5, 10)) == (0.5, 0.5)


def test_a_cpu_is_named_with_its_vectors() -> None:
    assert cpu_name({"cpu": "X", "cpu_capability": "AVX2"}) == "X (AVX2)"
    assert cpu_name({"cpu": "X", "cpu_capability": None}) == "X"


def test_the_page_of_errors_is_what_the_command_reads() -> None:
    page = ROOT / "benchmarks" / "cost_forecast.md"
    script = runpy.run_path(str(ROOT / "benchmarks" / "cost_forecast.py"))
    assert page.read_text(encoding="utf-8") == script["page"](measured_errors())
    for source, each in measured_errors()["sources"].items():
        assert each["n"] > 0, source
        assert 0 <= each["median"] <= each["p90"], source


def test_errors_are_quantiles_of_relative_errors() -> None:
    script = runpy.run_path(str(ROOT / "benchmarks" / "cost_forecast.py"))
    found = script["summary"]([(11.0, 10.0), (10.0, 10.0), (5.0, 10.0)])
    assert json.loads(json.dumps(found)) == {"n": 3, "median": 0.1, "p90": pytest.approx(0.42), "ratio": 1.0}
