"""What can be looked at of a trial, from records and files as literals."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import table_records
import trial_records
from PIL import Image

from unroll.config.compose import compose
from unroll.records.looked_at import FILE, Confusion, LookedAt, as_text
from unroll.tracking.look import Curve, Look, Picture, Table
from unroll.tracking.looks import looks

KEPT = LookedAt(2, [0, 1], {"text": ["good", "dull"], "label": [1, 0]}, Confusion(["0", "1"], [[3, 1], [0, 2]]))
FORECAST = {
    "channel": ["load", "load"],
    "seen_steps": [[-1, 0]] * 2,
    "steps": [[1, 2]] * 2,
    "seen": [[0.0, 1.0], [5.0, 5.0]],
    "truth": [[2.0, 3.0], [5.0, 5.0]],
    "forecast": [[2.0, None], [5.0, 5.0]],
}


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    return trial_records.made_up(compose(["task=sentiment"]))


def by_name(found: list[Look]) -> dict[str, Look]:
    assert len({look.name for look in found}) == len(found)
    return {look.name: look for look in found}


def keep(folder: Path, kept: LookedAt) -> None:
    (folder / FILE).write_text(as_text(kept), encoding="utf-8")


def size_of(picture: Look) -> tuple[int, int]:
    assert isinstance(picture, Picture)
    return Image.open(io.BytesIO(picture.png)).size


def test_a_record_alone_has_its_diagnostics_and_curves(record: dict[str, Any]) -> None:
    diagnostics = {
        "gradient": {"norm": 1.0, "growth_per_step": 0.5, "by_distance": [4.0, None, 1.0], "layers": {"encoder": 2.0}},
        "gates": {"encoder": {"forget": {"closed": 0.25, "open": 0.5}}},
        "code": {"jacobian_norm": 1.0, "kl_per_dimension": [0.1, 2.0, None, 1.0]},
    }
    curves = {
        "validation": [{"step": 1, "nll": 2.0}],
        "rate_distortion": [
            {"step": 0.5, "bytes": 8, "bits_per_pixel": 0.4, "psnr": 20.0},
            {"step": 1.0, "bytes": 4, "bits_per_pixel": 0.2, "psnr": 18.0},
        ],
        "own": [{"a": 1.0}, {"a": 2.0, "b": 3.0}],
    }
    found = looks({**record, "diagnostics": diagnostics, "result": {**record["result"], "curves": curves}})
    assert found == [
        Curve("gradient_by_distance", "steps before the last", "gradient norm", [0, 2], [4.0, 1.0]),
        Table("gradient_of_layers", ["layer", "gradient norm"], [["encoder", 2.0]]),
        Table("gates", ["layer", "gate", "closed share", "open share"], [["encoder", "forget", 0.25, 0.5]]),
        Curve("kl_by_dimension", "dimension, by KL", "KL in nats", [0, 1, 2], [2.0, 1.0, 0.1]),
        Curve("rate_distortion", "bits per pixel", "PSNR in dB", [0.2, 0.4], [18.0, 20.0]),
        Table("own", ["a", "b"], [[1.0, None], [2.0, 3.0]]),
    ]


def test_a_failed_trial_and_one_without_a_folder_have_nothing(record: dict[str, Any], tmp_path: Path) -> None:
    failed = trial_records.failed(compose(["task=sentiment"]), "no memory")
    assert looks(failed, tmp_path) == looks(record) == looks(record, tmp_path) == looks(record, tmp_path / "none") == []


def test_examples_and_confusion_are_tables(record: dict[str, Any], tmp_path: Path) -> None:
    keep(tmp_path, KEPT)
    assert looks(record, tmp_path) == [
        Table("examples", ["example", "text", "label"], [[0, "good", 1], [1, "dull", 0]]),
        Table(
            "confusion",
            ["truth", "predicted", "count", "share of truth"],
            [["0", "0", 3, 0.75], ["0", "1", 1, 0.25], ["1", "1", 2, 1.0]],
        ),
    ]


def test_committed_scores_are_a_table_of_the_same_examples(tmp_path: Path) -> None:
    record = table_records.record("lstm", 0, 50.0)
    record["result"]["examples"] = {"train": 4, "validation": 2, "test": 100}
    np.savez(tmp_path / f"{record['trial_id']}.scores.npz", **{"test/correct": np.arange(100, dtype=np.uint8) % 2})
    (table,) = looks(record, tmp_path)
    assert isinstance(table, Table)
    assert table.columns == ["example", record["result"]["primary"]["name"]]
    assert table.rows[:3] == [[0, 0.0], [5, 100.0], [10, 0.0]]
    assert (len(table.rows), table.rows[-1]) == (20, [99, 100.0])


def test_forecasts_are_panels(record: dict[str, Any], tmp_path: Path) -> None:
    keep(tmp_path, LookedAt(2, [0, 1], FORECAST))
    found = by_name(looks(record, tmp_path))
    assert size_of(found["forecasts"]) == (440, 110)


def test_images_are_mosaics(record: dict[str, Any], tmp_path: Path) -> None:
    keep(tmp_path, LookedAt(2, [0, 1], {"label": [1, 2]}))
    images = np.full((2, 28, 28), 255, np.uint8)
    np.savez(tmp_path / "images.npz", original=images, reconstruction=images // 2, samples_prior=images)
    found = by_name(looks(record, tmp_path))
    assert found.keys() == {"examples", "reconstructions", "samples_prior"}
    pair, drawn = found["reconstructions"], found["samples_prior"]
    assert isinstance(pair, Picture)
    assert isinstance(drawn, Picture)
    assert pair.caption == "Test examples 0, 1, reconstructions below them."
    assert drawn.caption == "Samples prior."
    pixels = np.asarray(Image.open(io.BytesIO(pair.png)).convert("L"))
    assert pixels.shape == (122, 124)
    assert (pixels[0, 0], pixels[20, 20], pixels[90, 20]) == (255, 0, 128)


@pytest.mark.parametrize(("shape", "size"), [((1, 500, 250), (36, 65)), ((40, 1, 1), (604, 126))])
def test_images_of_any_size_and_number_stay_small(
    shape: tuple[int, ...], size: tuple[int, int], record: dict[str, Any], tmp_path: Path
) -> None:
    np.savez(tmp_path / "images.npz", samples=np.zeros(shape, np.uint8))
    (picture,) = looks(record, tmp_path)
    assert size_of(picture) == size


@pytest.mark.parametrize("broken", [FILE, "images.npz", "predictions.npz"])
def test_a_broken_file_costs_one_warning(broken: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = table_records.record("lstm", 0, 50.0)
    (tmp_path / broken).write_bytes(b"rotten")
    if broken == "images.npz":
        keep(tmp_path, KEPT)
    found = by_name(looks(record, tmp_path))
    assert list(found) == (["examples", "confusion"] if broken == "images.npz" else [])
    said = capsys.readouterr().err
    assert said.count("Warning") == said.count("\n") == 1
    assert record["trial_id"] in said
    assert broken in said


@pytest.mark.parametrize("forecast", [[["x", "y"]] * 2, [[1.0]] * 2, [3.0] * 2, [[]] * 2], ids=str)
def test_forecasts_of_another_form_are_no_picture(
    forecast: Any, record: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(tmp_path, LookedAt(2, [0, 1], {**FORECAST, "forecast": forecast}))
    assert list(by_name(looks(record, tmp_path))) == ["examples"]
    assert capsys.readouterr().err.count("Warning") == 1


def test_rows_are_json(record: dict[str, Any], tmp_path: Path) -> None:
    keep(tmp_path, LookedAt(2, [0, 1], FORECAST))
    table = by_name(looks(record, tmp_path))["examples"]
    assert isinstance(table, Table)
    assert json.loads(json.dumps(table.rows, allow_nan=False)) == table.rows
