"""Overrides in, one validated trial out; what Hydra complains about becomes one clear message."""

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unroll.config.schema import Data
from unroll.config.trial import Trial, make_trial
from unroll.config.validate import validated
from unroll.errors import UserError
from unroll.registry.groups import conf_directory, config_directories, refuse_shadowed


def compose(overrides: Sequence[str], config_dir: str | None = None) -> Trial:
    """Return the trial that the overrides describe, with everything resolved and checked.

    Args:
        overrides: Hydra overrides, such as `task=translation`, `optimizer.learning_rate=0.01`.
        config_dir: a folder with more YAML in Hydra groups, or None.

    Raises:
        UserError: for the first thing that is wrong: a misspelt key or option, a wrong type or range, a
            missing value, a contradiction.
    """
    with composer(config_dir):
        return compose_with(overrides, config_dir)


@contextmanager
def composer(config_dir: str | None = None) -> Iterator[None]:
    """Keep Hydra set up while many trials are composed with `compose_with`."""
    from hydra import initialize_config_dir

    config_directories(config_dir)
    with initialize_config_dir(config_dir=str(conf_directory()), version_base="1.3", job_name="unroll"):
        yield


def compose_with(overrides: Sequence[str], config_dir: str | None = None) -> Trial:
    """Do what `compose` does, inside a `composer` block."""
    return trial_from(compose_node("train", overrides, config_dir), config_dir)


def trial_from(node: Any, config_dir: str | None = None) -> Trial:
    """Validate a composed config (an OmegaConf node, without Hydra's own part) and name it."""
    return make_trial(validated(node, config_dir))


def compose_node(
    config_name: str, overrides: Sequence[str], config_dir: str | None = None, with_hydra: bool = False
) -> Any:
    """Return the composed, unresolved config, with Hydra's own part or without; UserError where Hydra cannot."""
    from hydra import compose as hydra_compose

    from unroll.config.explain import COMPOSITION_ERRORS, explain

    register_defaults()
    path = search_path(config_dir)
    try:
        return hydra_compose(config_name, [*overrides, *path], return_hydra_config=with_hydra)
    except COMPOSITION_ERRORS as error:
        message: UserError = explain(error, config_name, overrides, path, config_dir)
        raise message from error


@functools.cache
def register_defaults() -> None:
    """Give Hydra what conf/train.yaml calls data_defaults: the keys of `schema.Data` at their defaults.

    A data set's YAML is merged over them, so every key can be overridden, whether the YAML has it or not. Hydra takes
    any key below `data`; `validated` refuses those that neither the schema nor the reader knows.
    """
    from hydra.core.config_store import ConfigStore
    from omegaconf import DictConfig, OmegaConf

    node = DictConfig(OmegaConf.to_container(OmegaConf.structured(Data)), flags={"struct": False})
    ConfigStore.instance().store(name="data_defaults", package="data", node=node)


def search_path(config_dir: str | None) -> list[str]:
    """Return the override that makes Hydra's compose look into a user's folder too."""
    if config_dir is None:
        return []
    refuse_shadowed(config_dir)
    return [f"hydra.searchpath=['file://{Path(config_dir).expanduser().resolve()}']"]
