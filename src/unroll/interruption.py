"""Requests to leave: Ctrl-C, a closed terminal, SIGTERM. The first ends the work in order, a second Ctrl-C at once."""

import atexit
import contextlib
import os
import signal
import stat
import sys
import time
from collections.abc import Callable, Sequence
from types import FrameType, TracebackType
from typing import Any, Literal, NoReturn, Self

ASKING = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)
INTERRUPTED = 130  # the exit code
_ONE_REQUEST = 0.2  # seconds: a terminal and torchrun both send the SIGINT of one Ctrl-C
_SHOW_CURSOR = b"\x1b[?25h"

requests = 0  # that this process has heeded so far


class Asked:
    """Listens for requests to leave inside its `with` block, if that runs in the main thread.

    SIGINT and SIGHUP that are ignored stay ignored: `nohup`, jobs in a shell's background, a sweep's workers.

    Args:
        heed: called at the first request, on top of whatever runs then; may raise.
        numbers: the signals that are requests.
        command: the process does nothing else, so a second Ctrl-C ends it; otherwise that raises KeyboardInterrupt.
    """

    def __init__(
        self, heed: Callable[[], None], numbers: Sequence[signal.Signals] = ASKING, *, command: bool = False
    ) -> None:
        self.heed, self.numbers, self.command = heed, numbers, command
        self.signal: signal.Signals | None = None
        self.before: dict[signal.Signals, Any] = {}
        self._outer: Asked | None = None
        self._at = 0.0

    @property
    def noticed(self) -> bool:
        """Whether a request has come."""
        return self.signal is not None

    def __enter__(self) -> Self:
        with contextlib.suppress(ValueError):  # in another thread
            for number in self.numbers:
                handler = signal.getsignal(number)
                if number in (signal.SIGINT, signal.SIGHUP) and handler == signal.SIG_IGN:
                    continue
                signal.signal(number, self._notice)
                self.before[number] = handler
                outer = getattr(handler, "__self__", None)
                self._outer = outer if isinstance(outer, Asked) else self._outer
        if self.command:
            atexit.register(self._end)
        return self

    def listen(self) -> None:
        """Take the signals again that other code has taken meanwhile."""
        for number in self.before:
            signal.signal(number, self._notice)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        if self.command and self.noticed:  # a second Ctrl-C may come while the interpreter ends
            return False
        for number, handler in self.before.items():
            signal.signal(number, handler or signal.SIG_DFL)
        if self._outer is not None and self.noticed:
            self._outer.signal, self._outer._at = self.signal, self._at
        return False

    def _end(self) -> None:
        """At the interpreter's very end there is nothing left to interrupt, and the exit code is settled."""
        if self.noticed:
            for number in self.before:
                signal.signal(number, signal.SIG_IGN)

    def _notice(self, number: int, frame: FrameType | None) -> None:
        global requests
        requests += 1
        if self.signal is None:
            self.signal, self._at = signal.Signals(number), time.monotonic()
            if number == signal.SIGHUP:
                _leave_the_terminal()
            self.heed()
        elif number == signal.SIGINT and time.monotonic() - self._at > _ONE_REQUEST:
            self._at_once()

    def _at_once(self) -> NoReturn:
        outermost = self
        while outermost._outer is not None:
            outermost = outermost._outer
        if not outermost.command:
            raise KeyboardInterrupt
        for process in _children():
            process.kill()
        if os.isatty(1):
            os.write(1, _SHOW_CURSOR)
        tell_now("Left at once.")
        if "multiprocessing" in sys.modules:
            sys.modules["multiprocessing"].util._run_finalizers(0)  # semaphores, which a process of its own would miss
        os._exit(INTERRUPTED)


def _children() -> Any:
    return sys.modules["multiprocessing"].active_children() if "multiprocessing" in sys.modules else ()


def interrupt() -> None:
    """Heed a request where nothing is unsaved."""
    raise KeyboardInterrupt


def tell(line: str) -> None:
    """Print a line on stderr, if that can still be written to."""
    with contextlib.suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)


def tell_now(line: str) -> None:
    """The same from a signal's handler, which must not use the buffers that it interrupted."""
    with contextlib.suppress(OSError):
        os.write(2, f"{line}\n".encode())


def _leave_the_terminal() -> None:
    """Write to nowhere in place of a terminal that is gone or going: each write to it would be an error."""
    with open(os.devnull, "wb") as nowhere:
        for descriptor in (1, 2):
            with contextlib.suppress(OSError):
                if stat.S_ISCHR(os.fstat(descriptor).st_mode):
                    os.dup2(nowhere.fileno(), descriptor)
