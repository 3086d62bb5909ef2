"""A pilot's arithmetic: marks of a clock in, seconds of a whole training out."""

import torch

from unroll.data.fields import Dense
from unroll.data.splits import Split
from unroll.training.pilot import sample, training_seconds, validations
from unroll.training.run import Schedule


class Ragged:
    """A field of sequences of these lengths."""

    def __init__(self, lengths: list[int]):
        self.lengths = torch.tensor(lengths)

    def __len__(self) -> int:
        return len(self.lengths)


def marks(steps: list[float], between: list[float]) -> tuple[list[float], list[float]]:
    """The clock after each step, and after what followed it; it starts at 100."""
    before, after = [], [100.0]
    for step, rest in zip(steps, between, strict=True):
        before.append(after[-1] + step)
        after.append(before[-1] + rest)
    return before, after


def test_steps_that_warm_up_do_not_count_and_validations_are_those_of_the_budget() -> None:
    steps, between = [9.0, 7.0, 1.0, 2.0, 3.0], [0.5, 0.5, 0.5, 0.5, 20.0]
    whole = Schedule(per_epoch=10, steps=100, every=30)
    found = training_seconds(*marks(steps, between), each=5, boundary=0, whole=whole)
    assert found == 100 * (2.0 + 0.5) + 20.0 * 4  # after the steps 30, 60, 90 and 100


def test_each_phase_has_its_own_steps_and_what_pretraining_left_is_measured_once() -> None:
    steps, between = [9.0, 9.0, 1.0, 3.0, 8.0, 8.0, 4.0, 6.0], [0.5, 0.5, 0.5, 7.0, 0.25, 0.25, 0.25, 20.0]
    whole = Schedule(per_epoch=10, steps=100, every=30)
    found = training_seconds(*marks(steps, between), each=4, boundary=40, whole=whole)
    assert found == 40 * (2.0 + 0.5) + 7.0 + 60 * (5.0 + 0.25) + 20.0 * 3  # after 60, 90 and 100


def test_a_budget_of_one_step_is_its_own_pilot() -> None:
    found = training_seconds(*marks([3.0], [2.0]), each=1, boundary=0, whole=Schedule(1, 1, None))
    assert found == 3.0 + 2.0


def test_validations_end_with_one() -> None:
    assert validations(Schedule(10, 100, None), 0) == 1
    assert validations(Schedule(10, 100, 25), 0) == 4
    assert validations(Schedule(10, 100, 30), 0) == 4
    assert validations(Schedule(10, 100, 200), 0) == 1
    assert validations(Schedule(10, 100, 25), 50) == 2
    assert validations(Schedule(10, 100, 25), 60) == 2


def test_a_sample_of_batches_has_the_mean_size_of_an_epochs() -> None:
    split = Split(Ragged([1, 1, 9, 9, 4, 4, 6, 6]))
    order = list(torch.arange(8).split(2))
    halves = sample(split, order, 2)
    assert [batch.tolist() for batch in halves] == [[4, 5], [2, 3]]
    assert [batch.tolist() for batch in sample(split, order, 4)] == [[0, 1], [4, 5], [6, 7], [2, 3]]
    assert len(sample(split, order, 9)) == 9


def test_batches_of_one_length_are_taken_in_order_again_and_again() -> None:
    split = Split(Dense(torch.zeros(4, 3)))
    order = list(torch.arange(4).split(2))
    assert [batch.tolist() for batch in sample(split, order, 3)] == [[0, 1], [2, 3], [0, 1]]
