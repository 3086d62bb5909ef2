"""The page's text: nothing in a record comes alive, numbers hang on no machine, links lead to records."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from table_records import FIVE, record

from unroll.analysis.render.page import Section
from unroll.analysis.tables import make_tables
from unroll.analysis.webpage.content import Sources, content, counted, grouped, tidy
from unroll.analysis.webpage.examples import Shelf
from unroll.analysis.webpage.marks import marked, numeric
from unroll.analysis.webpage.write import html
from unroll.tracking.look import Picture

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"


class Tags(HTMLParser):
    """Every tag with its attributes, and the texts of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] == "script" and self.cdata_elem == "script":
            self.scripts[-1] += data


def page(records: list[dict[str, Any]], sources: Sources | None = None) -> str:
    return html(content(make_tables(records), "Report", sources or Sources()))


def data_of(text: str) -> Any:
    (found,) = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', text, re.DOTALL)
    return json.loads(found)


def test_the_same_records_give_the_same_bytes() -> None:
    assert page(FIVE) == page(FIVE[::-1])


def test_names_in_records_do_nothing() -> None:
    text = page([record("lstm", 0, 80.0, data__name=HOSTILE), record(HOSTILE, 0, 70.0, data__name=HOSTILE)])
    found = Tags(text)
    assert [name for name, _ in found.tags].count("script") == 3, "the data, the library and ours"
    assert not [attributes for name, attributes in found.tags if name == "img" or "onerror" in attributes]
    assert data_of(text)["problems"][0]["data"] == HOSTILE, "and the data is what it was"


def test_the_policy_lets_its_own_scripts_run_and_loads_nothing() -> None:
    found = Tags(page(FIVE))
    (policy,) = [one["content"] for name, one in found.tags if name == "meta" and one.get("http-equiv")]
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "connect-src 'none'" in policy
    for script in found.scripts[1:]:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    addresses = [value for _, one in found.tags for key, value in one.items() if key in ("src", "href", "action")]
    assert [value for value in addresses if value and not value.startswith("#")] == []


def test_each_trial_links_to_its_record_and_none_that_is_not_there(tmp_path: Path) -> None:
    first, second, *_ = FIVE
    where = tmp_path / "runs" / "a b" / "record.json"
    where.parent.mkdir(parents=True)
    where.write_text("{}")
    places = {first["trial_id"]: where, second["trial_id"]: tmp_path / "nowhere.json"}
    sources = Sources.beside(tmp_path / "pages" / "report.html", places)
    found = data_of(page(FIVE, sources))["trials"]
    assert found[first["trial_id"]]["record"] == "../runs/a%20b/record.json"
    assert found[second["trial_id"]]["record"] is None
    assert sources.directories == {first["trial_id"]: where.parent}


def test_a_row_holds_what_its_table_shows() -> None:
    (problem,) = data_of(page(FIVE))["problems"]
    rows = {row["label"]: row for row in problem["rows"]}
    assert {name: row["value"] for name, row in rows.items()} == {
        "lstm": "81.50 ± 0.71",
        "rnn": "70.00",
        "tfidf_lr": "83.12",
    }
    assert (rows["rnn"]["n"], rows["rnn"]["rank"], rows["tfidf_lr"]["rank"]) == ("1, 1 failed", 3, 1)
    assert rows["lstm"]["costs"]["seconds"] == 10.5
    assert rows["lstm"]["trials"] == [FIVE[0]["trial_id"], FIVE[1]["trial_id"]]


def test_missing_and_failed_trials_are_counted() -> None:
    assert counted(make_tables(FIVE)) == "2 networks, 1 baseline, 1 problem, 4 trials finished, 1 failed."


def test_numbers_have_seven_digits_and_are_finite() -> None:
    given = {"a": [1 / 3, float("nan"), float("inf")], "b": (1, True, None, "x", 1e-300)}
    assert tidy(given) == {"a": [0.3333333, None, None], "b": [1, True, None, "x", 1e-300]}


def test_no_records_are_no_error() -> None:
    assert "No records." in page([])


def test_sections_stand_below_the_title_before_them() -> None:
    found = [Section("a", 2), Section(text=("x",)), Section("b", 3), Section("c", 4), Section("d", 2)]
    shown = [(first.title, [one.title for one in others]) for first, others in grouped(found)]
    assert shown == [("a", [found[1].title]), ("b", ["c"]), ("d", [])]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("**b** and `c`", "<strong>b</strong> and <code>c</code>"),
        ("`known`", '<a href="r.json"><code>known</code></a>'),
        ("[t](tables/x.md)", '<a href="tables/x.md">t</a>'),
        ("[t](javascript:alert(1))", "[t](javascript:alert(1))"),
        ("<b>&", "&lt;b&gt;&amp;"),
        ("<https://a.org>", "&lt;https://a.org&gt;"),
    ],
)
def test_marks_come_alive_and_nothing_else_does(text: str, shown: str) -> None:
    assert marked(text, (), {"known": "r.json"}.get) == shown


def test_only_stated_addresses_are_links() -> None:
    assert marked("<https://a.org>", ("https://a.org",)) == '<a href="https://a.org">https://a.org</a>'


def test_columns_of_numbers_stand_to_the_right() -> None:
    rows = [["a", "1,234", "—", "81.50 ± 0.71", "no seed"], ["2", "**3**", "1.5e-03", "", "3"]]
    assert numeric(rows) == [False, True, True, True, False]


def test_pictures_end_where_the_page_is_full() -> None:
    shelf = Shelf(room=8)
    first, second = (shelf.put(Picture(name, b"png", "what it is")) for name in "ab")
    assert first == {"name": "a", "caption": "what it is", "source": "data:image/png;base64,cG5n"}
    assert shelf.put(Picture("c", b"larger than what is left", "")) is None
    assert second is not None
    assert shelf.left_out == 1
