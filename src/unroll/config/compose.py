"""Overrides in, one validated trial out; what Hydra complains about becomes one clear message."""

import functools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from unroll.config.defaults_list import Entry, Option, Unusual, placed_files
from unroll.config.schema import section_defaults
from unroll.config.trial import Alike, Trial, make_trial
from unroll.config.typed import check_seed
from unroll.config.validate import validated
from unroll.errors import UserError
from unroll.registry.groups import conf_directory, config_directories, refuse_shadowed
from unroll.registry.yaml_files import YamlFile, yaml_file

# Sections that take any key, which is checked afterwards: by a data set's reader, by the classes of an architecture.
OPEN = ("data", "architecture")
OF_NETWORKS = re.compile(r"[+~]*(architecture|bottleneck|optimizer|budget)([.@=/]|$)")
_SEED = re.compile(r"seed=\d+")
_PASSED_ON = re.compile(r"\$\{\.*seed\}")
_DEFAULTS = "section_defaults"  # what conf/train.yaml calls the defaults of the sections


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
        if config_dir is not None:
            refuse_shadowed(config_dir)
        self._file = functools.cache(self._found)
        self._is_group = functools.cache(lambda group: any((folder / group).is_dir() for folder in self.folders))
        self._parsed = functools.cache(_parsed)
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
        return self._composed(name, overrides)

    def _without_seed(self, name: str, overrides: tuple[str, ...]) -> Alike | None:
        """What trials share that differ by their seed alone; None where the seed is passed on to something else."""
        if _PASSED_ON.search(json.dumps(self.raw(name, overrides), default=str)):
            return None
        return Alike(self._composed(name, overrides).plain)

    def _composed(self, name: str, overrides: Sequence[str]) -> Trial:
        trial = make_trial(validated(self.raw(name, overrides), self.config_dir))
        idle = [text for text in overrides if OF_NETWORKS.match(text)] if trial.is_baseline else []
        if idle:
            raise UserError(
                "A baseline takes a network's place, and reads none of a network's options.",
                saw=f"baseline={trial.row} {' '.join(idle)}",
                allowed=f"baseline={trial.row}, or a network without a baseline",
            )
        return trial

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

    def _plain(self, name: str, overrides: Sequence[str]) -> dict[str, Any]:
        chosen: dict[str, Option] = {}
        added: list[Entry] = []
        values = []
        for text in overrides:
            override = self._parsed(text)
            key, value = override.key_or_group, override.value()
            if key.startswith("hydra"):
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
            config = _applied(config, override)
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
        if path == _DEFAULTS:
            return YamlFile(section_defaults(), "_global_")
        for folder in self.folders:
            file = folder / f"{path}.yaml"
            if file.is_file():
                try:
                    return yaml_file(file)
                except (yaml.YAMLError, UnicodeDecodeError) as error:
                    raise Unusual from error
        return None


def with_values(config: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Return a plain config with the values that overrides give to keys that it has.

    Raises:
        UserError: an override that cannot be read, or of another key.
    """
    found = dict(config)
    for text in overrides:
        try:
            found = _applied(found, _parsed(text))
        except Unusual:
            raise UserError("There is no such key to set here.", saw=text, allowed=sorted(found)) from None
    return found


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Merge as OmegaConf does: mappings key by key, all else is replaced, and ??? replaces nothing."""
    found = dict(below)
    for key, value in above.items():
        present = found.get(key)
        if isinstance(value, Mapping) and isinstance(present, Mapping):
            found[key] = merged(present, value)
        elif isinstance(value, Mapping) and isinstance(present, str) and "${" in present:
            raise Unusual
        elif key not in found or value != "???":
            found[key] = value
    return found


def _applied(config: dict[str, Any], override: Any) -> dict[str, Any]:
    """Return a config with the value of one override; what Hydra would refuse is Unusual."""
    key, value = override.key_or_group, override.value()
    parts = key.split(".")
    if override.package is not None or "[" in key or not all(parts) or "\\$" in str(value):
        raise Unusual
    grows = override.is_add() or override.is_force_add()
    is_open = grows or parts[0] in OPEN
    root = node = dict(config)
    for part in parts[:-1]:
        inner = node.get(part, {} if is_open else None)
        if not isinstance(inner, Mapping):
            raise Unusual
        node[part] = dict(inner)
        node = node[part]
    last = parts[-1]
    present = node.get(last)
    if override.is_delete():
        if present is None or value is not None or (isinstance(present, str) and ("${" in present or present == "???")):
            raise Unusual
        del node[last]
    elif not isinstance(value, Mapping):
        if (override.is_add() and present is not None and not isinstance(value, list)) or (
            last not in node and not is_open
        ):
            raise Unusual
        node[last] = value
    elif isinstance(present, Mapping):
        if not is_open and not _has(present, value):
            raise Unusual
        node[last] = merged(present, value)
    elif (last not in node and not is_open) or isinstance(present, str):
        raise Unusual
    else:
        node[last] = value
    return root


def _has(present: Mapping[str, Any], value: Mapping[str, Any]) -> bool:
    """Whether a mapping has every key of another one."""
    return all(
        key in present
        and (not isinstance(inner, Mapping) or not isinstance(present[key], Mapping) or _has(present[key], inner))
        for key, inner in value.items()
    )


def _parsed(text: str) -> Any:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        override = OverridesParser.create().parse_override(text)
    except HydraException as error:
        raise Unusual from error
    if override.is_sweep_override():
        raise Unusual
    return override


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


@contextmanager
def hydra_set_up(config_dir: str | None = None) -> Iterator[None]:
    """Have Hydra set up, as it is for what it composes and launches; once is enough."""
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    config_directories(config_dir)
    if GlobalHydra.instance().is_initialized():
        yield
        return
    with initialize_config_dir(config_dir=str(conf_directory()), version_base="1.3", job_name="unroll"):
        yield


def compose_node(
    config_name: str, overrides: Sequence[str], config_dir: str | None = None, with_hydra: bool = False
) -> Any:
    """Return a config as Hydra composes it, unresolved, with Hydra's own part or without; UserError where it cannot."""
    from hydra import compose as hydra_compose

    from unroll.config.explain import COMPOSITION_ERRORS, explain

    register_defaults()
    path = search_path(config_dir)
    with hydra_set_up(config_dir):
        try:
            return hydra_compose(config_name, [*overrides, *path], return_hydra_config=with_hydra)
        except COMPOSITION_ERRORS as error:
            message: UserError = explain(error, config_name, overrides, path, config_dir)
            raise message from error


@functools.cache
def register_defaults() -> None:
    """Give Hydra what conf/train.yaml calls section_defaults, and let the `OPEN` sections take any key."""
    from hydra.core.config_store import ConfigStore
    from omegaconf import OmegaConf

    node = OmegaConf.create(section_defaults())
    for section in OPEN:
        OmegaConf.set_struct(node[section], False)
    ConfigStore.instance().store(name=_DEFAULTS, package="_global_", node=node)


def search_path(config_dir: str | None) -> list[str]:
    """Return the override that makes Hydra's compose look into a user's folder too."""
    if config_dir is None:
        return []
    refuse_shadowed(config_dir)
    return [f"hydra.searchpath=['file://{Path(config_dir).expanduser().resolve()}']"]
