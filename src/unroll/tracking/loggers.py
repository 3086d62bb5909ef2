"""Lightning loggers of a trial: JSON lines always; CSV, TensorBoard and W&B by config; rank zero only."""

import json
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger, WandbLogger
from pytorch_lightning.utilities import rank_zero_only

from unroll.drafts import replacing


class JsonLinesLogger(Logger):
    """metrics.jsonl: one object a line, {"step": ..., name: value, ...}.

    On resuming, lines past the checkpoint's step are dropped: the steps are done again. So are the final evaluation's
    line, and one that a killed process left unfinished. Without a checkpoint (step 0) none stays.
    """

    def __init__(self, path: Path, step: int):
        super().__init__()
        self.path = path
        self._keep_until(step)

    @rank_zero_only
    def _keep_until(self, step: int) -> None:
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

    @property
    def name(self) -> str:
        return "jsonl"

    @property
    def version(self) -> str:
        return self.path.parent.name

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Hyper-parameters are in config.yaml."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Append one line."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **metrics}) + "\n")


def build_loggers(config: Mapping[str, Any], directory: Path, trial_id: str, step: int) -> list[Logger]:
    """The loggers that a trial's `logger` config asks for, going on from `step`."""
    logger = config["logger"]
    lines = JsonLinesLogger(directory / "metrics.jsonl", step)
    loggers: list[Logger] = [lines]
    if logger["csv"]:
        table = CSVLogger(directory, name="csv", version="")
        for metrics in lines.read():  # it starts a new file each time
            table.log_metrics(metrics, step=metrics.pop("step"))
        loggers.append(table)
    if logger["tensorboard"]:
        loggers.append(TensorBoardLogger(directory, name="tensorboard", version=""))
    if logger["wandb"]["mode"] != "disabled":
        wandb = logger["wandb"]
        loggers.append(
            WandbLogger(
                project=wandb["project"],
                entity=wandb["entity"],
                group=wandb["group"] or f"{config['task']['name']}-{config['data']['name']}",
                tags=wandb["tags"] or None,
                name=trial_id,
                id=trial_id,
                resume="allow",
                offline=wandb["mode"] == "offline",
                save_dir=directory,
                config={key: config[key] for key in ("task", "data", "architecture", "optimizer", "seed")},
            )
        )
    return loggers


def close(loggers: list[Logger], failed: bool) -> None:
    """Finish every logger; a failed trial's W&B run ends with exit code 1."""
    for logger in loggers:
        if isinstance(logger, WandbLogger):
            logger.experiment.finish(exit_code=int(failed))
        else:
            logger.finalize("failed" if failed else "success")
