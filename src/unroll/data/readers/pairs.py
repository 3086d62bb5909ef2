"""Sentence pairs: line-aligned files, and the translation catalogues of JupyterLab's language packs."""

import json
from typing import Any

from unroll.data.readers.columns import Files, hash_share
from unroll.errors import UserError, suggest


def parallel_lines(
    files: Files,
    *,
    source: str,
    target: str,
    train: str = "train",
    validation: str = "val",
    test: str = "test_2016_flickr",
) -> dict[str, dict[str, list[str]]]:
    """Read files NAME.LANGUAGE whose lines are translations of each other, with or without .gz in the name.

    source and target are the language endings, train, validation and test the names before them. Sentences
    are stripped of outer white space and otherwise left as they are. Raises UserError where a file is not
    among the source's or the two sides differ in length.
    """
    by_name = {name.removesuffix(".gz"): content for name, content in files.items()}
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
    splits = {}
    for split, name in {"train": train, "validation": validation, "test": test}.items():
        columns = {}
        for column, language in {"source": source, "target": target}.items():
            file = f"{name}.{language}"
            if file not in by_name:
                raise UserError(
                    f"data.options.{split}: no file of that name.{suggest(file, by_name)}",
                    saw=file,
                    allowed=sorted(by_name),
                )
            lines = by_name[file].decode().removesuffix("\n").split("\n")
            columns[column] = [line.strip() for line in lines]
        if len(columns["source"]) != len(columns["target"]):
            raise UserError(
                f"{name}.{source} and {name}.{target} do not have the same number of lines",
                saw=f"{len(columns['source'])} and {len(columns['target'])}",
            )
        splits[split] = columns
    return splits


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
