"""Text to token ids: word level or byte-pair encoding, the vocabulary built from train only."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

SPECIALS = ("<pad>", "<unk>", "<bos>", "<eos>")
PAD, UNKNOWN, BEGIN, END = range(4)


class Tokenizer(Protocol):
    """Text to ids and back."""

    def __len__(self) -> int: ...
    def split(self, text: str) -> list[str]: ...
    def encode(self, texts: Sequence[str]) -> list[list[int]]: ...
    def decode(self, ids: Iterable[int]) -> str:
        """The plain, detokenised text of ids up to the first <eos>, special ones left out."""
        ...


def until_end(ids: Iterable[int]) -> list[int]:
    """The ids before the first <eos>."""
    return list(takewhile(lambda number: number != END, ids))


class WordTokenizer:
    """The most frequent words of train; ties by spelling, so that ids never vary.

    Args:
        texts: train's.
        language: for Moses' rules.
        words: what a word is: whitespace (the text is tokenised already) | moses (Koehn et al. 2007, by sacremoses).
        lowercase: before counting.
        vocabulary_size: words kept, special ones included.
        min_count: of a kept word in train.
    """

    def __init__(
        self,
        texts: Iterable[str],
        language: str,
        words: str,
        lowercase: bool,
        vocabulary_size: int,
        min_count: int,
    ):
        self.lowercase, self.moses, self.detokeniser = lowercase, None, None
        if words == "moses":
            from sacremoses import MosesDetokenizer, MosesTokenizer

            self.moses, self.detokeniser = MosesTokenizer(language), MosesDetokenizer(language)
        counts = Counter(word for text in texts for word in self.split(text))
        kept = sorted((word for word, n in counts.items() if n >= min_count), key=lambda word: (-counts[word], word))
        self.words = [*SPECIALS, *kept[: vocabulary_size - len(SPECIALS)]]
        self.ids = {word: number for number, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words)

    def split(self, text: str) -> list[str]:
        """The words of a text."""
        words = text.split() if self.moses is None else self.moses.tokenize(text, escape=False)
        return [word.lower() for word in words] if self.lowercase else words

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text; an empty text is one unknown word."""
        find = self.ids.get
        return [[find(word, UNKNOWN) for word in self.split(text)] or [UNKNOWN] for text in texts]

    def decode(self, ids: Iterable[int]) -> str:
        words = [self.words[number] for number in until_end(ids) if number not in (PAD, BEGIN)]
        return " ".join(words) if self.detokeniser is None else self.detokeniser.detokenize(words)


class BytePairTokenizer:
    """Byte-pair encoding (Sennrich, Haddow, Birch 2016) of plain text by the tokenizers library.

    Takes the arguments of `WordTokenizer`; language and words have no part in it.
    """

    def __init__(
        self,
        texts: Iterable[str],
        language: str,
        words: str,
        lowercase: bool,
        vocabulary_size: int,
        min_count: int,
    ):
        from tokenizers import Tokenizer as Trained
        from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

        self.model = Trained(models.BPE(unk_token=SPECIALS[UNKNOWN]))
        if lowercase:
            self.model.normalizer = normalizers.Lowercase()
        self.model.pre_tokenizer = pre_tokenizers.Metaspace()
        self.model.decoder = decoders.Metaspace()
        trainer = trainers.BpeTrainer(
            vocab_size=vocabulary_size,
            min_frequency=min_count,
            special_tokens=list(SPECIALS),
            show_progress=False,
        )
        self.model.train_from_iterator(texts, trainer)

    def __len__(self) -> int:
        return self.model.get_vocab_size()

    def split(self, text: str) -> list[str]:
        """The pieces of a text."""
        return list(self.model.encode(text).tokens)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text; an empty text is one unknown piece."""
        return [encoding.ids or [UNKNOWN] for encoding in self.model.encode_batch(list(texts))]

    def decode(self, ids: Iterable[int]) -> str:
        return self.model.decode([number for number in until_end(ids) if number not in (PAD, BEGIN)])


KINDS: dict[str, Callable[..., Tokenizer]] = {"word": WordTokenizer, "bpe": BytePairTokenizer}


def build_tokenizer(config: Mapping[str, Any], texts: Iterable[str], language: str) -> Tokenizer:
    """Build the tokenizer that a data config names from train's texts."""
    options = {key: value for key, value in config.items() if key != "kind"}
    return KINDS[config["kind"]](texts, language=language, **options)


@dataclass(frozen=True)
class Ragged:
    """Sequences of different lengths in one flat tensor: sequence i is flat[offsets[i]:offsets[i + 1]]."""

    flat: Tensor  # [sum of lengths] int64
    offsets: Tensor  # [N + 1] int64
    truncated: int  # how many sequences were cut

    @classmethod
    def pack(cls, sequences: Sequence[Sequence[int]], max_length: int) -> "Ragged":
        """Keep at most max_length ids of each sequence."""
        lengths = np.fromiter((min(len(ids), max_length) for ids in sequences), np.int64, len(sequences))
        flat = np.fromiter((i for ids in sequences for i in ids[:max_length]), np.int64, int(lengths.sum()))
        offsets = np.concatenate(([0], lengths.cumsum()))
        cut = sum(len(ids) > max_length for ids in sequences)
        return cls(torch.from_numpy(flat), torch.from_numpy(offsets), cut)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Tensor:
        """Length of each sequence [N]."""
        return self.offsets[1:] - self.offsets[:-1]

    def padded(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Sequences of index [B]: ids [B, longest] padded with 0, lengths [B]."""
        start = self.offsets[index]
        lengths = self.offsets[index + 1] - start
        steps = torch.arange(int(lengths.max()))[None, :]
        where = (start[:, None] + steps).clamp(max=len(self.flat) - 1)
        return self.flat[where].masked_fill(steps >= lengths[:, None], PAD), lengths
