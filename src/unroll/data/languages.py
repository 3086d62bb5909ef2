"""Languages by their codes: "de", "zh", also "zh-TW", "pt_BR" and three letters."""

import re

_CODE = re.compile(r"[a-z]{2,3}([-_][a-z0-9]{2,8})*", re.IGNORECASE | re.ASCII)
_TWO_LETTERS = {
    three: two
    for two, codes in {
        "zh": "zho chi cmn yue wuu nan hak", "ja": "jpn", "ko": "kor", "th": "tha", "lo": "lao", "km": "khm",
        "my": "mya bur", "bo": "bod tib", "dz": "dzo", "en": "eng", "de": "deu ger", "fr": "fra fre",
    }.items()
    for three in codes.split()
}  # fmt: skip
_KNOWN = frozenset(_TWO_LETTERS) | {
    first + second
    for first, seconds in {
        "a": "abefkmnrsvyz", "b": "aeghimnors", "c": "aehorsuvy", "d": "aevz", "e": "elnostu", "f": "afijory",
        "g": "adlnuv", "h": "aeiortuyz", "i": "adegikostu", "j": "av", "k": "agijklmnorsuvwy", "l": "abginotuv",
        "m": "ghiklnrsty", "n": "abdeglnorvy", "o": "cjmrs", "p": "ailst", "q": "u", "r": "mnouw",
        "s": "acdegiklmnoqrstuvw", "t": "aeghiklnorstwy", "u": "gkrz", "v": "eio", "w": "ao", "x": "h", "y": "io",
        "z": "ahu",
    }.items()
    for second in seconds
}  # fmt: skip
"""The codes of ISO 639-1, by their first letters, and those of three letters above."""
_WITHOUT_SPACES = ("zh", "ja", "th", "lo", "km", "my", "bo", "dz")


def is_code(language: str) -> bool:
    """Whether this looks like a language's code, where a user says that it is one."""
    return bool(_CODE.fullmatch(language))


def is_known(word: str) -> bool:
    """Whether a file's ending or a column's name is a language's code, and no other word of two or three letters."""
    return word in _KNOWN


def primary(language: str) -> str:
    """The language itself, without script and region, in two letters where it has them here: "zh-Hant-TW" is zh."""
    code = re.split("[-_]", language.lower())[0]
    return _TWO_LETTERS.get(code, code)


def without_spaces(language: str) -> bool:
    """Whether spaces do not stand between the language's words."""
    return primary(language) in _WITHOUT_SPACES
