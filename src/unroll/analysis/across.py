"""Networks compared across the problems of a page: rankings of small groups, and the probability of improvement.

A problem is a setting: all that a trial's id hashes but the architecture, its bottleneck and the seed. Networks that
stand unranked in a problem, and baselines, do not take part there.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unroll.analysis import variants
from unroll.analysis.statistics.improvement import Improvement, improvement
from unroll.analysis.statistics.ranks import MOST, Ranking, mean_ranks, ranking
from unroll.analysis.tables import Row, Table

Values = dict[str, dict[int, float]]  # network -> seed -> value; higher is better, -inf where the trial failed
FIRST_OF_EACH = "The first of each family"


@dataclass(frozen=True)
class Problem:
    """One setting, and what the networks gave in it."""

    title: str
    values: Values


@dataclass(frozen=True)
class Group:
    """A few networks ranked over the blocks (problem, seed) that all of them have."""

    name: str
    networks: tuple[str, ...]  # by mean rank
    ranking: Ranking
    problems: tuple[str, ...]
    failed: tuple[int, ...]  # blocks in which each network's trial failed
    left_out: tuple[str, ...]  # networks of the family that do not take part


@dataclass(frozen=True)
class Across:
    """What the trials of several problems say together."""

    groups: tuple[Group, ...]
    reference: str | None  # the network of the best mean rank; None: there is no other to compare with
    improvements: tuple[tuple[str, Improvement], ...]  # each other network on the reference, best first


def family(config: Mapping[str, Any]) -> str:
    """Return the family that a network belongs to, by its config: what it is made of, never what it reached."""
    architecture = config["architecture"]
    if architecture.get("reconstructs"):
        return "Regularised autoencoders" if config["bottleneck"].get("terms") else "Autoencoders"
    if "cell" in architecture:
        ways = "both directions" if architecture.get("bidirectional") else "one direction"
        return f"Recurrent networks, {ways}"
    return "Recursive, linear and feed-forward networks"


def across(tables: Sequence[Table]) -> Across:
    """Compare the networks of several tables; empty where no two problems have networks in common."""
    found, families = _problems(tables)
    groups = []
    for name in sorted(set(families.values())):
        group = _group(name, [network for network in families if families[network] == name], found)
        groups += [group] if group else []
    if len(groups) > 2:
        best = _group(FIRST_OF_EACH, [group.networks[0] for group in groups], found)
        groups += [best] if best else []
    return Across(tuple(groups), *_improvements(list(families), found))


def _problems(tables: Sequence[Table]) -> tuple[list[Problem], dict[str, str]]:
    """The settings in which two networks or more stand, and the family of each network."""
    settings: dict[variants.Setting, list[tuple[Row, str]]] = {}
    for table in tables:
        for row in table.networks:
            if not row.unranked and row.count("missing") < len(row.trials):
                settings.setdefault(variants.setting(row.trials[0]["config"]), []).append((row, table.direction))
    named = variants.named_settings(list(settings))
    problems, families = [], dict[str, str]()
    for key, members in settings.items():
        if len(members) < 2:
            continue
        own = [(row.name, variants.own_options(row.trials[0]["config"])) for row, _ in members]
        values: Values = {}
        for (row, direction), different in zip(members, variants.differences(own), strict=True):
            network = " ".join((row.name, *different))
            values[network] = _values(row, direction)
            families.setdefault(network, family(row.trials[0]["config"]))
        problems.append(Problem(named[key], values))
    return sorted(problems, key=lambda problem: problem.title), families


def _values(row: Row, direction: str) -> dict[int, float]:
    sign = 1 if direction == "higher" else -1
    return {
        trial["config"]["seed"]: sign * trial["result"]["primary"]["value"]
        if trial["status"] == "finished"
        else -math.inf
        for trial in row.trials
        if trial["status"] != "missing"
    }


def _standing(networks: Sequence[str], problems: Sequence[Problem]) -> list[str]:
    """Those of some networks that stand in the most problems, sorted."""
    counts = {network: sum(network in problem.values for problem in problems) for network in networks}
    return sorted(network for network, count in counts.items() if count == max(counts.values()))


def _blocks(networks: Sequence[str], problems: Sequence[Problem]) -> tuple[np.ndarray, list[str]]:
    """Values [N, K] of the blocks that all networks have, and the problem of each block."""
    rows, titles = [], []
    for problem in problems:
        if all(network in problem.values for network in networks):
            columns = [problem.values[network] for network in networks]
            for seed in sorted(set.intersection(*(set(column) for column in columns))):
                rows.append([column[seed] for column in columns])
                titles.append(problem.title)
    return np.array(rows, dtype=np.float64).reshape(-1, len(networks)), titles


def _by_rank(networks: Sequence[str], problems: Sequence[Problem]) -> list[str]:
    values, titles = _blocks(networks, problems)
    if not titles:
        return list(networks)
    ranks = dict(zip(networks, mean_ranks(values), strict=True))
    return sorted(networks, key=lambda network: (ranks[network], network))


def _group(name: str, networks: Sequence[str], problems: Sequence[Problem]) -> Group | None:
    members = _by_rank(_standing(networks, problems), problems)[:MOST]
    values, titles = _blocks(members, problems)
    if len(members) < 3 or len(set(titles)) < 2:
        return None
    members = _by_rank(members, problems)
    values, titles = _blocks(members, problems)
    return Group(
        name=name,
        networks=tuple(members),
        ranking=ranking(values),
        problems=tuple(dict.fromkeys(titles)),
        failed=tuple(int(count) for count in np.isneginf(values).sum(axis=0)),
        left_out=tuple(sorted(set(networks) - set(members))),
    )


def _improvements(
    networks: Sequence[str], problems: Sequence[Problem]
) -> tuple[str | None, tuple[tuple[str, Improvement], ...]]:
    """The network of the best mean rank among those in the most problems, and each other one on it."""
    if not networks:
        return None, ()
    reference = _by_rank(_standing(networks, problems), problems)[0]
    found = []
    for network in networks:
        shared = [problem.values for problem in problems if {network, reference} <= problem.values.keys()]
        if network != reference and len(shared) > 1:
            own = [list(values[network].values()) for values in shared]
            found.append((network, improvement(own, [list(values[reference].values()) for values in shared])))
    found.sort(key=lambda item: (-item[1].probability, item[0]))
    return (reference if found else None), tuple(found)
