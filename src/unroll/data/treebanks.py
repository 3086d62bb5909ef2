"""Trees of labelled texts: a data set's `tree` column and tokens come in, a `Treebank` over the tokens comes out."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from unroll.data.fields import Dense, Ragged
from unroll.data.splits import Split
from unroll.data.tokenizers import Tokenizer
from unroll.data.trees import UNLABELLED, Treebank, parse, root_label, words
from unroll.errors import UserError


def has_trees(tables: Mapping[str, Any]) -> bool:
    """Whether every text of every split has a tree."""
    return all(all(table["tree"][:]) for table in tables.values())


def whole_sentences(table: Any) -> list[int]:
    """The numbers of the rows that are not phrases of others.

    Raises:
        UserError: there are none.
    """
    kept = [row for row, phrase in enumerate(table["phrase"][:]) if not phrase]
    if not kept:
        raise UserError("This share of train holds no whole sentence.", allowed="a larger data.fraction")
    return kept


def node_classes(train: Any) -> dict[int, int]:
    """What a node's label says of its class: what train's rows, phrases among them, say of their roots'.

    A label that no row has at its root, as the neutral one of two-class SST, is no class. Without phrases in train
    only sentences have classes: the mapping is empty.
    """
    if not any(train["phrase"][:]):
        return {}
    return {root_label(tree): label for tree, label in zip(train["tree"][:], train["label"][:], strict=True)}


def treebank(
    table: Any, ids: Sequence[Sequence[int]], tokenizer: Tokenizer, classes: Mapping[int, int], limit: int
) -> Treebank:
    """Lay each text's tree over its tokens, of which the first `limit` are kept; the root has the text's own class.

    Raises:
        UserError: a tree that is none, or a tokenizer for which a text is not its words one after the other.
    """
    lines = table["tree"][:]
    vocabulary = sorted(set(chain.from_iterable(map(words, lines))))
    pieces = dict(zip(vocabulary, tokenizer.encode(vocabulary), strict=True))
    tokens = {word: len(found) for word, found in pieces.items()}
    parses = []
    for line, label, sentence in zip(lines, table["label"][:], ids, strict=True):
        if list(chain.from_iterable(pieces[word] for word in words(line))) != list(sentence):
            raise UserError(
                "The tokenizer does not split a sentence word by word, so its tree cannot be laid over the tokens.",
                saw=line[:80],
                allowed="data.tokenizer.kind=word data.tokenizer.words=whitespace",
            )
        try:
            one = parse(line, tokens, limit)
        except ValueError as error:
            raise UserError(
                f"A text's tree is none: {error}.", saw=line[:80], allowed="(3 (2 The) (4 film))"
            ) from error
        labels = [classes.get(number, UNLABELLED) for number in one.labels]
        parses.append(one._replace(labels=[*labels[:-1], label]))
    return Treebank.pack(parses)


def labelled_phrases(tokens: Ragged, trees: Treebank) -> tuple[Split, Tensor]:
    """Every labelled node as a phrase of its own, repeated ones included, and the number of the text that it is in."""
    phrases: list[list[int]] = []
    classes: list[int] = []
    owners: list[int] = []
    links, labels, flat = trees.links.tolist(), trees.labels.tolist(), tokens.flat.tolist()
    for number, (start, size) in enumerate(zip(trees.offsets.tolist(), trees.lengths.tolist(), strict=True)):
        spans = [(position, position + 1) for position in range(start, start + size)]
        for left, right, _ in links[start - number : start - number + size - 1]:
            spans.append((spans[left][0], spans[right][1]))
        first = 2 * start - number
        for (begin, end), label in zip(spans, labels[first : first + len(spans)], strict=True):
            if label != UNLABELLED:
                phrases.append(flat[begin:end])
                classes.append(label)
                owners.append(number)
    longest = max(map(len, phrases))
    return Split(Ragged.pack(phrases, longest), Dense(torch.tensor(classes))), torch.tensor(owners)
