"""What the command line says of itself: every command with its whole first sentence, and the version."""

from typing import Any

import typer
from typer.core import TyperGroup

from unroll import __version__
from unroll.visible import say


class Commands(TyperGroup):
    """A group whose help cuts no sentence: the column of descriptions wraps instead."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands, each with the first paragraph of its help."""
        commands = [self.get_command(ctx, name) for name in self.list_commands(ctx)]
        rows = [
            (command.name, " ".join((command.help or "").partition("\n\n")[0].split()))
            for command in commands
            if command is not None and not command.hidden
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def say_version(asked: bool) -> None:
    """Print the version and end, where it was asked for."""
    if asked:
        say(f"unroll {__version__}")
        raise typer.Exit
