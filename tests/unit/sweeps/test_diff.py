"""`unroll diff`: in what two trials differ, and the lines that it prints."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from stub_records import write_failed, write_finished

from unroll.config.compose import compose
from unroll.config.trial import Trial
from unroll.errors import UserError
from unroll.records.record import read_record, write_record
from unroll.sweeps.diff import difference
from unroll.sweeps.diff_view import lines
from unroll.sweeps.show_view import curve

pytestmark = pytest.mark.usefixtures("believed")


def trial(folder: Path, *overrides: str) -> Trial:
    return compose(["task=forecasting", "architecture=gru", f"paths.runs={folder}", *overrides])


def finished(one: Trial, value: float, **changes: Any) -> Trial:
    """A record whose test mse is -value; `changes` are dotted keys with __ for the dot."""
    write_finished(one, lambda trial: value)
    found = read_record(one.record_path)
    for key, changed in changes.items():
        *path, leaf = key.split("__")
        node = found
        for part in path:
            node = node[part]
        node[leaf] = changed
    write_record(one.directory, found)
    return one


def test_what_differs_is_shown_and_nothing_else(tmp_path: Path) -> None:
    a = finished(trial(tmp_path), 0.25)
    more = ["architecture.width=16", "trainer.log_every=7"]
    b = finished(trial(tmp_path, *more), 0.5, run__training_seconds=8.0, run__code__version="9.9")
    found = difference(a.trial_id, b.trial_id, tmp_path)
    assert found["trials"] == [a.trial_id, b.trial_id]
    assert found["config"] == {
        "decides": {"architecture.width": [a.plain["architecture"]["width"], 16]},
        "rest": {"trainer.log_every": [a.plain["trainer"]["log_every"], 7]},
    }
    assert found["comparable"] is None
    first, second = found["result"]
    assert (first["split"], first["name"], first["values"]) == ("test", "mse", [-0.25, -0.5])
    assert (first["difference"], first["better"]) == (-0.25, "second"), "a lower error is better"
    assert (second["split"], second["difference"], second["better"]) == ("validation", 0.25, "first")
    assert found["versions"]["Unroll"][1] == "9.9"
    assert set(found["versions"]) == {"Unroll"}
    assert found["packages"] == {}
    training = next(one for one in found["cost"] if one["name"] == "training")
    assert (training["values"], training["ratio"]) == ([None, 8.0], None)
    steps = next(one for one in found["cost"] if one["name"] == "steps")
    assert steps["ratio"] == 1.0


def test_the_page_names_each_trial_once_and_fits_a_terminal(tmp_path: Path) -> None:
    a = finished(trial(tmp_path), 0.25, run__packages={"torch": "1"})
    b = finished(trial(tmp_path, "seed=3"), 0.5, run__packages={"torch": "2", "numpy": "3"})
    said = list(lines(difference(a.trial_id, b.trial_id, tmp_path)))
    assert said[0] == f"A  {a.trial_id}: finished"
    assert "  seed  0  3" in said
    assert "  test mse, standardised²        -0.25  -0.5  -0.25       B" in said
    assert any(line.split() == ["package", "torch", "1", "2"] for line in said)
    assert any(line.split() == ["package", "numpy", "—", "3"] for line in said)
    assert max(map(len, said)) <= 80
    assert any("One run of each" in line for line in said)


def test_other_data_are_said_beside_the_difference(tmp_path: Path) -> None:
    a = finished(trial(tmp_path), 0.25)
    b = finished(trial(tmp_path, "data=etth2"), 0.25)
    said = list(lines(difference(a.trial_id, b.trial_id, tmp_path)))
    assert any("Not of one problem. They have different data sets: beijing_pm25 and etth2." in line for line in said)


def test_a_trial_without_a_result_still_differs_in_its_config(tmp_path: Path) -> None:
    a, b = finished(trial(tmp_path), 0.25), trial(tmp_path, "seed=1")
    write_failed(b)
    c = trial(tmp_path, "seed=2")
    c.directory.mkdir()
    (c.directory / "config.yaml").write_text(yaml.safe_dump(c.plain))
    for other, state in ((b, "failed"), (c, "interrupted")):
        found = difference(a.trial_id, other.trial_id, tmp_path)
        assert found["states"] == ["finished", state]
        assert found["result"][0]["values"] == [-0.25, None]
        assert list(found["config"]["decides"]) == ["seed"]
        assert any(line.split()[-1] == "—" for line in lines(found) if line.startswith("  test"))


def test_one_trial_twice_is_refused(tmp_path: Path) -> None:
    one = finished(trial(tmp_path), 0.25)
    with pytest.raises(UserError, match="differs from itself in nothing"):
        difference(one.trial_id, one.directory, tmp_path)


def test_one_point_is_no_curve() -> None:
    assert curve([(7, 0.5)]) == "0.5 at step 7, the only one"
