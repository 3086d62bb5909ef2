"""Tab completion of commands, and of the overrides that they take, through Hydra's own shell scripts and plugins.

Hydra's scripts call `unroll -sc query=bash` with the line typed so far in COMP_LINE and know of no commands.
"""

import contextlib
import os
import re
from collections.abc import Sequence

COMMANDS = {  # command: the root config of its overrides
    **dict.fromkeys(("train", "doctor", "evaluate", "matrix", "summary"), "train"),
    **dict.fromkeys(("sweep", "cost", "report", "seeds", "status", "track"), "sweep"),
}
_OTHERS = (
    *("audit", "data", "diff", "dispute", "export", "export-model", "predict", "reproduce", "sample", "show"),
    "verify",
)
_LINE = re.compile(r"^\s*(?:\S*python[\d.]*\s+-m\s+)?\S+\s+(?P<command>\S*)(?P<rest>.*)$", re.DOTALL)


def shell_completion(arguments: Sequence[str]) -> None:
    """Answer `-sc install=SHELL`, `-sc uninstall=SHELL` or `-sc query=SHELL`."""
    from unroll.config.explain import COMPOSITION_ERRORS
    from unroll.sweeps.job import run_hydra

    if not any(argument.startswith("query=") for argument in arguments):
        run_hydra("train", arguments)
        return
    found = _LINE.match(os.environ.get("COMP_LINE", ""))
    if found is None:
        return
    command, rest = found["command"], found["rest"]
    if not rest:
        print("\n".join(name for name in sorted([*COMMANDS, *_OTHERS]) if name.startswith(command)))
    elif command in COMMANDS:
        os.environ["COMP_LINE"] = f"unroll{rest}"
        with contextlib.suppress(*COMPOSITION_ERRORS):  # a half-typed line is no mistake yet
            run_hydra(COMMANDS[command], [*arguments, *_config_dir(rest)])


def _config_dir(line: str) -> list[str]:
    found = re.search(r"(?:--config-dir|-cd)[ =](\S+)", line)
    return ["--config-dir", found[1]] if found else []
