"""Overrides in, one validated trial out; what Hydra complains about becomes one clear message."""

import functools
import json
import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from unroll.config.by_hydra import DEFAULTS, compose_node
from unroll.config.defaults_list import Entry, Option, Unusual, placed_files
from unroll.config.identity import is_baseline
from unroll.config.merge import applied, merged, parsed
from unroll.config.schema import section_defaults
from unroll.config.trial import Alike, Trial, make_trial, row
from unroll.config.typed import check_seed
from unroll.config.validate import validated
from unroll.errors import UserError
from unroll.registry.groups import config_directories, refuse_shadowed
from unroll.registry.yaml_files import YamlFile, yaml_file

OF_NETWORKS = re.compile(r"[+~]*(architecture|bottleneck|optimizer|budget)([.@=/]|$)")
OF_HYDRA = re.compile(r"[+~]*hydra[./]")
_SEED = re.compile(r"seed=[0-9]+")
_NOT_TO_THE_SEED = re.compile(r"\$\{(?:oc\.env:[^${}]*|\.*(?:\w+\.)*(?!seed\})\w+)\}")


def compose(overrides: Sequence[str], config_dir: str | None = None) -> Trial:
    """Return the trial that the overrides describe, with everything resolved and checked.

    Args:
        overrides: Hydra overrides, such as `task=translation`, `optimizer.learning_rate=0.01`.
        config_dir: a folder with more YAML in Hydra groups, or None.

    Raises:
        UserError: for the first thing that is wrong: a misspelt key or option, a wrong type or range, a
            missing value, a contradiction.
    """
    return Composer(config_dir).trial(overrides)


Make = Callable[[Sequence[str]], Trial]  # overrides -> trial


def of_its_method(overrides: Iterable[str]) -> list[str]:
    """Return overrides without those that only networks read, where they choose a baseline."""
    texts = list(overrides)
    chosen = [text.partition("=")[2] for text in texts if text.startswith("baseline=")]
    return [text for text in texts if not OF_NETWORKS.match(text)] if chosen[-1:] not in ([], ["none"]) else texts


class Composer:
    """Composes many configs: files are read once, and configs of the same files are made from one of them."""

    def __init__(self, config_dir: str | None = None):
        self.config_dir = config_dir
        self.folders = config_directories(config_dir)
        refuse_shadowed(config_dir)
        self._file = functools.cache(self._found)
        self._is_group = functools.cache(lambda group: any((folder / group).is_dir() for folder in self.folders))
        self._parsed = functools.cache(parsed)
        self._base = functools.cache(self._merged_files)
        self._seedless = functools.cache(self._without_seed)

    def trial(self, overrides: Sequence[str], name: str = "train") -> Trial:
        """Do what `compose` does, from the root config `name`."""
        others = tuple(text for text in overrides if not _SEED.fullmatch(text))
        if len(others) + 1 == len(overrides):
            found = self._seedless(name, others)
            if found is not None:
                (seed,) = set(overrides) - set(others)
                number = int(seed.partition("=")[2])
                check_seed(number)
                return found.with_seed(number)
        return make_trial(self._checked(self.raw(name, overrides), overrides))

    def _without_seed(self, name: str, overrides: tuple[str, ...]) -> Alike | None:
        """What trials share that differ by their seed alone; None where the seed is passed on to something else."""
        raw = self.raw(name, overrides)
        return None if _uses_the_seed(raw) else Alike(self._checked(raw, overrides))

    def _checked(self, raw: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
        config = validated(raw, self.config_dir)
        idle = [text for text in overrides if OF_NETWORKS.match(text)] if is_baseline(config) else []
        if idle:
            raise UserError(
                "A baseline takes a network's place, and reads none of a network's options.",
                saw=f"baseline={row(config)} {' '.join(idle)}",
                allowed=f"baseline={row(config)}, or a network without a baseline",
                run=shlex.join(["unroll", "train", *(text for text in overrides if text not in idle)]),
            )
        return config

    def raw(self, name: str, overrides: Sequence[str]) -> dict[str, Any]:
        """Return a composed config with its references as they are, without Hydra's own part.

        Its containers are shared with other configs: copy what is to change.

        Args:
            name: of a file in the root of the groups, such as "train".
            overrides: as for `compose`; those of `hydra` are passed over.

        Raises:
            UserError: it cannot be composed.
        """
        try:
            return self._plain(name, overrides)
        except Unusual:
            return dict(_plain(compose_node(name, overrides, self.config_dir)))

    def needs_hydra(self, name: str, overrides: Sequence[str]) -> bool:
        """Whether overrides are left to Hydra, which takes a second to refuse them: a mistake, or something unusual."""
        try:
            self._plain(name, overrides)
        except (Unusual, UserError):
            return True
        return False

    def _plain(self, name: str, overrides: Sequence[str]) -> dict[str, Any]:
        chosen: dict[str, Option] = {}
        added: list[Entry] = []
        values = []
        for text in overrides:
            override = self._parsed(text)
            key, value = override.key_or_group, override.value()
            if OF_HYDRA.match(text):
                if key.startswith("hydra.searchpath"):
                    raise Unusual
            elif isinstance(value, dict) or not self._is_group(key):
                values.append(override)
            elif override.is_delete() or override.is_force_add() or not isinstance(value, str | list):
                raise Unusual
            elif override.is_add():
                added.append(Entry(key, value, override.package))
            else:
                chosen[override.get_key_element()] = value
        files = self._base(name, _frozen(chosen.items()), _frozen(added))
        config = files
        for override in values:
            config = applied(config, override)
        return config

    def _merged_files(self, name: str, chosen: Any, added: Any) -> dict[str, Any]:
        options = {key: _thawed(option) for key, option in chosen}
        entries = [Entry(group, _thawed(option), package, override) for group, option, package, override in added]
        found: dict[str, Any] = {}
        for path, package in placed_files(name, self._file, options, entries):
            file = self._file(path)
            assert file is not None
            content: Any = {key: value for key, value in file.content.items() if key != "defaults"}
            for part in reversed(package.split(".") if package else ()):
                content = {part: content}
            found = merged(found, content)
        return {key: value for key, value in found.items() if key != "hydra"}

    def _found(self, path: str) -> YamlFile | None:
        """A file below the groups, of the first folder that has it."""
        if path == DEFAULTS:
            return YamlFile(section_defaults(), "_global_")
        for folder in self.folders:
            file = folder / f"{path}.yaml"
            if file.is_file():
                return yaml_file(file)
        return None


def _uses_the_seed(raw: Mapping[str, Any]) -> bool:
    """Whether a reference in a config is one to the seed, or one that only OmegaConf understands."""
    return "${" in _NOT_TO_THE_SEED.sub("", json.dumps(raw, default=str))


def _frozen(items: Any) -> tuple[Any, ...]:
    return tuple(tuple(tuple(part) if isinstance(part, list) else part for part in item) for item in items)


def _thawed(option: Any) -> Any:
    return list(option) if isinstance(option, tuple) else option


def trial_from(node: Any, config_dir: str | None = None) -> Trial:
    """Validate a config that Hydra composed (an OmegaConf node, without Hydra's own part) and name it."""
    return make_trial(validated(_plain(node), config_dir))


def _plain(node: Any) -> dict[str, Any]:
    from omegaconf import OmegaConf

    found: Any = OmegaConf.to_container(node, resolve=False)
    return {str(key): value for key, value in found.items()}
