"""Records of an earlier protocol: they stand in for trials that wait to be trained again, and every page says so."""

from pathlib import Path
from typing import Any

import pytest
from stub_records import write_finished

from unroll.analysis.hypotheses import answer
from unroll.analysis.report import markdown, summary
from unroll.analysis.tables import make_tables
from unroll.config.compose import compose
from unroll.config.trial import Trial, earlier, make_trial
from unroll.errors import UserError
from unroll.records.record import read_record
from unroll.records.stale import current_or_earlier, planned
from unroll.sweeps.suite import plan
from unroll.verification.verify import verify

RECORDS = Path(__file__).resolve().parents[3] / "results" / "records"

pytestmark = pytest.mark.usefixtures("believed")


@pytest.fixture(scope="module")
def trial() -> Trial:
    return under(compose(["task=copying", "architecture=gru", "seed=0"]), 3)


def under(trial: Trial, protocol: int) -> Trial:
    return make_trial({**trial.plain, "task": {**trial.plain["task"], "protocol_version": protocol}})


def recorded(trial: Trial, folder: Path) -> dict[str, Any]:
    placed = make_trial({**trial.plain, "paths": {**trial.plain["paths"], "runs": str(folder)}})
    write_finished(placed)
    return read_record(placed.directory)


def test_earlier_trials_are_those_of_each_protocol_before_the_latest_first(trial: Trial) -> None:
    found = [one.trial_id for one in earlier(trial)]
    assert found[:2] == [under(trial, 2).trial_id, under(trial, 1).trial_id]
    linear = compose(["task=copying", "architecture=mlp"])  # of components in their first version
    assert [one.trial_id for one in earlier(under(linear, 2))] == [under(linear, 1).trial_id]
    assert list(earlier(under(linear, 1))) == []


def test_then_those_of_earlier_components() -> None:
    """Protocol 1 knew no residual sums, and an LSTM's forget bias was torch's draw unless it was stated."""
    files = {path.stem for path in RECORDS.glob("*.json")}
    for item in plan(["suite=learning_curves"]).trials:
        names = [one.trial_id for one in (item.trial, *earlier(item.trial))]
        assert files.intersection(names), names


def test_a_record_of_an_earlier_protocol_stands_in_and_is_marked(trial: Trial, tmp_path: Path) -> None:
    oldest, older = (recorded(under(trial, protocol), tmp_path) for protocol in (1, 2))
    today = recorded(trial, tmp_path)
    by_id = {record["trial_id"]: record for record in (oldest, older)}
    found = current_or_earlier(trial, by_id.get)
    assert found is not None
    assert (found["trial_id"], found["stale"]) == (older["trial_id"], {"protocol": 2, "now": 3})
    assert current_or_earlier(trial, {**by_id, today["trial_id"]: today}.get) == today
    assert current_or_earlier(under(trial, 1), {}.get) is None


def test_a_page_says_what_is_stale_and_keeps_protocols_apart(trial: Trial, tmp_path: Path) -> None:
    second = make_trial({**trial.plain, "seed": 1})
    records = [recorded(under(trial, 1), tmp_path), recorded(second, tmp_path)]
    page = markdown(records, "Suite", [trial, second])
    assert "Stale: 1 of 1 trials were trained under protocol 1 of the task; today it is protocol 3" in page
    assert [table.protocol for table in make_tables(records, [trial, second])] == ["1", "3"]
    assert "Stale" not in markdown(records[1:], "Suite", [second])


def test_a_summary_holds_what_is_stale_and_says_so(trial: Trial, tmp_path: Path) -> None:
    """The README's table is of a suite's trials of today, which may have records of an earlier protocol alone."""
    shown = summary([recorded(under(trial, 1), tmp_path)], [trial])
    assert "| copying on copying |" in shown
    assert shown.endswith("They will be trained again.")
    assert "Stale" not in summary([recorded(trial, tmp_path)], [trial])


def test_earlier_trials_have_the_names_that_metrics_had(tmp_path: Path) -> None:
    """Under protocol 1 compression selected by `mse`, which has another name today."""
    today = compose(["task=compression", "architecture=ae", "seed=0"])
    *_, before = earlier(today)
    assert before.trial_id == "compression-mnist_5k-ae-s0-94e43f288c"
    assert before.plain["task"]["selection"] == {"name": "mse", "direction": "lower"}
    assert make_trial(before.plain).trial_id == before.trial_id


def test_a_record_of_another_protocol_is_not_trained_again_as_if_it_were_todays(trial: Trial, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="another protocol") as caught:
        verify(recorded(trial, tmp_path))
    assert "protocol 3" in str(caught.value)


def test_claims_say_what_is_stale(trial: Trial, tmp_path: Path) -> None:
    before = under(trial, 1)
    records = [current_or_earlier(trial, {before.trial_id: recorded(before, tmp_path)}.get)]
    claim = {"says": "x", "note": "", "option": "architecture", "pairs": [["gru", "rnn"]], "metric": "primary"}
    said = answer("name", claim, [record for record in records if record], lambda record: None).stale
    assert said is not None
    assert said.startswith("Stale: 1 of 1 trials")


def test_a_baseline_stands_beside_stale_networks_by_its_own_record_of_their_protocol() -> None:
    network, baseline = (compose(["task=compression", row]) for row in ("architecture=ae", "baseline=pca"))
    old = {trial.trial_id: next(earlier(trial)) for trial in (network, baseline)}
    records = {
        one.trial_id: {
            "trial_id": one.trial_id,
            "status": "finished",
            "config": one.plain,
            "protocol_version": one.plain["task"]["protocol_version"],
        }
        for one in old.values()
    }
    now = {"trial_id": baseline.trial_id, "status": "finished", "config": baseline.plain, "protocol_version": 2}
    both = {**records, baseline.trial_id: now}
    beside = planned([network, baseline], both.get)
    assert beside[baseline.trial_id]["trial_id"] == old[baseline.trial_id].trial_id
    assert beside[baseline.trial_id]["stale"] == {"protocol": 2, "now": 3}
    trained = {**both, network.trial_id: {**now, "trial_id": network.trial_id, "config": network.plain}}
    assert planned([network, baseline], trained.get)[baseline.trial_id] == now
    alone = {key: record for key, record in both.items() if key != old[baseline.trial_id].trial_id}
    assert planned([network, baseline], alone.get)[baseline.trial_id] == now
