"""The only code that imports wandb. It runs as a process of its own, by its path, and imports nothing of Unroll.

Whatever W&B does to its process (threads, signals, environment, waiting for ever) a trial never sees.

    python wandb_process.py login    prints one JSON object: server, mode, whether there is a login, why not
    python wandb_process.py there    prints {"runs": {id: [digest, lines, suite]}} of the project that its input names
    python wandb_process.py run      logs one run while its trial goes on
    python wandb_process.py write    writes runs that have ended, one after the other

Messages are JSON, one a line. To `run` come first what describes the run, then {"preempting": true}, and last
{"end": FILE or null, "exit_code": 0}; its history is read from the trial's history.jsonl while that grows. To `write`
comes {"write": FILE} for each run. A FILE holds JSON, since a full pipe would let a trial wait; see wandb_runs.py.
Out go {"url": ...} where a run can be seen, {"error": ...}, and {"complete": id, "folder": ...}. Where the input of
`run` ends without an end, the trial has died: so does this process, and W&B shows the run as crashed.
"""

import base64
import io
import json
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TextIO

# Slurm may send these to every process of a job; the trial says by a message how it ends.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
# Of the trial's limit. Time is left for wandb to close its file, which else is empty.
_TO_BEGIN, _FOR_FILES, _TO_FINISH = 0.8, 0.4, 0.4
_SECONDS_BETWEEN_LOOKS = 1.0
_STEP = "progress/step"
_PRIVATE = {  # nothing of this machine goes along
    "console": "off",
    "silent": True,
    "host": "",
    "program": "unroll",
    "disable_git": True,
    "disable_code": True,
    "disable_job_creation": True,
    "x_disable_meta": True,
    "x_disable_machine_info": True,
    "x_save_requirements": False,
}


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


def there(out: TextIO) -> None:
    """Say which runs a project has, and what tells whether they hold the same as others."""
    about = json.loads(next(_lines()))
    import wandb

    api = wandb.Api(timeout=about["timeout_seconds"])
    entity = about["entity"] or api.default_entity
    try:
        runs = list(api.runs(f"{entity}/{about['project']}", per_page=200, lazy=False))
    except ValueError as error:
        if "not find project" not in str(error):
            raise
        runs = []
    found = {run.id: [*(run.summary.get(name) for name in about["names"]), run.config.get("suite")] for run in runs}
    _say(out, runs=found)


def run(out: TextIO) -> None:
    """Log one run until its end is told, or die with the trial."""
    from_trial = _lines()
    about = json.loads(next(from_trial))
    here = _begin(about, x_stats_pid=os.getppid())
    if here.url:
        _say(out, url=here.url)
    number, first = 0, here.starting_step
    with open(about["history"], encoding="utf-8") as history:
        for line in from_trial:
            message = json.loads(line) if line else {}
            for values in _grown(history):
                if number >= first:
                    here.log(values, step=number, commit=True)
                number += 1
            if message.get("preempting"):
                here.mark_preempting()
            if "end" in message:
                if message["end"]:
                    _end(here, _content(message["end"]), number, message["exit_code"], about["timeout_seconds"])
                else:
                    here.finish(exit_code=message["exit_code"])
                _say(out, complete=here.id)
                return
    os._exit(1)  # without the cleaning up that would wait for the server


def write(out: TextIO) -> None:
    """Write runs that have ended, until the input ends; all that wandb loads is there before the first comes."""
    import wandb

    wandb.setup()
    _ = wandb.Api  # loaded when it is named, or by the first run
    wandb.Table(columns=["value"], data=[[0]])  # the first one loads pandas

    for line in _lines():
        if not line:
            continue
        about = _content(json.loads(line)["write"])
        here = _begin(about, x_disable_stats=True, reinit="create_new")
        for number, values in enumerate(about["history"]):
            if number >= here.starting_step:
                here.log(values, step=number, commit=True)
        folder, lines = here.settings.sync_dir, about["history"]
        _end(here, about["end"], len(lines), about["exit_code"], about["timeout_seconds"], lines[-1:])
        _say(out, complete=about["init"]["id"], folder=folder, url=here.url or "")


def _begin(about: Mapping[str, Any], **more: Any) -> Any:
    import wandb

    sys.argv = ["unroll"]  # W&B notes it
    seconds = about["timeout_seconds"]
    limits = {"init_timeout": _TO_BEGIN * seconds, "finish_timeout": _TO_FINISH * seconds}
    limits["finish_timeout_raises"] = True
    here = wandb.init(settings=wandb.Settings(**_PRIVATE, **limits, **more), **about["init"])
    for axis in about["axes"]:
        here.define_metric(axis, hidden=True, summary="none")
    here.define_metric("*", step_metric=_STEP, step_sync=True, summary="none")
    return here


def _end(
    here: Any,
    end: Mapping[str, Any],
    lines: int,
    exit_code: int,
    seconds: float,
    last: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Add what is known of a run once it has ended, and finish it.

    Tables and files ask the server: where it does not answer they are left out, all else is in W&B's file on this
    machine, and what went wrong is raised at the end.
    """
    here.config.update(end["config"], allow_val_change=True)
    here.tags = tuple(end["tags"])
    here.summary.update(end["summary"])
    wrong: list[BaseException] = []

    def attach() -> None:
        try:
            _attach(here, end, lines, last)
        except BaseException as error:
            wrong.append(error)

    attaching = threading.Thread(target=attach, daemon=True)
    attaching.start()
    attaching.join(_FOR_FILES * seconds)
    here.finish(exit_code=exit_code)
    if attaching.is_alive() or wrong:
        raise wrong[0] if wrong else TimeoutError("tables and files are not sent in time")


def _attach(here: Any, end: Mapping[str, Any], lines: int, last: Sequence[Mapping[str, Any]]) -> None:
    media = {one["name"]: _made(one) for one in end["media"]}
    if media:
        for name in media:
            here.define_metric(name, summary="last")
        axis = {_STEP: last[-1][_STEP]} if last else {}
        here.log({**axis, **media}, step=max(lines, here.starting_step), commit=True)
    for one in end["artifacts"]:
        _add(here, one)


def _made(one: Mapping[str, Any]) -> Any:
    """W&B's own form of a table, a picture, or a curve, which is a table with a line plot."""
    import wandb

    if one["kind"] == "picture":
        from PIL import Image

        return wandb.Image(Image.open(io.BytesIO(base64.b64decode(one["png"]))), caption=one["caption"])
    if one["kind"] == "curve":
        rows = [list(pair) for pair in zip(one["xs"], one["ys"], strict=True)]
        table = wandb.Table(columns=[one["x_name"], one["y_name"]], data=rows)
        return wandb.plot.line(table, one["x_name"], one["y_name"], title=one["name"])
    return wandb.Table(columns=one["columns"], data=one["rows"], allow_mixed_types=True)


def _add(here: Any, one: Mapping[str, Any]) -> None:
    import wandb

    artifact = wandb.Artifact(one["name"], type=one["type"], metadata=one["metadata"])
    if one.get("text") is not None:
        with artifact.new_file(one["file_name"], mode="w", encoding="utf-8") as file:
            file.write(one["text"])
    else:
        artifact.add_file(one["file"], name=one["file_name"])
    here.log_artifact(artifact, aliases=one["aliases"])


def _grown(history: TextIO) -> Iterator[dict[str, Any]]:
    """The lines that have been written since."""
    while True:
        place = history.tell()
        line = history.readline()
        if not line.endswith("\n"):  # none, or one that is being written
            history.seek(place)
            return
        yield json.loads(line)


def _content(path: str) -> dict[str, Any]:
    with open(path, encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
    return found


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
        {"there": there, "run": run, "write": write}[sys.argv[1]](out)
    except BaseException as error:
        _say(out, error=_reason(error))
    os._exit(0)


if __name__ == "__main__":
    main()
