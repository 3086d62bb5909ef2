"""The comparison with peers: its files parse without them, its cases compose, its table is right."""

import ast
from pathlib import Path

import pytest

from benchmarks.peers import environment
from benchmarks.peers.cases import CASES
from benchmarks.peers.table import Found, row
from benchmarks.peers.unroll_side import trial_of

FOLDER = Path(environment.__file__).parent


def found(fit: float, process: float, parameters: int) -> Found:
    return {"fit": fit, "process": process, "wall": 2 * fit, "steps": 5, "parameters": parameters}


def test_a_row_has_every_pair_and_the_ratios_of_pairs() -> None:
    pairs = [
        (found(2, 6, 1001), found(4, 8, 1000)),
        (found(3, 7, 1001), found(4, 7, 1000)),
        (found(1, 5, 1001), found(4, 10, 1000)),
    ]
    assert row("ae", "pythae 0.1.2", pairs) == (
        "| `ae` | pythae 0.1.2 | 1,001 / 1,000 | 2.0 3.0 1.0 | 4.0 4.0 4.0 | 0.50 [0.25-0.75] | 0.75 [0.50-1.00] |"
    )


@pytest.mark.parametrize("case", CASES)
def test_unroll_trains_the_steps_that_a_case_names(case: str, tmp_path: Path) -> None:
    plain = trial_of(case, tmp_path).plain
    assert plain["budget"]["steps"] == CASES[case].steps
    assert plain["data"]["batch_size"] == CASES[case].batch_size
    assert plain["optimizer"]["learning_rate"] == CASES[case].learning_rate


@pytest.mark.parametrize("peer", sorted({case.peer for case in CASES.values()}))
def test_each_peer_has_its_pin_and_a_side_that_imports_nothing_of_unrolls(peer: str) -> None:
    own, others = environment.requirements(peer)
    assert own.startswith(f"{peer}==")
    assert not any(line.split("==")[0] == "torch" for line in others)
    tree = ast.parse((FOLDER / f"{peer}_side.py").read_text(encoding="utf-8"))
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {name for name in imported if name.startswith(("unroll", "benchmarks"))} == {
        "benchmarks.peers.cases",
        "benchmarks.peers.clock",
    }
