"""The benchmark data that a script needs, asked for before anything is timed."""

import os
from pathlib import Path

from unroll.errors import UserError


def require_data(module: str, *folders: str) -> None:
    """Raise UserError unless UNROLL_DATA names a folder; the message says which folders `module` needs in it."""
    data = os.environ.get("UNROLL_DATA")
    if not data or not Path(data).is_dir():
        raise UserError(
            "The benchmark needs data.",
            saw=f"UNROLL_DATA={data}",
            allowed=f"a folder that holds {', '.join(f'{folder}/' for folder in folders)}",
            run=f"UNROLL_DATA=<folder> python -m benchmarks.{module}",
        )
