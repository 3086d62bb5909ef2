"""Write the committed list of components: short names, versions and defaults, which trial ids hash.

    python tools/list_components.py

Run it after a component or an option was added, moved or renamed. Where a default changed, or an option went, the
component's `version` is raised first: its trials are other ones then.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import yaml

from unroll.config.identity import NUMBERS
from unroll.config.schema import BottleneckConfig, BudgetConfig, Data, Optimizer, TokenizerConfig, Trainer
from unroll.data import readers
from unroll.registry.components import locate
from unroll.registry.groups import conf_directory
from unroll.registry.versions import LIST, Component, described

SECTIONS = {
    "data": Data,
    "tokenizer": TokenizerConfig,
    "bottleneck": BottleneckConfig,
    "budget": BudgetConfig,
    "optimizer": Optimizer,
}


def found() -> dict[str, dict[str, Component]]:
    """Describe every component of the package as its code is now."""
    targets = {each for path in conf_directory().rglob("*.yaml") for each in _targets(yaml.safe_load(path.read_text()))}
    return {
        "components": {target: described(locate({"_target_": target}, target)) for target in sorted(targets)},
        "readers": {name: described(readers.get(name)) for name in sorted(readers.READERS)},
        "sections": {name: _section(kind, name) for name, kind in SECTIONS.items()}
        | {"numbers": Component("numbers", 1, {key: asdict(Trainer())[key] for key in NUMBERS})},
    }


def unlike(old: dict[str, Any], new: dict[str, dict[str, Component]]) -> list[str]:
    """Say of each component of an unchanged version which default is another one now, or went."""
    problems = []
    for kind, entries in new.items():
        before = {entry["name"]: entry for entry in old.get(kind, {}).values()}
        for one in entries.values():
            was = before.get(one.name)
            if was is None or was["version"] != one.version:
                continue
            now = json.loads(json.dumps(one.defaults))
            problems += [
                f"{one.name}.{key} was {value!r} by default, now {now.get(key, 'no default')!r}: "
                f"raise the version of {one.name}, which is {one.version}"
                for key, value in was["defaults"].items()
                if key not in now or now[key] != value
            ]
    return problems


def _section(kind: Any, name: str) -> Component:
    defaults = {key: value for key, value in asdict(kind()).items() if value != "???" and key != "name"}
    return Component(name, getattr(kind, "version", 1), defaults)


def _targets(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if str(node.get("_target_", "")).startswith("unroll."):
            yield node["_target_"]
        for value in node.values():
            yield from _targets(value)


def main() -> int:
    new = found()
    old = json.loads(LIST.read_text(encoding="utf-8")) if LIST.exists() else {}
    problems = unlike(old, new)
    if problems:
        print("\n".join(problems), file=sys.stderr)
        return 1
    content = {kind: {key: one._asdict() for key, one in entries.items()} for kind, entries in new.items()}
    LIST.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
