"""The page on this machine alone, made anew as records arrive: `unroll report --serve`.

It answers under 127.0.0.1 and only to requests that name that host, so that a page from elsewhere, by a name that it
lets point here, reads nothing (DNS rebinding). It gives the page and the records that the page links to.
"""

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from unroll.errors import UserError
from unroll.interruption import tell
from unroll.visible import say, visible

HOST = "127.0.0.1"
SECONDS = 2.0  # between two looks at the records
RECORDS = "/records/"  # then ID.json

Stamp = Callable[[], object]  # what changes where a record does


@dataclass(frozen=True)
class Made:
    """A page, and where the records lie that it links to, by trial."""

    text: str
    records: Mapping[str, Path]


def record_link(trial_id: str) -> str:
    """Return where a served page links to for a trial's record."""
    return f"{RECORDS.lstrip('/')}{trial_id}.json"


class Live:
    """A page that is made anew, in a thread of its own, whenever the stamp is another one."""

    def __init__(self, make: Callable[[], Made], stamp: Stamp, seconds: float = SECONDS) -> None:
        self._make, self._stamp, self._seconds = make, stamp, seconds
        self._seen = stamp()
        self._ends = threading.Event()
        self._set(make())
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._ends.set()

    def look(self) -> bool:
        """Make the page anew if the stamp has changed; return whether it has. A page that cannot be made is told of."""
        try:
            now = self._stamp()
            if now == self._seen:
                return False
            self._seen = now
            self._set(self._make())
        except (UserError, OSError) as error:
            tell(visible(f"The page stays as it was: {error}"))
            return False
        return True

    def _set(self, made: Made) -> None:
        body = made.text.encode("utf-8")
        self.now = (body, f'"{hashlib.sha256(body).hexdigest()[:32]}"', made.records)

    def _follow(self) -> None:
        while not self._ends.wait(self._seconds):
            self.look()


class Server(ThreadingHTTPServer):
    """Serves a page under 127.0.0.1; port 0 is one that is free."""

    daemon_threads = True

    def __init__(self, live: Live, port: int = 0) -> None:
        self.live = live
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            raise UserError(
                "The page cannot be served there.",
                saw=f"--port {port}: {error.strerror}",
                allowed="a port that is free",
            ) from error

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.server_port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: Server
    server_version, sys_version = "unroll", ""
    timeout = 30

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, with_body: bool) -> None:
        allowed = {f"{name}:{self.server.server_port}" for name in (HOST, "localhost")}
        if self.headers.get("Host") not in allowed:
            self._send(
                HTTPStatus.MISDIRECTED_REQUEST, b"This page is for this machine alone.\n", "text/plain", with_body
            )
            return
        body, tag, records = self.server.live.now
        path = self.path.partition("?")[0]
        if path == "/":
            self._send(HTTPStatus.OK, body, "text/html; charset=utf-8", with_body, tag)
            return
        record = records.get(path.removeprefix(RECORDS).removesuffix(".json")) if path.startswith(RECORDS) else None
        if record is None or not record.is_file():
            self._send(HTTPStatus.NOT_FOUND, b"There is no such page.\n", "text/plain", with_body)
            return
        self._send(HTTPStatus.OK, record.read_bytes(), "application/json", with_body)

    def _send(self, status: HTTPStatus, body: bytes, kind: str, with_body: bool, tag: str | None = None) -> None:
        self.send_response(status)
        headers = {"Content-Type": kind, "Content-Length": str(len(body)), "Cache-Control": "no-store"}
        headers |= {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}
        for name, value in (headers | ({"ETag": tag} if tag else {})).items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged: an open page asks every two seconds."""


def serve_until_interrupted(live: Live, port: int = 0) -> None:
    """Serve a page until Ctrl-C, which is how it ends well."""
    with Server(live, port) as server:
        say(f"{server.address} shows the page, anew as records arrive. Ctrl-C ends it.")
        live.start()
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            say("Ended.")
        finally:
            live.end()
