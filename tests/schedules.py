"""Threads that take turns at every file operation, in an order that a seed decides: races, again and again the same."""

import os
import random
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

_OPERATIONS = ("link", "listdir", "truncate", "unlink", "replace")


class Dead(BaseException):
    """Raised in an actor at a random operation: what it had begun is left as it is."""


class Stage:
    """Runs actors one at a time; before and after each file operation, another may go on.

    Args:
        seed: decides who goes on, and who dies where.
        death: the chance to die at an operation.
    """

    def __init__(self, seed: int, death: float = 0.0):
        self.random, self.death = random.Random(seed), death
        self.turns: dict[threading.Thread, threading.Semaphore] = {}
        self.back = threading.Semaphore(0)
        self.errors: list[BaseException] = []

    def step(self) -> None:
        """Let others go on, in an actor's thread; nothing elsewhere."""
        turn = self.turns.get(threading.current_thread())
        if turn is not None:
            self.back.release()
            turn.acquire()
            if self.random.random() < self.death:
                raise Dead

    def play(self, actors: Sequence[Callable[[], Any]], patch: pytest.MonkeyPatch) -> None:
        """Run all actors to their ends; raise what one of them raised."""
        for name in _OPERATIONS:
            patch.setattr(os, name, self._stepping(getattr(os, name)))
        for actor in actors:
            thread = threading.Thread(target=self._act, args=(actor,), daemon=True)
            self.turns[thread] = threading.Semaphore(0)
            thread.start()
        left = list(self.turns)
        chosen = left[0]
        while left:
            if chosen not in left or self.random.random() < 0.1:  # long turns: the others sleep through a whole life
                chosen = self.random.choice(left)
            self.turns[chosen].release()
            assert self.back.acquire(timeout=60), "an actor hangs"
            left = [thread for thread in left if not getattr(thread, "ended", False)]
        for error in self.errors:
            raise error

    def _act(self, actor: Callable[[], Any]) -> None:
        thread = threading.current_thread()
        self.turns[thread].acquire()
        try:
            actor()
        except Dead:
            pass
        except BaseException as error:
            self.errors.append(error)
        thread.ended = True  # type: ignore[attr-defined]
        self.back.release()

    def _stepping(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def stepping(*arguments: Any, **options: Any) -> Any:
            self.step()
            found = operation(*arguments, **options)
            self.step()
            return found

        return stepping
