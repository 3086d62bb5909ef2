"""A poll of ranks: what one says after a step, all hear after the next; a process alone hears itself at once."""

from typing import Any

import pytest
import torch
from torch import Tensor, distributed

from unroll.training.ranks import Poll, Ranks


class Collectives:
    """Two ranks' reductions, in the order in which they were started; one waits until both have."""

    def __init__(self) -> None:
        self.started: list[Tensor] = []

    def all_reduce(self, tensor: Tensor, op: Any, async_op: bool) -> "Work":
        assert async_op, "a rank waits for another"
        assert op == distributed.ReduceOp.MAX
        self.started.append(tensor)
        return Work(self, len(self.started) - 1)


class Work:
    def __init__(self, collectives: Collectives, number: int):
        self.collectives, self.number = collectives, number

    def wait(self) -> None:
        own, other = self.number, self.number ^ 1
        started = self.collectives.started
        assert other < len(started), "a rank waits for another"
        started[own].copy_(torch.maximum(started[own], started[other]))


@pytest.fixture
def polls(monkeypatch: pytest.MonkeyPatch) -> list[Poll]:
    monkeypatch.setattr(distributed, "all_reduce", Collectives().all_reduce)
    return [Poll(Ranks(number, 2)) for number in range(2)]


def test_all_ranks_hear_after_the_next_step_what_one_said(polls: list[Poll]) -> None:
    said = [[(False, False), (False, True), (False, False)], [(False, False), (True, False), (False, False)]]
    heard: list[list[list[bool]]] = [[], []]
    for step in range(3):
        for number, poll in enumerate(polls):  # rank 0 is through with a step before rank 1 comes to its end
            heard[number].append(poll.answer(True, True))
            poll.ask(*said[number][step])
    assert heard[0] == heard[1] == [[False, False], [False, False], [True, True]]
    assert [poll.answer(False, False) for poll in polls] == [[False, False]] * 2


def test_in_the_last_step_nothing_is_left_for_later(monkeypatch: pytest.MonkeyPatch, polls: list[Poll]) -> None:
    """What was asked before counts, and what is so now on any rank."""
    for poll, flags in zip(polls, [(True, False, False), (False, False, False)], strict=True):
        poll.ask(*flags)
    monkeypatch.setattr(Ranks, "any", lambda self, *own: [False, True, False])
    assert [poll.answer(False, False, False, now=True) for poll in polls] == [[True, True, False]] * 2
    monkeypatch.undo()
    assert polls[0].answer(True) == [False], "it was answered, and is not asked again"


@pytest.mark.parametrize("now", [False, True])
def test_a_process_alone_has_its_answer_at_once(now: bool) -> None:
    poll = Poll(Ranks())
    assert poll.answer(True, False, now=now) == [True, False]
    poll.ask(True, True)
    assert poll.answer(False, False, now=now) == [False, False]
