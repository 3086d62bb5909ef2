"""A trial's run in W&B, kept by a process of its own (wandb_process.py), so that no wait of W&B's is the trial's."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from unroll.config.trial import Trial
from unroll.config.wandb_names import LONGEST, wandb_names
from unroll.errors import UserError
from unroll.tracking import wandb_process
from unroll.visible import say

_COMMAND = [sys.executable, "-P", wandb_process.__file__]
_SECONDS_TO_ASK = 60.0
_DESCRIBES = ("task", "data", "architecture", "bottleneck", "budget", "baseline", "optimizer", "trainer", "seed")
_logins: dict[Any, dict[str, Any]] = {}  # by environment and folder


class WandbTrouble(Exception):
    """W&B did not do its part."""


class WandbRun:
    """A run under the trial's id. Only `finish` waits, and no longer than `logger.wandb.timeout_seconds`."""

    def __init__(self, trial: Trial, metrics: Path):
        wandb = trial.config.logger.wandb
        self.timeout = wandb.timeout_seconds
        names = wandb_names(trial.config, os.environ)
        about = {
            "command": sys.argv,
            "timeout_seconds": self.timeout,
            "metrics": str(metrics.absolute()),
            "from": metrics.stat().st_size,  # what is there, an earlier attempt has logged
            "init": {
                **names,
                "name": names["name"] or trial.trial_id,
                "id": trial.trial_id,
                "resume": "allow",
                "mode": "offline" if wandb.mode == "offline" else None,  # None: WANDB_MODE, or online
                "dir": os.environ.get("WANDB_DIR") or str(trial.directory),
                "config": {key: trial.plain[key] for key in _DESCRIBES if key in trial.plain},
            },
        }
        self._heard, self._complete = b"", False
        self._process = subprocess.Popen(
            [*_COMMAND, "run"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # W&B's own logs say more
            start_new_session=True,  # Ctrl-C is the trial's
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        self._say(about)

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """The process reads metrics.jsonl by itself: this only looks whether it still does."""
        if self._process.poll() is not None:
            raise self._ended_early()
        self._listen()

    def preempting(self) -> None:
        """Have W&B show the run as preempted."""
        self._say({"preempting": True})

    def finish(self, ended: str) -> None:
        """Wait until everything is with W&B.

        Raises:
            WandbTrouble: it is not, in the time that it has.
        """
        deadline = time.monotonic() + self.timeout
        try:
            self.log({}, 0)
            self._say({"end": True, "exit_code": int(ended != "finished")})
            self._process.wait(deadline - time.monotonic())
            self._listen()
            if not self._complete:
                raise self._ended_early()
        except subprocess.TimeoutExpired:
            raise WandbTrouble(f"no answer within {self.timeout:g} s") from None
        finally:
            self.abandon()

    def abandon(self) -> None:
        """End the process now; wandb's own ends with it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # what could not be said is still in its buffer
                if pipe is not None:
                    pipe.close()

    def _say(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._ended_early() from None

    def _listen(self) -> None:
        """Take what the process has said; WandbTrouble where that is an error."""
        assert self._process.stdout is not None
        while got := self._process.stdout.read():
            self._heard += got
        *whole, self._heard = self._heard.split(b"\n")
        for message in map(json.loads, whole):
            if "error" in message:
                raise WandbTrouble(message["error"])
            if "url" in message:
                say(f"W&B: {message['url']}", err=True)
            self._complete |= "complete" in message

    def _ended_early(self) -> WandbTrouble:
        code = self._process.wait()
        self._listen()  # it may have said why
        return WandbTrouble(f"its process ended with exit code {code}")


def check_wandb(trial: Trial) -> None:
    """Check what W&B needs before any work: a login where runs go online, and an id that it takes.

    Raises:
        UserError: it would refuse the trial's run.
    """
    if trial.config.logger.wandb.mode == "disabled":
        return
    if len(trial.trial_id) > LONGEST:
        raise UserError(
            "The trial's id is too long for W&B.", saw=trial.trial_id, allowed=f"{LONGEST} characters; shorter names"
        )
    if trial.config.logger.wandb.mode == "offline":
        return
    found = ask_wandb()
    if not found["logged_in"] and found["mode"] in ("online", "run", "shared"):
        raise UserError(
            f"W&B has no login for {found['server']}: {found['why']}.",
            saw=f"logger.wandb.mode={trial.config.logger.wandb.mode}",
            allowed="a login, or WANDB_API_KEY; or logger=wandb_offline, and wandb sync later",
            run="wandb login",
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
            [*_COMMAND, "login"],
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
