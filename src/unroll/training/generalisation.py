"""The train-test gap: how much better a network does on examples that it has seen.

Scored is a sample of train, no larger than test and the same for every trial, as validations score: where the final
evaluation costs more than that (beam search, entropy coding, sampling), the gap is the selection metric's.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from unroll.config.schema import TaskConfig
from unroll.data.splits import Split
from unroll.seeds import generator
from unroll.tasks.task import Final, Outputs, Task

SAMPLE = "train_sample"  # the split's name


def train_sample(splits: Mapping[str, Any], seen: str = "train") -> Split:
    """As many examples of the split `seen` as of test, at most: drawn without regard to a trial's seed, in order.

    Of a stream they are the first ones.
    """
    train: Split = splits[seen]
    count = min(len(train), len(splits["test"]))
    if train.in_order:
        return train.part(torch.arange(count))
    kept = generator(0, SAMPLE).permutation(len(train))[:count]
    return train.part(torch.from_numpy(kept).sort().values)


def train_scores(described: TaskConfig, task: Task, final: Final, validate: Callable[[str], Outputs]) -> dict[str, Any]:
    """The record's `result.train`.

    Args:
        described: the `task` config, for its primary and selection metric.
        task: with the split `train_sample`.
        final: what the final evaluation found on test.
        validate: runs `task.validate` over a split.

    Returns:
        The sample's `examples` and `metrics`, and the `gap`: metric, train, test, value = train - test.
    """
    found = task.selection(validate(SAMPLE), SAMPLE)
    name, test = described.primary.name, final.metrics["test"]
    if name not in found:
        name = described.selection.name
        test = task.selection(validate("test"), "test")
    gap = {"metric": name, "train": found[name], "test": test[name], "value": found[name] - test[name]}
    return {"examples": len(task.splits[SAMPLE]), "metrics": found, "gap": gap}
