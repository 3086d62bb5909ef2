"""The only code that imports wandb. It runs as a process of its own, by its path, and imports nothing of Unroll.

Whatever W&B does to its process (threads, signals, environment, waiting for ever) a trial never sees.

    python wandb_process.py login    prints one JSON object: server, mode, whether there is a login, why not
    python wandb_process.py run      logs one run, as the messages on its standard input say

Messages are JSON, one a line. In come: first what describes the run, then {"preempting": true}, and last
{"end": true, "exit_code": 0}. Out go: {"url": ...} where the run can be seen, {"error": ...}, {"complete": true}. The
run's metrics are read from the trial's metrics.jsonl while it grows. Where the input ends without an end, the trial
has died: so does this process, and W&B shows the run as crashed.
"""

import json
import os
import select
import signal
import sys
from collections.abc import Iterator
from typing import Any, TextIO

# Slurm may send these to every process of a job; the trial says by a message how it ends.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_SHARE_OF_TIME = 0.8  # of the trial's limit: time is left for wandb to close its file, which else is empty
_SECONDS_BETWEEN_LOOKS = 1.0


def login() -> dict[str, Any]:
    """What wandb itself says of its server, its mode and the login, without asking the server."""
    import wandb

    settings = wandb.setup().settings
    found = {"server": settings.base_url, "mode": settings.mode, "logged_in": False, "why": "no API key is configured"}
    try:
        settings.mode = "online"  # else it does not look for a key
        found["logged_in"] = wandb.login(verify=False, prompt=False)
    except Exception as error:  # such as a key of a wrong form
        found["why"] = _reason(error)
    return found


def run(out: TextIO) -> None:
    """Log one run until its end is told, or die with the trial."""
    from_trial = _lines()
    about = json.loads(next(from_trial))
    sys.argv = about["command"]  # W&B notes it
    import wandb

    settings = wandb.Settings(
        console="off",
        silent=True,
        init_timeout=_SHARE_OF_TIME * about["timeout_seconds"],
        finish_timeout=_SHARE_OF_TIME * about["timeout_seconds"],
        finish_timeout_raises=True,
        x_stats_pid=os.getppid(),
    )
    here = wandb.init(settings=settings, **about["init"])
    if here.url:
        _say(out, url=here.url)
    here.define_metric("trainer/global_step")
    here.define_metric("*", step_metric="trainer/global_step", step_sync=True)
    with open(about["metrics"], encoding="utf-8") as metrics:
        metrics.seek(about["from"])
        for line in from_trial:
            message = json.loads(line) if line else {}
            _log(here, metrics)
            if message.get("preempting"):
                here.mark_preempting()
            if message.get("end"):
                here.finish(exit_code=message["exit_code"])
                _say(out, complete=True)
                return
    os._exit(1)  # without the cleaning up that would wait for the server


def _log(here: Any, metrics: TextIO) -> None:
    """Log the lines that have been written since."""
    while True:
        place = metrics.tell()
        line = metrics.readline()
        if not line.endswith("\n"):  # none, or one that is being written
            metrics.seek(place)
            return
        found = json.loads(line)
        here.log({"trainer/global_step": found.pop("step"), **found})


def _lines() -> Iterator[str]:
    """The lines of the standard input until it ends; an empty one where none comes for a while."""
    kept = b""
    while True:
        if not select.select([0], [], [], _SECONDS_BETWEEN_LOOKS)[0]:
            yield ""
            continue
        got = os.read(0, 65536)
        if not got:
            return
        *whole, kept = (kept + got).split(b"\n")
        for line in whole:
            yield line.decode()


def _say(out: TextIO, **message: Any) -> None:
    out.write(json.dumps(message) + "\n")
    out.flush()


def _reason(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def main() -> None:
    """Do what the command line says; what goes wrong is a message, and the process ends at once."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what wandb prints is no message
    if sys.argv[1] == "login":
        _say(out, **login())
        return
    try:
        run(out)
    except BaseException as error:
        _say(out, error=_reason(error))
    os._exit(0)


if __name__ == "__main__":
    main()
