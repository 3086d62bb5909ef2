"""A stand-in for W&B's server on loopback: enough for its own client to start, log and finish a run."""

import gzip
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "0123456789abcdef" * 3


@dataclass
class Run:
    """What the server has heard of one run."""

    about: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    exit_code: int | None = None  # None: it has not ended
    preempting: bool = False


class WandbServer(ThreadingHTTPServer):
    """Answers as `mode` says: "answer", "drop" (the connection), "500", or "hang" (until it is closed)."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.mode = "answer"
        self.runs: dict[str, Run] = {}
        self.begun = threading.Event()  # a run has begun to stream
        self.closing = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what many tests want."""

    def die(self) -> None:
        """Stop to listen, and forget who is connected."""
        self.mode = "drop"
        self.closing.set()
        self.shutdown()
        self.server_close()


@contextmanager
def wandb_server() -> Iterator[WandbServer]:
    """Run a server in a thread."""
    server = WandbServer()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield server
    finally:
        server.die()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: WandbServer

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._answer({})

    def do_PUT(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        self._answer(None)

    def _answer(self, found: dict[str, Any] | None) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if self.server.mode == "hang":
            self.server.closing.wait()
        if self.server.mode in ("hang", "drop"):
            self.close_connection = True
            return
        if found is None and self.server.mode == "answer":
            found = self._posted(body)
        content = json.dumps(found or {}).encode()
        self.send_response(200 if self.server.mode == "answer" else 500)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _posted(self, body: bytes) -> dict[str, Any]:
        if self.path.endswith("/graphql"):
            asked = json.loads(body)
            match = re.search(r"(?:query|mutation)\s+(\w+)", asked["query"])
            return {"data": self._queried(match[1] if match else "", asked.get("variables") or {})}
        stream = re.fullmatch(r"/files/[^/]+/[^/]+/([^/]+)/file_stream", self.path)
        if stream:
            _take(self.server.runs[stream[1]], json.loads(body))
            self.server.begun.set()
        return {}

    def _queried(self, name: str, values: dict[str, Any]) -> dict[str, Any]:
        runs, project = self.server.runs, {"id": "p", "name": values.get("project")}
        project["entity"] = {"id": "e", "name": values.get("entity") or "local"}
        if name == "Viewer":
            viewer = {"id": "1", "entity": "local", "username": "local", "flags": "{}"}
            return {"viewer": {**viewer, "teams": {"edges": []}}}
        if name == "UpsertBucket":
            run = runs.setdefault(values["name"], Run())
            run.about |= {key: value for key, value in values.items() if value is not None}
            bucket = {"id": values["name"], "name": values["name"], "displayName": values.get("displayName")}
            bucket |= {"historyLineCount": len(run.history), "project": project}
            return {"upsertBucket": {"bucket": bucket, "inserted": not run.history}}
        if name == "RunResumeStatus" and values["name"] in runs:
            run = runs[values["name"]]
            run.exit_code = None
            bucket = {"id": values["name"], "name": values["name"], "summaryMetrics": json.dumps(run.summary)}
            bucket |= {"historyTail": json.dumps([json.dumps(line) for line in run.history[-1:]])}
            bucket |= {"logLineCount": 0, "historyLineCount": len(run.history), "eventsLineCount": 0}
            bucket |= {"eventsTail": "[]", "config": "{}", "tags": [], "wandbConfig": '{"t": 1}', "stopped": False}
            return {"model": {**project, "bucket": bucket}}
        if name == "RunResumeStatus":
            return {"model": {**project, "bucket": None}}
        if name == "CreateRunFiles":
            files = [{"name": file, "uploadUrl": f"{self.server.url}/put/{file}"} for file in values.get("files") or []]
            return {"createRunFiles": {"runID": "r", "uploadHeaders": [], "files": files}}
        return {}


def _take(run: Run, heard: dict[str, Any]) -> None:
    """Take what a run's stream brings: lines of files from an offset on, and how it ends."""
    files = heard.get("files") or {}
    history = files.get("wandb-history.jsonl")
    if history:
        del run.history[history["offset"] :]
        run.history += [json.loads(line) for line in history["content"]]
    if "wandb-summary.json" in files:
        run.summary = json.loads(files["wandb-summary.json"]["content"][-1])
    run.preempting |= bool(heard.get("preempting"))
    if heard.get("complete"):
        run.exit_code = heard["exitcode"]
