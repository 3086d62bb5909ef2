"""The errors that a user sees as a message instead of a traceback."""

import difflib
import pickle
import shlex
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from unroll.visible import visible

COMMAND = "{command}"  # in a message's `run`: what was typed
_WITHOUT = ("export",)  # commands that look into no config folder


class UserError(Exception):
    """Something the user can mend: says what was wrong, what was seen, what is allowed, what to run next.

    Args:
        what: was wrong.
        saw: the value.
        allowed: in its place.
        run: a command that works as it stands, a remark after "   # ". COMMAND in it stands for what was typed.
        change: the overrides that mend what was typed.
    """

    def __init__(
        self,
        what: str,
        *,
        saw: object = None,
        allowed: object = None,
        run: str | None = None,
        change: Iterable[str] = (),
    ):
        self.what, self.saw, self.allowed, self.run, self.change = what, saw, allowed, run, tuple(change)
        super().__init__(what, saw, allowed, run)

    def mend(self, arguments: Sequence[str]) -> None:
        """Make `run` the command that was typed, changed as is advised; another command looks into its config folder.

        Args:
            arguments: what was typed after `unroll`.
        """
        if self.change or COMMAND in (self.run or ""):
            changed = {override_key(text) for text in self.change}
            kept = [text for text in arguments if "=" not in text or override_key(text) not in changed]
            self.run = (self.run or COMMAND).replace(COMMAND, shlex.join(["unroll", *kept, *self.change]))
            self.change = ()
            return
        run = self.run or ""
        words = run.split()
        pairs = pairwise(["", *arguments])
        folders = [text for before, text in pairs if "--config-dir" in (text.partition("=")[0], before)]
        if words[:1] == ["unroll"] and words[1] not in _WITHOUT and folders and "--config-dir" not in run:
            command, gap, remark = run.partition("   ")
            self.run = f"{command} --config-dir {shlex.quote(folders[-1].removeprefix('--config-dir='))}{gap}{remark}"

    def __str__(self) -> str:
        lines = [self.what]
        if self.saw is not None:
            lines.append(f"  seen:    {self.saw}")
        if self.allowed is not None:
            allowed = self.allowed
            if not isinstance(allowed, str) and isinstance(allowed, Iterable):
                allowed = ", ".join(str(choice) for choice in allowed)
            lines.append(f"  allowed: {allowed}")
        if self.run is not None:
            lines.append(f"  run:     {self.run.replace(COMMAND, 'the same command')}")
        elif self.change:
            lines.append(f"  change:  {shlex.join(self.change)}")
        return visible("\n".join(lines))

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.what, self.saw, self.allowed, self.run, self.change)


class TrialFailed(Exception):
    """A trial ended in an error; its record holds the traceback."""

    def __init__(self, trial_id: str, record: Path, message: str):
        super().__init__(trial_id, record, message)
        self.trial_id, self.record, self.message = trial_id, record, message

    def __str__(self) -> str:
        return visible(f"{self.trial_id} failed: {self.message}\n  record:  {self.record}")


class SweepFailed(Exception):
    """Some trials of a sweep have no finished record."""

    def __init__(self, unfinished: list[str], total: int):
        super().__init__(unfinished, total)
        self.unfinished, self.total = unfinished, total

    def __str__(self) -> str:
        return f"{len(self.unfinished)} of {self.total} trials did not finish: {', '.join(self.unfinished[:10])}"


def portable(error: BaseException) -> BaseException:
    """Return the error, or its text where it cannot be sent to another process."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _rebuild(
    kind: type[UserError], what: str, saw: object, allowed: object, run: str | None, change: tuple[str, ...]
) -> UserError:
    return kind(what, saw=saw, allowed=allowed, run=run, change=change)


def override_key(text: str) -> str:
    """The key of an override, without the signs that add or delete it."""
    return text.lstrip("+~").partition("=")[0]


def suggest(word: str, choices: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the closest of choices, or an empty string."""
    close = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.6)
    return f" Did you mean '{close[0]}'?" if close else ""
