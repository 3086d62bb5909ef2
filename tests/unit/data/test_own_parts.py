"""A kind of data, a reader and a tokenizer of one's own, in a folder outside of the checkout."""

import json
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml
from recipes import recipe
from typer.testing import CliRunner

from unroll.cli import app
from unroll.config.compose import compose
from unroll.config.trial import Trial, make_trial
from unroll.data import kinds, readers
from unroll.data.examples import load_examples
from unroll.data.tokenizers import build_tokenizer
from unroll.errors import UserError
from unroll.registry.components import foreign, refuse_foreign
from unroll.training.prepared import build_task

READER = """
import csv
import io

def folder_of_csvs(files, *, column: str = "x", validation: float = 0.25, test: float = 0.25):
    \"\"\"A folder of CSV files, a class each: their rows are examples.\"\"\"
    texts, labels = [], []
    for number, name in enumerate(sorted(files)):
        for row in csv.DictReader(io.StringIO(files[name].decode())):
            texts.append(row[column])
            labels.append(number)
    splits = {"train": [], "validation": [], "test": []}
    for row in range(len(texts)):
        splits[("train", "train", "validation", "test")[row // 2 % 4]].append(row)
    return {
        split: {"signal": [texts[row] for row in rows], "label": [labels[row] for row in rows]}
        for split, rows in splits.items()
    }
"""
TOKENIZER = """
class Characters:
    def __init__(self, texts, language, alphabet: int = 100):
        known = sorted({character for text in texts for character in text})
        self.known = ["<pad>", "<unk>", "<bos>", "<eos>", *known[:alphabet]]
        self.ids = {character: number for number, character in enumerate(self.known)}

    def __len__(self):
        return len(self.known)

    def split(self, text):
        return list(text)

    def encode(self, texts):
        return [[self.ids.get(character, 1) for character in text] or [1] for text in texts]

    def decode(self, ids):
        return "".join(self.known[number] for number in ids if number > 3)
"""
KIND = {"columns": {"signal": "str", "label": "int"}, "texts": ["signal"], "languages": ["en"]}
KIND |= {"input": "signal", "classes": "label"}
NODE = {
    "name": "signals",
    "kind": "signals",
    "reader": {"_target_": "of_csvs.folder_of_csvs"},
    "tokenizer": {"_target_": "characters.Characters", "alphabet": 50},
    "languages": ["en"],
}


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all three, a task on that kind, and the files."""
    monkeypatch.setenv("UNROLL_CACHE", str(tmp_path / "cache"))
    files = tmp_path / "files"
    files.mkdir()
    for name, start in (("up", 1), ("down", 5)):
        rows = "\n".join(f"{start + n} then {start + n + 1},{n}" for n in range(16))
        (files / f"{name}.csv").write_text(f"x,y\n{rows}\n")
    folder = tmp_path / "mine"
    for group in ("data", "kind", "task"):
        (folder / group).mkdir(parents=True)
    (folder / "of_csvs.py").write_text(READER)
    (folder / "characters.py").write_text(TOKENIZER)
    (folder / "kind" / "signals.yaml").write_text(yaml.safe_dump(KIND))
    (folder / "task" / "telling.yaml").write_text("defaults: [sentiment, _self_]\nname: telling\nkind: signals\n")
    data(folder)
    return folder


def data(folder: Path, **keys: Any) -> dict[str, Any]:
    source = {"local": str(folder.parent / "files"), "files": ["down.csv", "up.csv"]}
    node = {**NODE, "origin": {"sources": [source]}, **keys}
    (folder / "data" / "signals.yaml").write_text(yaml.safe_dump(node))
    return node


def trial(folder: Path, *overrides: str) -> Trial:
    return compose(["task=telling", "data=signals", "architecture=gru", *overrides], str(folder))


def test_all_three_compose_and_are_read(mine: Path) -> None:
    found = trial(mine)
    examples = load_examples(found.plain["data"], found.plain["paths"])
    assert {split: len(table) for split, table in examples.splits.items()} == {"train": 16, "validation": 8, "test": 8}
    assert examples.profile["classes"]["train"] == {"0": 8, "1": 8}
    build_task(found)
    tokenizer = build_tokenizer(found.plain["data"]["tokenizer"], examples.splits["train"]["signal"], "en")
    (ids,) = tokenizer.encode(["1 then 2"])
    assert tokenizer.decode(ids) == "1 then 2"


@pytest.mark.parametrize("command", [["show"], ["check"], ["fetch"], ["list"]])
def test_the_commands_on_data_read_them(command: list[str], mine: Path) -> None:
    named = [] if command == ["list"] else ["signals"]
    done = CliRunner().invoke(app, ["data", *command, *named, "--config-dir", str(mine)])
    assert (done.exit_code, "signals" in done.output) == (0, True), done.output


def test_the_recipes_of_the_page_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNROLL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("UNROLL_DATA", str(tmp_path / "files"))
    folder = str(tmp_path / "mine")
    for title in ("A kind of data and its reader", "A tokenizer"):
        recipe(title).write(tmp_path)
    for number in range(20):
        file = tmp_path / "files" / "gestures" / ("wave", "circle")[number % 2] / f"{number}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x,y\n" + f"{number},{number + 0.5}\n" * (1 + number % 3))
    done = CliRunner().invoke(app, ["data", "show", "gestures", "--config-dir", folder])
    assert done.exit_code == 0, done.output
    assert "train 12, validation 4, test 4" in done.output
    assert "test: circle 2, wave 2" in done.output
    config = compose(["task=language_modelling", "data=letters"], folder).plain["data"]
    tokenizer = build_tokenizer(config["tokenizer"], ["1 2 2 1"], "en")
    assert tokenizer.decode([*tokenizer.encode(["2 1"])[0], 3, 4]) == "2 1"
    assert tokenizer.encode(["3", ""]) == [[1], [1]]
    assert len(tokenizer) == 4 + 3
    for module in ("recordings", "letters"):
        sys.modules.pop(module)


def test_ids_are_of_what_they_are_and_not_of_where_they_lie(mine: Path) -> None:
    first = trial(mine).trial_id
    assert trial(mine, "+data.options.column=x", "+data.options.test=0.25").trial_id == first
    for name, code in (("reading", READER), ("letters", TOKENIZER)):
        (mine / f"{name}.py").write_text(code)
    moved = {"reader": {"_target_": "reading.folder_of_csvs"}, "tokenizer": {"_target_": "letters.Characters"}}
    moved["tokenizer"]["alphabet"] = 50  # type: ignore[assignment]
    data(mine, **moved)
    assert trial(mine).trial_id == first
    (mine / "second.py").write_text(READER + "folder_of_csvs.version = 2\n")
    data(mine, reader={"_target_": "second.folder_of_csvs"})
    others = {trial(mine).trial_id}
    data(mine)
    others |= {trial(mine, "+data.options.column=y").trial_id, trial(mine, "data.tokenizer.alphabet=9").trial_id}
    assert len(others | {first}) == 4


def test_a_record_is_named_and_compared_without_their_code(mine: Path) -> None:
    found = trial(mine)
    config = json.loads(json.dumps(found.plain))
    config["data"]["reader"]["_target_"], config["data"]["tokenizer"]["_target_"] = "gone.read", "gone.Characters"
    assert make_trial(config).trial_id == found.trial_id
    assert readers.variant(config["data"]["reader"], config["data"]["options"]) == "default"
    assert sorted(foreign(config)) == ["data.reader._target_", "data.tokenizer._target_"]
    with pytest.raises(UserError, match=r"(?s)names code.*None of it was run.*gone\.read"):
        refuse_foreign(config, "This record", "--trust")
    assert kinds.find("of_somebody_else") is None


def test_examples_are_prepared_again_where_the_code_changes(mine: Path) -> None:
    (mine / "edited.py").write_text(READER)
    data(mine, reader={"_target_": "edited.folder_of_csvs"})
    found = trial(mine)
    load_examples(found.plain["data"], found.plain["paths"])
    load_examples(found.plain["data"], found.plain["paths"])
    assert len(list((mine.parent / "cache").glob("signals-*/about.json"))) == 1
    (mine / "edited.py").write_text(READER + "# another line\n")
    load_examples(found.plain["data"], found.plain["paths"])
    assert len(list((mine.parent / "cache").glob("signals-*/about.json"))) == 2


RETURNS = {
    "raises": ("raise ValueError('no such row')", "cannot read the files.*no such row"),
    "nothing": ("return None", "returned other splits.*NoneType"),
    "other splits": ("return {'train': {}, 'dev': {}, 'test': {}}", "returned other splits.*dev"),
    "a further split that is no test set": ("return {**made(), 'dev': {}}", "returned other splits.*dev"),
    "a further test set first": ("return {'test_long': {}, **made()}", "returned other splits.*test_long"),
    "an empty further test set": (
        "return {**made(), 'test_long': {'signal': [], 'label': []}}",
        "No example is left for test_long",
    ),
    "no column": ("return made(label=None)", "column label is missing in train"),
    "another column": ("return made(more=[{}, {}])", "data of kind 'signals': it has no column more"),
    "another type": ("return made(label=['0', '1'])", r"column label of train is not of int.*'0' \(str\) in row 0"),
    "a number for a text": (
        "return made(signal=['a', 3])",
        r"column signal of train is not of str.*3 \(int\) in row 1",
    ),
    "a truth for a number": ("return made(label=[True, False])", r"column label of train is not of int.*True \(bool\)"),
    "other lengths": ("return made(label=[0])", "columns of train differ in length.*signal 2, label 1"),
    "an empty split": ("return made(signal=[], label=[])", "No example is left for train"),
    "an array of floats": (
        "import numpy\n    return made(label=numpy.zeros(2))",
        "label of train is not of int.*float64",
    ),
}
MADE = """
def made(**changed):
    columns = {"signal": ["a b", "c"], "label": [0, 1]}
    train = {key: value for key, value in {**columns, **changed}.items() if value is not None}
    return {"train": train, "validation": columns, "test": columns}

def read(files, *, column: str = "x"):
    "Any files."
    BODY
"""


@pytest.mark.parametrize("case", RETURNS)
def test_what_a_reader_does_wrong_is_one_message(case: str, mine: Path) -> None:
    body, says = RETURNS[case]
    name = "wrong_" + "".join(filter(str.isalpha, case))
    (mine / f"{name}.py").write_text(MADE.replace("BODY", body))
    node = data(mine, reader={"_target_": f"{name}.read"})
    trial(mine)
    with pytest.raises(UserError, match=f"(?s){says}"):
        load_examples(node, {"cache": mine.parent / "cache", "data": None})


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"reader": {"_target_": "of_csvs.folder_of_csv"}}, "names nothing in of_csvs. Did you mean 'folder_of_csvs'"),
        ({"reader": {"_target_": "nowhere.read"}}, "data.reader._target_ cannot be imported"),
        ({"reader": {"_target_": "characters.Characters"}}, r"something else than a function \(files, \*,"),
        ({"reader": {"_target_": "of_csvs.csv.DictReader"}}, "data.reader._target_"),
        ({"reader": {"_target_": "shutil.rmtree"}}, r"something else than a function \(files, \*,"),
        ({"reader": {"_target_": "unroll.data.readers.sst.sst"}}, "has the name of a reader that ships with Unroll"),
        ({"reader": {"_target_": "of_csvs.folder_of_csvs", "column": "y"}}, "those stand below data.options"),
        (
            {"reader": {"_target_": "of_csvs.folder_of_csvs", "_component_": {}}},
            "'data.reader._component_' is not set by",
        ),
        ({"reader": {"function": "x"}}, "'?data.reader"),
        ({"options": {"colum": "y"}}, "data.options has no option 'colum'. Did you mean 'column'"),
        ({"options": {"column": 3}}, "'data.options.column' is of another type"),
        ({"options": {"test": 2.0}}, "shares of validation and test are not between 0 and 1"),
        ({"tokenizer": {"_target_": "characters.Characters", "alphabet": "many"}}, "data.tokenizer.alphabet"),
        ({"tokenizer": {"_target_": "of_csvs.folder_of_csvs"}}, "data.tokenizer._target_ names something else"),
        ({"tokenizer": {"_target_": "fractions.Fraction"}}, "a class of the kind unroll.data.tokenizers.Tokenizer"),
        ({"tokenizer": None}, "is text and has no tokenizer"),
        ({"languages": []}, "names another number of languages"),
        ({"kind": "signal"}, "There is no kind of data 'signal'.*Did you mean 'signals'"),
    ],
)
def test_what_names_none_of_them_is_refused_when_it_is_composed(keys: dict[str, Any], says: str, mine: Path) -> None:
    data(mine, **keys)
    with pytest.raises(UserError, match=f"(?s){says}"):
        trial(mine)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("columns: {signal: text}", "'columns.signal'"),
        ("columns: {signal: str}\ntext: [signal]", "'text'"),
        ("columns: {signal: str}\ntexts: [words]", "'texts' names no column"),
        ("columns: {signal: int}\ntexts: [signal]", "texts are columns of str"),
        ("[signal]", "does not describe a kind of data"),
    ],
)
def test_a_yaml_that_describes_no_kind_is_one_message(content: str, says: str, mine: Path) -> None:
    (mine / "kind" / "signals.yaml").write_text(textwrap.dedent(content))
    with pytest.raises(UserError, match=says):
        trial(mine)


def test_a_tokenizer_that_fails_is_one_message(mine: Path) -> None:
    (mine / "failing.py").write_text(TOKENIZER.replace("self.known = ", "self.known = 1 / 0 or "))
    trial(mine)
    with pytest.raises(UserError, match=r"(?s)failing.Characters cannot be built.*ZeroDivisionError"):
        build_tokenizer({"_target_": "failing.Characters"}, ["a"], "en")
    with pytest.raises(UserError, match="knows no token of train"):
        build_tokenizer({"_target_": "characters.Characters"}, [""], "en")
