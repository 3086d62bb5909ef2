"""The Stanford Sentiment Treebank: one labelled PTB tree a line (Socher et al. 2013)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from unroll.data.readers.columns import Files
from unroll.errors import UserError

_PIECE = re.compile(r"\((\d+) |\)|[^()\s]+")


@dataclass(frozen=True)
class Node:
    """One labelled node: its label 0-4, its words joined by a space, its subtree as a PTB string."""

    label: int
    text: str
    tree: str


def sst(files: Files, *, classes: Literal[2, 5] = 2, phrases: bool = True) -> dict[str, dict[str, list[Any]]]:
    """Read train.txt, dev.txt and test.txt (8,544 / 1,101 / 2,210 trees, labels 0-4).

    classes=2 maps 0, 1 to 0 and 3, 4 to 1 and drops the neutral label 2, as the binary task does: 6,920 /
    872 / 1,821 sentences. phrases=True adds to train every labelled node below a root, single words included,
    once per distinct (text, label) and never when it repeats a whole sentence of train. Validation and test
    hold whole sentences only. Words stay as the treebank has them (-LRB-, `` and '' included).
    """
    return {
        split: _columns(_lines(files, name), classes, phrases and split == "train")
        for split, name in {"train": "train.txt", "validation": "dev.txt", "test": "test.txt"}.items()
    }


def _lines(files: Files, name: str) -> list[list[Node]]:
    trees = []
    for number, line in enumerate(files[name].decode().split("\n"), 1):
        if line.strip():
            try:
                trees.append(list(nodes(line.strip())))
            except ValueError as error:
                raise UserError(
                    f"{name}, line {number} is not a labelled PTB tree: {error}",
                    saw=line[:80],
                    allowed="(3 (2 The) (4 film))",
                ) from error
    return trees


def nodes(line: str) -> Iterator[Node]:
    """Yield a tree's nodes, the root first, each before its children. Raises ValueError for a bad tree."""
    open_nodes: list[tuple[int, int, int, int]] = []
    words: list[str] = []
    found: list[Node | None] = []
    for piece in _PIECE.finditer(line):
        if piece.group(1) is not None:
            if found and not open_nodes:
                raise ValueError("more than one root")
            open_nodes.append((len(found), int(piece.group(1)), len(words), piece.start()))
            found.append(None)
        elif not open_nodes:
            raise ValueError("unbalanced parentheses")
        elif piece.group() == ")":
            place, label, first, start = open_nodes.pop()
            if label > 4 or first == len(words):
                raise ValueError("a label above 4" if label > 4 else "a node without words")
            found[place] = Node(label, " ".join(words[first:]), line[start : piece.end()])
        else:
            words.append(piece.group())
    if open_nodes or not found:
        raise ValueError("unbalanced parentheses")
    yield from (node for node in found if node is not None)


def _columns(trees: list[list[Node]], classes: int, phrases: bool) -> dict[str, list[Any]]:
    def label(node: Node) -> int | None:
        if classes == 5:
            return node.label
        return None if node.label == 2 else int(node.label > 2)

    columns: dict[str, list[Any]] = {"text": [], "label": [], "phrase": [], "tree": []}
    seen = {(tree[0].text, label(tree[0])) for tree in trees}
    for tree in trees:
        for node in tree if phrases else tree[:1]:
            target, is_phrase = label(node), node is not tree[0]
            if target is None or (is_phrase and (node.text, target) in seen):
                continue
            seen.add((node.text, target))
            for column, value in zip(columns, (node.text, target, is_phrase, node.tree), strict=True):
                columns[column].append(value)
    return columns
