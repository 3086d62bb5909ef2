"""A trial's id: the same for the same science, another for each difference in it."""

import os
import subprocess
import sys
from copy import deepcopy
from typing import Any

import pytest

from unroll.config.compose import compose
from unroll.config.identity import identity
from unroll.config.trial import make_trial
from unroll.errors import UserError
from unroll.registry.canonical import canonical

CONFIG: dict[str, Any] = {
    "seed": 0,
    "task": {
        "name": "sentiment",
        "protocol_version": 1,
        "baselines": ["majority"],
        "problem": [],
        "quickstart_steps": 150,
        "dropout": 0.5,
        "primary": {"name": "accuracy", "direction": "higher", "unit": "%"},
        "selection": {"name": "nll", "direction": "lower"},
        "_target_": "unroll.tasks.sentiment.Sentiment",
    },
    "data": {
        "name": "sst2",
        "kind": "labelled_text",
        "reader": "sst",
        "tokenizer": {"kind": "word"},
        "options": {"classes": 2},
        "fraction": 1.0,
        "batch_size": 64,
        "epochs": 4,
        "origin": {"citation": "Socher et al."},
    },
    "architecture": {
        "name": "lstm",
        "reconstructs": False,
        "width": 128,
        "encoder": {"_target_": "unroll.models.recurrent.RecurrentEncoder", "cell": "lstm", "width": 128},
        "decoder": {"_target_": "unroll.models.recurrent.RecurrentDecoder", "cell": "lstm", "width": 128},
    },
    "bottleneck": {"name": "none", "size": None, "terms": {}},
    "baseline": {"name": "none"},
    "budget": {"name": "default", "epochs": 4.0, "steps": None},
    "optimizer": {"name": "adam", "learning_rate": 0.001},
    "trainer": {"precision": "32-true", "devices": 1, "threads": 1, "log_every": 50},
    "logger": {"csv": False},
    "paths": {"runs": "runs", "cache": "c", "data": None},
}
TERMS = {
    "denoising": {"_target_": "unroll.models.bottlenecks.denoising.Denoising", "kind": "gaussian", "level": 0.1},
    "sparse": {"_target_": "unroll.models.bottlenecks.sparse.Sparse", "kind": "l1", "beta": 1.0, "rate": 0.1},
}
GMM = "unroll.tasks.baselines.generation.GaussianMixture"


def changed(path: str, value: Any, base: dict[str, Any] = CONFIG) -> dict[str, Any]:
    config = deepcopy(base)
    *parents, last = path.split(".")
    node = config
    for part in parents:
        node = node[part]
    node[last] = value
    return config


def baseline(seeded: bool, seed: int) -> dict[str, Any]:
    config = changed("architecture", {"name": "baseline"})
    node = {"name": "gmm", "seeded": seeded, "components": 20, "_target_": GMM}
    return config | {"baseline": node, "seed": seed}


def test_the_id_is_stable() -> None:
    """Ids name committed records: a change of this literal makes all of them unfindable."""
    assert make_trial(CONFIG).trial_id == "sentiment-sst2-lstm-s0-5244b3aaee"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("seed", 1),
        ("task.dropout", 0.4),
        ("task.protocol_version", 2),
        ("data.options.classes", 5),
        ("data.fraction", 0.5),
        ("data.batch_size", 32),
        ("data.tokenizer", None),
        ("data.tokenizer.words", "moses"),
        ("architecture.encoder.width", 64),
        ("architecture.encoder.biases", 1),
        ("architecture.encoder._target_", "unroll.models.recurrent.RecurrentDecoder"),
        ("task.selection.name", "accuracy"),
        ("trainer.tf32", True),
        ("trainer.cuda_graphs", True),
        ("bottleneck.size", 20),
        ("budget.epochs", 5.0),
        ("budget.steps", 10),
        ("optimizer.learning_rate", 0.01),
        ("trainer.precision", "bf16-mixed"),
    ],
)
def test_what_decides_the_result_changes_the_id(path: str, value: Any) -> None:
    assert make_trial(changed(path, value)).trial_id != make_trial(CONFIG).trial_id


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("trainer.devices", 2),
        ("trainer.threads", 4),
        ("trainer.log_every", 1),
        ("logger.csv", True),
        ("paths.runs", "elsewhere"),
        ("paths.data", "/data"),
        ("data.origin.citation", "corrected"),
        ("data.epochs", 9),
        ("task.baselines", []),
        ("task.quickstart_steps", 10),
        ("budget.name", "mine"),
        ("baseline.note", "not used"),
        ("data.fraction", 1),
        ("budget.epochs", 4),
        ("architecture.name", "lstm"),
        ("architecture.encoder.biases", 2),
        ("architecture.encoder.dropout", 0),
        ("architecture.decoder.forget_bias", None),
        ("optimizer.betas", [0.9, 0.999]),
        ("optimizer.warmup_steps", 0),
        ("data.tokenizer.min_count", 1),
        ("data.options.others", "left_out"),
        ("task.primary.unit", "percent"),
        ("trainer.tf32", False),
        ("trainer.cuda_graphs", False),
    ],
)
def test_what_does_not_leaves_it(path: str, value: Any) -> None:
    assert make_trial(changed(path, value)).trial_id == make_trial(CONFIG).trial_id


def test_order_of_keys_does_not_matter() -> None:
    shuffled = {
        key: dict(reversed(value.items())) if isinstance(value, dict) else value
        for key, value in reversed(CONFIG.items())
    }
    assert make_trial(shuffled).trial_id == make_trial(CONFIG).trial_id


def test_order_of_a_list_does() -> None:
    one, other = changed("optimizer.betas", [0.9, 0.99]), changed("optimizer.betas", [0.99, 0.9])
    assert make_trial(one).trial_id != make_trial(other).trial_id


def test_a_baseline_ignores_what_it_does_not_use() -> None:
    first = make_trial(baseline(True, 1))
    assert first.trial_id.startswith("sentiment-sst2-gmm-s1-")
    for path, value in (
        ("optimizer.learning_rate", 9.0),
        ("budget.epochs", 9.0),
        ("bottleneck.size", 9),
        ("trainer.precision", "64-true"),
    ):
        assert make_trial(changed(path, value, baseline(True, 1))).trial_id == first.trial_id
    assert make_trial(changed("baseline.components", 9, baseline(True, 1))).trial_id != first.trial_id


def test_a_baseline_without_a_seed_is_one_trial() -> None:
    trial = make_trial(baseline(False, 3))
    assert trial == make_trial(baseline(False, 0))
    assert trial.plain["seed"] == 0
    assert make_trial(baseline(True, 3)).trial_id != make_trial(baseline(True, 0)).trial_id


def test_canonical_is_strict() -> None:
    assert canonical({"b": 1.0, "a": [None, True, 0.5]}) == '{"a":[null,true,0.5],"b":1}'
    assert canonical({"x": True}) != canonical({"x": 1})
    for bad in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="JSON"):
            canonical(bad)
    with pytest.raises(TypeError):
        canonical({1, 2})


def test_identity_holds_no_origin() -> None:
    assert "origin" not in identity(CONFIG)["data"]


def test_two_processes_agree() -> None:
    """hash() of a string differs between processes; the id must not."""
    code = "from unroll.config.compose import compose; print(compose(['architecture=gru', 'seed=3']).trial_id)"
    ids = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("override", "same"),
    [
        ("task.channels=independent", True),
        ("task.normalise=last_value", True),
        ("task.dropout=0.5", True),
        ("task.horizon=48", False),
        ("task.window=48", False),
    ],
)
def test_a_baseline_reads_the_options_of_the_problem_only(override: str, same: bool) -> None:
    chosen = ["task=forecasting", "baseline=last_value"]
    assert (compose([*chosen, override]).trial_id == compose(chosen).trial_id) is same
    network = chosen[:1]
    assert compose([*network, override]).trial_id != compose(network).trial_id


def test_a_problem_names_options_of_the_task() -> None:
    with pytest.raises(UserError, match=r"Did you mean 'horizon'\?"):
        compose(["task=forecasting", "task.problem=[horizn]"])


def test_the_order_of_a_bottlenecks_terms_is_another_trial() -> None:
    """Two terms act one after the other; the order of all other keys decides nothing."""
    found = []
    for names in (("denoising", "sparse"), ("sparse", "denoising")):
        config = deepcopy(CONFIG)
        config["bottleneck"]["terms"] = {name: TERMS[name] for name in names}
        found.append(make_trial(config).trial_id)
    assert found[0] != found[1]
