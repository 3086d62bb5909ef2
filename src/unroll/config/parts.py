"""The parts of a trained trial, with what their classes declare: what `registry.fits` is asked of."""

from collections.abc import Mapping
from typing import Any

from unroll.config.identity import components
from unroll.registry.components import characterised
from unroll.registry.fits import Part, Parts
from unroll.registry.versions import own_options


def parts_of(config: Mapping[str, Any]) -> Parts:
    """Return the parts that a network's config, plain and resolved, is made of; imports nothing of the package's own.

    Raises:
        UserError: a class of one's own cannot be imported, or declares what there is not.
    """
    found = {key: _part(key, node) for key, node in components(config).items()}
    architecture, bottleneck = config["architecture"], config["bottleneck"]
    return Parts(
        task=found["task"],
        task_name=config["task"]["name"],
        architecture=architecture["name"],
        reconstructs=architecture["reconstructs"],
        encoder=found["architecture.encoder"],
        decoder=found["architecture.decoder"],
        terms=tuple(part for key, part in found.items() if key.startswith("bottleneck.terms.")),
        projects=bottleneck.get("size") is not None or bottleneck.get("ratio") is not None,
        codes_states=bottleneck.get("states", False),
        knobs=frozenset(architecture),
    )


def _part(key: str, node: Mapping[str, Any]) -> Part:
    defaults, declares = characterised(node, key)
    return Part(key, {**defaults, **own_options(node)}, declares)
