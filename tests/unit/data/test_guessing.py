"""What files hold, told from their names and columns: `data.guess`, and the overrides that it is told beside them."""

from typing import Any

import pytest

from unroll.data.guess import guess
from unroll.data.languages import is_code, is_known
from unroll.data.overrides import below_data, is_override
from unroll.errors import UserError


def table(header: str, row: str, rows: int = 28) -> bytes:
    lines = [row.format(n=n, half=n % 2, day=1 + n // 14, hour=n % 14) for n in range(1, rows + 1)]
    return "\n".join([header, *lines]).encode()


TEXT = b"some words here\n"


@pytest.mark.parametrize(
    ("word", "known"), [("de", True), ("zho", True), ("src", False), ("tgt", False), ("trg", False), ("ref", False)]
)
def test_a_word_of_two_or_three_letters_is_a_language_where_it_is_a_code(word: str, known: bool) -> None:
    assert is_known(word) is known
    assert is_code(word), "what a YAML says to be one is taken as such"


@pytest.mark.parametrize(
    ("names", "said", "options", "files", "languages"),
    [
        (["b.de", "b.en"], {}, ("de", "en"), ["b.de", "b.en"], ["de", "en"]),
        (["b.src", "b.tgt"], {}, ("src", "tgt"), ["b.src", "b.tgt"], []),
        (["README.md", "b.de.gz", "b.en.gz"], {}, ("de", "en"), ["b.de.gz", "b.en.gz"], ["de", "en"]),
        (["b.de", "b.en", "b.fr"], {"source": "fr", "target": "de"}, ("fr", "de"), ["b.de", "b.fr"], ["fr", "de"]),
    ],
)
def test_aligned_files(
    names: list[str], said: dict[str, str], options: tuple[str, str], files: list[str], languages: list[str]
) -> None:
    found = guess(dict.fromkeys(names, TEXT), said, {})
    assert (found.options["source"], found.options["target"]) == options
    assert (found.files, found.languages) == (files, languages)


def test_of_more_than_two_languages_two_are_to_be_said() -> None:
    with pytest.raises(UserError, match=r"(?s)files in de, en, fr.*--source CODE --target CODE"):
        guess(dict.fromkeys(["b.de", "b.en", "b.fr"], TEXT), {}, {})


@pytest.mark.parametrize(("columns", "languages"), [("de,en", ["de", "en"]), ("src,tgt", []), ("en,ref", [])])
def test_columns_are_languages_where_their_names_are_codes(columns: str, languages: list[str]) -> None:
    found = guess({"a.csv": table(columns, "some words of {n},einige Worte von {n}")}, {}, {})
    assert (found.kind, found.languages) == ("pairs", languages)


IMDB = [f"{split}/{label}/{n}.txt" for split in ("train", "test") for label in ("neg", "pos") for n in range(3)]
BESIDE = ["README", "imdb.vocab", "train/labeledBow.feat", "train/urls_neg.txt", "test/urls_neg.txt", "imdbEr.txt"]


@pytest.mark.parametrize(
    ("names", "options", "files"),
    [
        ([*IMDB, *BESIDE], {"train": "train", "test": "test"}, ["test", "train"]),
        ([*(name[6:] for name in IMDB[:6]), "urls_neg.txt", "unsupBow.feat"], {}, ["neg", "pos"]),
        (["train/1.txt", "car/1.txt", "notes.csv"], {}, ["car", "train"]),
        (["neg/1.TXT", "pos/1.txt"], {}, ["neg", "pos"]),
    ],
)
def test_folders_of_texts_are_named_whole(names: list[str], options: dict[str, str], files: list[str]) -> None:
    found = guess(dict.fromkeys(names, TEXT), {}, {})
    assert (found.reader, found.options, found.files) == ("labelled_text", options, files)


def test_what_stands_beside_tables_is_left_alone() -> None:
    found = guess({"README.md": b"# hello", "a.csv": table("date,a", "2020-01-{n:02},{n}")}, {}, {})
    assert (found.kind, found.files) == ("series", ["a.csv"])


@pytest.mark.parametrize(
    ("options", "aside"),
    [
        ({"separator": ";", "decimal": ","}, []),
        ({"separator": ";", "decimal": ",", "missing": ["?"]}, []),
        ({"separator": ";"}, None),
    ],
)
def test_numbers_are_read_as_the_options_say(options: dict[str, Any], aside: list[str] | None) -> None:
    content = table("date;a", "2020-01-{n:02};0,{n}")
    if "missing" in options:
        content = table("date;a", "2020-01-{n:02};" + "?").replace(b"1;?", b"1;0,5")
    if aside is None:
        with pytest.raises(UserError, match="cannot be told"):
            guess({"m.csv": content}, {}, options)
        return
    found = guess({"m.csv": content}, {}, options)
    assert (found.kind, found.options, found.aside) == ("series", {"timestamp": "date"}, aside)


@pytest.mark.parametrize(
    ("header", "row", "options", "timestamp"),
    [
        ("Date,Time,a", "2020-01-{day:02},{hour:02}:00:00,{n}", {}, ["Date", "Time"]),
        ("Time,Date,a", "{hour}:00 PM,01/{day:02}/2020,{n}", {}, ["Date", "Time"]),
        ("timestamp,time,a", "2020-01-{day:02} {hour:02}:00,{hour:02}:00,{n}", {}, "timestamp"),
        ("time,a", "{hour:02}:00:00,{n}", {}, "time"),
        ("when,a", "{day:02}.01.2020,{n}", {"time_format": "%d.%m.%Y"}, "when"),
        ("when,then,a", "x{n},y{n},{n}", {"timestamp": ["when", "then"]}, ["when", "then"]),
    ],
)
def test_the_columns_of_the_times(header: str, row: str, options: dict[str, Any], timestamp: str | list[str]) -> None:
    assert guess({"a.csv": table(header, row)}, {}, options).options["timestamp"] == timestamp


HEADLESS = table("1,some words of 0", "{half},some words of {n}")


@pytest.mark.parametrize("options", [{}, {"text": 2, "label": 1}])
def test_a_table_without_a_header(options: dict[str, Any]) -> None:
    found = guess({"a.csv": HEADLESS}, {}, {"header": False, **options})
    assert (found.kind, found.options) == ("labelled_text", {"text": "2", "label": "1"})
    assert guess({"a.csv": HEADLESS}, {"text": "2", "label": "1"}, {"header": False}).kind == "labelled_text"


@pytest.mark.parametrize("content", [HEADLESS, table("2020-02-01,0", "2020-01-{n:02},{n}")])
def test_a_first_row_of_data_is_not_taken_for_names(content: bytes) -> None:
    with pytest.raises(UserError, match=r"The first row of a\.csv looks like data"):
        guess({"a.csv": content}, {}, {})


def test_a_label_may_have_the_name_of_its_column() -> None:
    content = table("y,text", "{half},some words of {n}").replace(b"\n0,", b"\ny,")
    assert guess({"a.csv": content}, {}, {}).options == {"text": "text", "label": "y"}


@pytest.mark.parametrize(
    ("name", "separator", "options"),
    [
        ("a.csv", ",", {}),
        ("a.tsv", "\t", {}),
        ("a.tsv", "\t", {"separator": "tab"}),
        ("a.csv", ";", {"separator": ";"}),
    ],
)
def test_images_are_told_by_their_first_line(name: str, separator: str, options: dict[str, Any]) -> None:
    rows = [separator.join(["255"] * 784 + [str(n % 2)]) for n in range(20)]
    assert guess({name: "\n".join(rows).encode()}, {}, options).reader == "images_csv"


@pytest.mark.parametrize(("kind", "words"), [("image", "Did you mean 'images'"), ("images", "784 grey values")])
def test_a_kind_that_the_files_are_not(kind: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        guess({"a.csv": table("date,a", "2020-01-{n:02},{n}")}, {}, {}, kind)


def test_only_a_word_with_a_value_is_an_override() -> None:
    words = ["data.csv", "data.", "data.options.header=false", "mine.csv=2"]
    assert [word for word in words if is_override(word)] == ["data.options.header=false"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (",", ","),
        ("','", ","),
        (";", ";"),
        ("|", "|"),
        ("\t", "\t"),
        ("tab", "tab"),
        ("%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M"),
        ("%b %d, %Y", "%b %d, %Y"),
        ("[NA,?]", ["NA", "?"]),
        ("['NA', 'n/a']", ["NA", "n/a"]),
        ("[NA,NaN,-999]", ["NA", "NaN", -999]),
        ("false", False),
        ("null", None),
        ("0.2", 0.2),
    ],
)
def test_an_override_is_read_as_hydra_reads_it_else_as_text(text: str, value: Any) -> None:
    assert below_data([f"data.options.key={text}", "data.epochs=3"]) == {"options": {"key": value}, "epochs": 3}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["data.options.missing=[NA,"], "A list or mapping cannot be read"),
        (["data.=3"], "An override has a key"),
        (["data.options..x=3"], "An override has a key"),
        (["data.options=3"], "holds a reader's options"),
        (["data.options.x=3", "data.options.x.y=3"], "do not fit together"),
        (["data.name=x"], "--name NAME"),
        (["data.kind=series"], "--kind KIND"),
    ],
)
def test_an_override_that_cannot_be_is_one_message(words: list[str], says: str) -> None:
    with pytest.raises(UserError) as error:
        below_data(words)
    assert says in str(error.value)
