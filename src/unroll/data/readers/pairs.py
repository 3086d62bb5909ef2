"""Sentence pairs: line-aligned files, tables of two columns, and the translation catalogues of JupyterLab."""

import json
from collections.abc import Mapping
from typing import Any

from unroll.data.readers.columns import SPLITS, Files, Notes, Read, hash_share
from unroll.data.readers.decoding import decoded
from unroll.data.readers.parts import Parts, cut, shares_of, tables
from unroll.data.readers.table import TextTable, uncompressed_name
from unroll.errors import UserError, suggest

Pairs = dict[str, list[str]]


def parallel_lines(
    files: Files,
    *,
    source: str,
    target: str,
    train: str = "train",
    validation: float | str = "val",
    test: float | str = "test_2016_flickr",
    encoding: str = "utf-8",
) -> Read:
    """Read files NAME.LANGUAGE whose lines are translations of each other, with or without .gz in the name.

    source and target are the language endings, train, validation and test the names before them, or shares that are cut
    from train as `parallel_table` cuts them. Sentences are stripped of outer white space and otherwise left as they
    are. Pairs of train with an empty side are left out.
    Raises UserError where a file is not among the source's or the two sides differ in length.
    """
    by_name = {uncompressed_name(name): content for name, content in files.items()}
    languages = sorted({name.rsplit(".", 1)[-1] for name in by_name})
    if source == target:
        raise UserError("data.options.source and data.options.target are the same", saw=source)
    for option, language in {"source": source, "target": target}.items():
        if language not in languages:
            raise UserError(
                f"data.options.{option}: no file in that language.{suggest(language, languages)}",
                saw=language,
                allowed=languages,
            )
    parts = {"train": train, "validation": validation, "test": test}
    read = {}
    for split, name in parts.items():
        if not isinstance(name, str):
            continue
        sides = {}
        for side, language in {"source": source, "target": target}.items():
            file = f"{name}.{language}"
            if file not in by_name:
                raise UserError(
                    f"data.options.{split}: no file of that name.{suggest(file, by_name)}",
                    saw=file,
                    allowed=sorted(by_name),
                )
            sides[side] = list[str | None](decoded(file, by_name[file], encoding).removesuffix("\n").split("\n"))
        counts = [len(lines) for lines in sides.values()]
        if counts[0] != counts[1]:
            raise UserError(
                f"{name}.{source} and {name}.{target} do not have the same number of lines",
                saw=f"{counts[0]} and {counts[1]}",
            )
        read[split] = TextTable(f"{name}.{source}", sides, range(1, counts[0] + 1))
    return _split(read, parts, "source", "target")


def parallel_table(
    files: Files,
    *,
    source: str = "source",
    target: str = "target",
    train: str | None = None,
    validation: float | str = 0.1,
    test: float | str = 0.1,
    header: bool = True,
    separator: str | None = None,
    encoding: str = "utf-8",
    quote: str | None = '"',
) -> Read:
    """Read a table with a column of sentences and one of their translations (CSV, TSV, JSON lines, Parquet).

    source and target are the columns; in a file without a header (header=false) their numbers, from 1.
    train, validation, test: the names of their files, which are kept whole; or the share that is cut from train by a
    fixed hash of the sources: equal ones, their case ignored, are on one side of it. Of equal pairs in what is cut the
    first is kept. Sentences are stripped of outer white space. Pairs of train with an empty side are left out.
    """
    parts = {"train": train, "validation": validation, "test": test}
    read = tables(files, parts, header=header, separator=separator, encoding=encoding, quote=quote)
    return _split(read, parts, source, target)


def _split(read: Mapping[str, TextTable], parts: Parts, source: str, target: str) -> Read:
    """The pairs of each split: all of them to evaluate on, those with words on both sides to learn from."""
    splits: dict[str, Pairs] = {split: {"source": [], "target": []} for split in SPLITS}
    notes = Notes(rows=sum(map(len, read.values())))
    for split, table in read.items():
        columns = [table.column(str(name), option) for name, option in ((source, "source"), (target, "target"))]
        sides = [[(cell or "").strip() for cell in column] for column in columns]
        shares = shares_of(parts) if split == "train" else {}
        goes = cut([sentence.casefold() for sentence in sides[0]], shares, salt="parallel_table")
        seen: set[tuple[str, str]] = set()
        for row, pair in enumerate(zip(*sides, strict=True)):
            into = goes.get(pair[0].casefold(), split)
            if shares and pair in seen:
                notes.leave_out("the pair was there before", where=table.where(row))
            elif into == "train" and _has_empty_side(pair):
                notes.leave_out("a side of the pair is empty", where=table.where(row))
            else:
                seen.add(pair)
                splits[into]["source"].append(pair[0])
                splits[into]["target"].append(pair[1])
    return Read(splits, notes)


def _has_empty_side(pair: tuple[str, str]) -> bool:
    """Whether a side holds white space and characters without a shape (zero-width spaces, controls) alone."""
    return not all(any(letter.isprintable() and not letter.isspace() for letter in side) for side in pair)


def language_pack(
    files: Files, *, source: str = "en", target: str = "fr", validation: float = 0.1, test: float = 0.1
) -> dict[str, dict[str, list[str]]]:
    """Read gettext catalogues as JSON: {"context\\u0004English": ["translation", "plural"], "": header}.

    One of source and target is "en", the other the pack's language. The header, the context before U+0004 and
    the plural forms are left out; white space runs become one space; empty sides are dropped. Of entries with
    equal English sides the first is kept (files by name, entries in file order), before splitting. A fixed
    hash of the English side, its case ignored, decides the split: sentences that differ in case alone are on
    one side of it, and a sentence stays where it is whatever else there is.
    """
    if (source == "en") == (target == "en"):
        raise UserError(
            "one of data.options.source and data.options.target must be en, the other not",
            saw=f"{source} and {target}",
        )
    pairs: dict[str, str] = {}
    for name in sorted(files):
        entries: dict[str, Any] = json.loads(files[name])
        for key, forms in entries.items():
            if key and isinstance(forms, list) and forms:
                english = " ".join(key.split("\u0004")[-1].split())
                translated = " ".join(forms[0].split())
                if english and translated:
                    pairs.setdefault(english, translated)
    splits: dict[str, dict[str, list[str]]] = {
        split: {"source": [], "target": []} for split in ("train", "validation", "test")
    }
    for english, translated in pairs.items():
        share = hash_share(english.casefold(), salt="language_pack")
        split = "test" if share < test else "validation" if share < test + validation else "train"
        sides = (english, translated) if source == "en" else (translated, english)
        splits[split]["source"].append(sides[0])
        splits[split]["target"].append(sides[1])
    return splits
