"""One training run and its name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from unroll.config.identity import components, digest, identity, is_baseline, is_seeded
from unroll.config.schema import Config
from unroll.config.typed import config_of
from unroll.registry.facts import facts
from unroll.registry.versions import VERSION, taken_back


@dataclass(frozen=True)
class Trial:
    """A resolved config and the id that it hashes to.

    `plain` is the config as a record keeps it: plain containers only, without Hydra's own node and without
    interpolations. Of trials that are only looked at, it may be a part of one.
    """

    plain: dict[str, Any]
    trial_id: str

    @cached_property
    def config(self) -> Config:
        """The config as its model; UserError where it is none."""
        return config_of(self.plain)

    @cached_property
    def decides(self) -> dict[str, Any]:
        """What its name hashes, but for the seed."""
        return identity(self.plain)

    @property
    def directory(self) -> Path:
        """Everything that the trial writes lies here."""
        return Path(self.plain["paths"]["runs"]) / self.trial_id

    @property
    def record_path(self) -> Path:
        return self.directory / "record.json"

    @property
    def row(self) -> str:
        """The name of its row in a table: the baseline's, or else the architecture's."""
        return row(self.plain)

    def _repr_markdown_(self) -> str:
        config = self.plain
        parts = {
            "task": f"{config['task']['name']} on {config['data']['name']}",
            "baseline" if self.is_baseline else "architecture": self.row,
            "seed": config["seed"],
            "directory": f"`{self.directory}`",
            "has a record": "yes" if self.record_path.is_file() else "no",
        }
        rows = [f"| {name} | {value} |" for name, value in parts.items()]
        return "\n".join([f"**{self.trial_id}**", "", "|  |  |", "| --- | --- |", *rows])

    @property
    def is_baseline(self) -> bool:
        """Whether its method has no training steps."""
        return is_baseline(self.plain)


def row(config: Mapping[str, Any]) -> str:
    """Return the name of a config's row in a table: the baseline's, or else the architecture's."""
    return str(config["baseline" if is_baseline(config) else "architecture"]["name"])


def make_trial(config: Mapping[str, Any]) -> Trial:
    """Name a validated config: `{task}-{data}-{architecture or baseline}-s{seed}-{10 hex digits}`."""
    return Alike(config).with_seed(config["seed"])


class Alike:
    """Validated configs that differ by their seeds alone: what names them is told once."""

    def __init__(self, config: Mapping[str, Any]):
        self.config, self.decides = config, identity(config)

    def with_seed(self, seed: int) -> Trial:
        """Return the trial of a seed."""
        seed = seed if is_seeded(self.config) else 0
        name = digest({**self.decides, "seed": seed})
        parts = self.config["task"]["name"], self.config["data"]["name"], row(self.config), f"s{seed}", name
        trial = Trial({**self.config, "seed": seed}, "-".join(parts))
        trial.__dict__["decides"] = self.decides  # as the cached property would
        return trial


def earlier(trial: Trial) -> Iterator[Trial]:
    """The same trial under the task's earlier protocols, the latest first: what its records were named then.

    Then the same again with its components some versions before today's: with the same values, as somebody stated them
    then, and with the defaults of then.
    """
    task, (named, _, _) = trial.plain["task"], trial.trial_id.rpartition("-")
    known = facts(task)

    def then(part: Mapping[str, Any], version: int) -> dict[str, Any]:
        roles = {role: part[role] for role in ("primary", "selection") if role in part}
        renamed = {role: {**of, "name": known.name_under(of["name"], version)} for role, of in roles.items()}
        return {**part, "protocol_version": version, **renamed}

    newest = max(node.get(VERSION, 1) for node in components(trial.plain).values())
    older = ((taken_back(trial.plain, back, defaults)) for back in range(1, newest) for defaults in (False, True))
    for before in (trial, *(Trial(config, "") for config in older)):
        for version in range(task["protocol_version"] - (before is trial), 0, -1):
            decides = {**before.decides, "task": then(before.decides["task"], version), "seed": trial.plain["seed"]}
            yield Trial({**before.plain, "task": then(before.plain["task"], version)}, f"{named}-{digest(decides)}")
