"""Draw the README's picture of the page, docs/pictures/page.png, from results/index.html in headless Chromium.

    python tools/draw_page.py

Light, 1,200 pixels wide, few colours. Letters' shapes hang on the machine's fonts, so nothing compares its bytes.
"""

import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
PAGE, PICTURE = ROOT / "results" / "index.html", ROOT / "docs" / "pictures" / "page.png"
WIDTH, SCALE, LINES, COLOURS = 1500, 0.8, 4, 160  # of the window, of its pixels, of the grid, of the picture

sys.path.insert(0, str(ROOT))
from tests.browser import executable  # noqa: E402


def main() -> None:
    """Draw the head of the page and the first lines of the grid."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=["--no-sandbox"])
        page = browser.new_page(
            viewport={"width": WIDTH, "height": 900}, device_scale_factor=SCALE, color_scheme="light"
        )
        page.goto(PAGE.as_uri())
        last = page.locator("table.grid tbody tr").nth(LINES - 1).bounding_box()
        assert last is not None
        clip = {"x": 0, "y": 0, "width": WIDTH, "height": last["y"] + last["height"]}
        drawn = page.screenshot(full_page=True, clip=clip)  # type: ignore[arg-type]
        browser.close()
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    picture = (
        Image.open(io.BytesIO(drawn))
        .convert("RGB")
        .quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    )
    picture.save(PICTURE, optimize=True)
    print(f"{PICTURE.relative_to(ROOT)}: {picture.width} x {picture.height}, {PICTURE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
