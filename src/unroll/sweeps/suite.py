"""A suite's YAML in, its list of trials out: the grid's networks and each task's baselines."""

import functools
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from unroll.config.compose import OF_HYDRA, Composer, of_its_method
from unroll.config.interpolation import resolved
from unroll.config.merge import with_values
from unroll.config.planned import Plan, Planned
from unroll.config.schema import Direction, Section, Text
from unroll.config.typed import read
from unroll.config.written import written
from unroll.errors import UserError, suggest
from unroll.registry.groups import conf_directory, group_value
from unroll.registry.options import Count, CountOrNone
from unroll.registry.yaml_files import yaml_file

_OWN_KEYS = ("suite", "workers", "sweep")
_SEED = re.compile(r"[+]*seed=")


class Part(Section):
    """Trials that are crossed together.

    `grid` maps override keys to the values that are crossed; `when` maps one choice of the grid, such as
    `task=sentiment`, to overrides that only its trials get.
    """

    overrides: list[str] = Field([])
    grid: dict[str, list[Any]] = Field({})
    when: dict[str, list[str]] = Field({})


class Hypothesis(Section):
    """What is said of architectures, as comparisons among a suite's trials.

    Each of `pairs` names two architectures: by the hypothesis the first has the better `metric`, wherever the two
    differ by the architecture alone. `where` are filters on the trials. `metric` is `primary`, or a field of the
    record, as `run.training_seconds`, with its `unit` and the `direction` that is better.
    """

    says: str
    pairs: list[Annotated[list[str], Field(min_length=2, max_length=2)]] = Field(min_length=1)
    where: list[str] = Field([])
    metric: str = "primary"
    unit: str = ""
    direction: Direction | None = None
    note: str = ""


class Suite(Part):
    """A named list of trials: of its grid, or of each of its parts, which add to what the suite says."""

    name: Text
    description: str = ""
    parts: dict[str, Part] = Field({})
    hypotheses: dict[str, Hypothesis] = Field({})
    baselines: bool = True


class SweepOptions(Section):
    """How a sweep goes on after trouble; conf/sweep.yaml says what each means, and its default."""

    fail_fast: bool
    retries: CountOrNone
    max_batch_size: Count | None
    poll_seconds: float = Field(ge=0.01)


class Sweep(Section):
    """The root of conf/sweep.yaml."""

    suite: Suite
    workers: Count | None
    sweep: SweepOptions


def plan(overrides: Sequence[str], config_dir: str | None = None) -> Plan:
    """Compose and check every trial of a suite.

    Overrides of `suite`, `workers`, `sweep` and `hydra` shape the sweep, all others go to each trial; one whose
    key is in the suite's grid takes the place of the grid's values (`seed=0,1,2` gives several).

    Raises:
        UserError: an unknown suite, or a trial of it that cannot be composed.
    """
    own, hydra, others = sorted_out(overrides)
    composer = Composer(config_dir)
    sweep = _read(resolved(composer.raw("sweep", own)))
    suite = sweep.suite
    for text in (text for part in (suite, *suite.parts.values()) for text in _of_trials(part)):
        if OF_HYDRA.match(text):
            raise UserError(
                "A suite's trials have no options of Hydra's.",
                saw=text,
                allowed=f"unroll sweep suite={suite.name} {text}",
            )
    _check_hypotheses(suite.hypotheses)
    trials: dict[str, Planned] = {}
    for combination in itertools.chain.from_iterable(_combinations(part, others) for part in _parts(suite)):
        trial = composer.trial(combination)
        trials.setdefault(trial.trial_id, Planned(trial, tuple(combination)))
    if suite.baselines:
        for combination in _baselines(list(trials.values()), config_dir):
            trial = composer.trial(combination)
            trials.setdefault(trial.trial_id, Planned(trial, tuple(combination)))
    if not trials:
        raise UserError(f"The suite {suite.name} has no trials.", saw=suite.grid, allowed="values a key")
    hypotheses = {name: one.model_dump() for name, one in suite.hypotheses.items()}
    return _plan(sweep, suite.description, tuple(trials.values()), hydra, hypotheses)


def sorted_out(overrides: Sequence[str]) -> tuple[list[str], tuple[str, ...], list[str]]:
    """Return a sweep's own overrides (of `suite`, `workers`, `sweep`), Hydra's, and those that go to each trial."""
    own = [text for text in overrides if re.split(r"[.=]", text.lstrip("+~"))[0] in _OWN_KEYS]
    hydra = tuple(text for text in overrides if OF_HYDRA.match(text))
    return own, hydra, [text for text in overrides if text not in (*own, *hydra)]


def plan_of(name: str, trials: Sequence[Planned], own: Sequence[str], hydra: tuple[str, ...]) -> Plan:
    """Return trials that no suite lists as a plan, under a sweep's own overrides.

    Raises:
        UserError: an override of no such key, or out of range.
    """
    root = {**yaml_file(conf_directory() / "sweep.yaml").content, "suite": {"name": name}}
    return _plan(_read(with_values(root, own)), "", tuple(trials), hydra, {})


def _read(root: Mapping[str, Any]) -> Sweep:
    return read(Sweep, {key: value for key, value in root.items() if key not in ("defaults", "hydra")}, "")


def _plan(
    sweep: Sweep, description: str, trials: tuple[Planned, ...], hydra: tuple[str, ...], hypotheses: dict[str, Any]
) -> Plan:
    return Plan(sweep.suite.name, description, trials, sweep.workers, sweep.sweep.model_dump(), hydra, hypotheses)


def _check_hypotheses(hypotheses: Mapping[str, Hypothesis]) -> None:
    for name, one in hypotheses.items():
        if (one.direction is None) != (one.metric == "primary"):
            saw = f"metric: {one.metric}, direction: {one.direction}"
            allowed = "metric: primary without a direction, or a field of the record with higher or lower"
            raise UserError(
                f"'suite.hypotheses.{name}' has no direction that goes with its metric.", saw=saw, allowed=allowed
            )


def _of_trials(part: Part) -> list[str]:
    """The overrides that a part gives its trials."""
    keys = [f"{key}=" for key in part.grid]
    return [*part.overrides, *keys, *(text for texts in part.when.values() for text in texts)]


def _parts(suite: Suite) -> list[Part]:
    """The parts, each with what the suite says for all of them; the suite itself where it has none."""
    if not suite.parts:
        return [suite]
    return [
        Part(
            overrides=[*suite.overrides, *part.overrides],
            grid={**suite.grid, **part.grid},
            when={**suite.when, **part.when},
        )
        for part in suite.parts.values()
    ]


def _combinations(part: Part, others: Sequence[str]) -> list[list[str]]:
    from unroll.config.overrides import expand

    for choice in part.when:
        key = choice.partition("=")[0]
        if key not in part.grid:
            raise UserError(
                f"The suite's `when` speaks of '{key}'.{suggest(key, part.grid)}",
                saw=choice,
                allowed=[f"{key}=..." for key in part.grid],
            )
    axes = {key: [f"{key}={written(value)}" for value in values] for key, values in part.grid.items()}
    fixed = []
    for text in others:
        key = text.partition("=")[0]
        if key in axes:
            axes[key] = [choice for (choice,) in expand([text])]
        else:
            fixed.append(text)
    found, typed_in = [], expand(fixed)
    for choices in itertools.product(*axes.values()):
        own = [text for choice in choices for text in part.when.get(choice, ())]
        found += [[*choices, *part.overrides, *own, *more] for more in typed_in]
    return found


def _baselines(networks: Sequence[Planned], config_dir: str | None) -> Iterator[list[str]]:
    """Each task's baselines under the same overrides, without those that only networks read."""
    seen = set()
    is_seeded = functools.cache(lambda name: group_value("baseline", name, "seeded", config_dir) is not False)
    for planned in networks:
        if planned.trial.is_baseline:
            continue
        for name in planned.trial.plain["task"]["baselines"]:
            kept = [text for text in planned.overrides if is_seeded(name) or not _SEED.match(text)]
            combination = of_its_method([*kept, f"baseline={name}"])
            if tuple(combination) not in seen:
                seen.add(tuple(combination))
                yield combination
