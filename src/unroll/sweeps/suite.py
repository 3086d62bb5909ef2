"""A suite's YAML in, its list of trials out: the grid's networks and each task's baselines."""

import functools
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field

from unroll.analysis.statistics.samples import LEAST_SEEDS
from unroll.config.compose import OF_HYDRA, Composer, of_its_method
from unroll.config.half import half_planned
from unroll.config.interpolation import resolved
from unroll.config.merge import with_values
from unroll.config.planned import Plan, Planned
from unroll.config.schema import Section, Text
from unroll.config.search_space import tunes
from unroll.config.typed import read
from unroll.config.written import written
from unroll.errors import UserError, suggest
from unroll.registry.fits import Misfit
from unroll.registry.groups import conf_directory, group_options, group_value
from unroll.registry.options import Count, CountOrNone
from unroll.registry.yaml_files import yaml_file
from unroll.sweeps.claims import Hypothesis, check_compared, check_directions

_OWN_KEYS = ("suite", "workers", "sweep")
_SEED = re.compile(r"[+]*seed=")
_CHOOSES = re.compile(r"[+]*suite(\.of)?=")


class Part(Section):
    """Trials that are crossed together.

    `grid` maps override keys to the values that are crossed; `when` maps one choice of the grid, such as
    `task=sentiment`, to overrides that only its trials get.
    """

    overrides: list[str] = Field([])
    grid: dict[str, list[Any]] = Field({})
    when: dict[str, list[str]] = Field({})


class Stop(Section):
    """When a suite's claims are tested while seeds are added, and how much of the 5 % each of these looks may spend.

    `looks` are numbers of seeds, the same for each trial; `spending` is a function of Lan and DeMets (1983), see
    `unroll.analysis.statistics.spending`.
    """

    looks: list[Annotated[int, Field(ge=LEAST_SEEDS, le=1000)]] = Field(min_length=1)
    spending: Literal["pocock", "obrien_fleming"]


class Suite(Part):
    """A named list of trials: of its grid, or of each of its parts, which add to what the suite says.

    `baselines`: whether those that a task lists stand beside the networks; a list names others that do so too, on each
    task that they serve. `stop`: the seeds are its looks', and no grid has any.

    `beside`: each part's trials once more, with these values in place of its grid's: other architectures at one seed,
    say, which stand beside the ranked ones.

    `of`: in place of trials of its own, the suite whose networks these are with half their budget.
    """

    name: Text
    description: str = ""
    parts: dict[str, Part] = Field({})
    beside: dict[str, list[Any]] = Field({})
    hypotheses: dict[str, Hypothesis] = Field({})
    stop: Stop | None = None
    baselines: bool | list[Text] = True
    of: Text | None = None


class SweepOptions(Section):
    """How a sweep goes on after trouble; conf/sweep.yaml says what each means, and its default."""

    fail_fast: bool
    retries: CountOrNone
    max_batch_size: Count | None
    poll_seconds: float = Field(ge=0.01)
    stop: Literal["decided"] | None


class Sweep(Section):
    """The root of conf/sweep.yaml."""

    suite: Suite
    workers: Count | Literal["auto"]
    sweep: SweepOptions


def plan(overrides: Sequence[str], config_dir: str | None = None) -> Plan:
    """Compose and check every trial of a suite.

    Overrides of `suite`, `workers`, `sweep` and `hydra` shape the sweep, all others go to each trial; one whose
    key is in the suite's grid takes the place of the grid's values (`seed=0,1,2` gives several).

    Pairs that do not fit are passed over, and kept with the reason.

    Raises:
        UserError: an unknown suite, a trial of it that cannot be composed, or no pair that fits.
    """
    own, hydra, others = sorted_out(overrides)
    composer = Composer(config_dir)
    if (of := _whole(composer, own, config_dir)) is not None:
        return _halves(of, [text for text in overrides if not _CHOOSES.match(text)], composer)
    sweep = _read(resolved(composer.raw("sweep", own)))
    suite = sweep.suite
    for text in (text for part in (suite, *suite.parts.values()) for text in _of_trials(part)):
        if OF_HYDRA.match(text):
            raise UserError(
                "A suite's trials have no options of Hydra's.",
                saw=text,
                allowed=f"unroll sweep suite={suite.name} {text}",
            )
    check_directions(suite.hypotheses)
    _check_stop(suite, others)
    trials: dict[str, Planned] = {}
    refused: dict[str, list[str]] = {}
    misfit: Misfit | None = None
    for combination in itertools.chain.from_iterable(_combinations(part, others) for part in _parts(suite)):
        try:
            trial = composer.trial(combination)
        except Misfit as error:
            misfit = misfit or error
            refused.setdefault(error.what, []).append(_pair(combination))
            continue
        trials.setdefault(trial.trial_id, Planned(trial, tuple(combination)))
    if misfit is not None and not trials:
        raise misfit
    if suite.baselines is not False:
        networks = list(trials.values())
        more = _by_task(suite.baselines, networks, config_dir) if isinstance(suite.baselines, list) else {}
        for combination in _baselines(networks, more, config_dir):
            trial = composer.trial(combination)
            trials.setdefault(trial.trial_id, Planned(trial, tuple(combination)))
    if not trials:
        raise UserError(f"The suite {suite.name} has no trials.", saw=suite.grid, allowed="values a key")
    compared = [item.trial.plain for item in trials.values() if not item.trial.is_baseline]
    check_compared(suite.hypotheses, compared, [part.grid for part in _parts(suite)])
    hypotheses = {name: one.model_dump() for name, one in suite.hypotheses.items()}
    unfit = {reason: tuple(dict.fromkeys(pairs)) for reason, pairs in refused.items()}
    return _plan(sweep, suite.description, tuple(trials.values()), hydra, hypotheses, unfit)


def _whole(composer: Composer, own: Sequence[str], config_dir: str | None) -> str | None:
    """The suite whose halves are asked for; None where the suite has trials of its own."""
    raw = composer.raw("sweep", [text for text in own if _CHOOSES.match(text)])["suite"]
    of = raw.get("of") if isinstance(raw, Mapping) else None
    if of is None:
        return None
    names = group_options("suite", config_dir)
    known = [name for name in names if group_value("suite", name, "of", config_dir) is None]
    if of not in known:
        chosen = f"suite={raw['name']}"
        given = () if of == "???" else (f"suite.of={of}",)
        what = f"{chosen} halves the budgets of another suite: suite.of says which."
        if given and of not in names:
            what += f" There is no suite '{of}'."
        raise UserError(
            what + "".join(suggest(str(of), known) for _ in given),
            saw=" ".join((chosen, *given)),
            allowed=[f"suite.of={name}" for name in known],
        )
    return str(of)


def _halves(of: str, overrides: Sequence[str], composer: Composer) -> Plan:
    """The networks of a suite with half their budget, under the overrides that shape it."""
    if tunes(overrides):
        raise UserError(
            "Half a budget is not tuned: its trials are those of the whole one in all else.",
            saw=" ".join(text for text in overrides if OF_HYDRA.match(text)),
            allowed=f"suite.of={of} with the values that the tuning found as overrides, and no hydra/sweeper",
        )
    whole = plan([f"suite={of}", *overrides], composer.config_dir)
    trials = [half_planned(item, composer.trial) for item in whole.trials if not item.trial.is_baseline]
    if not trials:
        raise UserError(f"The suite {of} has no network, and a baseline has no budget.", saw=f"suite.of={of}")
    once = tuple({item.trial.trial_id: item for item in trials}.values())
    description = f"Half the budget of suite={of}."
    return replace(whole, name=f"{of}-half", description=description, trials=once, hypotheses={}, of=of)


def _pair(combination: Sequence[str]) -> str:
    """What names a combination that does not fit: its task, its architecture and its bottleneck."""
    return " ".join(text for text in combination if re.match(r"(task|architecture|bottleneck)=", text))


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
    return _plan(_read(with_values(root, own)), "", tuple(trials), hydra, {}, {})


def _read(root: Mapping[str, Any]) -> Sweep:
    return read(Sweep, {key: value for key, value in root.items() if key not in ("defaults", "hydra")}, "")


def _plan(
    sweep: Sweep,
    description: str,
    trials: tuple[Planned, ...],
    hydra: tuple[str, ...],
    hypotheses: dict[str, Any],
    refused: Mapping[str, tuple[str, ...]],
) -> Plan:
    options, stop = sweep.sweep.model_dump(exclude={"stop"}), sweep.suite.stop
    until_decided = sweep.sweep.stop is not None
    if until_decided and stop is None:
        raise UserError(
            f"The suite {sweep.suite.name} has no rule by which its claims are decided.",
            saw="sweep.stop=decided",
            allowed="a suite with hypotheses and a rule, as stop: {looks: [3, 5, 8, 12, 20], spending: pocock}",
        )
    if until_decided and tunes(hydra):
        raise UserError(
            "A tuning has no seeds to add.", saw=f"sweep.stop=decided {' '.join(hydra)}", allowed="one of the two"
        )
    rule = None if stop is None else stop.model_dump()
    return Plan(
        sweep.suite.name,
        description,
        trials,
        None if sweep.workers == "auto" else sweep.workers,
        options,
        hydra,
        hypotheses,
        refused,
        stop=rule,
        until_decided=until_decided,
    )


def _check_stop(suite: Suite, others: Sequence[str]) -> None:
    """Raise UserError where a suite has a rule of when to stop that it cannot follow."""
    if suite.stop is None:
        return
    said = f"stop: {{looks: {suite.stop.looks}, spending: {suite.stop.spending}}}"
    if not suite.hypotheses:
        what = f"The suite {suite.name} has a rule of when its claims are decided, and no claims."
        raise UserError(what, saw=said, allowed="hypotheses, each with pairs of architectures; or no stop")
    if any(after <= before for before, after in itertools.pairwise(suite.stop.looks)):
        raise UserError("'suite.stop.looks' does not rise.", saw=suite.stop.looks, allowed="as in [3, 5, 8, 12, 20]")
    beside = [f"{key}=" for key in suite.beside]
    texts = [*(text for part in (suite, *suite.parts.values()) for text in _of_trials(part)), *beside, *others]
    if seeds := [text for text in texts if _SEED.match(text)]:
        raise UserError(
            f"The suite {suite.name} takes its seeds from its rule of when to stop.",
            saw=f"{seeds[0]} beside {said}",
            allowed="no seed: each look has the seeds from 0 on; other looks by suite.stop.looks=[3,5,8]",
        )


def _of_trials(part: Part) -> list[str]:
    """The overrides that a part gives its trials."""
    keys = [f"{key}=" for key in part.grid]
    return [*part.overrides, *keys, *(text for texts in part.when.values() for text in texts)]


def _parts(suite: Suite) -> list[Part]:
    """The parts, each with what the suite says for all of them; what it says alone where it has none."""
    seeds: dict[str, list[Any]] = {} if suite.stop is None else {"seed": list(range(suite.stop.looks[-1]))}
    return [
        Part(
            overrides=[*suite.overrides, *part.overrides],
            grid={**suite.grid, **part.grid, **seeds, **beside},
            when={**suite.when, **part.when},
        )
        for beside in ({}, *([suite.beside] if suite.beside else []))
        for part in suite.parts.values() or [Part()]
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


def _by_task(names: Sequence[str], networks: Sequence[Planned], config_dir: str | None) -> dict[str, list[str]]:
    """Task of the networks -> those of some baselines that serve it; UserError for one that is not there or idle."""
    found: dict[str, list[str]] = {item.trial.plain["task"]["name"]: [] for item in networks}
    known = [name for name in group_options("baseline", config_dir) if name != "none"]
    for name in names:
        if name not in known:
            what = f"There is no baseline '{name}'.{suggest(name, known)}"
            raise UserError(what, saw=f"suite.baselines={written(names)}", allowed=known)
        served = [task for task in group_value("baseline", name, "tasks", config_dir) or () if task in found]
        if not served:
            what = f"The baseline {name} serves no task of this suite."
            raise UserError(what, saw=f"suite.baselines={written(names)}", allowed=f"one for {', '.join(found)}")
        for task in served:
            found[task].append(name)
    return found


def _baselines(
    networks: Sequence[Planned], more: Mapping[str, Sequence[str]], config_dir: str | None
) -> Iterator[list[str]]:
    """Each task's baselines, and `more` of it, under the same overrides, without those that only networks read."""
    seen = set()
    is_seeded = functools.cache(lambda name: group_value("baseline", name, "seeded", config_dir) is not False)
    for planned in networks:
        if planned.trial.is_baseline:
            continue
        task = planned.trial.plain["task"]
        for name in dict.fromkeys([*task["baselines"], *more.get(task["name"], ())]):
            kept = [text for text in planned.overrides if is_seeded(name) or not _SEED.match(text)]
            combination = of_its_method([*kept, f"baseline={name}"])
            if tuple(combination) not in seen:
                seen.add(tuple(combination))
                yield combination
