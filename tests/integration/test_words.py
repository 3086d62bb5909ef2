"""Whole trials of tagging, masked words and language modelling: verified, audited; forged ones are caught."""

import copy
from pathlib import Path
from typing import Any

import pytest
from tiny_data import Tiny

from unroll.records.audit import audit
from unroll.records.record import FILE_NAME
from unroll.records.seal import sealed
from unroll.training.train import train
from unroll.verification.recount import parameters
from unroll.verification.verify import verify
from unroll.verification.words import lines

TRIALS = {
    "tagging": ["tagging", "architecture=bilstm", "task.characters=4"],
    "masked_words": ["masked_words", "architecture=bigru"],
    "stream": ["language_modelling", "architecture=lstm"],
    "sentences": ["sentence_modelling", "architecture=gru"],
    "sentences_with_codes": ["sentence_modelling", "architecture=ae_variational"],
    "tags_counted": ["tagging", "baseline=commonest_tag"],
    "neighbours_counted": ["masked_words", "baseline=neighbours"],
    "five_words": ["language_modelling", "baseline=kneser_ney"],
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def records(tiny: Tiny, runs: Path) -> dict[str, dict[str, Any]]:
    return {name: train(tiny.trial(task, runs, *chosen)) for name, (task, *chosen) in TRIALS.items()}


@pytest.mark.parametrize("name", TRIALS)
def test_a_trial_is_what_it_was(name: str, records: dict[str, dict[str, Any]]) -> None:
    found = verify(records[name], [])
    assert found is not None
    assert (found.differences, found.moved, found.passed) == ([], [], True)
    assert list(lines(found))[-1].endswith("bit-identical")


def test_an_audit_finds_nothing(records: dict[str, dict[str, Any]], runs: Path) -> None:
    found = audit(runs, [parameters])
    assert (found.failures, found.looked_at, found.with_scores) == ([], len(TRIALS), len(TRIALS))


def forged(record: dict[str, Any], runs: Path, factors: dict[str, float]) -> set[str]:
    """The checks that fail once metrics of test are so many times what they were."""
    path = runs / record["trial_id"] / FILE_NAME
    changed = copy.deepcopy(record)
    result = changed["result"]
    for name, factor in factors.items():
        result["metrics"]["test"][name] *= factor
    result["primary"]["value"] = result["metrics"]["test"][result["primary"]["name"]]
    if result.get("train") is not None:
        gap = result["train"]["gap"]
        gap["test"] = result["metrics"]["test"][gap["metric"]]
        gap["value"] = gap["train"] - gap["test"]
    before = path.read_bytes()
    path.write_bytes(sealed(changed))
    try:
        return {failure.check for failure in audit(runs).failures if failure.path == path}
    finally:
        path.write_bytes(before)


def test_a_forgery_is_caught(records: dict[str, dict[str, Any]], runs: Path) -> None:
    """Perplexity alone is neither e to its nats nor what the scores say; both together are not the latter."""
    stream = records["stream"]
    assert forged(stream, runs, {}) == set()
    assert forged(stream, runs, {"perplexity": 0.9}) == {"numbers", "scores"}
    nats = stream["result"]["metrics"]["test"]["nll_per_token"]
    both = {"nll_per_token": 1 - 0.1 / nats, "perplexity": 2.718281828459045**-0.1}
    assert forged(stream, runs, both) == {"scores"}
    assert forged(records["sentences"], runs, {"perplexity_bound": 0.9}) == {"numbers", "scores"}
    assert forged(records["tagging"], runs, {"accuracy": 0.9}) == {"scores"}
    assert forged(records["masked_words"], runs, {"accuracy": 0.5}) == {"scores"}
    assert forged(records["five_words"], runs, {"perplexity": 0.9}) == {"numbers", "scores"}
