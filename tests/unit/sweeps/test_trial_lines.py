"""What `unroll train` prints before and after a trial."""

from pathlib import Path
from typing import Any

from unroll.config.compose import compose
from unroll.sweeps.trial_lines import closing, next_commands, opening

RECORD: dict[str, Any] = {
    "trial_id": "sentiment-sst2-gru-s0-0123456789",
    "config": {"task": {"primary": {"direction": "higher"}}, "paths": {"runs": "my runs"}},
    "result": {
        "primary": {"name": "accuracy", "value": 76.2, "unit": "%"},
        "metrics": {"validation": {"nll": 0.5, "accuracy": 77.0}, "test": {"nll": 0.51, "accuracy": 76.2}},
    },
    "run": {"seconds": 20.04, "training_seconds": 18.0, "peak_memory_bytes": 2**30},
    "flops": {"training": 2.5e12},
}


def test_what_trains_is_said_at_once(tmp_path: Path) -> None:
    trial = compose(["task=sentiment", "architecture=gru", "seed=3", f"paths.runs={tmp_path}"])
    assert list(opening(trial)) == [
        "gru on sentiment (rotten_tomatoes_snippets), seed 3",
        f"  in       {tmp_path}/{trial.trial_id}",
    ]


def test_a_result_stands_beside_its_baselines() -> None:
    assert list(closing(RECORD, {"majority": 55.8, "tfidf_lr": 76.49})) == [
        "  test       accuracy 76.2 %  nll 0.51",
        "  validation accuracy 77 %  nll 0.5",
        "  baselines  tfidf_lr 76.49 %  majority 55.8 %: better than 1 of 2",
        "  cost       20.0 s, 18.0 of them training  2.5 TFLOP  1 GiB of memory",
    ]


def test_the_next_commands_find_the_trial() -> None:
    assert list(next_commands(RECORD)) == [
        "  next       unroll show sentiment-sst2-gru-s0-0123456789 --runs 'my runs'",
        "             unroll verify sentiment-sst2-gru-s0-0123456789 --runs 'my runs'",
        "             unroll report --runs 'my runs'",
    ]


def test_a_baseline_has_no_operations_and_lower_may_be_better() -> None:
    record = RECORD | {
        "flops": None,
        "config": {"task": {"primary": {"direction": "lower"}}, "paths": {"runs": "runs"}},
    }
    said = list(closing(record, {"a": 80.0, "b": 70.0}))
    assert said[2] == "  baselines  b 70 %  a 80 %: better than 1 of 2"
    assert said[3] == "  cost       20.0 s, 18.0 of them training  1 GiB of memory"
    plain = RECORD | {"config": {"paths": {"runs": "runs"}}}
    assert next(next_commands(plain)).endswith("0123456789")
