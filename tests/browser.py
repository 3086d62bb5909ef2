"""Headless Chromium for tests; where there is none they skip, and in CI they fail."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.needed import lacking

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome")  # on PATH; or $UNROLL_CHROMIUM


def executable() -> str:
    """Return Chromium's path; without it the test that asks is skipped."""
    found = os.environ.get("UNROLL_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        lacking(f"no Chromium: install it, or set UNROLL_CHROMIUM (looked for {', '.join(NAMES)})")
    return found


@contextmanager
def chromium() -> Iterator["Browser"]:
    """A browser; where Python lacks playwright the test that asks is skipped."""
    path = executable()
    if not os.environ.get("CI"):
        pytest.importorskip("playwright")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


class Opened:
    """A page that is open, with what its console said and what it asked the network for."""

    def __init__(self, browser: "Browser", address: str, width: int = 1280, height: int = 900, **how: Any) -> None:
        self.said: list[str] = []
        self.asked: list[str] = []
        self.context = browser.new_context(viewport={"width": width, "height": height}, **how)
        self.page: Page = self.context.new_page()
        self.page.on("console", lambda one: self.said.append(f"{one.type}: {one.text}"))
        self.page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        self.page.on("request", lambda one: self._note(one.url))
        self.page.goto(address)

    def _note(self, url: str) -> None:
        if not url.startswith(("data:", "blob:")):
            self.asked.append(url)

    @property
    def overflow(self) -> int:
        """Pixels that the page is wider than its window."""
        found = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        return int(self.page.evaluate(found))
