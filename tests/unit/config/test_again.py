"""The command that trains a recorded trial again: it composes to the record's id, and nothing in it is too much."""

import json
import shlex
from pathlib import Path

import pytest

from unroll.analysis.variants import options
from unroll.config.again import again, command
from unroll.config.compose import compose
from unroll.config.identity import is_baseline, titles
from unroll.config.trial import make_trial
from unroll.errors import UserError
from unroll.records.store import read_records
from unroll.registry.versions import listed

BEFORE = {f"{name}@{version}" for name, entry in listed("components").items() for version in range(1, entry.version)}
RECORDS = Path(__file__).resolve().parents[3] / "results" / "records"


def test_committed_records_have_their_commands() -> None:
    """Composed once for all seeds of a network's config, where a seed stands nowhere else than in its override. Of the
    matrix, whose configs are alike, one task an architecture; of all these, every third.
    """
    rows: dict[str, list[dict]] = {}
    kinds: dict[str, str] = {}
    for record in read_records(RECORDS):
        config = record["config"]
        own, task = config.get("architecture", {}).get("name"), config["task"]["name"]
        if config.get("budget", {}).get("parameters") and kinds.setdefault(own, task) != task:
            continue
        key = record["trial_id"] if is_baseline(config) else json.dumps(options(config), sort_keys=True)
        rows.setdefault(key, []).append(record)
    for first, *others in list(rows.values())[::3]:
        old = [title for title in titles(first["config"]).values() if title in BEFORE]
        if old:
            with pytest.raises(UserError, match=old[0]):
                again(first["trial_id"], first["config"])
            continue
        found = again(first["trial_id"], first["config"])
        assert found.trial.trial_id == first["trial_id"]
        for other in others:
            assert make_trial({**found.trial.plain, "seed": other["config"]["seed"]}).trial_id == other["trial_id"]


CASES = [
    ["task=sentiment", "architecture=lstm"],
    ["task=compression", "architecture=ae", "bottleneck=none", "architecture.tied=true", "budget.parameters=50000"],
    ["task=sentiment", "architecture=ae", "+bottleneck/term@bottleneck.terms=dropout"],
    [
        "task=sentiment",
        "architecture=ae_sparse",
        "bottleneck/term@bottleneck.terms=[denoising,sparse]",
        "bottleneck.terms.denoising.kind=gaussian",
        "seed=7",
    ],
    ["task=sentiment", "architecture=ae_sparse", "~bottleneck.terms.sparse"],
    ["task=sentiment", "architecture=bilstm", "bottleneck=variational", "optimizer=sgd", "optimizer.momentum=0.0"],
    ["task=translation", "architecture=gru", "budget=quickstart", "data.max_length=30"],
    ["task=adding", "architecture=rnn", "data.options.length=30", "budget.steps=7", "budget.epochs=null"],
    ["task=generation", "baseline=gmm", "task.samples=500", "seed=3"],
    ["task=sentiment", "architecture=lstm", "architecture.encoder.width=20"],
    ["task=classification", "architecture=lstm", "trainer.threads=2", "trainer.precision=bf16-mixed"],
    ["task=sentiment", "architecture=lstm", "optimizer.betas=[0.8,0.99]", "optimizer.clip_norm=null"],
]


@pytest.mark.parametrize("overrides", CASES, ids=" ".join)
def test_the_overrides_come_back_and_no_others(overrides: list[str]) -> None:
    trial = compose(overrides)
    assert sorted(again(trial.trial_id, trial.plain).overrides) == sorted(overrides)


def test_what_says_the_default_or_follows_from_another_is_left_out() -> None:
    said = ["experiment=etth1_lstm_joint", "architecture.width=32", "task.dropout=0.0", "optimizer=adam", "seed=0"]
    trial = compose([text for text in said if text != "task.dropout=0.0"])
    found = again(trial.trial_id, trial.plain).overrides
    assert found == [
        "task=forecasting",
        "architecture=lstm",
        "data=etth1",
        "task.channels=joint",
        "architecture.width=32",
        "budget.epochs=4.0",
    ]


def test_a_config_older_than_an_option_is_the_same_trial() -> None:
    trial = compose(["architecture=bigru", "architecture.width=17"])
    for part in ("encoder", "decoder"):
        for option in ("nonlinearity", "biases", "reset", "initialisation", "forget_bias", "truncate", "residual"):
            del trial.plain["architecture"][part][option]
    del trial.plain["budget"]["parameters"]
    assert again(trial.trial_id, trial.plain).overrides == [
        "task=sentiment",
        "architecture=bigru",
        "architecture.width=17",
    ]


def test_a_neutral_value_is_said_where_the_yaml_has_another(tmp_path: Path) -> None:
    """An id leaves it out, and the YAML of this architecture does not."""
    (tmp_path / "architecture").mkdir()
    (tmp_path / "architecture" / "before.yaml").write_text("defaults: [gru, _self_]\nname: before\nreset: before\n")
    trial = compose(["architecture=before", "architecture.reset=after"], str(tmp_path))
    found = again(trial.trial_id, trial.plain, str(tmp_path))
    assert found.overrides == ["task=sentiment", "architecture=before", "architecture.reset=after"]


def test_what_todays_yaml_does_not_have_is_named(tmp_path: Path) -> None:
    trial = compose([])
    mine = {**trial.plain, "architecture": {**trial.plain["architecture"], "name": "mine"}}
    with pytest.raises(UserError, match="There is no architecture of this name") as unknown:
        again(trial.trial_id, mine)
    assert unknown.value.saw == "mine"
    older = {**trial.plain, "task": {**trial.plain["task"], "protocol_version": 0}}
    with pytest.raises(UserError, match="protocol"):
        again(make_trial(older).trial_id, older)


def test_the_line_is_quoted_for_a_shell_and_starts_its_ranks() -> None:
    overrides = ["task=adding", "bottleneck/term@bottleneck.terms=[denoising,sparse]"]
    line = command(overrides, {"devices": 1, "num_nodes": 1})
    assert shlex.split(line) == ["unroll", "train", *overrides]
    assert "'bottleneck/term@bottleneck.terms=[denoising,sparse]'" in line
    ranks = "torchrun --nnodes 2 --nproc-per-node 4 -m unroll train task=adding trainer.devices=4 trainer.num_nodes=2"
    overrides = ["task=adding", "trainer.devices=4", "trainer.num_nodes=2"]
    assert command(overrides, {"devices": 4, "num_nodes": 2}) == ranks
