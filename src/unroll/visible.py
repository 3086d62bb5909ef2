"""Text that came from elsewhere, made safe for what shows it: a terminal, a spreadsheet."""

import re
import sys

# C0 but tab and line feed, DEL, C1, and what turns the direction of text.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def visible(text: str) -> str:
    """Return text that a terminal shows and does not obey: control characters as JSON writes them, `\\u001b`."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def say(text: object, err: bool = False) -> None:
    """Print a text, or what has one, to stdout or stderr."""
    print(visible(str(text)), file=sys.stderr if err else sys.stdout, flush=True)


def as_cell(value: object) -> object:
    """Return a value for a table that spreadsheets open: no text is a formula, numbers stay numbers."""
    if not isinstance(value, str):
        return value
    text = visible(value)
    if not value.startswith(_FORMULA) or _is_number(value):
        return text
    return f"'{text}"


def any_encoding() -> None:
    """Let the standard streams write what their encoding lacks as escapes, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
