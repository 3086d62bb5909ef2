"""Whole words as inputs: each is a sum of what its pieces and its characters say, whether train has it or not."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unroll.data.tokenizers import PAD, SPECIALS, UNKNOWN, Tokenizer, build_tokenizer
from unroll.models.noise import Dropout

KERNEL = 3  # characters that a filter sees
Rows = Sequence[Sequence[str]]  # the words of each sentence


@dataclass(frozen=True)
class Forms:
    """The distinct words of all splits, numbered; how they are written is told by what train has.

    The first numbers are those of the special tokens.
    """

    numbers: Mapping[str, int]
    pieces: Tensor  # [forms, most pieces] ids of a tokenizer built from train's words, padded with 0
    characters: Tensor  # [forms, longest] ids of train's characters, padded with 0
    sizes: tuple[int, int]  # how many pieces and characters there are
    in_train: Tensor  # [forms] whether train has the word
    tokenizer: Tokenizer  # of the pieces
    letters: Mapping[str, int]  # train's characters, numbered

    @classmethod
    def of(cls, rows: Mapping[str, Rows], tokenizer: Mapping[str, Any], language: str) -> "Forms":
        """Number the words of splits; `tokenizer` is a data set's config, and a word's pieces are its tokens."""
        words = sorted(set(chain.from_iterable(chain.from_iterable(rows.values()))))
        trained = list(chain.from_iterable(rows["train"]))
        pieces = build_tokenizer(tokenizer, trained, language)
        letters = {letter: number for number, letter in enumerate(sorted(set("".join(trained))), len(SPECIALS))}
        seen = {tuple(pieces.split(word)) for word in set(trained)}
        special = [[number] for number in range(len(SPECIALS))]
        return cls(
            {word: number for number, word in enumerate(words, len(SPECIALS))},
            _padded([*special, *pieces.encode(words)]),
            _padded([*special, *([letters.get(letter, UNKNOWN) for letter in word] for word in words)]),
            (len(pieces), len(SPECIALS) + len(letters)),
            torch.tensor([False] * len(SPECIALS) + [tuple(pieces.split(word)) in seen for word in words]),
            pieces,
            letters,
        )

    @classmethod
    def spelled(cls, tokenizer: Tokenizer, letters: Mapping[str, int]) -> "Forms":
        """Train's pieces and characters, and no word yet."""
        special = _padded([[number] for number in range(len(SPECIALS))])
        sizes = len(tokenizer), len(SPECIALS) + len(letters)
        return cls({}, special, special, sizes, torch.tensor([False] * len(SPECIALS)), tokenizer, letters)

    def with_words(self, rows: Rows) -> "Forms":
        """The same with the words of sentences that it has not got, numbered behind those that it has."""
        new = [word for word in sorted(set(chain.from_iterable(rows))) if word not in self.numbers]
        first = len(self.pieces)
        letters = ([self.letters.get(letter, UNKNOWN) for letter in word] for word in new)
        return replace(
            self,
            numbers={**self.numbers, **{word: number for number, word in enumerate(new, first)}},
            pieces=_padded([*self.pieces.tolist(), *self.tokenizer.encode(new)]),
            characters=_padded([*self.characters.tolist(), *letters]),
            in_train=torch.cat((self.in_train, torch.zeros(len(new), dtype=torch.bool))),
        )

    def encode(self, rows: Rows) -> list[list[int]]:
        """The numbers of each sentence's words."""
        return [[self.numbers[word] for word in row] for row in rows]


class FormAdapter(nn.Module):
    """Numbers of words [B,T] -> vectors [B,T,E + C], zero in the padding: the mean of a word's pieces' vectors, which
    start from N(0, scale^2), and what its characters say (`Spelling`).

    Args:
        forms: the words.
        width: E.
        characters: C; None: nothing.
        dropout: on the vectors.
        scale: standard deviation that the pieces' vectors start from.
    """

    pieces: Tensor

    def __init__(self, forms: Forms, width: int, characters: int | None, dropout: float, scale: float):
        super().__init__()
        self.register_buffer("pieces", forms.pieces, persistent=False)
        self.embedding = nn.Embedding(forms.sizes[0], width, padding_idx=PAD)
        nn.init.normal_(self.embedding.weight, std=scale)
        with torch.no_grad():
            self.embedding.weight[PAD].zero_()
        self.spelling = None if characters is None else Spelling(forms, characters)
        self.dropout = Dropout(dropout)

    def read(self, forms: Forms) -> None:
        """Know the words of `forms`, which holds those that it knew under the same numbers."""
        self.pieces = forms.pieces.to(self.pieces.device)
        if self.spelling is not None:
            self.spelling.characters = forms.characters.to(self.pieces.device)

    def forward(self, numbers: Tensor) -> Tensor:
        pieces = self.pieces[numbers]
        vectors = self.embedding(pieces).sum(dim=2) / (pieces != PAD).sum(dim=2).clamp(min=1)[..., None]
        if self.spelling is not None:
            vectors = torch.cat((vectors, self.spelling(numbers)), dim=-1)
        return self.dropout(vectors)


class Spelling(nn.Module):
    """Numbers of words [B,T] -> [B,T,C]: C filters over three characters each, the largest value of each over the word
    (dos Santos & Zadrozny 2014, section 2.1.2); zero in the padding."""

    characters: Tensor

    def __init__(self, forms: Forms, width: int):
        super().__init__()
        self.register_buffer("characters", forms.characters, persistent=False)
        self.embedding = nn.Embedding(forms.sizes[1], width, padding_idx=PAD)
        self.filters = nn.Conv1d(width, width, KERNEL, padding=KERNEL // 2)

    def forward(self, numbers: Tensor) -> Tensor:
        words, places = numbers.unique(return_inverse=True)
        letters = self.characters[words]
        found = self.filters(self.embedding(letters).transpose(1, 2))
        largest = found.masked_fill((letters == PAD)[:, None], float("-inf")).amax(dim=2)
        return F.embedding(places, largest.masked_fill((words == PAD)[:, None], 0.0))


def _padded(rows: Iterable[Sequence[int]]) -> Tensor:
    tensors = [torch.tensor(row, dtype=torch.int64) for row in rows]
    return nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=PAD)
