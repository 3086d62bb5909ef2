"""The page of committed records in headless Chromium: what a reader sees, clicks, filters and takes away."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import Opened, chromium
from typer.testing import CliRunner

from unroll.cli import app

RECORDS = Path(__file__).resolve().parents[2] / "results" / "records"
FIGURES = ("cost", "rank", "rate")
Open = Callable[..., Opened]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five problems of committed records."""
    out = tmp_path_factory.mktemp("page") / "report.html"
    done = CliRunner().invoke(app, ["report", "suite=reference", "--runs", str(RECORDS), "--out", str(out)])
    assert done.exit_code == 0, done.output
    return out


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture
def opened(browser: Any, report: Path) -> Iterator[Open]:
    pages: list[Opened] = []

    def opened(hash_: str = "", **how: Any) -> Opened:
        pages.append(Opened(browser, f"{report.as_uri()}{hash_}", **how))
        return pages[-1]

    yield opened
    for page in pages:
        page.context.close()


def shown_rows(page: Any) -> list[str]:
    """The names of the rows that are shown, without what is said to screen readers alone."""
    return [text.partition("\n")[0] for text in page.locator("table.results tbody tr:visible th").all_inner_texts()]


def see_all(page: Any) -> None:
    """Scroll to each figure, since each is drawn when it comes near."""
    for figure in FIGURES:
        place = page.locator(f"#{figure}-figure")
        if place.count():
            place.scroll_into_view_if_needed()
            place.locator(".point").first.wait_for()


def taken(page: Any, selector: str) -> list[dict[str, str]]:
    """The lines of the CSV that a button gives."""
    with page.expect_download() as download:
        page.locator(selector).click()
    with open(download.value.path(), encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_it_asks_for_nothing_and_complains_of_nothing(opened: Open, report: Path) -> None:
    found = opened()
    see_all(found.page)
    found.page.locator("table.grid .cell").first.click()
    found.page.get_by_role("dialog").wait_for()
    assert found.said == []
    assert found.asked == [report.as_uri()]
    assert report.stat().st_size < 5_000_000


def test_the_head_says_in_words_what_won(opened: Open) -> None:
    page = opened().page
    lead = page.locator(".lead").inner_text()
    assert "no lead is tested" in lead, "two seeds test nothing"
    first = page.locator(".headlines li").first
    title, text = first.locator("h3").inner_text(), first.inner_text()
    assert title.startswith("compression on mnist (rate=0.2")
    assert " is best on average, " in text
    assert " dB; next is " in text
    winner = first.locator("p strong").first.inner_text()
    first.get_by_role("button").click()
    assert page.locator("#cell-title").inner_text() == f"{winner} – {title.splitlines()[0]}"


def test_a_cell_opens_with_its_seeds_records_curves_and_command(opened: Open) -> None:
    found = opened()
    page = found.page
    cell = page.locator("table.grid .cell").first
    cell.press("Enter")
    dialog = page.get_by_role("dialog")
    title = dialog.locator("h2").inner_text()
    assert "–" in title
    links = dialog.locator("table.seeds a").evaluate_all("found => found.map(one => one.href)")
    assert len(links) == 2
    assert all(Path(link.removeprefix("file://")).is_file() for link in links)
    assert "unroll train task=" in dialog.locator("pre").first.inner_text()
    assert dialog.locator("#curves-figure .scatterlayer .trace").count() == 2
    lines = taken(page, "#cell [data-csv=curves]")
    assert {line["seed"] for line in lines} == {"0", "1"}
    address = page.url
    assert "cell=" in address
    page.keyboard.press("Escape")
    page.wait_for_function("!location.hash.includes('cell=')")
    assert page.evaluate("document.activeElement.className").startswith("cell"), "focus comes back"
    again = opened(f"#{address.partition('#')[2]}").page
    assert again.get_by_role("dialog").locator("h2").inner_text() == title, "its address opens it"


def test_filters_hide_rows_and_stay_in_the_address(opened: Open) -> None:
    page = opened().page
    every = shown_rows(page)
    page.locator("select[name=task]").select_option("sentiment")
    left = shown_rows(page)
    assert 0 < len(left) < len(every)
    assert page.locator("table.grid thead th:visible").count() == 2
    assert page.locator("#count").inner_text() == f"{len(left)} of {len(every)} rows"
    page.locator("input[name=name]").fill("LSTM")
    named = shown_rows(page)
    assert named
    assert all("lstm" in name for name in named)
    lines = taken(page, "#results [data-csv]")
    assert [line["row"] for line in lines] == named
    assert "task=sentiment&name=LSTM" in page.url
    again = opened(f"#{page.url.partition('#')[2]}").page
    assert shown_rows(again) == named
    again.get_by_role("link", name="Cost").click()
    assert "task=sentiment" in again.url, "moving about keeps it"
    again.get_by_role("button", name="Show all").click()
    again.get_by_text(f"{len(every)} of {len(every)} rows").wait_for()
    assert shown_rows(again) == every
    assert "task" not in again.url


def test_columns_sort_both_ways_and_stay_in_the_address(opened: Open) -> None:
    page = opened().page
    heads = page.locator("table.results thead th")
    place = heads.all_inner_texts().index("seconds")
    cells = f"table.results tbody tr td:nth-child({place + 1})"

    def seconds(of: Any) -> list[float]:
        return [float(text) for text in of.locator(cells).all_inner_texts() if text != "—"]

    heads.nth(place).get_by_role("button").click()
    assert heads.nth(place).get_attribute("aria-sort") == "ascending"
    assert seconds(page) == sorted(seconds(page))
    heads.nth(place).get_by_role("button").press("Enter")
    assert heads.nth(place).get_attribute("aria-sort") == "descending"
    assert seconds(page) == sorted(seconds(page), reverse=True)
    again = opened(f"#{page.url.partition('#')[2]}").page
    assert seconds(again) == seconds(page)


def test_quality_stands_against_each_cost_with_the_front(opened: Open) -> None:
    page = opened().page
    see_all(page)
    kinds = page.locator("#cost-kind option").all_inner_texts()
    assert kinds[0] == "seconds of training"
    for kind in kinds:
        page.locator("#cost-kind").select_option(label=kind)
        lines = taken(page, "#cost [data-csv]")
        front = [line["row"] for line in lines if line["on the front"] == "true"]
        assert front
        said = page.locator("#cost-front").inner_text()
        assert all(name in said for name in front)
        assert all(float(line[kind]) > 0 for line in lines if line["family"] != "Baselines")


def test_the_data_of_figures_are_files(opened: Open) -> None:
    page = opened().page
    see_all(page)
    rates = taken(page, "#rate [data-csv]")
    assert len({line["bits per pixel"] for line in rates}) > 4
    grid = [line for line in taken(page, "#grid [data-csv]") if line["mean"]]
    assert len(grid) == page.locator("table.grid .cell").count()
    for line in grid:
        cell = page.locator(f""".cell[aria-label^="{line["row"]}, {line["problem"]}: "]""")
        assert float(cell.locator("b").inner_text()) == pytest.approx(float(line["mean"]), rel=0.01, abs=1e-3)
        assert line["trials"]


@pytest.mark.parametrize(("width", "height"), [(360, 740), (640, 450)], ids=["phone", "200 %"])
def test_it_is_legible_where_there_is_little_room(opened: Open, width: int, height: int) -> None:
    found = opened(width=width, height=height)
    see_all(found.page)
    assert found.overflow == 0
    found.page.locator("table.grid .cell").first.click()
    box = found.page.get_by_role("dialog").bounding_box()
    assert box is not None
    assert box["width"] <= width
    assert found.page.locator("#cell").evaluate("box => box.scrollWidth - box.clientWidth") == 0
    small = (
        "[...document.querySelectorAll('p, td, th, button, li')].map(one => parseFloat(getComputedStyle(one).fontSize))"
    )
    assert found.page.evaluate(f"Math.min(...{small})") >= 11
    assert found.said == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(opened: Open, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = opened(color_scheme=scheme, bypass_csp=True).page
    see_all(page)

    def faults() -> list[str]:
        found = Axe().run(page).response["violations"]
        return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in ("serious", "critical")]

    assert faults() == []
    page.locator("table.grid .cell").first.click()
    assert faults() == []


def test_the_theme_can_be_chosen(opened: Open) -> None:
    page = opened(color_scheme="light").page
    colour = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(colour)
    page.get_by_role("button", name="Dark theme").click()
    assert page.evaluate(colour) != light
    page.get_by_role("button", name="Light theme").click()
    assert page.evaluate(colour) == light


def test_it_can_be_read_without_scripts_and_printed(opened: Open) -> None:
    still = opened(java_script_enabled=False).page
    assert "Without scripts" in still.locator(".notice").inner_text()
    assert "best on average" in still.locator(".headlines").inner_text()
    assert not still.locator("#filters").is_visible()
    page = opened(color_scheme="dark").page
    printed = page.pdf(format="A4")
    assert printed.startswith(b"%PDF")
    assert page.locator("#rate-figure .trace").count() > 0, "figures that were not looked at are printed, too"
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator("#filters").is_visible()


def test_committed_records_keep_no_examples_and_it_is_said(opened: Open) -> None:
    said = opened().page.locator("#examples").inner_text()
    assert "committed records keep numbers, no texts and no pictures" in said
    assert "unroll sweep suite=reference" in said
