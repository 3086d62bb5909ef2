"""The data sets that are shipped: every YAML is complete, and the real data is what the YAML says."""

import gzip
import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy
import polars
import pytest
import yaml
from PIL import Image

from unroll.data import catalogue, kinds, readers
from unroll.data.examples import load_examples
from unroll.data.sources import NoSource

CONF = Path(__file__).parents[3] / "conf"
NAMES = sorted(path.stem for path in (CONF / "data").glob("*.yaml"))
SIZES = {
    "rotten_tomatoes_snippets": (10_252, 1_279, 1_221),
    "jupyter_en_fr": (2_549, 323, 322),
    "beijing_pm25": (30_660, 4_380, 8_760),
    "sf_traffic": (12_280, 1_756, 3_508),
    "mnist_5k": (4_000, 500, 500),
    "sst2": (77_625, 872, 1_821),
    "sst5": (159_284, 1_101, 2_210),
    "multi30k_de_en": (29_000, 1_014, 1_000),
    "multi30k_fr_en": (29_000, 1_014, 1_000),
    "etth1": (8_640, 2_880, 2_880),
    "etth2": (8_640, 2_880, 2_880),
    "shampoo_sales": (12, 12, 12),
    "airline_passengers": (72, 24, 48),
    "mnist": (50_000, 10_000, 10_000),
    "ud_english_lines": (3_457, 1_118, 1_121),
    "ud_english_partut": (1_781, 156, 153),
    "turkish_web_treebank": (3_881, 485, 485),
    "encyclopedia": (13_835, 1_537, 1_797),
    "subregular": (900, 100, 1_000, 1_000),
    "rt_polarity": (8_530, 1_066, 1_066),
}
EMBEDDED = (
    *("rotten_tomatoes_snippets", "jupyter_en_fr", "beijing_pm25", "sf_traffic", "mnist_5k"),
    *("turkish_web_treebank", "encyclopedia", "shampoo_sales", "airline_passengers"),
)
UNSEEN = ("ettm1", "ettm2", "wikitext2", "wikitext2_raw", "ptb")  # their content hash is not known
BENCHMARK = tuple(name for name in SIZES if name not in EMBEDDED)


def node(name: str) -> dict[str, Any]:
    return yaml.safe_load((CONF / "data" / f"{name}.yaml").read_text())


def sizes(name: str, paths: dict[str, Any]) -> tuple[int, ...]:
    examples = load_examples(node(name), paths)
    assert examples.verified, examples.note
    return tuple(table.num_rows for table in examples.splits.values())


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A fresh cache whose wheels are those fetched once on this machine."""
    wheels = Path(os.environ.get("UNROLL_CACHE", "~/.cache/unroll")).expanduser() / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    cache = tmp_path_factory.mktemp("cache")
    (cache / "wheels").symlink_to(wheels)
    return {"cache": cache, "data": None}


@pytest.mark.parametrize("name", NAMES)
def test_every_yaml_is_complete(name: str):
    shipped = node(name)
    assert shipped["name"] == name
    readers.check(shipped["reader"], shipped["options"])
    assert ("tokenizer" in shipped) == bool(kinds.get(shipped["kind"]).texts)
    for key in ("licence", "citation", "homepage"):
        assert shipped["origin"][key]
    variant = readers.variant(shipped["reader"], shipped["options"])
    assert variant in shipped["origin"]["content_sha256"] or name in UNSEEN


def test_the_directions_of_multi30k_differ_in_nothing_but_direction():
    def common(name: str) -> dict[str, Any]:
        shipped = node(name)
        return {key: shipped[key] for key in shipped if key not in ("name", "options", "origin")}

    directions = [name for name in NAMES if name.startswith("multi30k_")]
    assert len(directions) == 6
    for name in directions:
        source, target = name.removeprefix("multi30k_").split("_")
        assert node(name)["options"] == {"source": source, "target": target}
        assert common(name) == common("multi30k_de_en")


@pytest.mark.parametrize("name", EMBEDDED)
def test_embedded_data_comes_verified_from_its_wheel(name: str, embedded: dict[str, Any]):
    assert sizes(name, embedded) == SIZES[name]


@pytest.mark.parametrize("name", BENCHMARK)
def test_benchmark_data_is_verified(name: str, benchmark_data: Path, tmp_path: Path):
    assert sizes(name, {"cache": tmp_path, "data": benchmark_data}) == SIZES[name]


def test_review_snippets_are_disjoint_and_have_the_known_majority(embedded: dict[str, Any]):
    splits = load_examples(node("rotten_tomatoes_snippets"), embedded).splits
    texts = [text for table in splits.values() for text in table["text"]]
    labels = [label for table in splits.values() for label in table["label"]]
    assert len(texts) == len(set(texts)) == 12_752
    assert sum(labels) / len(labels) == pytest.approx(0.577, abs=0.001)
    assert sum(splits["test"]["label"]) / splits["test"].num_rows == pytest.approx(0.6, abs=0.05)


def test_beijing_starts_where_every_channel_is_known_and_fills_forward(embedded: dict[str, Any]):
    train = load_examples(node("beijing_pm25"), embedded).splits["train"]
    assert train[0]["timestamp"] == "2010-01-02 00:00:00"
    assert train[0]["pm2.5"] == 129.0
    assert not numpy.isnan(train["pm2.5"][:]).any()


def test_binary_sst_holds_the_published_sentences(benchmark_data: Path, tmp_path: Path):
    train = load_examples(node("sst2"), {"cache": tmp_path, "data": benchmark_data}).splits["train"]
    sentences = train.filter(lambda phrase: not phrase, input_columns="phrase", keep_in_memory=True)
    assert (sentences.num_rows, sum(sentences["label"])) == (6_920, 3_610)


def test_hub_layouts_give_the_local_examples(benchmark_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Multi30k as JSON lines, SST as Parquet of trees, ETTh1 as the same CSV, UD as Parquet of lists."""
    multi30k = tmp_path / "bentrevett" / "multi30k"
    multi30k.mkdir(parents=True)
    for stem, split in {"train": "train", "val": "val", "test_2016_flickr": "test"}.items():
        sides = [
            gzip.decompress((benchmark_data / "multi30k" / f"{stem}.{language}.gz").read_bytes())
            .decode()
            .removesuffix("\n")
            .split("\n")
            for language in ("en", "de")
        ]
        rows = [json.dumps({"en": en, "de": de}) for en, de in zip(*sides, strict=True)]
        (multi30k / f"{split}.jsonl").write_text("\n".join(rows))
    sst = tmp_path / "stanfordnlp" / "sst" / "ptb"
    for file, split in {"train": "train", "dev": "validation", "test": "test"}.items():
        (sst / split).mkdir(parents=True)
        trees = (benchmark_data / "sst" / f"{file}.txt").read_text().removesuffix("\n").split("\n")
        polars.DataFrame({"ptb_tree": trees}).write_parquet(sst / split / "0000.parquet")
    treebank = tmp_path / "universal-dependencies" / "universal_dependencies" / "parquet" / "en_partut"
    treebank.mkdir(parents=True)
    for split in ("train", "dev", "test"):
        content = (benchmark_data / "ud_english_partut" / f"en_partut-ud-{split}.conllu").read_bytes()
        whole = [s.split("\n") for s in content.decode().split("\n\n") if s.strip()]
        cells = [
            [line.split("\t") for line in lines if line[:1].isdigit() and "." not in line.split("\t")[0]]
            for lines in whole
        ]
        rows = {
            "tokens": [[row[1] for row in each] for each in cells],
            "upos": [[row[3] for row in each] for each in cells],
        }
        polars.DataFrame(rows).write_parquet(treebank / f"{split}.parquet")
    ett = tmp_path / "thuml" / "Time-Series-Library" / "ETT-small"
    ett.mkdir(parents=True)
    (ett / "ETTh1.csv").write_bytes((benchmark_data / "ett" / "ETTh1.csv").read_bytes())

    monkeypatch.setenv("UNROLL_HUB", str(tmp_path))
    for name in ("multi30k_de_en", "multi30k_en_de", "sst5", "etth1", "ud_english_partut"):
        examples = load_examples(node(name), {"cache": tmp_path / "cache", "data": None})
        assert examples.source.startswith("hub ")
        assert examples.verified, name


def test_mnist_as_parquet_of_png_equals_mnist_as_npz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    generator = numpy.random.default_rng(0)
    images = {split: generator.integers(0, 256, (40, 28, 28), dtype=numpy.uint8) for split in ("train", "test")}
    labels = numpy.arange(40, dtype=numpy.uint8) % 10
    (tmp_path / "mnist").mkdir()
    file = tmp_path / "mnist" / "mnist.npz"
    numpy.savez(file, x_train=images["train"], x_test=images["test"], y_train=labels, y_test=labels)

    def png(image: numpy.ndarray) -> bytes:
        stream = io.BytesIO()
        Image.fromarray(image).save(stream, format="PNG")
        return stream.getvalue()

    repository = tmp_path / "hub" / "ylecun" / "mnist" / "mnist"
    repository.mkdir(parents=True)
    for split, pixels in images.items():
        cells = [{"bytes": png(image), "path": None} for image in pixels]
        table = polars.DataFrame({"image": cells, "label": labels.astype(numpy.int64)})
        table.write_parquet(repository / f"{split}-00000-of-00001.parquet")

    shipped = node("mnist") | {"options": {"validation": 5}}
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    shipped["origin"]["sources"][0]["files"] = {"mnist.npz": digest}
    monkeypatch.setenv("UNROLL_HUB", str(tmp_path / "hub"))
    local = load_examples(shipped, {"cache": tmp_path / "cache", "data": tmp_path})
    from_hub = load_examples(shipped, {"cache": tmp_path / "cache", "data": None})
    assert (local.source, from_hub.source) == ("local mnist", "hub ylecun/mnist@local folder")
    assert local.content_sha256 == from_hub.content_sha256


def test_the_catalogue_lists_everything_with_its_licence():
    listed, wrong = catalogue.list_data([CONF])
    assert wrong == []
    assert [row.name for row in listed] == NAMES
    assert all(row.licence and row.citation and row.sources for row in listed)


def test_a_set_that_is_nowhere_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("UNROLL_HUB", str(tmp_path))
    with pytest.raises(NoSource, match=r"UNROLL_DATA=FOLDER with ett/ holding ETTm2\.csv"):
        load_examples(node("ettm2"), {"cache": tmp_path, "data": str(tmp_path)})
