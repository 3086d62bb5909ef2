"""A trial's run in W&B, kept by a process of its own (wandb_process.py), so that no wait of W&B's is the trial's.

Online, the run grows while the trial goes on. Offline, it is written from the trial's files once that has ended: a
trial that was killed and went on is one run without a hole.
"""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from unroll.config.trial import Trial
from unroll.config.wandb_names import LONGEST, wandb_names
from unroll.errors import UserError
from unroll.tracking.description import Description
from unroll.tracking.history import AXES, read_lines
from unroll.tracking.wandb_pipe import COMMAND, Pipe, WandbTrouble
from unroll.tracking.wandb_runs import Ended, Place, Writer, ending, init_of, writing
from unroll.visible import say

_SECONDS_TO_ASK = 60.0
_MODES = {"disabled": "disabled", "offline": "offline", "dryrun": "offline"}  # of WANDB_MODE
_logins: dict[Any, dict[str, Any]] = {}  # by environment and folder


def place_of(trial: Trial) -> Place:
    """Return where a trial's run goes, by its config and the environment."""
    wandb, names = trial.config.logger.wandb, wandb_names(trial.config, os.environ)
    folder = Path(os.environ.get("WANDB_DIR") or trial.plain["paths"]["runs"])
    return Place(folder, mode_of(trial) == "online", names["project"], names["entity"], wandb.timeout_seconds)


def mode_of(trial: Trial) -> str:
    """Return "disabled", "offline" or "online": what the config asks for, or less where WANDB_MODE says so."""
    asked = trial.config.logger.wandb.mode
    there = _MODES.get(os.environ.get("WANDB_MODE", ""), asked)
    return min(asked, there, key=("disabled", "offline", "online").index)


def named(trial: Trial, found: Description) -> Description:
    """Return a description under the names of the config or the environment, and the id that an agent wants."""
    names = wandb_names(trial.config, os.environ)
    given = {key: names[key] for key in ("name", "group") if names[key]}
    tags = tuple(dict.fromkeys([*found.tags, *(names["tags"] or ())]))
    return replace(found, **given, tags=tags, id=agents_run() or found.id)


def agents_run() -> str | None:
    """Return the id of the run that a W&B agent wants of this process; None where there is no agent."""
    return os.environ.get("WANDB_RUN_ID") if os.environ.get("WANDB_SWEEP_ID") else None


class WandbRun:
    """A run under the trial's id. Only `finish` waits, and no longer than `logger.wandb.timeout_seconds`.

    Args:
        trial: whose run it is.
        history: its file, one line a step of the run.
        found: what is known of the trial so far.
    """

    def __init__(self, trial: Trial, history: Path, found: Description):
        self.trial, self.history, self.place = trial, history, place_of(trial)
        self.timeout = self.place.timeout_seconds
        self.told: tuple[Description, Mapping[str, Any]] | None = None
        self._complete = False
        self._pipe: Pipe | None = None  # online
        self._writer: Pipe | None = None  # offline, once the trial has trained
        if not self.place.online:
            return
        init = init_of(named(trial, found), self.place)
        self._pipe = Pipe("run", self.place.folder)
        about = {"init": init, "timeout_seconds": self.timeout, "axes": AXES}
        lines = history.absolute() if history.exists() else os.devnull  # a baseline has none
        self._pipe.say({**about, "history": str(lines)})

    @property
    def _process(self) -> "subprocess.Popen[bytes]":
        assert self._pipe is not None
        return self._pipe.process

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """The process reads the history by itself: this only looks whether it still does."""
        if self._pipe is None:
            return
        if self._process.poll() is not None:
            raise self._pipe.ended_early()
        self._listen(self._pipe)

    def preempting(self) -> None:
        """Have W&B show the run as preempted."""
        if self._pipe is not None:
            self._pipe.say({"preempting": True})

    def trained(self) -> None:
        """Offline, start the process that writes the run: wandb is imported while the trial evaluates."""
        if not self.place.online:
            self._writer = Pipe("write", self.place.folder, offline=True)

    def tell(self, found: Description, record: Mapping[str, Any]) -> None:
        """Take what the trial's run is, now that it has ended."""
        self.told = found, record

    def finish(self, ended: str) -> None:
        """Wait until everything is with W&B.

        Raises:
            WandbTrouble: it is not, in the time that it has.
        """
        try:
            if self._pipe is None:
                self._write()
                return
            self.log({}, 0)
            self._pipe.say({"end": self._ending(self._pipe), "exit_code": int(ended != "finished")})
            self._process.wait(self.timeout)
            self._listen(self._pipe)
            if not self._complete:
                raise self._pipe.ended_early()
        except subprocess.TimeoutExpired:
            raise WandbTrouble(f"no answer within {self.timeout:g} s") from None
        finally:
            self.abandon()

    def abandon(self) -> None:
        """End the process now; wandb's own ends with it."""
        for pipe in (self._pipe, self._writer):
            if pipe is not None:
                pipe.close()

    def _ending(self, pipe: Pipe) -> str | None:
        if self.told is None:
            return None
        found, record = self.told
        kinds = self.trial.config.logger.wandb.artifacts
        return pipe.file(ending(named(self.trial, found), record, self.trial.directory, kinds))

    def _write(self) -> None:
        """Write the run of a trial that has ended; of one that goes on later, nothing."""
        if self.told is not None:
            write_run(self.trial, *self.told, list(read_lines(self.history)), pipe=self._writer)

    def _listen(self, pipe: Pipe) -> None:
        """Take what the process has said; WandbTrouble where that is an error."""
        for message in pipe.heard():
            if message.get("url"):
                say(f"W&B: {message['url']}", err=True)
            self._complete |= "complete" in message


def write_run(
    trial: Trial,
    found: Description,
    record: Mapping[str, Any],
    history: list[dict[str, float]],
    pipe: Pipe | None = None,
) -> str:
    """Write the whole run of a trial that has ended; return where it is.

    Args:
        trial: that ended.
        found: its description.
        record: that it left.
        history: its lines.
        pipe: to a process that writes runs; None: one is started.

    Raises:
        WandbTrouble: W&B does not take it.
    """
    place, kinds = place_of(trial), trial.config.logger.wandb.artifacts
    ended = Ended(record, trial.directory, named(trial, found), history)
    if pipe is not None:
        return Writer(pipe, place).write(ended, kinds)
    with writing(place) as writer:
        return writer.write(ended, kinds)


def check_wandb(trial: Trial) -> None:
    """Check what W&B needs before any work: a login where runs go online, and an id that it takes.

    Raises:
        UserError: it would refuse the trial's run.
    """
    mode = mode_of(trial)
    if mode == "disabled":
        return
    if len(trial.trial_id) > LONGEST:
        raise UserError(
            "The trial's id is too long for W&B.", saw=trial.trial_id, allowed=f"{LONGEST} characters; shorter names"
        )
    if mode == "offline":
        return
    require_login(
        f"logger.wandb.mode={trial.config.logger.wandb.mode}",
        "a login, or WANDB_API_KEY; or logger=wandb_offline, and wandb sync later",
    )


def require_login(saw: str, allowed: str) -> None:
    """Raise UserError where W&B would ask for a login.

    Args:
        saw: what sends runs to the server.
        allowed: in its place.
    """
    found = ask_wandb()
    if not found["logged_in"]:
        raise UserError(
            f"W&B has no login for {found['server']}: {found['why']}.", saw=saw, allowed=allowed, run="wandb login"
        )


def ask_wandb() -> dict[str, Any]:
    """What wandb says of itself on this machine: `server`, `mode`, `logged_in`, and `why` not. No server is asked.

    Raises:
        UserError: wandb does not even start.
    """
    key = tuple(sorted(os.environ.items())), os.getcwd()
    found = _logins.get(key)
    if found is None:
        found = _asked()
        if found["logged_in"]:  # a login that is missing may be there the next time
            _logins[key] = found
    return dict(found)


def _asked() -> dict[str, Any]:
    try:
        done = subprocess.run(
            [*COMMAND, "login"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS_TO_ASK,
            check=True,
        )
        found: dict[str, Any] = json.loads(done.stdout)
    except (subprocess.SubprocessError, OSError, ValueError) as error:
        mends = "logger=local, or a wandb that starts: pip install --force-reinstall wandb"
        raise UserError("wandb does not start.", saw=error, allowed=mends) from error
    return found
