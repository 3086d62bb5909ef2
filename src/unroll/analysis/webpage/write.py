"""A page's content as one HTML file: style, scripts and data are inside, and it asks the network for nothing."""

import base64
import hashlib
import json
from functools import cache, partial
from importlib import resources
from typing import Any

from unroll.analysis.webpage.content import Content
from unroll.analysis.webpage.marks import marked, numeric

STYLES = ("page.css", "tables.css")
SCRIPTS = ("base.js", "filters.js", "figures.js", "cell.js", "examples.js", "main.js")
LIBRARY = "plotly-basic.min.js"


def html(found: Content) -> str:
    """Return the page; the same content gives the same bytes."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(partial(_text, "static")),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    trials = found.data["trials"]
    environment.filters["marked"] = partial(marked, record=lambda name: trials.get(name, {}).get("record"))
    environment.filters["numeric"] = numeric
    scripts = [_text("static", LIBRARY), "\n".join(_text("scripts", name) for name in SCRIPTS)]
    return environment.get_template("page.html.j2").render(
        page=found,
        data=found.data,
        json=as_json(found.data),
        styles="\n".join(_text("static", name) for name in STYLES),
        scripts=scripts,
        policy=policy(scripts, found.poll > 0),
    )


def as_json(data: Any) -> str:
    """Return data as JSON that stands inside a script's tag: nothing in it ends the tag."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def policy(scripts: list[str], is_served: bool) -> str:
    """Return what a browser lets the page do: run these scripts and no others, and load nothing from elsewhere."""
    hashes = " ".join(f"'sha256-{_hash(script)}'" for script in scripts)
    own = "'self'" if is_served else "'none'"
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
        f"connect-src {own}; base-uri 'none'; form-action 'none'"
    )


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")


@cache
def _text(folder: str, name: str) -> str:
    """A file of the package. Scripts stand inside a tag, so that none may hold its end."""
    return resources.files("unroll.analysis.webpage").joinpath(folder, name).read_text(encoding="utf-8")
