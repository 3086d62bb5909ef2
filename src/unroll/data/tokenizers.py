"""Text to token ids and back: words, byte pairs or characters, the vocabulary built from train only."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, takewhile
from typing import Any, Protocol, runtime_checkable

from unroll.errors import UserError
from unroll.registry.components import create, locate

SPECIALS = ("<pad>", "<unk>", "<bos>", "<eos>")
PAD, UNKNOWN, BEGIN, END = range(4)


@runtime_checkable
class Tokenizer(Protocol):
    """Text to ids and back. Ids 0 to 3 are those of SPECIALS.

    A class of one's own is built from train alone: `(texts, language, **own options)`, the texts as an iterable of str.
    A data set's YAML names it: `tokenizer: {_target_: module.Class, OPTION: VALUE}`.
    """

    def __len__(self) -> int:
        """How many ids there are."""
        ...

    def split(self, text: str) -> list[str]:
        """The tokens of a text."""
        ...

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text; an empty text is one unknown token."""
        ...

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
        self.lowercase, self.language, self.moses, self.detokeniser = lowercase, language, None, None
        if words == "moses":
            from sacremoses import MosesDetokenizer, MosesTokenizer

            self.moses, self.detokeniser = MosesTokenizer(language), MosesDetokenizer(language)
        self.words = _vocabulary(map(self.split, texts), vocabulary_size, min_count)
        self.ids = {word: number for number, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words)

    def split(self, text: str) -> list[str]:
        """The words of a text."""
        if self.moses is None:
            return (text.lower() if self.lowercase else text).split()
        words = self.moses.tokenize(text, escape=False)
        return [word.lower() for word in words] if self.lowercase else words

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text; an empty text is one unknown word."""
        find = self.ids.get
        return [[find(word, UNKNOWN) for word in self.split(text)] or [UNKNOWN] for text in texts]

    def decode(self, ids: Iterable[int]) -> str:
        words = [self.words[number] for number in until_end(ids) if number not in (PAD, BEGIN)]
        return " ".join(words) if self.detokeniser is None else self.detokeniser.detokenize(words)

    def to_json(self) -> dict[str, Any]:
        """What `from_json` takes."""
        moses = None if self.moses is None else self.language
        return {"words": self.words, "lowercase": self.lowercase, "moses": moses}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> "WordTokenizer":
        """The tokenizer that `to_json` told of."""
        moses = state["moses"]
        found = cls([], moses or "en", "whitespace" if moses is None else "moses", state["lowercase"], 0, 0)
        found.words = _told(state["words"])
        found.ids = {word: number for number, word in enumerate(found.words)}
        return found


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

    def to_json(self) -> dict[str, Any]:
        """What `from_json` takes."""
        return {"model": self.model.to_str()}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> "BytePairTokenizer":
        """The tokenizer that `to_json` told of."""
        from tokenizers import Tokenizer as Trained

        found = cls.__new__(cls)
        found.model = Trained.from_str(state["model"])
        return found


class CharacterTokenizer:
    """The most frequent characters of train, a space among them; ties by code point, so that ids never vary.

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
        self.lowercase = lowercase
        self.characters = _vocabulary(map(self.split, texts), vocabulary_size, min_count)
        self.ids = {character: number for number, character in enumerate(self.characters)}

    def __len__(self) -> int:
        return len(self.characters)

    def split(self, text: str) -> list[str]:
        """The characters of a text."""
        return list(text.lower() if self.lowercase else text)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text; an empty text is one unknown character."""
        find = self.ids.get
        return [[find(character, UNKNOWN) for character in self.split(text)] or [UNKNOWN] for text in texts]

    def decode(self, ids: Iterable[int]) -> str:
        return "".join(self.characters[number] for number in until_end(ids) if number not in (PAD, BEGIN))

    def to_json(self) -> dict[str, Any]:
        """What `from_json` takes."""
        return {"characters": self.characters, "lowercase": self.lowercase}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> "CharacterTokenizer":
        """The tokenizer that `to_json` told of."""
        found = cls([], "en", "whitespace", state["lowercase"], 0, 0)
        found.characters = _told(state["characters"])
        found.ids = {character: number for number, character in enumerate(found.characters)}
        return found


def _told(tokens: Any) -> list[str]:
    """A vocabulary that a file tells; ValueError where it is none."""
    if not isinstance(tokens, list) or tokens[: len(SPECIALS)] != [*SPECIALS]:
        raise ValueError("a vocabulary begins with the special tokens")
    return [str(token) for token in tokens]


def _vocabulary(texts: Iterable[Sequence[str]], size: int, min_count: int) -> list[str]:
    """The special tokens, then those of texts by falling count, equal ones by spelling: `size` in all."""
    counts = Counter(chain.from_iterable(texts))
    kept = sorted((token for token, n in counts.items() if n >= min_count), key=lambda token: (-counts[token], token))
    return [*SPECIALS, *kept[: size - len(SPECIALS)]]


KINDS: dict[str, Callable[..., Tokenizer]] = {
    "word": WordTokenizer,
    "bpe": BytePairTokenizer,
    "character": CharacterTokenizer,
}


def build_tokenizer(config: Mapping[str, Any], texts: Iterable[str], language: str) -> Tokenizer:
    """Build the tokenizer that a data config names from train's texts.

    Raises:
        UserError: a class of one's own is none, fails, or is not a `Tokenizer`.
    """
    if "_target_" not in config:
        options = {key: value for key, value in config.items() if key != "kind"}
        return KINDS[config["kind"]](texts, language=language, **options)
    kind = locate(config, "data.tokenizer", Tokenizer)
    try:
        found: Tokenizer = create(config, "data.tokenizer", kind, texts=texts, language=language)
        size = len(found)
    except UserError:
        raise
    except Exception as error:  # a user's class may do anything
        raise UserError(
            f"The tokenizer {config['_target_']} cannot be built from the texts of train.",
            saw=f"{type(error).__name__}: {error}",
            allowed="(texts, language, **options), of which len, split, encode and decode work",
        ) from error
    if size <= len(SPECIALS):
        raise UserError(
            f"The tokenizer {config['_target_']} knows no token of train.",
            saw=f"{size} ids",
            allowed=f"ids 0 to 3 for {', '.join(SPECIALS)}, then one a token",
        )
    return found
