"""A suite's YAML in, its list of trials out: the grid's networks and each task's baselines."""

import functools
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING, DictConfig, OmegaConf

from unroll.config.compose import compose_node, composer
from unroll.config.identity import is_baseline
from unroll.config.planned import Plan, Planned
from unroll.config.trial import Trial, make_trial
from unroll.config.typed import typed
from unroll.config.validate import check_seed, validated
from unroll.errors import UserError, suggest
from unroll.registry.canonical import canonical
from unroll.registry.groups import conf_directory, group_value

_OWN_KEYS = ("suite", "workers", "sweep")
_OF_NETWORKS = re.compile(r"[+~]*(architecture|bottleneck|optimizer|budget)([.@=/]|$)")
_DIRECTIONS = (None, "higher", "lower")
Make = Callable[[Sequence[str]], Trial]  # overrides -> trial
_SEED = re.compile(r"[+]*seed=")


@dataclass
class Part:
    """Trials that are crossed together.

    `grid` maps override keys to the values that are crossed; `when` maps one choice of the grid, such as
    `task=sentiment`, to overrides that only its trials get.
    """

    overrides: list[str] = field(default_factory=list)
    grid: dict[str, list[Any]] = field(default_factory=dict)
    when: dict[str, list[str]] = field(default_factory=dict)


@dataclass
class Hypothesis:
    """What is said of architectures, as comparisons among a suite's trials.

    Each of `pairs` names two architectures: by the claim the first has the better `metric`, wherever the two differ by
    the architecture alone. `where` are filters on the trials. `metric` is `primary`, or a field of the record, as
    `run.training_seconds`, with its `unit` and the `direction` that is better.
    """

    says: str = MISSING
    pairs: list[list[str]] = MISSING
    where: list[str] = field(default_factory=list)
    metric: str = "primary"
    unit: str = ""
    direction: str | None = None
    note: str = ""


@dataclass
class Suite(Part):
    """A named list of trials: of its grid, or of each of its parts, which add to what the suite says."""

    name: str = MISSING
    description: str = ""
    parts: dict[str, Part] = field(default_factory=dict)
    claims: dict[str, Hypothesis] = field(default_factory=dict)
    baselines: bool = True


@dataclass
class SweepOptions:
    """How a sweep goes on after trouble: options of the resumable sweeper."""

    fail_fast: bool = False
    retries: int = 2
    max_batch_size: int | None = None
    poll_seconds: float = 2.0


@dataclass
class Sweep:
    """The root of conf/sweep.yaml."""

    suite: Suite = field(default_factory=Suite)
    workers: int | None = None
    sweep: SweepOptions = field(default_factory=SweepOptions)


def plan(overrides: Sequence[str], config_dir: str | None = None) -> Plan:
    """Compose and check every trial of a suite.

    Overrides of `suite`, `workers`, `sweep` and `hydra` shape the sweep, all others go to each trial; one whose
    key is in the suite's grid takes the place of the grid's values (`seed=0,1,2` gives several).

    Raises:
        UserError: an unknown suite, or a trial of it that cannot be composed.
    """
    own, hydra, others = sorted_out(overrides)
    with composer(config_dir):
        node = compose_node("sweep", own, config_dir)
        plain: Any = OmegaConf.to_container(node, resolve=True)
        sweep = typed(plain, Sweep, "sweep")
        _check_ranges(sweep)
        suite = sweep["suite"]
        trials: dict[str, Planned] = {}
        make = maker(config_dir)
        for combination in itertools.chain.from_iterable(_combinations(part, others) for part in _parts(suite)):
            trial = make(combination)
            trials.setdefault(trial.trial_id, Planned(trial, tuple(combination)))
        if suite["baselines"]:
            for combination in _baselines(list(trials.values()), config_dir):
                trial = make(combination)
                trials.setdefault(trial.trial_id, Planned(trial, tuple(combination)))
    if not trials:
        raise UserError(f"The suite {suite['name']} has no trials.", saw=suite["grid"], allowed="values a key")
    _check_claims(suite["claims"])
    planned, rules = tuple(trials.values()), sweep["sweep"]
    return Plan(suite["name"], suite["description"], planned, sweep["workers"], rules, hydra, suite["claims"])


def maker(config_dir: str | None = None) -> Make:
    """Return what composes trials inside a composer block: those that differ by their seed alone are composed once."""
    composed = functools.lru_cache(None)(functools.partial(_without_seed, config_dir=config_dir))
    return functools.partial(_trial, composed=composed, config_dir=config_dir)


def sorted_out(overrides: Sequence[str]) -> tuple[list[str], tuple[str, ...], list[str]]:
    """Return a sweep's own overrides (of `suite`, `workers`, `sweep`), Hydra's, and those that go to each trial."""
    own = [text for text in overrides if re.split(r"[.=]", text.lstrip("+~"))[0] in _OWN_KEYS]
    hydra = tuple(text for text in overrides if re.match(r"[+~]*hydra[./=]", text))
    return own, hydra, [text for text in overrides if text not in (*own, *hydra)]


def plan_of(name: str, trials: Sequence[Planned], own: Sequence[str], hydra: tuple[str, ...]) -> Plan:
    """Return trials that no suite lists as a plan, under a sweep's own overrides.

    Raises:
        UserError: an override of no such key, or out of range.
    """
    root: Any = OmegaConf.load(conf_directory() / "sweep.yaml")
    del root["defaults"]
    merged = OmegaConf.merge(root, {"suite": {"name": name}}, OmegaConf.from_dotlist(list(own)))
    plain: Any = OmegaConf.to_container(merged)
    sweep = typed(plain, Sweep, "sweep")
    _check_ranges(sweep)
    return Plan(name, "", tuple(trials), sweep["workers"], sweep["sweep"], hydra)


def _check_claims(claims: dict[str, dict[str, Any]]) -> None:
    for name, claim in claims.items():
        if any(len(pair) != 2 for pair in claim["pairs"]) or not claim["pairs"]:
            raise UserError(f"'suite.claims.{name}.pairs' are two architectures each.", saw=claim["pairs"])
        if (claim["direction"] is None) != (claim["metric"] == "primary") or claim["direction"] not in _DIRECTIONS:
            saw = f"metric: {claim['metric']}, direction: {claim['direction']}"
            allowed = "metric: primary without a direction, or a field of the record with higher or lower"
            raise UserError(
                f"'suite.claims.{name}' has no direction that goes with its metric.", saw=saw, allowed=allowed
            )


def _check_ranges(sweep: dict[str, Any]) -> None:
    least = {"workers": 1, "max_batch_size": 1, "retries": 0, "poll_seconds": 0.01}
    for key, value in {"workers": sweep["workers"], **sweep["sweep"]}.items():
        if key in least and value is not None and value < least[key]:
            name = key if key == "workers" else f"sweep.{key}"
            raise UserError(f"'{name}' is out of range.", saw=value, allowed=f"at least {least[key]}")


@dataclass(frozen=True)
class _Composed:
    """A config without its seed, validated; the node where it is to be resolved again with each seed."""

    config: dict[str, Any]
    node: DictConfig | None


def _trial(overrides: Sequence[str], composed: Callable[[tuple[str, ...]], _Composed], config_dir: str | None) -> Trial:
    """Compose a trial; one that differs from another only by its seed is not composed again."""
    found = composed(tuple(text for text in overrides if not _SEED.match(text)))
    seeds = [text.partition("=")[2] for text in overrides if _SEED.match(text)]
    if not seeds:
        return make_trial(found.config)
    if not seeds[-1].isdigit():
        return make_trial(composed(tuple(overrides)).config)
    seed = int(seeds[-1])
    check_seed(seed)
    if found.node is None:
        return make_trial({**found.config, "seed": seed})
    node = found.node.copy()
    node["seed"] = seed
    return make_trial(validated(node, config_dir))


def _without_seed(overrides: tuple[str, ...], config_dir: str | None) -> _Composed:
    node = compose_node("train", overrides, config_dir)
    raw = canonical(OmegaConf.to_container(node, resolve=False))
    return _Composed(validated(node, config_dir), node if "${seed}" in raw else None)


def _parts(suite: dict[str, Any]) -> list[dict[str, Any]]:
    """The parts, each with what the suite says for all of them; the suite itself where it has none."""
    if not suite["parts"]:
        return [suite]
    return [
        {
            "overrides": [*suite["overrides"], *part["overrides"]],
            "grid": {**suite["grid"], **part["grid"]},
            "when": {**suite["when"], **part["when"]},
        }
        for part in suite["parts"].values()
    ]


def _combinations(suite: dict[str, Any], others: Sequence[str]) -> list[list[str]]:
    from unroll.config.overrides import expand

    for choice in suite["when"]:
        key = choice.partition("=")[0]
        if key not in suite["grid"]:
            raise UserError(
                f"The suite's `when` speaks of '{key}'.{suggest(key, suite['grid'])}",
                saw=choice,
                allowed=[f"{key}=..." for key in suite["grid"]],
            )
    axes = {key: [f"{key}={_written(value)}" for value in values] for key, values in suite["grid"].items()}
    fixed = []
    for text in others:
        key = text.partition("=")[0]
        if key in axes:
            axes[key] = [choice for (choice,) in expand([text])]
        else:
            fixed.append(text)
    found, typed_in = [], expand(fixed)
    for choices in itertools.product(*axes.values()):
        own = [text for choice in choices for text in suite["when"].get(choice, ())]
        found += [[*choices, *suite["overrides"], *own, *more] for more in typed_in]
    return found


def _written(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def _baselines(networks: Sequence[Planned], config_dir: str | None) -> Iterator[list[str]]:
    """Each task's baselines under the same overrides, without those that only networks read."""
    seen = set()
    is_seeded = functools.cache(lambda name: group_value("baseline", name, "seeded", config_dir) is not False)
    for planned in networks:
        if is_baseline(planned.trial.config):
            continue
        shared = [text for text in planned.overrides if not _OF_NETWORKS.match(text)]
        for name in planned.trial.config["task"]["baselines"]:
            kept = [text for text in shared if is_seeded(name) or not _SEED.match(text)]
            combination = [*kept, "architecture=baseline", f"baseline={name}"]
            if tuple(combination) not in seen:
                seen.add(tuple(combination))
                yield combination
