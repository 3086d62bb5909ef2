"""Records of an earlier protocol: they stand in for trials that wait to be trained again, and every page says so."""

from pathlib import Path
from typing import Any

import pytest
from stub_records import write_finished

from unroll.analysis.hypotheses import answer
from unroll.analysis.report import markdown
from unroll.analysis.tables import make_tables
from unroll.config.compose import compose
from unroll.config.trial import Trial, earlier, make_trial
from unroll.errors import UserError
from unroll.records.record import read_record
from unroll.records.stale import current_or_earlier
from unroll.verification.verify import verify

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
    assert [one.trial_id for one in earlier(trial)] == [under(trial, 2).trial_id, under(trial, 1).trial_id]
    assert list(earlier(under(trial, 1))) == []


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


def test_a_record_of_another_protocol_is_not_trained_again_as_if_it_were_todays(trial: Trial, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="another protocol") as caught:
        verify(recorded(trial, tmp_path))
    assert "protocol 3" in str(caught.value)


def test_claims_say_what_is_stale(trial: Trial, tmp_path: Path) -> None:
    before = under(trial, 1)
    records = [current_or_earlier(trial, {before.trial_id: recorded(before, tmp_path)}.get)]
    claim = {"says": "x", "note": "", "pairs": [["gru", "rnn"]], "metric": "primary"}
    said = answer("name", claim, [record for record in records if record], lambda record: None).stale
    assert said is not None
    assert said.startswith("Stale: 1 of 1 trials")
