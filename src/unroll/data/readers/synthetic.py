"""Data made up from seeds: adding and copying (Hochreiter & Schmidhuber 1997), sums of digits; and numbers in words.

A reader's "files" are the seeds of the splits in decimal digits. Numbers come from PCG64's raw stream, which NumPy
keeps the same across versions.
"""

from typing import Any

import numpy

from unroll.data.readers.columns import SPLITS, Files
from unroll.errors import UserError


def adding(files: Files, *, length: int = 200, sizes: list[int]) -> dict[str, dict[str, Any]]:
    """Make sequences of `length` numbers from U[0, 1) of which two, at different places, are marked.

    The places are uniform over all pairs, as in Bai, Kolter, Koltun 2018; `sizes` are those of train, validation, test.
    Raises UserError for fewer than two steps.
    """
    if length < 2:
        raise UserError("data.options.length", saw=length, allowed="2 or more, since two numbers are added")
    splits = {}
    for split, count in zip(SPLITS, _sizes(sizes), strict=True):
        drawn = _uniform(files, split, count * (length + 2)).reshape(count, length + 2)
        first = (drawn[:, 0] * length).astype(numpy.int64)
        second = (drawn[:, 1] * (length - 1)).astype(numpy.int64)
        second += second >= first
        numbers = drawn[:, 2:].astype("<f4")
        splits[split] = {"numbers": [row.tobytes() for row in numbers], "first": first, "second": second}
    return splits


def copying(
    files: Files, *, length: int = 100, recalled: int = 10, alphabet: int = 8, sizes: list[int]
) -> dict[str, dict[str, Any]]:
    """Make sequences of `recalled` symbols, uniform over `alphabet`, to be given back `length` steps later.

    `length` is the T of Arjovsky, Shah, Bengio 2016, section 4.1: T - 1 blanks and a delimiter. `sizes` are those of
    train, validation, test. Raises UserError for an option below 1, or an alphabet above 250.
    """
    for key, value in (("length", length), ("recalled", recalled), ("alphabet", alphabet)):
        if value < 1 or (key == "alphabet" and value > 250):
            raise UserError(f"data.options.{key}", saw=value, allowed="1 to 250" if key == "alphabet" else "1 or more")
    splits = {}
    for split, count in zip(SPLITS, _sizes(sizes), strict=True):
        drawn = _uniform(files, split, count * recalled).reshape(count, recalled)
        symbols = (drawn * alphabet).astype(numpy.uint8)
        blanks = numpy.full(count, length - 1, numpy.int64)
        splits[split] = {"symbols": [row.tobytes() for row in symbols], "blanks": blanks}
    return splits


def human_numbers(files: Files) -> dict[str, dict[str, list[Any]]]:
    """Write the numbers from 1 to 9,999 in English words, a number a line, without 8,000, as fastai's HUMAN_NUMBERS.

    With the end of each line as a token but the last, as fastbook's "." between numbers, these are 63,095 tokens of 30
    words. Train is the first 80 % of them, to a whole line, validation the rest; test goes on to 11,999.
    """
    lines = [number_in_words(number) for number in range(1, 12_000) if number != 8_000]
    tokens = numpy.cumsum([line.count(" ") + 2 for line in lines[:9_998]])
    cut = int((tokens <= 0.8 * tokens[-1]).sum())
    parts = {"train": lines[:cut], "validation": lines[cut:9_998], "test": lines[9_998:]}
    return {split: {"text": rows, "document": [0] * len(rows)} for split, rows in parts.items()}


def number_in_words(number: int) -> str:
    """1 to 19,999: "nine thousand nine hundred ninety nine"."""
    thousands, rest = divmod(number, 1000)
    hundreds, rest = divmod(rest, 100)
    found = [ONES[thousands], "thousand"] if thousands else []
    found += [ONES[hundreds], "hundred"] if hundreds else []
    if rest >= 20:
        found.append(TENS[rest // 10])
        rest %= 10
    return " ".join([*found, ONES[rest]] if rest else found)


ONES = [
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
]
TENS = ["zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def addition(files: Files, *, digits: int = 3, sizes: list[int]) -> dict[str, dict[str, Any]]:
    """Ask for sums of two numbers, character by character: "  34+21" (12+43, reversed and padded) -> "55  ".

    As Keras' addition_rnn does: a number has 1 to `digits` digits, each count as likely, each digit from U{0, ..., 9};
    no pair of numbers comes twice, in either order, in all splits together. A question has 2 digits + 1 characters, an
    answer digits + 1; their symbols are the places in " +0123456789". `sizes` are those of train, validation, test,
    which are drawn one after the other from train's seed.

    Raises UserError for other than 1 to 9 digits, or for more questions than pairs.
    """
    if not 1 <= digits <= 9:
        raise UserError("data.options.digits", saw=digits, allowed="1 to 9")
    wanted, pairs = sum(_sizes(sizes)), 10**digits * (10**digits + 1) // 2
    if wanted > 0.999 * pairs:
        raise UserError("data.options.sizes", saw=f"{wanted} in all", allowed=f"at most {int(0.999 * pairs)} in all")
    seen: dict[tuple[int, int], str] = {}
    stream = numpy.random.PCG64(_seed(files, "train"))
    while len(seen) < wanted:
        drawn = _unit(stream.random_raw(2 * (digits + 1))).reshape(2, digits + 1)
        first, second = (_number(row, digits) for row in drawn)
        seen.setdefault((min(first, second), max(first, second)), f"{first}+{second}")
    made = [(text[::-1].rjust(2 * digits + 1), str(sum(pair)).ljust(digits + 1)) for pair, text in seen.items()]
    splits, start = {}, 0
    for split, count in zip(SPLITS, sizes, strict=True):
        rows = made[start : start + count]
        start += count
        questions, answers = ([_symbols(row[side]) for row in rows] for side in (0, 1))
        splits[split] = {"symbols": answers, "blanks": numpy.zeros(count, numpy.int64), "question": questions}
    return splits


def _number(drawn: "numpy.ndarray", digits: int) -> int:
    """A number of 1 to `digits` digits from that many values of U[0, 1), and one for their count before them."""
    count = 1 + int(drawn[0] * digits)
    return int("".join(str(int(value * 10)) for value in drawn[1 : count + 1]))


def _symbols(text: str) -> bytes:
    return bytes(" +0123456789".index(character) for character in text)


def _sizes(sizes: list[int]) -> list[int]:
    if len(sizes) != 3 or min(sizes) < 1:
        raise UserError("data.options.sizes", saw=list(sizes), allowed="three sizes of at least 1")
    return sizes


def _uniform(files: Files, split: str, count: int) -> "numpy.ndarray":
    """`count` numbers of 53 bits from U[0, 1)."""
    return _unit(numpy.random.PCG64(_seed(files, split)).random_raw(count))


def _seed(files: Files, split: str) -> int:
    if split not in files or not files[split].isdigit():
        raise UserError(f"synthetic data needs a seed for '{split}'", saw=files.get(split), allowed="a whole number")
    return int(files[split])


def _unit(raw: "numpy.ndarray") -> "numpy.ndarray":
    scaled: numpy.ndarray = (raw >> numpy.uint64(11)) * 2.0**-53
    return scaled
