"""Checkpoints: written in one step, refused when damaged or another trial's, pruned to the newest."""

import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from rotten import flipped, places

from unroll.errors import UserError
from unroll.training import checkpoint
from unroll.training.checkpoint import Progress


def network() -> torch.nn.Linear:
    torch.manual_seed(0)
    return torch.nn.Linear(3, 2)


def written(folder: Path) -> Path:
    layer = network()
    optimizer = torch.optim.Adam(layer.parameters(), 0.1, fused=True)
    layer(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    progress = Progress("me", 7, 0.5, 6, 1, False, 12.5, 2, [{"step": 6, "mse": 0.5}])
    path = folder / checkpoint.LAST
    checkpoint.save(path, checkpoint.content(layer, progress, optimizer, {"scale": 2.0}))
    return path


def test_everything_that_resuming_needs_comes_back(tmp_path: Path) -> None:
    found = checkpoint.load(written(tmp_path), "me")
    assert Progress(**found["progress"]) == Progress("me", 7, 0.5, 6, 1, False, 12.5, 2, [{"step": 6, "mse": 0.5}])
    assert found["scaler"] == {"scale": 2.0}
    layer = network()
    layer.load_state_dict(found["network"])
    assert not torch.equal(layer.weight, network().weight)
    optimizer = torch.optim.Adam(layer.parameters(), 0.1, fused=True)
    optimizer.load_state_dict(found["optimizer"])
    assert optimizer.state[layer.weight]["step"].item() == 1


def test_without_an_optimizer_only_weights_and_progress_are_kept() -> None:
    assert set(checkpoint.content(network(), Progress("me"))) == {"network", "progress"}


def test_nothing_but_the_checkpoint_is_left_behind(tmp_path: Path) -> None:
    written(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [checkpoint.LAST]


def test_a_write_that_fails_keeps_the_old_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path)
    before = path.read_bytes()

    def full(content: object, file: object) -> None:
        file.write(b"half")  # type: ignore[attr-defined]
        raise OSError("no space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="no space"):
        checkpoint.save(path, {})
    assert path.read_bytes() == before


@pytest.mark.parametrize("damage", ["empty", "cut", "other file"])
def test_a_damaged_checkpoint_is_a_users_error(tmp_path: Path, damage: str) -> None:
    path = written(tmp_path)
    whole = path.read_bytes()
    path.write_bytes({"empty": b"", "cut": whole[: len(whole) // 2], "other file": b"not a checkpoint"}[damage])
    with pytest.raises(UserError, match="cannot be read") as caught:
        checkpoint.load(path, "me")
    assert str(path) in str(caught.value.run)


def test_another_trials_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="belongs to another trial") as caught:
        checkpoint.load(written(tmp_path), "you")
    assert (caught.value.saw, caught.value.allowed) == ("me", "you")


@pytest.mark.parametrize(("kept", "left"), [(1, [1000]), (2, [200, 1000]), (9, [30, 200, 1000])])
def test_the_newest_by_number_are_kept(tmp_path: Path, kept: int, left: list[int]) -> None:
    for step in (1000, 30, 200):
        (tmp_path / f"step-{step}.ckpt").touch()
    (tmp_path / checkpoint.BEST).touch()
    checkpoint.prune(tmp_path, kept)
    assert sorted(int(path.stem[5:]) for path in tmp_path.glob("step-*")) == left
    assert (tmp_path / checkpoint.BEST).exists()


def test_every_flipped_bit_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    for bit in places(path.stat().st_size, 200):
        with flipped(path, bit), pytest.raises(UserError, match="cannot be read"):
            checkpoint.load(path, "me")
    assert checkpoint.load(path, "me")["progress"]["step"] == 7


def test_torch_reads_a_checkpoint_by_itself(tmp_path: Path) -> None:
    assert torch.load(written(tmp_path), weights_only=True)["progress"]["trial_id"] == "me"


def test_a_checkpoint_from_before_the_digests_is_read_unless_its_own_sums_are_wrong(tmp_path: Path) -> None:
    path = tmp_path / checkpoint.BEST
    layer = network()
    torch.save(checkpoint.content(layer, Progress("me")), path)
    assert torch.equal(checkpoint.load(path, "me")["network"]["weight"], layer.weight)
    place = path.read_bytes().index(layer.weight.detach().numpy().tobytes())
    for bit in (8 * place, 8 * place + 77):
        with flipped(path, bit), pytest.raises(UserError, match="has changed since it was written"):
            checkpoint.load(path, "me")


class Hostile:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("touch RUN",)


@pytest.mark.parametrize("form", ["zip", "legacy", "pickle"])
def test_what_would_run_is_refused_in_one_message(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / checkpoint.BEST
    content = {"progress": {"trial_id": "me"}, "network": Hostile()}
    if form == "pickle":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=form == "zip")
    with pytest.raises(UserError, match="cannot be read") as caught:
        checkpoint.load(path, "me")
    assert len(str(caught.value).splitlines()) == 3
    assert not (tmp_path / "RUN").exists()


def test_what_would_grow_is_refused(tmp_path: Path) -> None:
    source, path = written(tmp_path), tmp_path / checkpoint.BEST
    with zipfile.ZipFile(source) as stored, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as grown:
        for name in stored.namelist():
            grown.writestr(name, stored.read(name))
    with pytest.raises(UserError, match="cannot be read") as caught:
        checkpoint.load(path, "me")
    assert "compressed" in str(caught.value.saw)


def test_a_missing_checkpoint_is_not_called_damaged(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / checkpoint.LAST)
    with pytest.raises(UserError, match="There is no checkpoint"):
        checkpoint.load(tmp_path / checkpoint.LAST, "me")
    with pytest.raises(UserError, match="There is no checkpoint"):
        checkpoint.load(tmp_path / checkpoint.BEST, "me")
