"""Seconds until the page of the matrix is open in headless Chromium: loaded, filters and cells ready.

    python -m benchmarks.page [--page results/index.html] [--repeats 7]

Each repeat is a new browser, so that nothing is cached. Timed from the navigation's start, as the page's own clock has
it, to the load event and to the first frame after it; scripts have run by then. Figures are drawn when they come near:
the third number is that of all of them, scrolled to one after the other. The target is 2 s to the first frame. Needs
playwright and Chromium, as the tests of the page do.
"""

import argparse
import statistics
import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser import executable

TARGET = 2.0  # seconds to the first frame
FIGURES = ("cost", "rank", "rate")
FRAME = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))))"
LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"


def opened(browser: Browser, address: str) -> tuple[float, float, float]:
    """Return seconds to the load event, to the first frame after it, and from there until every figure is drawn."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(address, wait_until="load")
    frame = page.evaluate(FRAME)
    loaded = page.evaluate(LOADED)
    began = page.evaluate("performance.now()")
    for name in FIGURES:
        place = page.locator(f"#{name}-figure")
        if place.count():
            place.scroll_into_view_if_needed()
            place.locator(".point").first.wait_for()
    return loaded / 1000, frame / 1000, (page.evaluate("performance.now()") - began) / 1000


def said(name: str, values: list[float]) -> str:
    return f"{name}: {statistics.median(values):.2f} s [{min(values):.2f}-{max(values):.2f}] of {len(values)}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--page", type=Path, default=Path("results/index.html"))
    parser.add_argument("--repeats", type=int, default=7)
    asked = parser.parse_args()
    found = []
    with sync_playwright() as playwright:
        for _ in range(asked.repeats):
            browser = playwright.chromium.launch(executable_path=executable(), args=["--no-sandbox"])
            found.append(opened(browser, asked.page.resolve().as_uri()))
            browser.close()
    loads, frames, figures = (list(values) for values in zip(*found, strict=True))
    print(f"{asked.page}: {asked.page.stat().st_size / 1e6:.2f} MB")
    print(said("load event", loads))
    print(said("first frame", frames))
    print(said("all figures, scrolled to", figures))
    return int(statistics.median(frames) >= TARGET)


if __name__ == "__main__":
    sys.exit(main())
