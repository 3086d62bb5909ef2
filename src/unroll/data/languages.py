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
_WITHOUT_SPACES = ("zh", "ja", "th", "lo", "km", "my", "bo", "dz")


def is_code(language: str) -> bool:
    """Whether this looks like a language's code."""
    return bool(_CODE.fullmatch(language))


def primary(language: str) -> str:
    """The language itself, without script and region, in two letters where it has them here: "zh-Hant-TW" is zh."""
    code = re.split("[-_]", language.lower())[0]
    return _TWO_LETTERS.get(code, code)


def without_spaces(language: str) -> bool:
    """Whether spaces do not stand between the language's words."""
    return primary(language) in _WITHOUT_SPACES
