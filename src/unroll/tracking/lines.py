"""metrics.jsonl: what a trial measured while it ran."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unroll.atomic import replacing


class MetricLines:
    """metrics.jsonl: one object a line, {"step": ..., name: value, ...}.

    On resuming, lines past the checkpoint's step are dropped: the steps are done again. So are the final evaluation's
    line, and one that cannot be read, such as one that a killed process left unfinished. Without a checkpoint (step 0)
    none stays.
    """

    def __init__(self, path: Path, step: int):
        self.path = path
        before = self.path.read_bytes() if self.path.exists() else None
        kept = b"".join(line for line in (before or b"").splitlines(keepends=True) if step and _stays(line, step))
        if kept != before:
            with replacing(self.path) as draft:  # on a full disk, no line is lost
                draft.write_bytes(kept)

    def read(self) -> list[dict[str, Any]]:
        """The lines so far."""
        return [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Append one line."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **metrics}) + "\n")


def _stays(line: bytes, step: int) -> bool:
    """Whether a line tells of a step up to this one, and not of the final evaluation."""
    try:
        metrics = json.loads(line)
        done = metrics["step"] <= step and not any(name.startswith("test/") for name in metrics)
    except (ValueError, TypeError, KeyError):
        return False
    return done and line.endswith(b"\n")
