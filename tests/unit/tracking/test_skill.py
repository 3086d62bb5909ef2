"""Skill: 0 at the weakest baseline of the same problem, 1 at the best one, None where there are no two."""

import copy
import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from unroll.records.store import read_records
from unroll.tracking import skill
from unroll.tracking.skill import EXACT, Baselines, beside

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def translation() -> list[dict[str, Any]]:
    """Records of one problem with three baselines."""
    every = read_records(ROOT / "results" / "records")
    return [one for one in every if one["trial_id"].startswith("translation-multi30k_de_en-")]


def of(records: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(one for one in records if one["trial_id"].split("-")[2] == name)


def test_it_is_linear_between_two_baselines(translation: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skill, "shipped", dict)
    baselines = Baselines(translation)
    known = baselines.of(of(translation, "lstm"))
    assert set(known) == {"constant", "copy", "dictionary"}
    assert baselines.skill(of(translation, "copy")) == 0
    assert baselines.skill(of(translation, "dictionary")) == 1
    network = copy.deepcopy(of(translation, "lstm"))
    for value, expected in ((known["dictionary"], 1), (known["copy"], 0), (known["constant"], None), (100.0, None)):
        network["result"]["primary"]["value"] = value
        found = baselines.skill(network)
        low, high = known["copy"], known["dictionary"]
        assert found == pytest.approx((value - low) / (high - low) if expected is None else expected)


def test_lower_may_be_better(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skill, "shipped", dict)
    every = read_records(ROOT / "results" / "records")
    records = [one for one in every if one["trial_id"].startswith("language_modelling-encyclopedia-")]
    baselines = Baselines(records)
    network = of(records, "lstm")
    ends = baselines.ends(network)
    assert ends is not None
    assert [(end.name, end.protocol) for end in ends] == [("unigram", None), ("kneser_ney", None)]
    assert [end.value for end in ends] == pytest.approx([228.5, 95.9], abs=0.1)
    network["result"]["primary"]["value"] = 50.0
    assert (baselines.skill(network) or 0) > 1


def test_without_two_there_is_none(translation: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skill, "shipped", dict)
    network = of(translation, "lstm")
    assert Baselines([]).skill(network) is None
    assert Baselines([of(translation, "copy")]).skill(network) is None
    other = copy.deepcopy(network)
    other["data"]["content_sha256"] = "0" * 64
    assert Baselines(translation).skill(other) is None, "a baseline of other data is none of this problem"
    assert Baselines(translation).skill({**network, "data": None}) is None


def test_right_answers_are_the_best_baseline_where_the_input_decides_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skill, "shipped", dict)
    every = read_records(ROOT / "results" / "records")
    records = [one for one in every if one["trial_id"].startswith("adding-adding-")]
    baselines, mean = Baselines(records), of(records, "mean")
    ends = baselines.ends(mean)
    assert str(ends) == f"0: mean {mean['result']['primary']['value']:.4g}, 1: {EXACT} 0"
    assert baselines.skill(mean) == 0
    network = copy.deepcopy(mean)
    network["result"]["primary"]["value"] /= 4
    assert baselines.skill(network) == pytest.approx(0.75), "1 - mse / mse of the mean"
    assert Baselines([]).skill(network) is None, "by right answers alone there is no scale"


def test_a_baseline_of_another_protocol_stands_in_and_is_said_to(
    translation: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(skill, "shipped", dict)
    network, low, high = (of(translation, name) for name in ("lstm", "copy", "dictionary"))

    def under(record: dict[str, Any], protocol: int, value: float) -> dict[str, Any]:
        found = copy.deepcopy(record)
        found["config"]["task"]["protocol_version"] = protocol
        found["result"]["primary"]["value"] = value
        return found

    record = under(network, 2, 20.0)
    known = [under(low, 1, 3.0), under(low, 3, 1.0), under(high, 2, 30.0), under(high, 3, 40.0)]
    baselines = Baselines(known)
    assert str(baselines.ends(record)) == "0: copy 1 (protocol 3), 1: dictionary 30"
    assert baselines.skill(record) == pytest.approx(19 / 29)
    assert baselines.of(record) == {"dictionary": 30.0}, "no other protocol's: a page shows its own alone"


def test_what_stands_beside_the_ranks_is_no_end() -> None:
    """Real images as samples, and what takes more bits than the task allows."""
    known = skill.shipped()
    assert not any({"real_images", "png"} & set(each) for each in known.values())


def test_those_of_published_records_come_along() -> None:
    """src/unroll/tracking/baselines.json is what tools/write_baselines.py makes of the records."""
    tool = runpy.run_path(str(ROOT / "tools" / "write_baselines.py"))
    path = Path(skill.__file__).with_name("baselines.json")
    assert path.read_text(encoding="utf-8") == tool["text"](), "run: python tools/write_baselines.py"


def test_those_beside_a_trial_count_where_none_is_published(translation: list[dict[str, Any]], tmp_path: Path) -> None:
    for name in ("copy", "dictionary", "lstm"):
        one = of(translation, name)
        directory = tmp_path / one["trial_id"]
        directory.mkdir()
        source = ROOT / "results" / "records" / f"{one['trial_id']}.json"
        (directory / "record.json").write_bytes(source.read_bytes())
    damaged = tmp_path / "translation-multi30k_de_en-constant-s0-0123456789"
    damaged.mkdir()
    (damaged / "record.json").write_text(json.dumps({"half": 1}))
    found = beside(of(translation, "lstm")["config"], tmp_path)
    assert sorted(one["config"]["baseline"]["name"] for one in found) == ["copy", "dictionary"]
