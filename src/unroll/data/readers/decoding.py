"""Bytes of a text file to text: its encoding is stated, never guessed."""

import codecs

from unroll.errors import UserError

_BINARY = {
    b"PAR1": "a Parquet table; its name must end in .parquet",
    b"\x1f\x8b": "compressed by gzip; its name must end in .gz",
    b"\xfd7zXZ\x00": "compressed by xz; its name must end in .xz",
    b"BZh": "compressed by bzip2; its name must end in .bz2",
    b"PK\x03\x04": "a zip archive or an Excel sheet; unpack it, or save the sheet as CSV",
}
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def decoded(file: str, content: bytes, encoding: str = "utf-8") -> str:
    """Return a file's text without its byte-order mark; line ends stay as they are.

    Raises UserError for an encoding that Python does not know, for bytes that are not of that encoding (with the line),
    and for a file that is no text.
    """
    name = _codec(encoding)
    for start, what in _BINARY.items():
        if content.startswith(start):
            raise UserError(f"{file} is no text file", saw=what)
    if name == "utf-8":
        _require_single_bytes(file, content)
    try:
        text = content.decode("utf-8-sig" if name == "utf-8" else name)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        shown = content[max(0, error.start - 10) : error.start + 10]
        raise UserError(
            f"{file}, line {line}: byte {error.start} is not {encoding}",
            saw=shown,
            allowed="the file's own encoding, e.g. data.options.encoding=latin-1, cp1252, utf-16, gb18030 or shift_jis",
        ) from error
    text = text.removeprefix("\ufeff")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UserError(
            f"{file}, line {line} holds a NUL character",
            saw=f"read as {encoding}",
            allowed="text in the encoding that data.options.encoding names",
        )
    return text


def _codec(encoding: str) -> str:
    try:
        "".encode(encoding)  # refuses codecs that are not of text, such as base64
        return codecs.lookup(encoding).name
    except (LookupError, TypeError) as error:
        raise UserError(
            "data.options.encoding is no text encoding",
            saw=repr(encoding),
            allowed="utf-8, utf-16, latin-1, cp1252 or another of Python's names",
        ) from error


def _require_single_bytes(file: str, content: bytes) -> None:
    """Raise UserError where a file read as UTF-8 is UTF-16, with a byte-order mark or without."""
    start = content[:200]
    pairs = {"utf-16-le": start[1::2], "utf-16-be": start[0::2]}
    found = "utf-16" if start.startswith(_UTF16) else None
    for name, high in pairs.items():
        if found is None and len(high) > 3 and high.count(0) > len(high) * 0.9:
            found = name
    if found:
        raise UserError(
            f"{file} is encoded in UTF-16, not in UTF-8",
            saw=start[:20],
            allowed=f"data.options.encoding={found}",
        )
