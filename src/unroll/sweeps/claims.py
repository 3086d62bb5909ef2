"""A suite's claims as its YAML states them, and what is wrong with one before any trial is trained."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from unroll.config.schema import Section, Text
from unroll.config.written import written
from unroll.errors import UserError, suggest
from unroll.records.store import flatten
from unroll.registry.metric import Direction


class Hypothesis(Section):
    """What is said of architectures or of an option, as comparisons among a suite's trials.

    Each of `pairs` names two architectures, or two values of `option`: by the hypothesis the first has the better
    `metric`, wherever the two differ by that alone. `where` are filters on the trials. `metric` is `primary`, or a
    field of the record, as `run.training_seconds`, with its `unit` and the `direction` that is better.
    """

    says: str
    option: Text = "architecture"
    pairs: list[Annotated[list[Any], Field(min_length=2, max_length=2)]] = Field(min_length=1)
    where: list[str] = Field([])
    metric: str = "primary"
    unit: str = ""
    direction: Direction | None = None
    note: str = ""


def check_directions(hypotheses: Mapping[str, Hypothesis]) -> None:
    """Raise UserError where a hypothesis does not say which direction of its metric is better, or says it twice."""
    for name, one in hypotheses.items():
        if (one.direction is None) != (one.metric == "primary"):
            saw = f"metric: {one.metric}, direction: {one.direction}"
            allowed = "metric: primary without a direction, or a field of the record with higher or lower"
            raise UserError(
                f"'suite.hypotheses.{name}' has no direction that goes with its metric.", saw=saw, allowed=allowed
            )


def check_compared(
    hypotheses: Mapping[str, Hypothesis], networks: Sequence[Mapping[str, Any]], grids: Sequence[Mapping[str, Any]]
) -> None:
    """Raise UserError where a hypothesis compares by what is no option of a suite's networks, or what none of them has.

    Args:
        hypotheses: by name.
        networks: the configs of the suite's networks.
        grids: of its parts. What a grid has and overrides leave out is no mistake.
    """
    if not networks:
        return
    options = [flatten(dict(plain)) for plain in networks] if hypotheses else []
    known = {key for found in options for key in found}
    for name, one in hypotheses.items():
        key = "architecture.name" if one.option == "architecture" else one.option
        if key not in known:
            raise UserError(
                f"'suite.hypotheses.{name}.option' is no option of this suite's trials.{suggest(one.option, known)}",
                saw=one.option,
                allowed="architecture, or a key such as task.left_padding; `unroll train --cfg job` shows all",
            )
        values = [
            *(found.get(key) for found in options),
            *(value for grid in grids for value in grid.get(one.option, ())),
        ]
        have = {json.dumps(value): value for value in values}
        for value in (value for pair in one.pairs for value in pair):
            if json.dumps(value) not in have:
                raise UserError(
                    f"'suite.hypotheses.{name}' compares what no trial of the suite has."
                    f"{suggest(str(value), [str(each) for each in have.values()])}",
                    saw=f"{one.option}={written(value)}",
                    allowed=[f"{one.option}={written(each)}" for each in have.values()],
                )
