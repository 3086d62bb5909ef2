"""The train-test gap: its sample, the metric that it is of, and that records made before it still verify."""

from types import SimpleNamespace
from typing import Any, ClassVar

import made_up
import numpy as np
import pytest
import torch

from unroll.data.fields import Dense
from unroll.data.splits import Split
from unroll.tasks.task import Final, Outputs
from unroll.training.generalisation import SAMPLE, train_sample, train_scores
from unroll.verification.compare import differences, not_comparable, without_later


def images_of(count: int) -> Split:
    return Split(Dense(torch.arange(count, dtype=torch.uint8)[:, None, None]), Dense(10 * torch.arange(count)))


def test_the_sample_is_as_large_as_test_and_always_the_same() -> None:
    splits = {"train": images_of(50), "test": images_of(7)}
    sample: Any = train_sample(splits)
    assert len(sample) == 7
    assert sample.rows.tolist() == sorted(set(sample.rows.tolist()))
    assert torch.equal(sample.rows, train_sample(splits).rows)  # type: ignore[attr-defined]
    assert torch.equal(sample.all_targets(), 10 * sample.rows)
    whole: Any = train_sample({"train": images_of(5), "test": images_of(7)})
    assert whole.rows.tolist() == [0, 1, 2, 3, 4]


def test_a_sample_of_a_share_has_the_shares_examples() -> None:
    share = images_of(50).part(torch.tensor([3, 8, 20]))
    sample: Any = train_sample({"train": share, "test": images_of(2)})
    assert set(sample.all_targets().tolist()) < {30, 80, 200}
    assert torch.equal(sample.batch(torch.arange(2)).inputs[:, 0, 0].long(), sample.all_targets() // 10)


class Counting:
    """A task whose metrics are made from its outputs' mean."""

    splits: ClassVar[dict[str, Any]] = {SAMPLE: range(4)}

    def selection(self, outputs: Outputs, split: str) -> dict[str, float]:
        return {"nll": outputs["mean"], "accuracy": 100 - outputs["mean"]}


@pytest.mark.parametrize(
    ("primary", "scored", "gap"),
    [
        ("accuracy", [SAMPLE], {"metric": "accuracy", "train": 90.0, "test": 70.0, "value": 20.0}),
        ("bleu", [SAMPLE, "test"], {"metric": "nll", "train": 10.0, "test": 25.0, "value": -15.0}),
    ],
)
def test_the_gap_is_of_the_primary_metric_or_of_the_cheap_one(primary: str, scored: list[str], gap: Any) -> None:
    asked: list[str] = []

    def validate(split: str) -> Outputs:
        asked.append(split)
        return {"mean": {SAMPLE: 10.0, "test": 25.0}[split]}

    final = Final(metrics={"test": {primary: 70.0}})
    described = SimpleNamespace(primary=SimpleNamespace(name=primary), selection=SimpleNamespace(name="nll"))
    found = train_scores(described, Counting(), final, validate)  # type: ignore[arg-type]
    assert asked == scored
    assert found == {"examples": 4, "metrics": {"nll": 10.0, "accuracy": 90.0}, "gap": gap}


@pytest.mark.parametrize("name", made_up.TASKS)
def test_every_task_scores_a_sample_of_train(name: str) -> None:
    """The whole of train sampled, forecasting's and sentiment's metrics are train's."""
    task, network = made_up.built(name, "gru")
    seen = task.splits[task.seen]
    task.splits[SAMPLE] = seen.part(torch.arange(len(seen)))
    outputs = {}
    for split in (task.seen, SAMPLE):
        part = task.splits[split]
        with torch.no_grad():
            outputs[split] = task.validate(network.eval(), part.batch(torch.arange(len(part))))
    found, expected = (task.selection(outputs[split], split) for split in (SAMPLE, task.seen))
    assert found == expected
    assert all(np.isfinite(value) for value in found.values())


def test_generation_scores_images_binarised_as_those_of_test_are() -> None:
    task, _ = made_up.built("generation", "ae")
    sample = train_sample(task.splits, task.seen)
    assert set(sample.batch(torch.arange(len(sample))).targets.unique().tolist()) == {0.0, 1.0}


def test_a_record_made_before_the_gap_and_sharpness_has_no_difference() -> None:
    older = {"metrics": {"test": {"psnr": 20.0}}, "steps": 3, "examples": {"test": 2}, "data_sha256": "a"}
    newer = {**older, "metrics": {"test": {"psnr": 20.0, "sharpness": 0.9}}, "train": {"examples": 2}}
    for first, second in ((older, newer), (newer, older)):
        assert list(differences(without_later(first, second), without_later(second, first))) == []
        records = [{"result": result, "config": {"budget": {}}} for result in (first, second)]
        assert not_comparable(*records) == []
    moved = {**newer, "metrics": {"test": {"psnr": 20.0, "sharpness": 0.8}}, "train": {"examples": 3}}
    assert len(list(differences(without_later(newer, moved), without_later(moved, newer)))) == 2
