"""The errors that a user sees as a message instead of a traceback."""

import difflib
from collections.abc import Iterable
from pathlib import Path


class UserError(Exception):
    """Something the user can mend: says what was wrong, what was seen, what is allowed, what to run next."""

    def __init__(self, what: str, *, saw: object = None, allowed: object = None, run: str | None = None):
        self.what, self.saw, self.allowed, self.run = what, saw, allowed, run
        super().__init__(what, saw, allowed, run)

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
            lines.append(f"  run:     {self.run}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.what, self.saw, self.allowed, self.run)


class TrialFailed(Exception):
    """A trial ended in an error; its record holds the traceback."""

    def __init__(self, trial_id: str, record: Path, message: str):
        super().__init__(trial_id, record, message)
        self.trial_id, self.record, self.message = trial_id, record, message

    def __str__(self) -> str:
        return f"{self.trial_id} failed: {self.message}\n  record:  {self.record}"


class SweepFailed(Exception):
    """Some trials of a sweep have no finished record."""

    def __init__(self, unfinished: list[str], total: int):
        super().__init__(unfinished, total)
        self.unfinished, self.total = unfinished, total

    def __str__(self) -> str:
        return f"{len(self.unfinished)} of {self.total} trials did not finish: {', '.join(self.unfinished[:10])}"


def _rebuild(kind: type[UserError], what: str, saw: object, allowed: object, run: str | None) -> UserError:
    return kind(what, saw=saw, allowed=allowed, run=run)


def suggest(word: str, choices: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the closest of choices, or an empty string."""
    close = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.6)
    return f" Did you mean '{close[0]}'?" if close else ""
