"""What launchers of planned trials refuse, and how many workers the local one starts."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from omegaconf import OmegaConf

from hydra_plugins.unroll_local_launcher import LocalLauncher
from unroll.errors import UserError
from unroll.sweeps import capacity, mps, workers
from unroll.sweeps.capacity import Gpu


def set_up(launcher: Any, **callbacks: Any) -> None:
    config = OmegaConf.create({"hydra": {"callbacks": callbacks}})
    launcher.setup(hydra_context=None, task_function=None, config=config)


@pytest.mark.parametrize(("count", "said"), [(None, "workers=null"), (0, "workers=0"), ("many", "workers=many")])
def test_a_number_of_workers_that_is_none_is_refused(count: Any, said: str) -> None:
    with pytest.raises(UserError, match="one worker or more") as error:
        set_up(LocalLauncher(count, "logs"))
    assert said in str(error.value)


def test_callbacks_of_hydras_are_refused() -> None:
    with pytest.raises(UserError, match="run no callbacks"):
        set_up(LocalLauncher("auto", "logs"), mine={"_target_": "mine.Callback"})


@pytest.mark.parametrize(
    ("wanted", "trials", "started", "asked"), [("auto", 9, 5, 6), ("auto", 3, 2, 3), (4, 9, 3, 4), (20, 9, 8, 9)]
)
def test_the_workers_that_fit_and_may_share_are_started(
    wanted: Any, trials: int, started: int, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here sharing allows one less than is asked for."""
    gpus, seen = [Gpu("0", "GPU-a", 12.1)], []

    @contextmanager
    def one_less(found: Any, count: int, allowed: bool) -> Iterator[int]:
        seen.append((found, count, allowed))
        yield count - 1

    monkeypatch.setattr(capacity, "gpus_for", lambda trials: gpus if list(trials) else [])
    monkeypatch.setattr(capacity, "cores", lambda: 16)
    monkeypatch.setattr(capacity, "memory_bytes", lambda: None)
    monkeypatch.setattr(mps, "shared", one_less)
    monkeypatch.setattr(workers, "run_all", lambda work, batch, count, folder: [(work, len(batch), count, folder)])
    batch = [SimpleNamespace(trial=number) for number in range(trials)]
    assert LocalLauncher(wanted, "logs", mps=False).run_all(print, batch) == [(print, trials, started, Path("logs"))]
    assert seen == [(gpus, asked, False)]
