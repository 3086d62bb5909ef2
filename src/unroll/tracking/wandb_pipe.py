"""A process that has wandb in it, and the messages to and from it. Nothing here waits without a limit."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from unroll.tracking import wandb_process

COMMAND = [sys.executable, "-P", wandb_process.__file__]
# Tables and artifacts wait here for their upload. W&B sends their paths along: this one tells nothing of the machine,
# and is right for `wandb sync`, too, wherever the folder is by then.
_HERE = Path("/proc/self/cwd")
_STAGED = {"WANDB_DATA_DIR": str(_HERE / "wandb")} if _HERE.exists() else {}
_LOOKS_A_SECOND = 50


class WandbTrouble(Exception):
    """W&B did not do its part."""


class Pipe:
    """wandb_process.py under way.

    Args:
        does: what it is asked to do: "run", "write" or "there".
        folder: of which `wandb/` holds W&B's files; made where it is not there.
        offline: whether it asks no server.
    """

    def __init__(self, does: str, folder: Path, offline: bool = False):
        folder.mkdir(parents=True, exist_ok=True)
        self._heard = b""
        self._files: list[Path] = []
        self.process = subprocess.Popen(
            [*COMMAND, does],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # W&B's own logs say more
            start_new_session=True,  # Ctrl-C is the trial's
            cwd=folder,
            env={**os.environ, **_STAGED, **({"WANDB_MODE": "offline"} if offline else {})},
        )
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)

    def say(self, message: Mapping[str, Any]) -> None:
        """Send a message, which has to be short: the process may be waiting for its server."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise self.ended_early() from None

    def file(self, content: Mapping[str, Any]) -> str:
        """Put a long message into a file that goes with this pipe; return its path."""
        descriptor, name = tempfile.mkstemp(prefix="unroll-wandb-", suffix=".json")
        self._files.append(Path(name))
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(content, file)
        return name

    def heard(self) -> list[dict[str, Any]]:
        """Return the messages that came since; WandbTrouble for one that is an error."""
        assert self.process.stdout is not None
        while got := self.process.stdout.read():
            self._heard += got
        *whole, self._heard = self._heard.split(b"\n")
        messages = [json.loads(line) for line in whole]
        for message in messages:
            if "error" in message:
                raise WandbTrouble(message["error"])
        return messages

    def wait_for(self, key: str, seconds: float) -> dict[str, Any]:
        """Return the next message that has a key.

        Raises:
            WandbTrouble: it does not come in time, or the process ended or said what went wrong.
        """
        deadline = time.monotonic() + seconds
        while True:
            for message in self.heard():
                if key in message:
                    return message
            if self.process.poll() is not None:
                for message in self.heard():
                    if key in message:
                        return message
                raise self.ended_early()
            if time.monotonic() > deadline:
                raise WandbTrouble(f"no answer within {seconds:g} s")
            time.sleep(1 / _LOOKS_A_SECOND)

    def ended_early(self) -> WandbTrouble:
        """Return what is wrong where the process has ended before it was asked to."""
        code = self.process.wait()
        self.heard()  # it may have said why
        return WandbTrouble(f"its process ended with exit code {code}")

    def close(self) -> None:
        """End the process now; wandb's own ends with it."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(OSError):  # what could not be said is still in its buffer
                if pipe is not None:
                    pipe.close()
        for path in self._files:
            path.unlink(missing_ok=True)
        self._files.clear()

    def __enter__(self) -> "Pipe":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
