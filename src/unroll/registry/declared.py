"""What a class says of itself, so that a pair is refused before any work: what it is, and what it needs of the others.

A class states what it is as class attributes, `DECLARED` names them, and what it needs as `needs`. Where an option
decides, a value is a `When`. The committed list holds all of it as JSON, so that nothing is imported to ask.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from unroll.errors import UserError, suggest
from unroll.registry.options import options_of


class Unless:
    """Any other value of an option than the stated one."""

    def __init__(self, value: Any):
        self.value = value


class When:
    """Holds where each named option has the stated value, or one that an `Unless` leaves."""

    def __init__(self, **options: Any):
        self.options = options


@dataclass(frozen=True)
class Need:
    """A capability, one of `CAPABILITIES`, that a class needs of the others: always, or where its options are so."""

    capability: str
    where: Mapping[str, Any] = field(default_factory=dict)


DECLARED: Mapping[str, tuple[Any, ...]] = {
    # of an encoder
    "states": (None, "steps", "nodes"),  # what it keeps: nothing, one state a step, one a node of a tree
    "causal": (False, True),  # no state depends on a later step
    "stateful": (False, True),  # it goes on from a state: `start`, `step`, and `state` of its call
    "ties": (False, True),  # a decoder may have its matrices
    # of a decoder
    "parallel": (False, True),  # all output steps at once; inputs are ignored
    "attends": (False, True),  # to the encoder's states
    # of a bottleneck's term
    "of_states": (True, False),  # it acts on codes of steps and nodes as on those of examples
    "of_codes": (True, False),  # it transforms or penalises codes; False: the input, or the weights
    "posterior": (False, True),  # it makes the code random: `Context.posterior` and `Context.prior`
    # of a task
    "relation": ("free", "same", "continues", "per_step"),  # see `unroll.models.contracts.Shape`
    "autoencodes": (False, True),  # the task itself is to reconstruct its input
}
"""Attribute -> its values; the first is that of a class that does not say."""

CAPABILITIES: Mapping[str, tuple[str, str]] = {
    "states": ("an encoder that keeps its states", "a recurrent or recursive architecture"),
    "steps": ("an encoder with one state a step of the input", "a recurrent architecture"),
    "nodes": ("an encoder that reads trees", "an architecture over trees"),
    "causal": ("an encoder that sees no later step of the input", "a recurrent architecture of one direction"),
    "stateful": ("an encoder that goes on from a state", "a recurrent architecture of one direction"),
    "sequential": ("a decoder that works step by step", "a recurrent architecture"),
    "attends": ("a decoder that attends to states", "a recurrent architecture"),
    "coded_states": (
        "a bottleneck that no state passes by",
        "bottleneck=none, or bottleneck.states=true: the states go through it as well",
    ),
    "narrows": ("a bottleneck that acts on codes", "another bottleneck"),
    "untruncated": ("gradients through all steps of the decoder", "architecture.truncate=null"),
    "reconstructs": ("an architecture that reconstructs its input", "an autoencoder, reconstruction_weight above 0"),
    "forward": ("an architecture that does not reconstruct its input", "architecture.reconstructs=false"),
    "likelihood": (
        "a likelihood of whole sequences",
        "an encoder of steps that sees no later one, or an autoencoder whose last term makes the code random",
    ),
    "posterior": ("a code that is random", "bottleneck=variational, or an architecture that has it"),
    "autoencodes": ("a task whose output is its input", "a task that autoencodes, such as compression"),
    "continues": (
        "an output that goes on where the input ends",
        "task=forecasting with an architecture that does not reconstruct",
    ),
    "ties": ("a feed-forward encoder, whose matrices it takes", "architecture.tied=auto: tied where it can be"),
    "unprojected": ("the encoder's own output as code", "bottleneck.size=null bottleneck.ratio=null"),
    "same": ("a task whose output is its input", "another task, or architecture.tied=auto: tied where it can be"),
    "last_term": ("no term behind it", "that term at the end of bottleneck.terms"),
    "attention": ("attention, which alone reads the states beside the code", "task.attention=additive"),
}
"""What a part may need: in words, and what has it."""


def declarations(kind: Any) -> dict[str, Any]:
    """Return what a class declares, as JSON; nothing of what holds where it does not say.

    Raises:
        UserError: a value, an option or a capability that there is not.
    """
    found: dict[str, Any] = {}
    for name, values in DECLARED.items():
        value = getattr(kind, name, values[0])
        if isinstance(value, When):
            _check_options(kind, name, value.options)
            found[name] = {"when": _conditions(value.options)}
        elif not any(value is one or (isinstance(one, str) and value == one) for one in values):
            allowed = [*map(repr, values), "When(option=value)"]
            raise UserError(f"{kind.__name__}.{name} has no such value.", saw=repr(value), allowed=allowed)
        elif value != values[0]:
            found[name] = value
    stated: Any = getattr(kind, "needs", ())
    needs = stated if isinstance(stated, tuple | list) else (stated,)
    for need in needs:
        if not isinstance(need, Need) or need.capability not in [*CAPABILITIES]:
            asked = getattr(need, "capability", need)
            raise UserError(
                f"{kind.__name__} needs what no part has.{suggest(str(asked), CAPABILITIES)}",
                saw=repr(asked),
                allowed=f"Need(CAPABILITY), one of {', '.join(CAPABILITIES)}",
            )
        _check_options(kind, "needs", need.where)
    if needs:
        found["needs"] = [{"capability": need.capability, "where": _conditions(need.where)} for need in needs]
    return found


def holds(conditions: Mapping[str, Any], options: Mapping[str, Any]) -> bool:
    """Whether options, defaults filled in, are as conditions in JSON say: `{"beam": {"unless": 1}}`."""
    for key, wanted in conditions.items():
        value, other = options.get(key), isinstance(wanted, Mapping)
        stated = wanted["unless"] if isinstance(wanted, Mapping) else wanted
        same = value == stated and isinstance(value, bool) == isinstance(stated, bool)
        if same == other:
            return False
    return True


def _check_options(kind: Any, name: str, conditions: Mapping[str, Any]) -> None:
    """Raise UserError where what a class itself states hangs on an option that it has not."""
    known = options_of(kind)
    for key in conditions:
        if name in vars(kind) and key not in known:
            raise UserError(
                f"{kind.__name__}.{name} hangs on an option that {kind.__name__} has not.{suggest(key, known)}",
                saw=key,
                allowed=list(known),
            )


def _conditions(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: {"unless": value.value} if isinstance(value, Unless) else value for key, value in options.items()}
