"""metrics.jsonl: what a trial measured while it ran."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unroll.drafts import replacing


class MetricLines:
    """metrics.jsonl: one object a line, {"step": ..., name: value, ...}.

    On resuming, lines past the checkpoint's step are dropped: the steps are done again. So are the final evaluation's
    line, and one that a killed process left unfinished. Without a checkpoint (step 0) none stays.
    """

    def __init__(self, path: Path, step: int):
        self.path = path
        lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True) if self.path.exists() else []
        kept = []
        for line in lines:
            metrics = json.loads(line) if line.endswith("\n") else {"step": step + 1}
            final = any(name.startswith("test/") for name in metrics)
            if step and metrics["step"] <= step and not final:
                kept.append(line)
        if not self.path.exists() or kept != lines:
            with replacing(self.path) as draft:  # on a full disk, no line is lost
                draft.write_text("".join(kept), encoding="utf-8")

    def read(self) -> list[dict[str, Any]]:
        """The lines so far."""
        return [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Append one line."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **metrics}) + "\n")
