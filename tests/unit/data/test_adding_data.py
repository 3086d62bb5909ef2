"""`unroll data add`: what is written for a person's own files trains as printed, is verified and reportable."""

import gzip
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tiny_data import small_overrides
from typer.testing import CliRunner

from unroll.api import compose, train
from unroll.cli import app
from unroll.config import compose as composing
from unroll.data.guess import guess
from unroll.errors import UserError
from unroll.records.state import state

WORDS = [
    "the",
    "a",
    "small",
    "large",
    "old",
    "new",
    "river",
    "film",
    "play",
    "city",
    "runs",
    "sings",
    "falls",
    "stays",
    "well",
    "badly",
    "here",
    "there",
]
RNG = np.random.default_rng(0)


def sentence(number: int) -> str:
    return f"{' '.join(RNG.choice(WORDS, size=6))} {number}"


def series(separator: str = ",", rows: int = 300) -> bytes:
    lines = [f"2020-01-{1 + n // 24:02} {n % 24:02}:00:00{separator}{n % 7}{separator}{n % 5}" for n in range(rows)]
    return "\n".join([separator.join(["date", "level", "flow"]), *lines, ""]).encode()


def texts(label: str = "stars", rows: int = 120) -> bytes:
    lines = [f"{n},{sentence(n)},{'good' if n % 2 else 'bad'}" for n in range(rows)]
    return "\n".join([f"id,review,{label}", *lines, ""]).encode()


def images(rows: int = 60, first: bool = False) -> bytes:
    pixels = RNG.integers(0, 256, size=(rows, 784))
    labels = np.arange(rows)[:, None] % 3
    table = np.hstack([labels, pixels] if first else [pixels, labels])
    return ("\n".join(",".join(map(str, row)) for row in table) + "\n").encode()


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">i4").tobytes() + array.tobytes()


def mnist() -> dict[str, bytes]:
    found = {}
    for split, rows in (("train", 12000), ("t10k", 30)):
        pixels = RNG.integers(0, 256, size=(rows, 28, 28), dtype=np.uint8)
        found[f"{split}-images-idx3-ubyte.gz"] = gzip.compress(idx(pixels), 1)
        found[f"{split}-labels-idx1-ubyte.gz"] = gzip.compress(idx((np.arange(rows) % 3).astype(np.uint8)), 1)
    return found


def pairs(rows: int = 60) -> bytes:
    return "\n".join(["id\tde\ten", *(f"{n}\t{sentence(n)}\t{sentence(n)}" for n in range(rows)), ""]).encode()


def lines(rows: int) -> bytes:
    return "\n".join([*(sentence(n) for n in range(rows)), ""]).encode()


CASES: dict[str, tuple[dict[str, bytes], list[str]]] = {
    "series": ({"river.csv": series()}, []),
    "semicolons": ({"river.csv": series(";")}, ["data.options.separator=;"]),
    "tabs": ({"river.tsv": series("\t")}, []),
    "texts": ({"notes.csv": texts()}, []),
    "compressed": ({"notes.csv.gz": gzip.compress(texts())}, []),
    "columns": ({"notes.csv": texts(label="id2")}, ["--text", "review", "--label", "id2", "--languages", "en"]),
    "splits": (
        {"train.csv": texts(), "dev.csv": texts(rows=30), "test.csv": texts(rows=40)},
        ["--name", "notes"],
    ),
    "folders": (
        {
            f"{split}/{c}/{n}.txt": sentence(n).encode()
            for split in ("train", "test")
            for c in ("neg", "pos")
            for n in range(30)
        },
        [],
    ),
    "aligned files": (
        {
            f"{split}.{side}": lines(rows)
            for split, rows in (("train", 40), ("dev", 8), ("test", 9))
            for side in ("de", "en")
        },
        ["--source", "en", "--target", "de"],
    ),
    "two files": ({"bible.de": lines(60), "bible.en": lines(60)}, []),
    "two columns": ({"sentences.tsv": pairs()}, []),
    "columns of other names": (
        {"sentences.tsv": pairs().replace(b"de\ten", b"before\tafter")},
        ["--source", "after", "--target", "before", "--languages", "en,de"],
    ),
    "languages that no name tells": ({"train.src": lines(60), "train.tgt": lines(60)}, ["--languages", "en,zh"]),
    "languages by an override": ({"train.src": lines(60), "train.tgt": lines(60)}, ["data.languages=[en,de]"]),
    "IMDB": (
        {
            "README": b"hello",
            "imdb.vocab": b"the",
            ".git/refs/1.txt": b"hidden",
            **{f"train/{beside}": b"1 1:1" for beside in ("labeledBow.feat", "urls_neg.txt", "urls_pos.txt")},
            **{
                f"{split}/{c}/{n}_9.txt": sentence(n).encode()
                for split in ("train", "test")
                for c in ("neg", "pos")
                for n in range(30)
            },
        },
        [],
    ),
    "a decimal comma": (
        {"river.csv": series(";").replace(b"00;", b"00;0,")},
        ["data.options.separator=;", "data.options.decimal=,"],
    ),
    "no header": (
        {"notes.csv": texts().split(b"\n", 1)[1]},
        ["--text", "2", "--label", "3", "data.options.header=false"],
    ),
    "a file that is called as overrides are": ({"data.csv": series()}, []),
    "a number for a name": ({"2020.csv": series()}, []),
    "images": ({"digits.csv": images()}, []),
    "images and tabs": ({"digits.tsv": images().replace(b",", b"\t")}, ["--kind", "images"]),
    "labels first": ({"digits.csv": images(first=True)}, ["data.options.label=first"]),
}


def run(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["data", "add", *words])
    if isinstance(done.exception, UserError):
        raise done.exception
    assert done.exit_code == code, (done.output, done.exception)
    return done.output


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNROLL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("UNROLL_DATA", raising=False)
    return tmp_path


def put(folder: Path, files: dict[str, bytes]) -> list[str]:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return [str(folder)] if len(files) > 3 else [str(folder / name) for name in files]


@pytest.mark.parametrize("case", CASES)
def test_what_is_written_trains_as_printed_and_is_reportable(case: str, here: Path) -> None:
    files, more = CASES[case]
    said = run(*put(here / "own", files), *more)
    (printed,) = re.findall("^unroll train (.*)$", said, re.MULTILINE)
    _, folder, *overrides = shlex.split(printed)
    task = overrides[0].removeprefix("task=")
    small = small_overrides(task, *(text for text in overrides if text.startswith("architecture=")))
    small = [text for text in small if not text.startswith("task.window") and not text.startswith("task.horizon")]
    quick = ["budget.epochs=null", "budget.steps=1", "trainer.accelerator=cpu", f"paths.runs={here / 'runs'}"]
    trial = compose([*small, *overrides, *quick], folder)
    record = train(trial)
    reasons = [reason for reason in record["why_not_reportable"] if "working tree" not in reason]
    assert (record["status"], record["data"]["verified"], reasons) == ("finished", True, [])
    assert state(trial) == "finished"


PROSE = b"".join(b"It was late, and it rained.\nWe %d sat.\n\nThe end, as they say, was near.\n" % n for n in range(20))
CONLLU = b"".join(
    b"1\tgo\t_\tVERB\t_\t_\t0\troot\t_\t_\n2\tw%d\t_\tNOUN\t_\t_\t1\tobj\t_\t_\n\n" % n for n in range(40)
)


@pytest.mark.parametrize(
    ("files", "more", "kind", "options"),
    [
        ({"book.txt": PROSE}, [], "running_text", {}),
        ({"book.txt": PROSE}, ["data.options.blank_lines=document"], "running_text", {"blank_lines": "document"}),
        ({f"book.{split}.txt": PROSE for split in ("train", "dev", "test")}, [], "running_text", None),
        ({"x.conllu": CONLLU}, [], "tagged_words", {}),
        ({f"x-ud-{split}.conllu": CONLLU for split in ("train", "dev", "test")}, [], "tagged_words", None),
    ],
)
def test_treebanks_and_plain_text_are_known(
    files: dict[str, bytes], more: list[str], kind: str, options: dict[str, Any] | None, here: Path
) -> None:
    names = [re.sub("valid", "dev", name) for name in files]
    run(*put(here / "own", files), *more, "--name", "added")
    node = yaml.safe_load((here / "mine" / "data" / "added.yaml").read_text())
    named = dict(zip(("train", "validation", "test"), names, strict=False)) if options is None else options
    assert (node["kind"], node["options"], node["languages"]) == (kind, named, ["en"])
    found = CliRunner().invoke(app, ["data", "check", "added", "--config-dir", "mine"])
    assert found.output.startswith("added: verified"), found.output


def test_numbers_in_a_text_file_are_no_text(here: Path) -> None:
    with pytest.raises(UserError, match="cannot be told"):
        run(*put(here, {"a.txt": b"0.1 0.2 0.3\n0.4 0.5\n" * 20}))


def test_a_table_in_a_text_file_is_still_a_table(here: Path) -> None:
    assert "mine/data/a.yaml: series" in run(*put(here, {"a.txt": series()}))


def test_mnists_own_files_are_images(here: Path) -> None:
    put(here / "fashion", mnist())
    assert "reader mnist" in run(str(here / "fashion"), "data.options.validation=2000")


def test_the_yaml_says_what_was_read(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNROLL_DATA", str(here))
    (file,) = put(here / "own", {"notes.csv": texts()})
    said = run(file)
    assert "columns that nothing reads: id" in said
    node = yaml.safe_load((here / "mine" / "data" / "notes.yaml").read_text())
    assert node["origin"]["sources"][0]["local"] == "own", "below UNROLL_DATA, which other machines have elsewhere"
    assert list(node["origin"]["content_sha256"]) == ['label="stars",text="review"']
    with pytest.raises(UserError, match=r"There is .* already"):
        run(file)
    (here / "own" / "notes.csv").write_bytes(texts(rows=90))
    run(file, "--force", "data.epochs=3")
    again = yaml.safe_load((here / "mine" / "data" / "notes.yaml").read_text())
    assert again["origin"] != node["origin"]
    assert again["epochs"] == 3


@pytest.mark.parametrize(
    ("files", "more", "words"),
    [
        ({"a.csv": b"x,y\n1,2\n3,4\n"}, [], "cannot be told from its columns"),
        ({"a.csv": texts()}, ["--text", "reviw", "--label", "stars"], "Did you mean 'review'"),
        ({"a.csv": texts()}, ["--text", "review", "--time", "id"], "different kinds"),
        ({"etth1.csv": series()}, [], "ships with Unroll"),
        ({"a.csv": series()}, ["data.options.separatr=;"], "Did you mean 'separator'"),
        ({"a.csv": series()}, ["--kind", "images"], "hold series|cannot be told"),
        ({"a.csv": b"date,level\n2020-01-01,1\n"}, [], "No example is left for train"),
        ({}, ["gone.csv"], "There is no file"),
        ({"a.csv": series()}, ["data.tokenizer.kind=word"], "data.tokenizer of series"),
        ({"a.csv": series()}, ["--name", "2020"], "--name data_2020"),
        ({"a.csv": series()}, ["data.options.header"], "an override has a value"),
        ({"a.csv": series()}, ["--kind", "serie"], "Did you mean 'series'"),
        ({"a.json": b"[" * 100_000}, [], "is not JSON"),
        ({"train.src": lines(60), "train.tgt": lines(60)}, [], "(?s)source src, target tgt.*--languages de,en"),
        ({"a.de": lines(60), "a.en": lines(60)}, ["--languages", "en,de"], "--source en --target de"),
    ],
)
def test_what_cannot_be_added_is_one_message_and_leaves_no_yaml(
    files: dict[str, bytes], more: list[str], words: str, here: Path
) -> None:
    with pytest.raises(UserError) as error:
        run(*put(here / "own", files), *more)
    assert re.search(words, str(error.value))
    assert not list(here.glob("mine/data/*.yaml"))


@pytest.mark.parametrize(
    ("header", "row", "kind"),
    [
        ("ds,y", "2020-01-{n:02},{n}", "series"),
        ("year,month,level", "20{n:02},1,{n}", "series"),
        ("when,level,station", "2020-01-{n:02}T00:00:00Z,{n},north", "series"),
        ("text,label", "some words of {n} here,{half}", "labelled_text"),
        ("label,body", "{half},some words of {n} here", "labelled_text"),
        ("title,text,label", "a title of {n} words,some words of {n} here,{half}", "labelled_text"),
    ],
)
def test_columns_tell_the_kind(header: str, row: str, kind: str) -> None:
    lines = [row.format(n=n, half=n % 2) for n in range(1, 29)]
    assert guess({"a.csv": "\n".join([header, *lines]).encode()}, {}, {}).kind == kind


def test_a_column_of_words_is_no_channel() -> None:
    lines = [f"2020-01-{n:02},{n},north" for n in range(1, 29)]
    found: Any = guess({"a.csv": "\n".join(["when,level,station", *lines]).encode()}, {}, {})
    assert found.options == {"timestamp": "when", "columns": ["level"]}
    assert found.aside == ["station"]


def test_a_date_goes_with_the_clock_beside_it_whatever_that_is_called() -> None:
    lines = [f"2020-01-{1 + n // 24:02};{n % 24:02}:00;{n % 7},5" for n in range(72)]
    given = {"separator": ";", "decimal": ","}
    found: Any = guess({"a.csv": "\n".join(["Datum;Uhrzeit;Pegel", *lines]).encode()}, {}, given)
    assert found.options["timestamp"] == ["Datum", "Uhrzeit"]
    assert found.aside == []


def test_an_index_is_left_aside_with_the_words() -> None:
    lines = [f"{500 + n},2020-01-{n:02},{n % 5},north" for n in range(1, 29)]
    found: Any = guess({"a.csv": "\n".join([",when,level,station", *lines]).encode()}, {}, {})
    assert found.options == {"timestamp": "when", "columns": ["level"]}
    assert found.aside == ["", "station"]


def test_the_message_says_how_to_change_the_command_and_that_works(here: Path) -> None:
    rows = series().decode().splitlines()
    (file,) = put(here / "own", {"river.csv": "\n".join([rows[0], *reversed(rows[1:])]).encode()})
    with pytest.raises(UserError) as error:
        run(file, "--name", "mine", "data.epochs=3")
    error.value.mend(["data", "add", file, "--name", "mine", "data.epochs=3"])
    program, *words = shlex.split(error.value.run or "")
    assert (program, words[:2]) == ("unroll", ["data", "add"])
    assert "reader series" in run(*words[2:])
    assert yaml.safe_load((here / "mine" / "data" / "mine.yaml").read_text())["epochs"] == 3


def test_a_failed_replacement_leaves_the_old_yaml(here: Path) -> None:
    (file,) = put(here / "own", {"river.csv": series()})
    run(file)
    before = (here / "mine" / "data" / "river.yaml").read_bytes()
    with pytest.raises(UserError, match="out of range"):
        run(file, "--force", "data.epochs=0")
    assert (here / "mine" / "data" / "river.yaml").read_bytes() == before


@pytest.mark.parametrize("name", ["nan", "inf", "null", "true", "1e5", "2020_01"])
def test_a_name_that_hydra_reads_as_a_value_gets_more(name: str, here: Path) -> None:
    (file,) = put(here / "own", {f"{name}.csv": series()})
    assert f"data=data_{name}" in run(file)


def test_whatever_happens_no_yaml_is_left_that_does_not_compose(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    (file,) = put(here / "own", {"river.csv": series()})
    real = composing.compose
    monkeypatch.setattr(composing, "compose", lambda overrides, _: stop() if overrides else real([]))
    CliRunner().invoke(app, ["data", "add", file])
    assert not list(here.glob("mine/data/*.yaml"))


@pytest.mark.parametrize("whole", [True, False])
def test_a_folder_has_one_hash_where_all_of_it_is_meant(whole: bool, here: Path) -> None:
    put(here / "own", {f"{c}/{n}.txt": sentence(n).encode() for c in ("neg", "pos") for n in range(10, 40)})
    some = [f"neg/{n}.txt" for n in range(10, 39)]
    given = ["neg"] if whole else some
    run(*(str(here / "own" / name) for name in [*given, "pos"]), "--name", "own")
    node = yaml.safe_load((here / "mine" / "data" / "own.yaml").read_text())
    assert list(node["origin"]["sources"][0]["files"]) == [*given, "pos"]


def test_an_override_changes_a_part_of_what_is_written(here: Path) -> None:
    (file,) = put(here / "own", {"notes.csv": texts()})
    run(file, "data.tokenizer.min_count=3")
    tokenizer = yaml.safe_load((here / "mine" / "data" / "notes.yaml").read_text())["tokenizer"]
    assert (tokenizer["kind"], tokenizer["min_count"]) == ("word", 3)


def test_labels_that_differ_in_case_alone_are_told_of(here: Path) -> None:
    lines = [f"{sentence(n)},{['good', 'bad', 'Good'][n % 3]}" for n in range(90)]
    (file,) = put(here / "own", {"notes.csv": "\n".join(["text,label", *lines]).encode()})
    assert "classes of their own: Good, good" in run(file)
