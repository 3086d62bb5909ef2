"""Forged records are caught: copies of committed ones with one thing changed, sealed again as their forger would."""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from unroll.analysis.variants import options
from unroll.cli import app
from unroll.config.trial import make_trial
from unroll.errors import UserError
from unroll.records.audit import audit, trusted
from unroll.records.lots import draw, draws_needed, lot_of
from unroll.records.record import read_record
from unroll.records.scores import SUFFIX, scores_sha256
from unroll.records.seal import sealed
from unroll.registry.metric import Score
from unroll.reproduction.run import finder
from unroll.sweeps.show import show
from unroll.verification.recount import parameters as recounted
from unroll.verification.retrain import retrain
from unroll.verification.verify import Verification, compared

RECORDS = Path(__file__).resolve().parents[3] / "results" / "records"
Record = dict[str, Any]
Forge = Callable[[Record], None]


def ids(pattern: str) -> list[str]:
    return sorted(path.stem for path in RECORDS.glob(f"{pattern}.json"))


def alike(pattern: str) -> list[str]:
    """Three seeds of one trial among those of a pattern."""
    names = [(json.dumps(options(read_record(RECORDS / f"{name}.json")["config"])), name) for name in ids(pattern)]
    return next(row for key, _ in names if len(row := [name for other, name in names if other == key]) == 3)


SEEDS = alike("compression-mnist_5k-mlp-s*")
BASELINE = ids("sentiment-rotten_tomatoes_snippets-tfidf_lr-s*")[0]
TEXT = ids("sentiment-rotten_tomatoes_snippets-lstm-s*-81189f397b")[0]  # of today's protocol
NO_SCORES = ids("generation-mnist_5k-mlp-s*")[0]
COPIED = [*SEEDS, BASELINE, TEXT, NO_SCORES]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in COPIED:
        for file in RECORDS.glob(f"{name}.*"):
            shutil.copy(file, tmp_path)
    return tmp_path


def write(folder: Path, record: Record, name: str | None = None) -> Path:
    path = folder / f"{name or record['trial_id']}.json"
    path.write_bytes(sealed(record))
    return path


def test_what_is_not_forged_passes(folder: Path) -> None:
    found = audit(folder, [recounted])
    assert (found.failures, found.looked_at, found.with_scores) == ([], len(COPIED), len(COPIED) - 1)
    refused: list[UserError] = []
    assert [record["trial_id"] for record in trusted(folder, refused)] == sorted(COPIED)
    assert refused == []


def primary_and_metrics(record: Record) -> None:
    result = record["result"]
    result["primary"]["value"] += 1.0
    result["metrics"]["test"][result["primary"]["name"]] += 1.0


def another_seed(record: Record) -> None:
    record["config"]["seed"] += 100


def another_option(record: Record) -> None:
    record["config"]["optimizer"]["learning_rate"] *= 2


def another_count(record: Record) -> None:
    record["result"]["examples"]["test"] *= 2


def fewer_train(record: Record) -> None:
    record["result"]["examples"]["train"] -= 1


def better_curve(record: Record) -> None:
    record["result"]["curves"]["validation"][0]["mse"] = 1e-9


def shorter_curve(record: Record) -> None:
    del record["result"]["curves"]["validation"][0]


def another_selection(record: Record) -> None:
    record["result"]["selection"]["value"] *= 0.5


def too_fast(record: Record) -> None:
    run = record["run"]
    run["training_seconds"], run["examples_per_second"] = (
        run["training_seconds"] / 1e6,
        run["examples_per_second"] * 1e6,
    )


def faster(record: Record) -> None:
    record["run"]["training_seconds"] *= 0.5


def shorter(record: Record) -> None:
    record["run"]["seconds"] = 0.001


def more_parameters(record: Record) -> None:
    for key in ("total", "counted"):
        record["parameters"][key] += 1


def fewer_operations(record: Record) -> None:
    record["flops"]["training"] //= 2


def cheaper_examples(record: Record) -> None:
    for key in record["flops"]:
        record["flops"][key] //= 2


def more_steps(record: Record) -> None:
    record["result"]["steps"] *= 2


def other_content(record: Record) -> None:
    record["data"]["content_sha256"] = record["result"]["data_sha256"] = "0" * 64


def other_content_and_config(record: Record) -> None:
    """Where data come from is not in the id: only the shipped YAML tells, of records of today's protocol."""
    other_content(record)
    stated = record["config"]["data"]["origin"]["content_sha256"]
    record["config"]["data"]["origin"]["content_sha256"] = dict.fromkeys(stated, "0" * 64)


def direction(record: Record) -> None:
    record["result"]["primary"]["direction"] = "lower"


def enormous(record: Record) -> None:
    record["result"]["metrics"]["validation"]["ssim"] = 1e308


def gap(record: Record) -> None:
    record["result"]["train"]["gap"]["train"] = 0.0


def called_reportable(record: Record) -> None:
    record["run"]["code"]["dirty"] = True


def protocol(record: Record) -> None:
    record["protocol_version"] += 1


def without_config(record: Record) -> None:
    del record["config"]["optimizer"]


FORGED: list[tuple[Forge, str]] = [
    (primary_and_metrics, "scores"),
    (another_seed, "trial_id"),
    (another_option, "trial_id"),
    (another_count, "examples"),
    (fewer_train, "examples"),
    (better_curve, "selection"),
    (shorter_curve, "curve"),
    (another_selection, "selection"),
    (too_fast, "seconds"),
    (faster, "seconds"),
    (shorter, "seconds"),
    (more_parameters, "siblings"),
    (fewer_operations, "operations"),
    (cheaper_examples, "siblings"),
    (more_steps, "steps"),
    (other_content, "data"),
    (direction, "primary"),
    (enormous, "numbers"),
    (gap, "gap"),
    (called_reportable, "reportable"),
    (protocol, "protocol"),
    (without_config, "trial_id"),
]


@pytest.mark.parametrize(("forge", "check"), FORGED, ids=[forge.__name__ for forge, _ in FORGED])
def test_a_forgery_is_caught_and_nothing_else_is_refused(folder: Path, forge: Forge, check: str) -> None:
    record = read_record(folder / f"{SEEDS[0]}.json")
    forge(record)
    path = write(folder, record)
    found = audit(folder)
    assert {failure.path for failure in found.failures} == {path}
    assert check in {failure.check for failure in found.failures}, list(map(str, found.failures))
    if check != "siblings":  # that takes the others to see
        refused: list[UserError] = []
        kept = [each["trial_id"] for each in trusted(folder, refused)]
        assert (kept, len(refused)) == (sorted(set(COPIED) - {SEEDS[0]}), 1)
        assert path.name in str(refused[0])


def test_other_content_is_caught_where_the_config_was_changed_with_it(folder: Path) -> None:
    record = read_record(folder / f"{TEXT}.json")
    other_content_and_config(record)
    path = write(folder, record)
    assert {(failure.path, failure.check) for failure in audit(folder).failures} == {(path, "data")}


def test_parameters_are_counted_again_where_no_sibling_tells(folder: Path) -> None:
    """Of a text's network too: words are not counted."""
    for name in (*SEEDS, TEXT):
        record = read_record(folder / f"{name}.json")
        more_parameters(record)
        write(folder, record)
    found = audit(folder, [recounted])
    assert {failure.path.stem for failure in found.failures if failure.check == "parameters"} == {*SEEDS, TEXT}


def test_results_of_two_trials_that_were_swapped_are_caught(folder: Path) -> None:
    one, other = (read_record(folder / f"{name}.json") for name in SEEDS[:2])
    one["result"], other["result"] = other["result"], one["result"]
    for record in (one, other):
        write(folder, record)
    assert {failure.path.stem for failure in audit(folder).failures} == set(SEEDS[:2])


def test_a_record_in_the_place_of_another_is_caught(folder: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for name in SEEDS[:2]:
        (runs / name).mkdir(parents=True)
        shutil.copy(folder / f"{SEEDS[0]}.json", runs / name / "record.json")
    assert {(failure.path.parent.name, failure.check) for failure in audit(runs).failures} == {(SEEDS[1], "place")}


def test_a_failed_record_that_was_made_finished_is_caught(folder: Path) -> None:
    record = read_record(folder / f"{SEEDS[0]}.json")
    path = write(folder, {**record, "flops": None, "error": None})
    assert [failure.check for failure in audit(folder).failures if failure.path == path] == ["record"]


def test_a_key_twice_is_caught(folder: Path) -> None:
    path = folder / f"{SEEDS[0]}.json"
    record = read_record(path)
    text = json.dumps(record, indent=1)
    value = record["result"]["primary"]["value"]
    path.write_text(text.replace(f'"value": {value}', f'"value": {value}, "value": 99.0'))
    (failure,) = audit(folder).failures
    assert (failure.path, failure.check) == (path, "record")
    assert "twice" in str(failure)


def all_right(values: np.ndarray) -> np.ndarray:
    return np.ones_like(values)


def too_few(values: np.ndarray) -> np.ndarray:
    return values[:-1]


def not_a_number(values: np.ndarray) -> np.ndarray:
    return np.where(np.arange(len(values)) == 3, np.nan, values)


def another_order(values: np.ndarray) -> np.ndarray:
    """Of the same mean: only the hash tells."""
    return values[::-1]


def of_objects(values: np.ndarray) -> np.ndarray:
    return values.astype(object)


@pytest.mark.parametrize("change", [all_right, too_few, not_a_number, another_order, of_objects])
def test_changed_scores_are_caught(folder: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    path = folder / f"{TEXT}{SUFFIX}"
    with np.load(path) as arrays:
        values = arrays["test/correct"]
    np.savez_compressed(path, **{"test/correct": change(values)})
    found = audit(folder)
    assert {(failure.path.stem, failure.check) for failure in found.failures} == {(TEXT, "scores")}
    refused: list[UserError] = []
    assert TEXT not in {record["trial_id"] for record in trusted(folder, refused)}


def test_scores_of_a_trial_agree_with_those_that_are_committed(folder: Path, tmp_path: Path) -> None:
    """A trial's directory holds predictions in double precision; the hash is of what would be committed of them."""
    record = read_record(folder / f"{SEEDS[0]}.json")
    directory = tmp_path / "runs" / SEEDS[0]
    directory.mkdir(parents=True)
    with np.load(folder / f"{SEEDS[0]}{SUFFIX}") as arrays:
        values = arrays["test/psnr"].astype(np.float64)
    assert scores_sha256(Score(name="psnr"), values) == record["result"]["scores_sha256"]
    np.savez_compressed(directory / "predictions.npz", **{"test/psnr": values})
    (directory / "record.json").write_bytes(sealed(record))
    (failure,) = audit(directory.parent).failures
    assert failure.check == "predictions"  # they are not those that the trial made


def test_a_record_that_nothing_contradicts_passes_after_a_rename_of_its_folder(folder: Path, tmp_path: Path) -> None:
    directory = tmp_path / "runs" / "mine"
    directory.mkdir(parents=True)
    shutil.copy(folder / f"{BASELINE}.json", directory / "record.json")
    assert audit(directory.parent).failures == []


def test_an_id_is_no_proof_of_its_config_alone(folder: Path) -> None:
    """A forger who names the trial anew is caught by what the new config would have given."""
    record = read_record(folder / f"{SEEDS[0]}.json")
    record["config"]["budget"]["steps"] = 10 * record["result"]["steps"]
    record["config"]["budget"]["epochs"] = None
    record["trial_id"] = make_trial(record["config"]).trial_id
    path = write(folder, record)
    checks = {failure.check for failure in audit(folder).failures if failure.path == path}
    assert "steps" in checks


def test_a_report_and_a_published_table_go_on_without_what_they_refuse(folder: Path) -> None:
    """The page says which and why; `show` of such a record is the reason alone."""
    record = read_record(folder / f"{SEEDS[0]}.json")
    primary_and_metrics(record)
    forged = write(folder, record)
    damaged = folder / f"{SEEDS[1]}.json"
    damaged.write_bytes(damaged.read_bytes().replace(b'"steps"', b'"stepz"'))
    found = CliRunner().invoke(app, ["report", "--runs", str(folder), "--out", str(folder / "report.md")])
    assert found.exit_code == 1
    page = (folder / "report.md").read_text()
    tables, refused = page.split("## Refused records")
    assert SEEDS[2] in tables
    assert SEEDS[0] not in tables
    for path in (forged, damaged):
        assert path.name in refused
        assert path.name in found.stderr
    assert "scores: psnr" in refused
    errors: list[UserError] = []
    find = finder(folder, refused=errors)
    assert [find(name) is None for name in SEEDS] == [True, True, False]
    assert find(SEEDS[0]) is None
    assert len(errors) == 2, "each is told once, however often it is looked for"
    with pytest.raises(UserError, match="not true to itself"):
        finder(folder)(SEEDS[0])
    with pytest.raises(UserError, match="not true to itself"):
        show(SEEDS[0], folder)


def test_a_sample_meets_a_share_of_forgeries_with_the_probability_that_is_asked_for() -> None:
    """Against the hypergeometric distribution; with one draw less it would not."""
    for total, share, probability in ((1223, 0.05, 0.95), (100, 0.1, 0.9), (20, 0.05, 0.5), (7, 1.0, 0.99)):
        drawn, forged = draws_needed(total, share, probability), math.ceil(share * total)

        def missed(number: int, total: int = total, forged: int = forged) -> float:
            return math.comb(total - forged, number) / math.comb(total, number)

        assert missed(drawn) <= 1 - probability + 1e-12 < missed(drawn - 1)
    assert draws_needed(20, 0.05, 1.0) == 20
    for share, probability in ((0.0, 0.9), (1.5, 0.9), (0.1, 0.0), (0.1, 1.1)):
        with pytest.raises(UserError, match="--"):
            draws_needed(20, share, probability)


def test_a_public_text_draws_the_same_trials_for_everybody(folder: Path) -> None:
    records = [read_record(folder / f"{name}.json") for name in COPIED]
    one = draw(records, "a commit", 3)
    assert one == draw(records[::-1], "a commit", 3)
    assert len({tuple(record["trial_id"] for record in draw(records, str(text), 3)) for text in range(9)}) > 3
    assert lot_of(records) == lot_of(records[::-1])
    records[0]["result"]["steps"] += 1
    assert lot_of(records) != lot_of([read_record(folder / f"{name}.json") for name in COPIED])


def test_what_is_trained_again_and_does_not_hold_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = [read_record(folder / f"{name}.json") for name in SEEDS]

    def again(record: Record, **where: Any) -> Verification | None:
        if record is records[2]:
            raise UserError("Its data are not here.")
        found = json.loads(json.dumps(record))
        found["result"]["metrics"]["test"]["psnr"] += float(record is records[1])
        return compared(record, found, [])

    said: list[str] = []
    monkeypatch.setattr("unroll.verification.retrain.verify", again)
    assert retrain(records, said.append) == ([SEEDS[1]], [SEEDS[2]])
    assert "result is bit-identical" in said[1]
    assert "Its data are not here" in said[-1]
