"""One training run and its name."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unroll.config.identity import digest, is_baseline


@dataclass(frozen=True)
class Trial:
    """A resolved config and the id that it hashes to.

    `config` holds plain containers only, without Hydra's own node and without interpolations.
    """

    config: dict[str, Any]
    trial_id: str

    @property
    def directory(self) -> Path:
        """Everything that the trial writes lies here."""
        return Path(self.config["paths"]["runs"]) / self.trial_id

    @property
    def record_path(self) -> Path:
        return self.directory / "record.json"

    @property
    def row(self) -> str:
        """The name of its row in a table: the baseline's, or else the architecture's."""
        return str(self.config["baseline"]["name"] if is_baseline(self.config) else self.config["architecture"]["name"])


def make_trial(config: dict[str, Any]) -> Trial:
    """Name a validated config: `{task}-{data}-{architecture or baseline}-s{seed}-{10 hex digits}`."""
    config = dict(config)
    if is_baseline(config) and config["baseline"].get("seeded") is False:
        config["seed"] = 0
    row = config["baseline"]["name"] if is_baseline(config) else config["architecture"]["name"]
    parts = (config["task"]["name"], config["data"]["name"], row, f"s{config['seed']}", digest(config))
    return Trial(config, "-".join(parts))


def earlier(trial: Trial) -> Iterator[Trial]:
    """The same trial under the task's earlier protocols, the latest first: what its records were named then."""
    task = trial.config["task"]
    for version in range(task["protocol_version"] - 1, 0, -1):
        yield make_trial({**trial.config, "task": {**task, "protocol_version": version}})
