"""Exported folders: what is in them, and what is refused: nothing that they hold is run."""

import hashlib
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import unroll
from unroll.data.tokenizers import KINDS, build_tokenizer
from unroll.errors import UserError
from unroll.inference.model import Model
from unroll.inference.state import packed, unpacked
from unroll.training import checkpoint

Make = Callable[[str], Model]


@pytest.fixture
def folder(model: Make, tmp_path: Path) -> Path:
    return model("sentiment").export(tmp_path / "out")


def rewritten(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """The folder as somebody who knows its digests would write it."""
    about = json.loads((folder / "model.json").read_text())
    trial_id = about["trial_id"]
    change(about)
    text = json.dumps(about).encode()
    (folder / "model.json").write_bytes(text)
    loaded = checkpoint.load(folder / "weights.ckpt", trial_id, ended=True)
    loaded["progress"] = {"trial_id": about["trial_id"], "model_sha256": hashlib.sha256(text).hexdigest()}
    checkpoint.save(folder / "weights.ckpt", loaded)


def test_the_card_says_task_data_licence_scores_and_command(model: Make, folder: Path) -> None:
    card = (folder / "README.md").read_text()
    for said in ("sentiment", "tiny_labelled_text", "licence: none", "| accuracy |"):
        assert said in card
    command = next(line for line in card.splitlines() if line.startswith("unroll train "))
    assert "data.reader=sst" in command, "of a data set's own reader, whose options are others than the task's default"
    assert str(model("sentiment").trial.plain["paths"]["runs"]) not in card + (folder / "model.json").read_text()


def test_an_exported_model_is_exported_again_the_same(folder: Path, tmp_path: Path) -> None:
    again = unroll.load(folder).export(tmp_path / "again")
    assert json.loads((again / "model.json").read_text()) == json.loads((folder / "model.json").read_text())
    assert str(unroll.load(folder).summary()) == str(unroll.load(again).summary())


def test_a_folder_that_is_not_empty_is_left_alone(model: Make, folder: Path) -> None:
    with pytest.raises(UserError, match="not empty"):
        model("sentiment").export(folder)


@pytest.mark.parametrize("name", ["model.json", "weights.ckpt"])
@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "gone", "pickled", "other"])
def test_damage_is_said(folder: Path, name: str, damage: str) -> None:
    path = folder / name
    content = path.read_bytes()
    middle = len(content) // 2
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(
            {
                "cut": content[:middle],
                "changed": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
                "empty": b"",
                "pickled": pickle.dumps({"format": 1}),
                "other": b"[1, 2]",
            }[damage]
        )
    with pytest.raises(UserError) as raised:
        unroll.load(folder)
    assert raised.value.allowed is not None


def change(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def apply(about: dict[str, Any]) -> None:
        *way, last = key.split(".")
        for step in way:
            about = about[step]
        about[last] = value

    return apply


@pytest.mark.parametrize(
    "forge",
    [
        change("format", 2),
        change("format", "x"),
        change("trial_id", "../../x"),
        change("learned", {}),
        change("learned.classes", 3),
        change("learned.classes", "many"),
        change("learned.tokenizer", {"_kind_": "pickle", "name": "x"}),
        change("learned.tokenizer", {"_kind_": "array", "name": "nowhere"}),
        change("learned.tokenizer.state.words", ["a"]),
        change("config.task._target_", "os.system"),
        change("config.architecture.encoder._target_", "subprocess.Popen"),
        change("config.data", None),
        change("config", []),
    ],
)
def test_a_forged_folder_is_refused(folder: Path, forge: Callable[[dict[str, Any]], None]) -> None:
    rewritten(folder, forge)
    with pytest.raises(UserError):
        unroll.load(folder)


def test_code_that_is_neither_unrolls_nor_installed_is_not_imported(folder: Path, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    (tmp_path / "evil.py").write_text(f"open({str(marker)!r}, 'w')\nclass Net: pass\n")
    rewritten(folder, change("config.architecture.encoder._target_", "evil.Net"))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(tmp_path))
        with pytest.raises(UserError, match="None of it was run"):
            unroll.load(folder)
    assert not marker.exists()


def test_weights_that_would_run_code_are_refused(folder: Path) -> None:
    torch.save({"network": Path("x")}, folder / "weights.ckpt")
    with pytest.raises(UserError, match="cannot be read"):
        unroll.load(folder)


@pytest.mark.parametrize("place", ["nowhere", 3, None, ["a"]])
def test_what_is_no_trial_is_refused(place: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError):
        unroll.load(place, runs=tmp_path)


def test_a_folder_without_a_trial_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(UserError, match="no record of this trial"):
        unroll.load(tmp_path / "x")


def test_a_trial_is_found_by_its_id(model: Make) -> None:
    trial = model("sentiment").trial
    assert unroll.load(trial.trial_id, runs=trial.directory.parent).trial.trial_id == trial.trial_id


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("words", ["moses", "whitespace"])
def test_tokenizers_come_back(kind: str, words: str) -> None:
    texts = ["Don't stop, l'été! ", "a b c Émile x y z", "plain words again and again"]
    config = {"kind": kind, "words": words, "lowercase": True, "vocabulary_size": 60, "min_count": 1}
    made = build_tokenizer(config, texts, "en")
    told = json.loads(json.dumps(packed(made, "tokenizer", {})))
    back = unpacked(told, {}, {})
    assert back.encode([*texts, "unseen ö", ""]) == made.encode([*texts, "unseen ö", ""])
    assert [back.decode(ids) for ids in made.encode(texts)] == [made.decode(ids) for ids in made.encode(texts)]
    assert len(back) == len(made)
