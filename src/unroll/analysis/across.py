"""Networks compared across the problems of a page. A problem is a task on a data set, and N is the number of problems.

Its settings are all that a trial's id hashes but the architecture, its bottleneck and the seed: horizons, shares of
train, budgets. Seeds are averaged within a setting and settings within a problem, so that neither counts as a problem.
Networks that stand unranked in a setting, or with a single seed, and baselines, do not take part there.
"""

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from unroll.analysis import variants
from unroll.analysis.statistics.aggregates import Aggregate, interquartile_mean, profile, shares_above, skills
from unroll.analysis.statistics.improvement import Improvement, improvement
from unroll.analysis.statistics.pairs import holm
from unroll.analysis.statistics.ranks import cohens_d, problems_needed, ranks, signed_ranks
from unroll.analysis.statistics.resampling import FEWEST
from unroll.analysis.statistics.simultaneous import LEVEL
from unroll.analysis.tables import Row, Table
from unroll.tracking.skill import EXACT, exact

POINTS = 61  # of a performance profile
Values = dict[str, tuple[float, ...]]  # network -> values of its seeds; higher is better, -inf where the trial failed


@dataclass(frozen=True)
class Setting:
    """One setting, and what the networks gave in it."""

    problem: str
    title: str
    values: Values
    baselines: tuple[tuple[str, float], ...]  # ranked ones from the weakest on; higher is better

    @property
    def has_scale(self) -> bool:
        """Whether two of its baselines differ."""
        return len({value for _, value in self.baselines}) > 1


@dataclass(frozen=True)
class Skills:
    """What the trials of a group reach: 0 is the weakest ranked baseline of a setting, 1 the strongest."""

    marks: tuple[tuple[str, str, str], ...]  # each setting with these two baselines
    strata: tuple[tuple[tuple[float, ...], ...], ...]  # of each network, for each setting, of each seed
    means: tuple[Aggregate, ...]  # the interquartile mean of each network
    above: tuple[tuple[float, float], ...]  # of each network, the share of trials above 0 and above 1


@dataclass(frozen=True)
class Profile:
    """A network's performance profile: the share of its trials above each of some skills."""

    network: str
    skills: tuple[float, ...]
    shares: tuple[Aggregate, ...]
    seeds: int


@dataclass(frozen=True)
class Group:
    """Networks that stand in the same problems."""

    name: str
    networks: tuple[str, ...]  # by mean rank
    problems: tuple[str, ...]
    settings: tuple[Setting, ...]  # those that all of the networks have, by problem
    ranks: tuple[tuple[float, ...], ...]  # of each problem, of each network: 1 is best
    failed: tuple[int, ...]  # trials of each network
    improvements: tuple[Improvement, ...]  # of each network but the first, on the first
    skills: Skills | None
    p: tuple[tuple[float, ...], ...] = ()  # of one (row) as worse than another, adjusted [K, K]; empty: not tested
    family: int = 0  # pairs that Holm corrects for, or would

    @property
    def mean_ranks(self) -> tuple[float, ...]:
        return tuple(statistics.fmean(column) for column in zip(*self.ranks, strict=True))

    @property
    def weights(self) -> tuple[float, ...]:
        """Of each setting, in a mean over settings within problems, then over problems."""
        return _weights(self.settings)

    @property
    def fewest(self) -> int:
        """Seeds of the network that has the fewest in some setting."""
        return min(len(setting.values[network]) for setting in self.settings for network in self.networks)

    @property
    def pairs(self) -> int:
        return math.comb(len(self.networks), 2)

    def surely_worse(self, one: int, other: int) -> bool:
        """Whether one network is worse than the other: tested, and its adjusted p is below 5 %."""
        return bool(self.p) and self.p[one][other] < LEVEL


@dataclass(frozen=True)
class Across:
    """What the trials of several problems say together."""

    groups: tuple[Group, ...]
    left_out: tuple[str, ...]  # networks of two problems or more with no other one in the same settings
    single: tuple[str, ...]  # networks of which some setting has one seed, which says nothing of a network


def across(tables: Sequence[Table]) -> Across:
    """Compare the networks of several tables; without groups where no two networks share two problems."""
    settings, single = _settings(tables)
    groups, left_out = [], list[str]()
    for members in _standing_together(settings):
        whole = _group(members, settings)
        for part in [members] if whole else _split(members, settings):
            group = whole or _group(part, settings)
            groups += [group] if group else []
            left_out += [] if group else part
    return Across(tuple(_tested(groups)), tuple(sorted(left_out)), single)


def _standing_together(settings: Sequence[Setting]) -> list[list[str]]:
    """Networks of two problems or more: together where they stand in the same ones, the most problems first.

    One whose problems no other network has all of joins those of its problems that others stand in, as many as can be.
    """
    found: dict[frozenset[str], list[str]] = {}
    for network in sorted({network for setting in settings for network in setting.values}):
        own = frozenset(setting.problem for setting in settings if network in setting.values)
        if len(own) > 1:
            found.setdefault(own, []).append(network)
    order = sorted(found, key=lambda problems: (-len(problems), -len(found[problems]), sorted(problems)))
    for problems in order:
        wider = next((other for other in order if other < problems and len(found[other]) > 1), None)
        if len(found[problems]) == 1 and wider:
            found[wider] += found.pop(problems)
    return [sorted(found[problems]) for problems in order if problems in found]


def _split(members: Sequence[str], settings: Sequence[Setting]) -> list[list[str]]:
    """Networks that have not all their problems in shared settings, by the settings that they have."""
    found: dict[tuple[bool, ...], list[str]] = {}
    for network in members:
        found.setdefault(tuple(network in setting.values for setting in settings), []).append(network)
    return list(found.values())


def profiles(group: Group) -> list[Profile]:
    """Return the performance profile of each network, by mean rank, over the skills that were seen; none of a group
    without a common scale. What lies below -1 is not shown."""
    if group.skills is None:
        return []
    every = [skill for own in group.skills.strata for seeds in own for skill in seeds]
    shown = tuple(float(level) for level in np.linspace(max(-1.0, min(0.0, *every)), max(1.0, *every), POINTS))
    return [
        Profile(network, shown, tuple(profile(own, group.weights, shown)), group.fewest)
        for network, own in zip(group.networks, group.skills.strata, strict=True)
    ]


def _settings(tables: Sequence[Table]) -> tuple[list[Setting], tuple[str, ...]]:
    """Every setting with its networks, and which networks have a single seed in one."""
    standing: dict[variants.Setting, list[tuple[Row, Table]]] = {}
    for table in tables:
        for row in table.networks:
            if not row.unranked and row.count("missing") < len(row.trials):
                standing.setdefault(variants.setting(row.trials[0]["config"]), []).append((row, table))
    named = variants.named_settings(list(standing))
    found, single = [], set[str]()
    for key, members in standing.items():
        own = [(row.name, variants.own_options(row.trials[0]["config"])) for row, _ in members]
        values: Values = {}
        for (row, table), different in zip(members, variants.differences(own), strict=True):
            network, seeds = " ".join((row.name, *different)), _seeds(row, table.direction)
            if len(seeds) > 1:
                values[network] = seeds
            else:
                single.add(network)
        table = members[0][1]
        found.append(Setting(f"{table.task} on {table.data}", named[key], values, _baselines(table, key)))
    return sorted(found, key=lambda setting: setting.title), tuple(sorted(single))


def _seeds(row: Row, direction: str) -> tuple[float, ...]:
    sign = 1 if direction == "higher" else -1
    return tuple(
        sign * trial["result"]["primary"]["value"] if trial["status"] == "finished" else -math.inf
        for trial in row.trials
        if trial["status"] != "missing"
    )


def _baselines(table: Table, key: variants.Setting) -> tuple[tuple[str, float], ...]:
    """The ranked baselines of a setting, from the weakest on: all that they read is as in the setting."""
    sign = 1 if table.direction == "higher" else -1
    found = [
        (sign * row.primary.mean, row.label)
        for row in table.baselines
        if row.primary and not row.unranked and set(variants.setting(row.trials[0]["config"])) <= set(key)
    ]
    right = exact(table.rows[0].trials[0]["config"]["task"])
    found += [] if right is None else [(sign * right, EXACT)]
    return tuple((name, value) for value, name in sorted(found))


def _group(members: Sequence[str], settings: Sequence[Setting]) -> Group | None:
    """Networks over the settings that all of them have.

    None for one alone, with fewer than two problems, and where they stand in a problem without a setting in common.
    """
    shared = tuple(setting for setting in settings if all(network in setting.values for network in members))
    problems = tuple(dict.fromkeys(setting.problem for setting in shared))
    each = [{setting.problem for setting in settings if network in setting.values} for network in members]
    if len(members) < 2 or len(problems) < 2 or set(problems) != set.intersection(*each):
        return None
    means = [[statistics.fmean(setting.values[network]) for network in members] for setting in shared]
    by_problem = _by_problem(shared, ranks(np.array(means)))
    order = sorted(range(len(members)), key=lambda place: (by_problem[:, place].mean(), members[place]))
    networks = tuple(members[place] for place in order)
    strata = [[setting.values[network] for setting in shared] for network in networks]
    return Group(
        name=f"{len(networks)} networks of {len(problems)} problems",
        networks=networks,
        problems=problems,
        settings=shared,
        ranks=tuple(tuple(float(rank) for rank in row) for row in by_problem[:, order]),
        failed=tuple(sum(value == -math.inf for seeds in own for value in seeds) for own in strata),
        improvements=tuple(improvement(own, strata[0], _weights(shared)) for own in strata[1:]),
        skills=_skills(networks, shared),
    )


def _weights(settings: Sequence[Setting]) -> tuple[float, ...]:
    counts = Counter(setting.problem for setting in settings)
    return tuple(1 / (len(counts) * counts[setting.problem]) for setting in settings)


def _by_problem(settings: Sequence[Setting], values: np.ndarray) -> np.ndarray:
    """Values of settings [S, ...] as means of each problem's settings [P, ...]; inf and -inf cancel out."""
    problems = np.array([setting.problem for setting in settings])
    with np.errstate(invalid="ignore"):
        means = [values[problems == problem].mean(axis=0) for problem in dict.fromkeys(problems.tolist())]
    return np.nan_to_num(np.stack(means), nan=0.0, posinf=math.inf, neginf=-math.inf)


def _skills(networks: Sequence[str], settings: Sequence[Setting]) -> Skills | None:
    """The group on a common scale; None with too few seeds, or where a setting lacks two baselines that differ."""
    if any(len(setting.values[network]) < FEWEST for setting in settings for network in networks):
        return None
    if any(not setting.has_scale for setting in settings):
        return None
    each = [
        skills([setting.values[network] for network in networks], setting.baselines[0][1], setting.baselines[-1][1])
        for setting in settings
    ]
    strata = tuple(tuple(tuple(one[place]) for one in each) for place in range(len(networks)))
    marks = tuple((setting.title, setting.baselines[0][0], setting.baselines[-1][0]) for setting in settings)
    means = tuple(interquartile_mean(own) for own in strata)
    above = [shares_above(own, _weights(settings), (0.0, 1.0)) for own in strata]
    return Skills(marks, strata, means, tuple((float(some), float(most)) for some, most in above))


def _tested(groups: Sequence[Group]) -> list[Group]:
    """Groups with what Holm's correction is over and, where they have enough problems, p of each pair.

    Those go untested that could not tell a pair apart by themselves, then those with the fewest problems and the most
    pairs, one by one, until all others can together. No result has a say in it.
    """
    found = list(groups)
    for number, group in enumerate(groups):
        alike = sum(other.name == group.name for other in groups[:number])
        found[number] = replace(group, name=f"{group.name} ({alike + 1})") if alike else group
    able = [number for number, group in enumerate(found) if len(group.problems) >= problems_needed(group.pairs)]
    tested = sorted(able, key=lambda number: (-len(found[number].problems), found[number].pairs))
    while tested and len(found[tested[-1]].problems) < problems_needed(sum(found[one].pairs for one in tested)):
        tested.pop()
    family = sum(found[number].pairs for number in tested)
    p = {key: value for number in tested for key, value in _signed_ranks(number, found[number]).items()}
    adjusted = dict(zip(p, holm(list(p.values())), strict=True))
    for number, group in enumerate(found):
        size = range(len(group.networks))
        matrix = tuple(tuple(adjusted.get((number, one, other), 1.0) for other in size) for one in size)
        own = number in tested
        found[number] = replace(group, p=matrix if own else (), family=family if own else family + group.pairs)
    return found


def _signed_ranks(number: int, group: Group) -> dict[tuple[int, int, int], float]:
    """p of each pair of a group: its number, the worse one and the better one -> p."""
    effects = {}
    for one, other in combinations(range(len(group.networks)), 2):
        pair = group.networks[one], group.networks[other]
        of_settings = [cohens_d(*(setting.values[network] for network in pair)) for setting in group.settings]
        effects[one, other] = _by_problem(group.settings, np.array(of_settings)).tolist()
    return {(number, *pair): p for pair, p in signed_ranks(effects).items()}
