"""A stand-in for W&B's server on loopback: W&B's own client logs, resumes, syncs, sweeps and saves views with it.

It keeps all that it hears, and breaks when it is asked to: see `WandbServer`. What it answers to GraphQL is in
wandb_queries.py.
"""

import gzip
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import unquote

from wandb_queries import answer, name_of

KEY = "0123456789abcdef" * 3
HISTORY, SUMMARY, EVENTS, OUTPUT = "wandb-history.jsonl", "wandb-summary.json", "wandb-events.jsonl", "output.log"


@dataclass
class Run:
    """What the server has heard of one run."""

    about: dict[str, Any] = field(default_factory=dict)  # variables of its upserts: groupName, tags, displayName ...
    config: dict[str, Any] = field(default_factory=dict)  # plain values, without W&B's own
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)  # of the system
    output: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    exit_code: int | None = None  # None: it has not ended
    preempting: bool = False
    states: list[str] = field(default_factory=list)  # running, preempting, finished, failed; as they were heard

    @property
    def state(self) -> str:
        """The last state; preempted where a preempted run has ended otherwise than well."""
        if self.states[-1:] == ["failed"] and self.preempting:
            return "preempted"
        return self.states[-1] if self.states else "pending"

    @property
    def steps(self) -> dict[int, dict[str, Any]]:
        """History by W&B's step, without W&B's own keys. A step that was sent twice is an error."""
        found = {line["_step"]: {key: one for key, one in line.items() if key[0] != "_"} for line in self.history}
        assert len(found) == len(self.history), "a step was sent twice"
        return found

    def become(self, state: str) -> None:
        """Note a new state."""
        if self.states[-1:] != [state]:
            self.states.append(state)


@dataclass
class Artifact:
    """What was uploaded as one version of an artifact."""

    name: str
    type: str
    run: str | None
    digest: str
    metadata: dict[str, Any]
    aliases: list[str]
    manifest: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    is_committed: bool = False


@dataclass
class Sweep:
    """What a `wandb agent` gets: the sweep's config as YAML, and runs, each {parameter: value}."""

    config: str
    runs: list[dict[str, Any]]
    given: int = 0
    agents: int = 0

    @property
    def program(self) -> str:
        """What the config names as its program; agents put it where the command says ${program}."""
        found = re.search(r"^program: *(\S+)", self.config, re.MULTILINE)
        return found[1] if found else "unroll"

    @staticmethod
    def run_id(number: int) -> str:
        """The id that the agent's run has; 0 is the first."""
        return f"sweeprun{number}"


class Request(NamedTuple):
    """A request as it came, its body without compression."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class WandbServer(ThreadingHTTPServer):
    """Answers as `mode` says: "answer", "drop" (the connection), "500", or "hang" (until it is closed).

    Attributes:
        mode: may be changed at any time.
        delay_seconds: every answer waits so long.
        before: called with the name of each operation before it is answered; it may change the mode, or wait.
        die_at: (operation, n): the server dies in place of answering this operation for the n-th time. A client sends
            history every 15 s and at the end: ("POST file_stream", 2) loses what came after the first piece.
        runs, artifacts, views: what was heard; views by the name under which they were saved.
        requests: all requests, in order.
        operations: how often each operation was asked: GraphQL's by name, others as "POST file_stream", "PUT file".
        sweep: what agents are given.
        projects: names of projects that have a run, a view, or were made.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.mode = "answer"
        self.delay_seconds = 0.0
        self.before: Callable[[str], object] = lambda operation: None
        self.die_at: tuple[str, int] | None = None
        self.runs: dict[str, Run] = {}
        self.artifacts: dict[str, Artifact] = {}
        self.views: dict[str, dict[str, Any]] = {}
        self.projects: list[str] = []
        self.sweep: Sweep | None = None
        self.requests: list[Request] = []
        self.operations: Counter[str] = Counter()
        self.lock = threading.RLock()
        self.begun = threading.Event()  # a run has begun to stream
        self.closing = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what many tests want."""

    def heard(self) -> bytes:
        """The bytes of all requests, but for the header that holds the key: to look for what must not be sent."""
        parts = []
        for one in self.requests:
            headers = {key: value for key, value in one.headers.items() if key.lower() != "authorization"}
            parts += [f"{one.method} {one.path} {json.dumps(headers)}".encode(), one.body]
        return b"\n".join(parts)

    def artifact(self, name: str) -> Artifact:
        """The last committed version of an artifact."""
        return [one for one in self.artifacts.values() if one.name == name and one.is_committed][-1]

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
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        server = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        asked = json.loads(body) if self.path.endswith("/graphql") else {}
        operation = name_of(asked["query"]) if asked else _operation(self.command, self.path)
        with server.lock:
            server.requests.append(Request(self.command, self.path, dict(self.headers.items()), body))
            server.operations[operation] += 1
            dies = server.die_at == (operation, server.operations[operation])
        server.before(operation)
        if dies:
            server.die()
        server.closing.wait(server.delay_seconds)
        if server.mode == "hang":
            server.closing.wait()
        if server.mode in ("hang", "drop"):
            self.close_connection = True
            return
        found: Any = {}
        if server.mode == "answer":
            with server.lock:
                if asked:
                    found = {"data": answer(server, operation, asked["query"], asked.get("variables") or {})}
                else:
                    found = self._stored(body)
        content = found if isinstance(found, bytes) else json.dumps(found).encode()
        self.send_response(200 if server.mode == "answer" else 500)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stored(self, body: bytes) -> Any:
        """Take a file, or a piece of a run's stream; give a file back."""
        server, parts = self.server, [unquote(part) for part in self.path.partition("?")[0].strip("/").split("/")]
        if parts[0] == "files" and parts[-1] == "file_stream":
            _take(server.runs[parts[3]], json.loads(body))
            server.begun.set()
            return {"exitcode": None, "limits": {}}
        kind, key, name = parts[:1], "".join(parts[1:2]), "/".join(parts[2:])
        if kind == ["run-file"]:
            files = server.runs[key].files
        elif kind == ["artifact-file"]:
            files = server.artifacts[key].files
        elif kind == ["manifest"] and self.command == "PUT":
            server.artifacts[key].manifest = json.loads(body)["contents"]
            return {}
        else:
            return {}
        if self.command == "GET":
            return files[name]
        files[name] = body
        return {}


def _operation(method: str, path: str) -> str:
    """What a request that is no GraphQL is called."""
    if path.endswith("/file_stream"):
        return f"{method} file_stream"
    first = path.strip("/").partition("/")[0]
    return f"{method} {'file' if first in ('run-file', 'artifact-file', 'manifest') else first}"


def _take(run: Run, heard: dict[str, Any]) -> None:
    """Take what a run's stream brings: lines of files from an offset on, and how it ends."""
    files = heard.get("files") or {}
    for name, kept in ((HISTORY, run.history), (EVENTS, run.events)):
        if name in files:
            del kept[files[name]["offset"] :]
            kept += [json.loads(line) for line in files[name]["content"]]
    if OUTPUT in files:
        run.output += files[OUTPUT]["content"]
    if SUMMARY in files:
        run.summary = json.loads(files[SUMMARY]["content"][-1])
    if heard.get("preempting"):
        run.preempting = True
        run.become("preempting")
    if heard.get("complete"):
        run.exit_code = heard["exitcode"]
        run.become("failed" if heard["exitcode"] else "finished")
