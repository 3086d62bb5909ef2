"""Treebanks in the format CoNLL-U (universaldependencies.org/format.html): sentences whose words have a tag each."""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from unroll.data.readers.columns import SPLITS, Files, Notes, Read
from unroll.data.readers.decoding import decoded
from unroll.data.readers.parts import chosen_or_all, cut, shares_of
from unroll.errors import UserError

COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
_ID = re.compile(r"(\d+)(-\d+|\.\d+)?", re.ASCII)
_LINE_END = re.compile("\r\n|\r|\n")
_EMPTY = "_"  # what stands where a column says nothing


class Sentence(NamedTuple):
    """One sentence: its words, a tag each, and where it begins."""

    words: list[str]
    tags: list[str]
    where: str


def conllu(
    files: Files,
    *,
    tag: Literal["upos", "xpos", "feats", "lemma", "deprel"] = "upos",
    train: str | None = None,
    validation: float | str = 0.1,
    test: float | str = 0.1,
    encoding: str = "utf-8",
) -> Read:
    """Read CoNLL-U files: ten columns apart by tabs, a word a line, a blank line after each sentence.

    Lines of several words at once (1-2), empty nodes (1.1) and comments are passed over. `tag` is the column of the
    tags. Sentences without a word are left out. train, validation, test: the names of their files or folders, which are
    kept whole; or the share of the sentences that is cut from train by a fixed hash of their words: equal sentences are
    on one side of it. Without any name all files are train, in order of their names. Sentences keep the files' order.
    A Parquet table, as the hub has them, has a row a sentence and the columns `tokens` and `tag`'s, which are lists.
    Raises UserError for a damaged line, with its file and number, and for a column `tag` that says nothing.
    """
    parts = {"train": train, "validation": validation, "test": test}
    read = {
        split: [sentence for name in sorted(of) for sentence in _sentences(name, of[name], tag, encoding)]
        for split, of in chosen_or_all(files, parts).items()
    }
    notes = Notes(rows=sum(map(len, read.values())))
    splits: dict[str, dict[str, list[str]]] = {split: {"words": [], "tags": []} for split in SPLITS}
    for split, sentences in read.items():
        kept = [sentence for sentence in sentences if sentence.words]
        for sentence in sentences:
            if not sentence.words:
                notes.leave_out("the sentence has no word", where=sentence.where)
        lines = ["\t".join(sentence.words) for sentence in kept]
        goes = cut(lines, shares_of(parts) if split == "train" else {}, salt="conllu")
        for line, sentence in zip(lines, kept, strict=True):
            into = splits[goes.get(line, split)]
            into["words"].append(line)
            into["tags"].append("\t".join(sentence.tags))
    if splits["train"]["tags"] and all(set(tags.split("\t")) == {_EMPTY} for tags in splits["train"]["tags"]):
        raise UserError(
            f"Column {tag.upper()} says nothing of any word of train.",
            saw=f"data.options.tag={tag}, {_EMPTY} in every line",
            allowed="another column: data.options.tag=upos, xpos, feats, lemma or deprel",
        )
    return Read(splits, notes)


def _sentences(file: str, content: bytes, tag: str, encoding: str) -> Iterator[Sentence]:
    if content.startswith(b"PAR1"):
        yield from _table(file, content, tag)
        return
    column = COLUMNS.index(tag)
    words, tags, began, last = list[str](), list[str](), 0, 0
    for number, line in enumerate([*_LINE_END.split(decoded(file, content, encoding)), ""], 1):
        if not line.strip():
            if began:
                yield Sentence(words, tags, f"{file}, line {began}")
            words, tags, began, last = [], [], 0, 0
            continue
        if line.startswith("#"):
            if last:
                raise _damaged(file, number, "a comment within a sentence", line, "a blank line before it")
            continue
        cells = line.split("\t")
        found = _ID.fullmatch(cells[0])
        if len(cells) != len(COLUMNS):
            what = f"{len(cells)} columns" if len(cells) > 1 else "no tab"
            raise _damaged(file, number, what, line, f"{len(COLUMNS)} columns, apart by tabs: {' '.join(COLUMNS)}")
        if found is None:
            raise _damaged(file, number, f"the id '{cells[0]}'", line, "1, 2, ...; 1-2 for several words; 1.1")
        began = began or number
        if found.group(2):
            continue
        if int(found.group(1)) != last + 1:
            what = f"the id {cells[0]} after {last or 'the beginning of a sentence'}"
            raise _damaged(file, number, what, line, f"{last + 1}; a blank line before another sentence")
        last += 1
        if not cells[1].strip() or not cells[column].strip():
            empty = "form" if not cells[1].strip() else tag
            raise _damaged(file, number, f"nothing in column {empty.upper()}", line, f"{_EMPTY} where there is none")
        words.append(cells[1])
        tags.append(cells[column])


def _damaged(file: str, number: int, what: str, line: str, allowed: str) -> UserError:
    return UserError(f"{file}, line {number} is no line of CoNLL-U: {what}.", saw=line[:80], allowed=allowed)


def _table(file: str, content: bytes, tag: str) -> Iterator[Sentence]:
    """Rows of a table with lists. Items without a universal tag are no words: lines of several words at once."""
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(io.BytesIO(content))
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"{file} is not a Parquet table", saw=str(error).splitlines()[0]) from error
    wanted = list(dict.fromkeys(("tokens", "upos", tag)))
    absent = [column for column in wanted if column not in table.column_names]
    if absent:
        raise UserError(f"{file} has no column '{absent[0]}'", saw=table.column_names, allowed=wanted)
    columns = {column: _named(table, column) for column in wanted}
    for row, (words, upos, tags) in enumerate(zip(columns["tokens"], columns["upos"], columns[tag], strict=True), 1):
        if not len(words) == len(upos) == len(tags) or not all(isinstance(each, str) for each in (*words, *tags)):
            raise UserError(
                f"{file}, row {row}: tokens and {tag} are not lists of as many texts",
                saw=f"{len(words)} tokens, {len(tags)} {tag}",
            )
        kept = [place for place, universal in enumerate(upos) if universal != _EMPTY]
        found = [[items[place].replace("\t", " ") or _EMPTY for place in kept] for items in (words, tags)]
        yield Sentence(found[0], found[1], f"{file}, row {row}")


def _named(table: Any, column: str) -> Sequence[Sequence[Any]]:
    """A column of lists; numbers of classes by the names that the table's own description gives them."""
    import json

    rows: list[list[Any]] = [list(row or []) for row in table[column].to_pylist()]
    about: Mapping[bytes, bytes] = table.schema.metadata or {}
    features = json.loads(about.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
    feature = features.get(column) or {}
    names = (feature.get("feature") or feature).get("names") if isinstance(feature, Mapping) else None
    if not names:
        return [["_" if item is None else item for item in row] for row in rows]
    return [[names[item] if isinstance(item, int) and 0 <= item < len(names) else item for item in row] for row in rows]
