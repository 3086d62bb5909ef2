"""Write the committed list of components: short names, versions and defaults, which trial ids hash, the types of their
options, by which configs are checked, what they declare, by which pairs are refused, and the facts of the tasks'
metrics, by which records are read.

    python tools/list_components.py

Run it after a component, an option or a metric was added or changed, or a version rose. It refuses a default that
changed or went under one version, a needed option that got a default, and a name that is gone: ids would change unsaid.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

import yaml

from unroll.config.identity import DESCRIPTIONS, NUMBERS, flat
from unroll.config.schema import BottleneckConfig, BudgetConfig, Data, Optimizer, TokenizerConfig, Trainer, defaults_of
from unroll.data import readers
from unroll.registry.components import accepted_by, locate
from unroll.registry.declared import declarations
from unroll.registry.facts import stated
from unroll.registry.groups import conf_directory
from unroll.registry.versions import LIST, described

SECTIONS = {
    "data": Data,
    "tokenizer": TokenizerConfig,
    "bottleneck": BottleneckConfig,
    "budget": BudgetConfig,
    "optimizer": Optimizer,
}
Listed = dict[str, dict[str, dict[str, Any]]]


def found() -> Listed:
    """Describe every component of the package as its code is now."""
    targets = {each for path in conf_directory().rglob("*.yaml") for each in _targets(yaml.safe_load(path.read_text()))}
    numbers = {key: defaults_of(Trainer)[key] for key in NUMBERS}
    classes = {target: locate({"_target_": target}, target) for target in sorted(targets)}
    return {
        "components": {
            described(kind).name: {"target": target, **_entry(kind), **_said(kind)} for target, kind in classes.items()
        },
        "readers": {name: _entry(readers.get(name)) for name in sorted(readers.READERS)},
        "sections": {
            **{name: _section(kind, name) for name, kind in SECTIONS.items()},
            "numbers": {"version": 1, "defaults": numbers, "required": []},
        },
    }


def unlike(old: Listed, new: Listed) -> list[str]:
    """Say what would change ids under an unchanged version."""
    problems = []
    for kind, before in old.items():
        for name, was in before.items():
            now = new[kind].get(name)
            if now is None:
                problems.append(f"{name} is gone: where it was renamed, state component = {name!r} in the class")
            elif now["version"] == was["version"]:
                said = f"raise the version of {name}, which is {was['version']}"
                problems += [
                    f"{name}.{key} was {value!r} by default, now {now['defaults'].get(key, 'no default')!r}: {said}"
                    for key, value in was["defaults"].items()
                    if key not in now["defaults"] or now["defaults"][key] != value
                ]
                given = set(was["required"]) & set(now["defaults"])
                problems += [f"{name}.{key} had no default and has one now: {said}" for key in sorted(given)]
    return problems


def merged(old: Listed, new: Listed) -> Listed:
    """Add to what is now the former places of the classes, and the defaults of their earlier versions."""
    for name, now in new["components"].items():
        was = old.get("components", {}).get(name, {})
        places = {*was.get("former", []), *([was["target"]] if was else [])} - {now["target"]}
        earlier = dict(was.get("earlier", {}))
        if was and was["version"] != now["version"]:
            earlier[str(was["version"])] = was["defaults"]
        now |= {"former": sorted(places), "earlier": earlier}
    return new


def _entry(kind: Any) -> dict[str, Any]:
    one = described(kind)
    return {"version": one.version, "defaults": dict(one.defaults), "required": sorted(accepted_by(kind).required)}


def _said(kind: Any) -> dict[str, Any]:
    facts = stated(kind).plain()
    return {
        "options": dict(accepted_by(kind).schemas),
        "declares": declarations(kind),
        **({"facts": facts} if facts else {}),
    }


def _section(kind: Any, name: str) -> dict[str, Any]:
    others = {"name", "terms", *DESCRIPTIONS.get(name, ())}
    stated = {key: value for key, value in flat(defaults_of(kind)).items() if key.partition(".")[0] not in others}
    defaults = {key: value for key, value in stated.items() if value != "???"}
    return {
        "version": getattr(kind, "version", 1),
        "defaults": defaults,
        "required": sorted(set(stated) - set(defaults)),
    }


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
    LIST.write_text(json.dumps(merged(old, new), indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
