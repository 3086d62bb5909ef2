"""Configs that Hydra itself composes: for what it launches, and for what `compose.Composer` leaves to it."""

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unroll.config.merge import OPEN
from unroll.config.schema import section_defaults
from unroll.errors import UserError
from unroll.registry.groups import conf_directory, config_directories, refuse_shadowed

DEFAULTS = "section_defaults"  # what conf/train.yaml calls the defaults of the sections


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
    """Give Hydra what conf/train.yaml calls section_defaults, and let the `OPEN` mappings take any key."""
    from hydra.core.config_store import ConfigStore
    from omegaconf import OmegaConf

    node = OmegaConf.create(section_defaults())
    for mapping in OPEN:
        OmegaConf.set_struct(OmegaConf.select(node, mapping), False)
    ConfigStore.instance().store(name=DEFAULTS, package="_global_", node=node)


def search_path(config_dir: str | None) -> list[str]:
    """Return the override that makes Hydra's compose look into a user's folder too."""
    refuse_shadowed(config_dir)
    if config_dir is None:
        return []
    return [f"hydra.searchpath=['file://{Path(config_dir).expanduser().resolve()}']"]
