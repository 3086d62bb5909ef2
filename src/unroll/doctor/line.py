"""A finding of one check, how checks are run, and how findings are shown."""

import dataclasses
import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unroll.errors import UserError
from unroll.visible import say, visible

if TYPE_CHECKING:
    from unroll.config.trial import Trial

OK, WARNING, PROBLEM = "ok", "warning", "problem"
COLOURS = {OK: "green", WARNING: "yellow", PROBLEM: "red"}


@dataclass(frozen=True)
class Finding:
    """What one check saw, whether that is well, and what to do where it is not."""

    check: str
    state: str
    seen: str
    todo: str = ""


@dataclass(frozen=True)
class Settings:
    """What the user gave: Hydra overrides and a folder of YAML. The config they make is composed when asked for."""

    overrides: tuple[str, ...] = ()
    config_dir: str | None = None

    @functools.cached_property
    def trial(self) -> "Trial":
        from unroll.config.compose import compose

        return compose(self.overrides, self.config_dir)

    @property
    def config(self) -> dict[str, Any]:
        return self.trial.plain


Check = Callable[[Settings], Sequence[Finding]]


def examine(checks: Mapping[str, Check], settings: Settings) -> list[Finding]:
    """Run every check; one that raises is a problem of its own and does not keep the others from running."""
    lines: list[Finding] = []
    for name, check in checks.items():
        try:
            lines += check(settings)
        except UserError as error:
            lines.append(user_error(name, error))
        except Exception as error:
            lines.append(Finding(name, PROBLEM, f"the check failed: {type(error).__name__}: {error}"))
    return lines


def user_error(name: str, error: UserError) -> Finding:
    """Return an error that a user can mend as a problem line."""
    seen = error.what if error.saw is None else f"{error.what} Seen: {error.saw}"
    return Finding(name, PROBLEM, _flat(seen), _flat(error.run or error.allowed or ""))


def as_json(lines: Sequence[Finding]) -> str:
    """Return the findings as a JSON list."""
    return json.dumps([dataclasses.asdict(line) for line in lines], indent=1, ensure_ascii=False)


def show(lines: Sequence[Finding]) -> None:
    """Print the findings: a table on a terminal, a line each elsewhere; then how many there are of each state."""
    from rich.console import Console

    console = Console()
    if console.is_terminal:
        console.print(_table(lines))
    else:
        for line in lines:
            say(": ".join(filter(None, [line.state, line.check, line.seen])) + (line.todo and f" -> {line.todo}"))
    counts = {state: sum(line.state == state for line in lines) for state in (PROBLEM, WARNING, OK)}
    print(", ".join(f"{count} {state}" for state, count in counts.items()), flush=True)


def _table(lines: Sequence[Finding]) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for name in ("", "check", "seen", "what to do"):
        table.add_column(name, overflow="fold")
    for line in lines:
        words = [Text(visible(word)) for word in (line.check, line.seen, line.todo)]
        table.add_row(Text(line.state, style=COLOURS[line.state]), *words)
    return table


def _flat(value: object) -> str:
    text = value if isinstance(value, str) or not hasattr(value, "__iter__") else ", ".join(map(str, value))
    return " ".join(str(text).split())
