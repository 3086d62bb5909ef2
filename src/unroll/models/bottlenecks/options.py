"""Checks of the terms' options, made when a term is built and so before any work."""

from collections.abc import Sequence

from unroll.errors import UserError, suggest


def one_of(term: str, option: str, word: str, choices: Sequence[str]) -> str:
    """The word, if it is one of the choices; else UserError."""
    if word not in choices:
        raise UserError(f"Unknown {option} of the term {term}.{suggest(str(word), choices)}", saw=word, allowed=choices)
    return word


def share(term: str, option: str, value: float) -> float:
    """The value, if it is more than 0 and less than 1; else UserError."""
    if not 0 < value < 1:
        raise UserError(f"{option} of the term {term} is a share.", saw=value, allowed="more than 0 and less than 1")
    return value


def positive(term: str, option: str, value: float) -> float:
    """The value, if it is more than 0; else UserError: at 0 the term would do nothing."""
    if not value > 0:
        raise UserError(f"{option} of the term {term} is too small.", saw=value, allowed="more than 0")
    return value


def not_negative(term: str, option: str, value: float) -> float:
    """The value, if it is 0 or more; else UserError."""
    if not value >= 0:
        raise UserError(f"{option} of the term {term} is negative.", saw=value, allowed="0 or more")
    return value
