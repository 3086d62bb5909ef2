"""Prepared data on disk: whole or made again, told of where it cannot be, shared by a group."""

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from rotten import flipped, places

from unroll.data import cache, digests, locks, wheels
from unroll.errors import UserError

TEXT = {split: {"text": [f"{split} {place}" for place in range(50)]} for split in ("train", "test")}
OTHER_USER = 65534


def prepare(folder: Path, made: list[str] | None = None) -> cache.Prepared:
    def make() -> dict[str, dict[str, list[str]]]:
        if made is not None:
            made.append(folder.name)
        return TEXT

    return cache.prepare(folder, make, lambda splits: {"content_sha256": "abc", "rows": {"train": 50, "test": 50}})


def test_every_flipped_bit_is_named_and_the_data_made_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "set"
    prepare(folder)
    assert cache.damage(folder) is None
    files = sorted(folder.iterdir())
    assert [file.name for file in files] == ["SHA256SUMS", "about.json", "test.arrow", "train.arrow"]
    for file in files:
        for bit in places(file.stat().st_size, 40):
            with flipped(file, bit):
                assert cache.damage(folder), f"bit {bit} of {file.name}"
    assert cache.damage(folder) is None
    capsys.readouterr()
    made: list[str] = []
    with (folder / "test.arrow").open("r+b") as file:
        file.seek(900)
        file.write(b"\0" * 8)
    assert prepare(folder, made).splits["test"]["text"][:] == TEXT["test"]["text"]
    assert made == ["set"]
    assert capsys.readouterr().err == f"{folder / 'test.arrow'} is damaged: the data are prepared again.\n"
    prepare(folder, made)
    assert made == ["set"]


@pytest.mark.parametrize(
    "damage", ["no digests", "no about.json", "cut table", "half the digests", "about.json is a list"]
)
def test_what_is_not_whole_is_made_again(damage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "set"
    prepare(folder)
    sums = folder / cache.SUMS
    if damage == "no digests":  # as they were written before there were any
        sums.unlink()
    elif damage == "no about.json":
        (folder / cache.ABOUT).unlink()
    elif damage == "cut table":
        os.truncate(folder / "train.arrow", 100)
    elif damage == "half the digests":
        sums.write_text(sums.read_text().splitlines(keepends=True)[0])
    else:
        (folder / cache.ABOUT).write_text("[1]")
    made: list[str] = []
    assert prepare(folder, made).splits["train"].num_rows == 50
    assert made == ["set"]
    assert bool(capsys.readouterr().err) == (damage != "no digests")


def test_the_digests_are_those_of_sha256sum(tmp_path: Path) -> None:
    prepare(tmp_path / "set")
    done = subprocess.run(["sha256sum", "-c", cache.SUMS], cwd=tmp_path / "set", capture_output=True, check=False)
    assert done.returncode == 0, done


def test_a_cache_that_cannot_be_written_is_a_users_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file" / "set", Path("/proc/nowhere/set")):
        with pytest.raises(UserError, match=r"the data cache .* cannot be written") as caught:
            prepare(folder)
        assert "paths.cache=FOLDER" in str(caught.value)


def test_a_file_that_is_no_wheel_is_passed_over(tmp_path: Path) -> None:
    for name in ("foo.whl", "a-b-c.whl", "real-1.0-py3-none-any.whl"):
        (tmp_path / name).touch()
    assert wheels._in(tmp_path, "real==1.0") == tmp_path / "real-1.0-py3-none-any.whl"
    assert wheels._in(tmp_path, "foo==1.0") is None


def test_what_killed_preparations_left_is_swept_when_it_is_old_and_nobodys(tmp_path: Path) -> None:
    old = time.time() - 2 * locks.ABANDONED_AFTER
    digits = "0123456789abcdef"
    killed, held = (f".{name}-{digits}-abcd1234" for name in ("killed", "held"))
    kept = [
        held,
        f".young-{digits}-abcd1234",
        f"whole-{digits}-abcd1234",
        f".never-{digits}-abcd1234",
        ".vscode-insiders",
    ]
    for name in (killed, *kept):
        (tmp_path / name).mkdir()
        if "never" not in name:
            (tmp_path / f"{name[1:-9]}.lock").touch()
        (tmp_path / name / "train.arrow").touch()
        if "young" not in name:
            os.utime(tmp_path / name, (old, old))
    with locks.locked(tmp_path / f"held-{digits}"):
        prepare(tmp_path / "set")
    left = {path.name for path in tmp_path.iterdir() if path.suffix != ".lock"}
    assert left == {*kept, "set"}


def test_a_wait_says_for_what_and_for_whom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(locks, "FIRST_WORD", 0.02)
    holding = (
        "import sys; from pathlib import Path; from unroll.data.locks import locked\n"
        "with locked(Path(sys.argv[1])): print('held', flush=True); sys.stdin.readline()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holding, tmp_path / "set"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        acquired = locks._told(tmp_path / ".set.holder")
        said: list[str] = []

        def heard(line: str, **_: Any) -> None:
            said.append(line)
            process.stdin.close()  # type: ignore[union-attr]  # it lets go once we have complained

        monkeypatch.setattr("builtins.print", heard)
        with locks.locked(tmp_path / "set"):
            pass
    assert acquired.startswith(f"process {process.pid} on ")
    assert said[0] == f"Waiting for {tmp_path / 'set'}: it is being made by {acquired}."
    assert not (tmp_path / ".set.holder").exists()


def test_a_wait_does_not_obey_what_others_have_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever shares the cache can write into the file of a lock's holder: signs for the terminal, or too much."""
    monkeypatch.setattr(locks, "FIRST_WORD", 0.02)
    lock, holder = locks._lock_of(tmp_path / "set"), tmp_path / ".set.holder"
    lock.acquire()
    holder.write_text(f"me\x1b[2J{'x' * 10_000}\nand more")
    say = locks.say

    def heard(*words: Any, **how: Any) -> None:
        say(*words, **how)
        lock.release()

    monkeypatch.setattr(locks, "say", heard)
    with locks.locked(tmp_path / "set"):
        pass
    told = f"me\\u001b[2J{'x' * 194}"
    assert capsys.readouterr().err == f"Waiting for {tmp_path / 'set'}: it is being made by {told}.\n"
    for content in (b"", b"\n"):
        holder.write_bytes(content)
        assert locks._told(holder) == "another process"
    holder.unlink()
    assert locks._told(holder) == "another process"
    os.mkfifo(holder)
    assert locks._told(holder) == "another process"
    with os.fdopen(os.open(holder, os.O_RDWR)):
        assert locks._told(holder) == "another process"


def test_what_is_made_in_a_groups_cache_is_the_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "cache"
    folder.mkdir()
    folder.chmod(0o2775)
    (tmp_path / "file").write_bytes(b"one")
    monkeypatch.setattr(digests, "_SETTLED", -1)
    before = os.umask(0o022)
    try:
        with locks.locked(folder / "wheels" / "x==1"):
            pass
        digests.file_sha256(tmp_path / "file", folder)
        (tmp_path / "everybodys").mkdir()
        (tmp_path / "everybodys").chmod(0o1777)
        locks.make_folder(tmp_path / "everybodys" / "cache" / "wheels")
    finally:
        os.umask(before)
    (note,) = (folder / "digests").iterdir()
    places = {folder / "wheels": 0o2775, folder / "digests": 0o2775, note: 0o664}
    places |= dict.fromkeys([tmp_path / "everybodys" / "cache", tmp_path / "everybodys" / "cache" / "wheels"], 0o755)
    assert {place: stat.S_IMODE(place.stat().st_mode) for place in places} == places


def as_other_user(folder: Path, group: int) -> "subprocess.CompletedProcess[str]":
    code = (
        "import os, sys; from pathlib import Path\n"
        "import datasets, pyarrow, filelock\n"
        "from unroll.data import cache\n"
        "from unroll.errors import UserError\n"
        f"os.umask(0o077); os.setgroups([{group}]); os.setegid({OTHER_USER}); os.seteuid({OTHER_USER})\n"
        "for name in ('read', 'written'):\n"
        "    try:\n"
        "        found = cache.prepare(Path(sys.argv[1]) / name, lambda: {'train': {'a': [1]}}, lambda splits: {})\n"
        "        print(found.splits['train'].num_rows)\n"
        "    except UserError as error:\n"
        "        print(error.what)\n"
    )
    environment = {**os.environ, "HF_DATASETS_CACHE": str(folder / "hf"), "HOME": "/"}
    return subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=False, env=environment
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")
@pytest.mark.parametrize(("mode", "second"), [(0o2775, "1"), (0o2755, "cannot be written"), (0o700, "cannot be read")])
def test_a_group_shares_a_cache_as_far_as_its_folder_lets_it(
    mode: int, second: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    group = 4711
    folder = tmp_path_factory.getbasetemp() / f"shared-{mode:o}"
    for above in folder.parents:
        if above.stat().st_uid == 0 and not above.stat().st_mode & 0o001:
            above.chmod(above.stat().st_mode | 0o001)
    folder.mkdir()
    os.chown(folder, 0, group)
    folder.chmod(mode)
    prepare(folder / "read")
    inside = (folder / "read").stat().st_mode
    assert stat.S_IMODE(inside) == mode
    done = as_other_user(folder, group)
    assert done.returncode == 0, done.stderr
    first, then = done.stdout.splitlines()
    assert first == "50" if mode != 0o700 else "cannot be read" in first
    assert second in then
    if second == "1":  # what another user has made is ours as well
        made: list[str] = []
        assert prepare(folder / "written", made).about == {"splits": ["train"]}
        assert made == []
        assert stat.S_IMODE((folder / "written" / "train.arrow").stat().st_mode) == 0o664


def test_about_is_nothing_where_it_is_damaged(tmp_path: Path) -> None:
    prepare(tmp_path / "set")
    assert cache.about(tmp_path / "set")["rows"] == {"train": 50, "test": 50}
    for content in (b"{", b"[]", b"\xff\0", json.dumps(3).encode()):
        (tmp_path / "set" / cache.ABOUT).write_bytes(content)
        assert cache.about(tmp_path / "set") == {}
    assert cache.about(tmp_path / "gone") == {}
