"""Running text: lines in order, in documents. Plain text files of one's own, and WikiText."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from unroll.data.readers.columns import SPLITS, Files, Notes, Read
from unroll.data.readers.decoding import decoded
from unroll.data.readers.parts import chosen, chosen_or_all, cut, shares_of

Document = Sequence[str]
"""The lines of a document, in order."""
_LINE_END = re.compile("\r\n|\r|\n")
_TITLE = re.compile(r"= [^=].*[^=] =|= [^=] =")


def text_files(
    files: Files,
    *,
    train: str | None = None,
    validation: float | str = 0.1,
    test: float | str = 0.1,
    blank_lines: Literal["drop", "document"] = "drop",
    encoding: str = "utf-8",
) -> Read:
    """Read plain text files: each file is a document, each line of it one of the text's.

    Lines are stripped of outer white space; blank ones are dropped, and with blank_lines=document they end a document.
    train, validation, test: the names of their files or folders, which are kept whole; or the share that is cut from
    train: of its documents, by a fixed hash of their text; of its lines where there is one document, test the last
    ones, validation those before. Without any name all files are train. Files are in order of their names.
    """
    parts = {"train": train, "validation": validation, "test": test}
    notes, read = Notes(), dict[str, list[Document]]()
    for split, of in chosen_or_all(files, parts).items():
        read[split] = []
        for name in sorted(of):
            lines = _lines(name, of[name], encoding)
            read[split] += _documents(lines, blank_lines == "document")
            if blank_lines == "drop" and not all(lines):
                notes.leave_out("the line is blank", rows=lines.count(""), asked=True)
    return Read(columns(_placed(read, shares_of(parts))), notes)


def wikitext(
    files: Files,
    *,
    train: str = "wiki.train.tokens",
    validation: str = "wiki.valid.tokens",
    test: str = "wiki.test.tokens",
    titles: Literal["kept", "dropped"] = "kept",
) -> dict[str, dict[str, list[Any]]]:
    """Read WikiText (Merity et al. 2016): a paragraph or a heading a line; a line ` = Title = ` begins a document.

    Lines are stripped of outer white space, blank ones dropped. titles=dropped leaves out headings of every depth.
    train, validation, test: the names of their files.
    """
    read: dict[str, list[Document]] = {}
    for split, of in chosen(files, {"train": train, "validation": validation, "test": test}).items():
        found: list[list[str]] = []
        for name in sorted(of):
            for line in filter(None, _lines(name, of[name], "utf-8")):
                if _TITLE.fullmatch(line) or not found:
                    found.append([])
                if titles == "kept" or not (line.startswith("= ") and line.endswith(" =")):
                    found[-1].append(line)
        read[split] = [document for document in found if document]
    return columns(read)


def columns(read: Mapping[str, Iterable[Document]]) -> dict[str, dict[str, list[Any]]]:
    """Return the columns of running text: the documents of each split are numbered from 0."""
    splits: dict[str, dict[str, list[Any]]] = {split: {"text": [], "document": []} for split in SPLITS}
    for split, documents in read.items():
        for number, lines in enumerate(documents):
            splits[split]["text"] += lines
            splits[split]["document"] += [number] * len(lines)
    return splits


def _lines(name: str, content: bytes, encoding: str) -> list[str]:
    return [line.strip() for line in _LINE_END.split(decoded(name, content, encoding).removesuffix("\n"))]


def _documents(lines: Sequence[str], by_blank_lines: bool) -> Iterator[Document]:
    document: list[str] = []
    for line in [*lines, ""]:
        if line:
            document.append(line)
        elif by_blank_lines and document:
            yield document
            document = []
    if document:
        yield document


def _placed(read: Mapping[str, Sequence[Document]], shares: Mapping[str, float]) -> dict[str, Sequence[Document]]:
    """Cut the shares of other splits from train."""
    train = read["train"]
    if not shares:
        return dict(read)
    if len(train) == 1:
        count = len(train[0])
        last = count - int(count * shares.get("test", 0))
        first = last - int(count * shares.get("validation", 0))
        parts = {"train": train[0][:first], "validation": train[0][first:last], "test": train[0][last:]}
        return {**{split: [lines] for split, lines in parts.items() if lines}, **_others(read)}
    texts = ["\n".join(document) for document in train]
    goes = cut(texts, shares, salt="text_files")
    placed: dict[str, Sequence[Document]] = {
        split: [document for document, text in zip(train, texts, strict=True) if goes.get(text, "train") == split]
        for split in SPLITS
    }
    return {**placed, **_others(read)}


def _others(read: Mapping[str, Sequence[Document]]) -> dict[str, Sequence[Document]]:
    return {split: documents for split, documents in read.items() if split != "train"}
