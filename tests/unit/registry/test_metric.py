"""Facts of metrics: what the package declares, on literals, and what a record of other code may say."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from unroll.errors import UserError
from unroll.registry.facts import Facts, facts, stated
from unroll.registry.metric import ExtraMetric, Measured, Metric, Score
from unroll.registry.versions import LIST

RECORDS = Path(__file__).resolve().parents[3] / "results" / "records"


def known(task: str) -> Facts:
    return facts({"_target_": f"unroll.tasks.{task}"})


@pytest.mark.parametrize(
    ("task", "metric", "unit", "direction", "score"),
    [
        ("sentiment.Sentiment", "accuracy", "%", "higher", ("correct", 100, 0)),
        ("classification.Classification", "error", "%", "lower", ("correct", -100, 100)),
        ("sentiment.Sentiment", "nll", "nats", "lower", ("nll", 1, 0)),
        ("sentiment.Sentiment", "accuracy_all", "%", "higher", None),
        ("forecasting.Forecasting", "mse", "standardised²", "lower", ("mse", 1, 0)),
        ("forecasting.Forecasting", "mse_drop_last", "standardised²", "lower", None),
        ("compression.Compression", "mse", "pixel² (range 1)", "lower", ("mse", 1, 0)),
        ("compression.Compression", "mse_uncoded", "pixel² (range 1)", "lower", None),
        ("compression.Compression", "psnr", "dB", "higher", ("psnr", 1, 0)),
        ("adding.Adding", "mse", "squared", "lower", ("mse", 1, 0)),
        ("copying.Copying", "accuracy", "%", "higher", ("accuracy", 100, 0)),
        ("translation.Translation", "sacrebleu", "BLEU", "higher", ("bleu_counts", 1, 0)),
        ("translation.Translation", "perplexity_parallel", "per token", "lower", None),
        ("generation.Generation", "frechet_mnist_classifier_2000_prior", "squared feature distance", "lower", None),
        ("generation.Generation", "importance_bound_50", "nats", "higher", None),
    ],
)
def test_what_the_package_declares(task: str, metric: str, unit: str, direction: str, score: Any) -> None:
    found = known(task).metric(metric)
    assert found is not None
    assert (found.unit, found.direction) == (unit, direction)
    one = known(task).score(metric)
    assert (one and (one.name, one.factor, one.offset)) == score


def test_bleu_is_of_counts_and_has_a_signature() -> None:
    found = known("translation.Translation").metric("sacrebleu")
    assert found is not None
    assert found.signature == "sacrebleu_signature"
    assert found.score is not None
    assert (found.score.mean, found.score.corpus, found.score.compares) == (False, "bleu", True)


@pytest.mark.parametrize(
    ("task", "metric", "protocol", "name", "score", "compares"),
    [
        ("translation.Translation", "sacrebleu", 1, "sacrebleu", "sentence_bleu", False),
        ("translation.Translation", "sacrebleu", 2, "sacrebleu", "bleu_counts", True),
        ("compression.Compression", "mse_uncoded", 1, "mse", "mse", True),
        ("compression.Compression", "mse_uncoded", 2, "mse_uncoded", None, None),
        ("sentiment.Sentiment", "accuracy", 1, "accuracy", "correct", True),
    ],
)
def test_what_a_metric_was_under_an_earlier_protocol(
    task: str, metric: str, protocol: int, name: str, score: str | None, compares: bool | None
) -> None:
    assert known(task).name_under(metric, protocol) == name
    then = facts({"_target_": f"unroll.tasks.{task}", "protocol_version": protocol})
    found = then.score(name)
    assert (found and found.name, found and found.compares) == (score, compares)
    assert [each.name for each in then.metrics].count(name) == 1


def test_options_that_pose_another_table() -> None:
    def posing(task: str) -> tuple[tuple[str, ...], ...]:
        found = known(task)
        return found.poses, found.ways, found.overlap

    made_otherwise = ("difference", "scaling", "limits", "hold_out")
    assert posing("forecasting.Forecasting") == (("horizon", *made_otherwise), (), ("window", "horizon"))
    assert posing("compression.Compression") == (("rate",), (), ())
    assert posing("generation.Generation") == (("samples",), (), ())
    assert posing("classification.Classification") == ((), ("order", "chunk", "protocol"), ())
    assert posing("sentiment.Sentiment") == ((), ("protocol",), ())
    assert posing("adding.Adding") == posing("copying.Copying") == posing("translation.Translation") == ((), (), ())


@pytest.mark.parametrize(
    ("name", "covered"),
    [
        ("a", True), ("a_20", True), ("a_20_prior", True), ("a_prior", True), ("a_all", False), ("a_prior_20", False),
        ("a20", False), ("ab", False), ("a_", False), ("a_20_prior_prior", False),
    ],
)  # fmt: skip
def test_variants_of_a_name(name: str, covered: bool) -> None:
    metric = Metric(name="a", unit="%", direction="higher", counted=True, suffixes=("_prior",))
    assert metric.covers(name) == covered


def test_a_metrics_own_name_comes_before_another_ones_variant() -> None:
    both = (
        Metric(name="a", unit="1", direction="lower", suffixes=("_b",)),
        Metric(name="a_b", unit="2", direction="lower"),
    )
    assert Facts(metrics=both).unit("a_b") == "2"
    assert Facts(metrics=both[:1]).unit("a_b") == "1"


def test_a_fact_cannot_be_forgotten() -> None:
    for stated_ in (
        {"name": "a", "unit": "%"},
        {"name": "a", "direction": "lower"},
        {"unit": "%", "direction": "lower"},
    ):
        with pytest.raises(ValidationError):
            Metric.model_validate(stated_)
    with pytest.raises(ValidationError):
        Metric(name="a", unit="%", direction="up")  # type: ignore[arg-type]


def test_facts_go_through_json() -> None:
    class Mine(Measured):
        known_metrics = (
            Metric(name="a", unit="%", direction="lower", score=Score(name="b", mean=False), counted=True),
        )
        poses, ways, overlap = ("x",), ("y",), ("z",)

    plain = json.loads(json.dumps(stated(Mine).plain()))
    assert facts({"_target_": "my.Mine", "_component_": {"facts": plain}}) == stated(Mine)
    assert stated(dict) == Facts()
    assert stated(dict).plain() == {}


def test_a_metric_of_ones_own_says_what_it_is() -> None:
    class Mine(ExtraMetric):
        direction = "sideways"  # type: ignore[assignment]

        def __call__(self, outputs: Any, truth: Any) -> float:
            return 1.0

    with pytest.raises(UserError, match="The metric Mine does not say what it is: 'unit'"):
        stated(Mine)
    Mine.unit = "%"
    with pytest.raises(UserError, match="'direction'"):
        stated(Mine)
    Mine.direction = "lower"
    assert stated(Mine).metrics[0].score is None


ODD: list[Any] = [
    None, 3, "facts", [], {"facts": 3}, {"facts": {"metrics": "accuracy"}}, {"facts": {"metrics": [{"name": "a"}]}},
    {"facts": {"metrics": [{"name": "a", "unit": 3, "direction": "lower"}]}},
    {"facts": {"metrics": [{"name": "a", "unit": "%", "direction": "lower", "run": "rm"}]}},
    {"facts": {"metrics": [{"name": "a", "unit": "%", "direction": "lower", "tolerance": {"share": -1}}]}},
    {"facts": {"metrics": [{"name": "a", "unit": "%", "direction": "lower", "tolerance": {"share": float("nan")}}]}},
    {"facts": {"overlap": "window"}},
]  # fmt: skip


@pytest.mark.parametrize("kept", ODD, ids=repr)
def test_what_somebody_elses_record_says_wrongly_is_unknown(kept: Any) -> None:
    assert facts({"_target_": "theirs.Task", "_component_": kept, "metrics": {"a": {"_component_": kept}}}) == Facts()
    assert facts({"_target_": ["theirs"], "metrics": kept}) == Facts()


def test_every_committed_metric_is_declared_and_as_its_record_says() -> None:
    for path in RECORDS.glob("*.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        task = record["config"]["task"]
        found = facts(task)
        for role in ("primary", "selection"):
            metric = found.metric(task[role]["name"])
            assert metric is not None
            assert (metric.direction, metric.unit) == (task[role]["direction"], task[role].get("unit", metric.unit))
        for metrics in (record["result"] or {"metrics": {}})["metrics"].values():
            assert [name for name in metrics if found.metric(name) is None] == [], path


def test_no_shipped_metric_stands_for_the_name_of_another() -> None:
    for entry in json.loads(LIST.read_text(encoding="utf-8"))["components"].values():
        metrics = facts({"_target_": entry["target"]}).metrics
        for metric in metrics:
            assert [other.name for other in metrics if other.covers(metric.name)] == [metric.name]
