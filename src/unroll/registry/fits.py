"""Whether a task, an architecture and a bottleneck go together: one answer, asked of what their classes declare."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from unroll.errors import UserError
from unroll.registry.declared import CAPABILITIES, DECLARED, holds


class Part(NamedTuple):
    """A component of a trial: the key that its options stand below, those options, what its class declares."""

    key: str
    options: Mapping[str, Any]  # defaults filled in
    declares: Mapping[str, Any]  # `declared.declarations`

    def says(self, name: str) -> Any:
        """Return what it declares, by its options."""
        found = self.declares.get(name, DECLARED[name][0])
        return holds(found["when"], self.options) if isinstance(found, Mapping) else found


@dataclass(frozen=True)
class Parts:
    """What a trained trial is made of."""

    task: Part
    task_name: str
    architecture: str
    reconstructs: bool
    encoder: Part
    decoder: Part
    terms: tuple[Part, ...] = ()
    projects: bool = False  # the bottleneck has a size of its own
    codes_states: bool = False  # bottleneck.states
    knobs: frozenset[str] = frozenset()  # options that the architecture passes on to encoder and decoder


class Misfit(UserError):
    """A task, an architecture and a bottleneck that do not go together: a suite that crosses them passes them over."""


def fits(parts: Parts) -> Misfit | None:
    """Return why a trial's parts do not go together; None where they do. Pure: neither data nor code is asked."""
    for part in (parts.task, parts.encoder, parts.decoder, *parts.terms):
        for need in part.declares.get("needs", ()):
            if holds(need["where"], part.options) and not _HAVE[need["capability"]](parts, part):
                return _misfit(parts, part, need)
    if parts.codes_states:
        for capability in ("attention", "narrows"):
            if not _HAVE[capability](parts, parts.task):
                asking = "bottleneck.states=true"
                return _refusal(parts, asking, capability, "bottleneck.states=false", saw=asking)
    if parts.codes_states or relation_of(parts) == "per_step":
        for term in parts.terms:
            if not term.says("of_states"):
                return Misfit(
                    f"{_titled(parts, term)} is of one code an example, and here each state has a code.",
                    saw=f"task={parts.task_name} with {term.key}",
                    allowed="another term, or a task that reads one code an example",
                )
    return None


def _narrows(parts: Parts) -> bool:
    """Whether the bottleneck does something to codes."""
    return parts.projects or any(term.says("of_codes") for term in parts.terms)


def relation_of(parts: Parts) -> str:
    """Return how a task's output is related to its input where an architecture may reconstruct the input, too.

    Behind a forecast the window is no continuation; a task of one output a step gives a whole input back.
    """
    relation = str(parts.task.says("relation"))
    given_back = {"continues": "free", "per_step": "same"}
    return given_back.get(relation, relation) if _reconstructs(parts) else relation


def _reconstructs(parts: Parts) -> bool:
    return parts.reconstructs and parts.task.options.get("reconstruction_weight", 1) != 0


def _ends_random(parts: Parts) -> bool:
    return bool(parts.terms) and bool(parts.terms[-1].says("posterior"))


def _random(parts: Parts) -> bool:
    return any(term.says("posterior") for term in parts.terms)


def _predicts(parts: Parts) -> bool:
    return bool(parts.encoder.says("states") == "steps" and parts.encoder.says("causal"))


_HAVE: Mapping[str, Callable[[Parts, Part], bool]] = {
    "states": lambda parts, _: parts.encoder.says("states") is not None,
    "steps": lambda parts, _: parts.encoder.says("states") == "steps",
    "nodes": lambda parts, _: parts.encoder.says("states") == "nodes",
    "causal": lambda parts, _: parts.encoder.says("causal"),
    "stateful": lambda parts, _: parts.encoder.says("stateful"),
    "sequential": lambda parts, _: not parts.decoder.says("parallel"),
    "attends": lambda parts, _: parts.decoder.says("attends"),
    "coded_states": lambda parts, _: parts.codes_states or not _narrows(parts),
    "untruncated": lambda parts, _: parts.decoder.options.get("truncate") is None,
    "narrows": lambda parts, _: _narrows(parts),
    "reconstructs": lambda parts, _: _reconstructs(parts),
    "forward": lambda parts, _: not parts.reconstructs,
    "likelihood": lambda parts, _: _ends_random(parts) if parts.reconstructs else _predicts(parts),
    "posterior": lambda parts, _: _random(parts),
    "autoencodes": lambda parts, _: parts.task.says("autoencodes"),
    "continues": lambda parts, _: relation_of(parts) == "continues",
    "ties": lambda parts, _: parts.encoder.says("ties"),
    "unprojected": lambda parts, _: not parts.projects,
    "same": lambda parts, _: relation_of(parts) == "same",
    "last_term": lambda parts, asker: asker.key == parts.terms[-1].key,
    "attention": lambda parts, _: parts.task.options.get("attention") is not None,
}
assert _HAVE.keys() == CAPABILITIES.keys()


def _misfit(parts: Parts, part: Part, need: Mapping[str, Any]) -> Misfit:
    """The refusal of a need: who asks for it, and what to change on either side."""
    where = need["where"]
    asking = " ".join(f"{_place(parts, part, key)}={_written(part.options.get(key))}" for key in where)
    undone = [
        f"{_place(parts, part, key)}={_written(other['unless'])}"
        for key, other in where.items()
        if isinstance(other, Mapping)
    ]
    return _refusal(parts, asking or _titled(parts, part), need["capability"], *undone, saw=asking)


def _refusal(parts: Parts, who: str, capability: str, *undone: str, saw: str) -> Misfit:
    wanted, remedy = CAPABILITIES[capability]
    pair = f"task={parts.task_name} architecture={parts.architecture}"
    return Misfit(
        f"{who} needs {wanted}.",
        saw=f"{pair} {saw}".rstrip(),
        allowed=", or ".join([*undone, remedy]),
    )


def _place(parts: Parts, part: Part, key: str) -> str:
    """The dotted key under which a user sets a part's option."""
    passed_on = part.key.startswith("architecture.") and key in parts.knobs
    return f"architecture.{key}" if passed_on else f"{part.key}.{key}"


def _titled(parts: Parts, part: Part) -> str:
    if part is parts.task:
        return "The task"
    section, _, name = part.key.rpartition(".")
    return f"The {name} of {parts.architecture}" if section == "architecture" else f"The term {name}"


def _written(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
