"""One line of ratings after another, read from bytes: the kernels behind `parse`.

A block of text ends with a newline. Every loop over bytes stops at a newline and every step past a
byte is from one that is none, so no position leaves the block; the quick way through a usual line
is taken only where the block reaches far enough ahead.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reelrecs.kernels.arrays import Bytes, Floats, Times
from reelrecs.kernels.jit import inlined, inner, kernel

GOOD, LONG_NUMBER, BLANK = 0, 1, 2
MISSING_FIELD, EXTRA_FIELD, NOT_A_NUMBER, OUT_OF_RANGE, OVERFLOW = 3, 4, 5, 6, 7
NEGATIVE, NUL_BYTE, WRONG_ENCODING, QUOTE = 8, 9, 10, 11

NEWLINE, _RETURN, _ZERO, _POINT, _MINUS, _QUOTE_MARK = 10, 13, 48, 46, 45, 34
_NOUGHT, _ONE, _TEN = np.uint64(0), np.uint64(1), np.uint64(10)
_MAX_ID, _ID_DIGITS, _TIME_DIGITS = np.uint64(2**32 - 1), np.uint64(10), np.uint64(18)
_NOUGHTS, _LOW_SEVEN = np.uint64(0x3030303030303030), np.uint64(0x7F7F7F7F7F7F7F7F)
_TOO_MUCH, _HIGH = np.uint64(0x7676767676767676), np.uint64(0x8080808080808080)
_COUNT = np.uint64(0x0001020304050607)
_AHEAD = np.uint64(40)  # 7 + 2 + 7 + 2 + 3 + 2 + 8 bytes, and the word that each number is read by
_EXACT_DIGITS = 15  # a whole number of 15 digits over a power of ten is one exact division


@kernel
def count_newlines(
    block: Bytes,
) -> int:
    """Count the lines, so that arrays can be made."""
    count = 0
    for byte in block:
        count += byte == NEWLINE
    return count


@inner
def _cause(
    byte: int,
    separator: int,
) -> int:
    """Why this byte cannot stand where it does: the cold branch of every field."""
    if byte in (NEWLINE, _RETURN, separator):
        return MISSING_FIELD
    if byte == 0:
        return NUL_BYTE
    if byte == _QUOTE_MARK:
        return QUOTE
    if byte >= 128:
        return WRONG_ENCODING
    return NOT_A_NUMBER


@inlined
def _digits(
    block: Bytes,
    at: np.uint64,
    value: np.uint64,
) -> tuple[np.uint64, np.uint64]:
    """Append the digits from `at` to value (modulo 2^64); stops at the newline at the latest."""
    digit = np.uint64(block[at]) - np.uint64(_ZERO)
    while digit < _TEN:
        value = value * _TEN + digit
        at += _ONE
        digit = np.uint64(block[at]) - np.uint64(_ZERO)
    return value, at


@inlined
def _id(
    block: Bytes,
    at: np.uint64,
    separator: int,
    width: int,
) -> tuple[np.uint64, np.uint64, int]:
    """An id and its separator: (id, place after both, code)."""
    value, after = _digits(block, at, _NOUGHT)
    if after == at:
        return value, at, NEGATIVE if block[at] == _MINUS else _cause(block[at], separator)
    if after - at > _ID_DIGITS or value > _MAX_ID:
        while at + _ONE < after and block[at] == _ZERO:
            at += _ONE
        if after - at > _ID_DIGITS or value > _MAX_ID:
            return value, after, OVERFLOW
    if block[after] != separator:
        return value, after, _cause(block[after], separator)
    if width == 2 and block[after + _ONE] != separator:
        return value, after, NOT_A_NUMBER
    return value, after + np.uint64(width), GOOD


@inlined
def _decimal(
    block: Bytes,
    at: np.uint64,
    separator: int,
    width: int,
    lowest: float,
    highest: float,
) -> tuple[float, np.uint64, int]:
    """Stars and their separator: (stars, place after both, code)."""
    value, after = _digits(block, at, _NOUGHT)
    digits = after - at
    scale = 1.0
    if block[after] == _POINT:
        point = after
        value, after = _digits(block, point + _ONE, value)
        digits = after - at - _ONE
        for _ in range(min(int(after - point) - 1, _EXACT_DIGITS)):
            scale *= 10.0
    if digits == 0:
        return 0.0, at, OUT_OF_RANGE if block[at] == _MINUS else _cause(block[at], separator)
    if block[after] != separator:
        return 0.0, after, _cause(block[after], separator)
    if width == 2 and block[after + _ONE] != separator:
        return 0.0, after, NOT_A_NUMBER
    if digits > _EXACT_DIGITS:
        return 0.0, after + np.uint64(width), LONG_NUMBER
    stars = np.float64(value) / scale
    if not lowest <= stars <= highest:
        return stars, after, OUT_OF_RANGE
    return stars, after + np.uint64(width), GOOD


@inlined
def _seconds(
    block: Bytes,
    at: np.uint64,
    separator: int,
) -> tuple[np.uint64, np.uint64, int]:
    """A time and the rest of its line: (time, place of the newline, code)."""
    value, after = _digits(block, at, _NOUGHT)
    if after == at:
        return value, at, NEGATIVE if block[at] == _MINUS else _cause(block[at], separator)
    if after - at > _TIME_DIGITS:
        while at + _ONE < after and block[at] == _ZERO:
            at += _ONE
        if after - at > _TIME_DIGITS:
            return value, after, OVERFLOW
    if block[after] == _POINT:
        after += _ONE
        while block[after] == _ZERO:
            after += _ONE
    if block[after] == _RETURN and block[after + _ONE] == NEWLINE:
        after += _ONE
    if block[after] == NEWLINE:
        return value, after, GOOD
    if block[after] == separator:
        return value, after, EXTRA_FIELD
    if block[after] == _RETURN:
        return value, after, NOT_A_NUMBER
    return value, after, _cause(block[after], separator)


@inlined
def _short(
    block: Bytes,
    at: np.uint64,
) -> tuple[np.uint64, np.uint64]:
    """A number of 1 to 7 digits: (number, how many digits), 0 digits for any other.

    Eight bytes at a time in one word (D. Lemire, "Quickly parsing eight digits", 2018): the first
    byte that is no digit is found by arithmetic, so numbers of mixed lengths cost no branches.
    """
    word = _eight(block, at)
    strange = word ^ _NOUGHTS
    strange = (((strange & _LOW_SEVEN) + _TOO_MUCH) | strange) & _HIGH
    first = strange & (~strange + _ONE)
    digits = ((first >> np.uint64(7)) * _COUNT) >> np.uint64(56)
    return _eight_digits(word << (np.uint64(8) * (np.uint64(8) - digits))), digits


@inlined
def _eight(
    block: Bytes,
    at: np.uint64,
) -> np.uint64:
    word = np.uint64(block[at])
    for place in range(1, 8):
        word |= np.uint64(block[at + np.uint64(place)]) << np.uint64(8 * place)
    return word


@inlined
def _eight_digits(
    word: np.uint64,
) -> np.uint64:
    word = ((word & np.uint64(0x0F0F0F0F0F0F0F0F)) * np.uint64(2561)) >> np.uint64(8)
    word = ((word & np.uint64(0x00FF00FF00FF00FF)) * np.uint64(6553601)) >> np.uint64(16)
    return ((word & np.uint64(0x0000FFFF0000FFFF)) * np.uint64(42949672960001)) >> np.uint64(32)


@inlined
def _usual(
    block: Bytes,
    at: np.uint64,
    separator: int,
    width: int,
    lowest: float,
    highest: float,
) -> tuple[np.uint64, np.uint64, float, np.uint64, np.uint64]:
    """A line as nearly all are: (user, movie, stars, time, place of the next line).

    Short ids, stars of one digit or one and a half, a time of eight digits or more. The place is
    `at` itself for any other line, good or bad. Reads at most _AHEAD bytes before the time's end.
    """
    none = np.uint64(0)
    user, digits = _short(block, at)
    here = at + digits
    if (
        digits == none
        or block[here] != separator
        or (width == 2 and block[here + _ONE] != separator)
    ):
        return none, none, 0.0, none, at
    here += np.uint64(width)
    movie, digits = _short(block, here)
    here += digits
    if (
        digits == none
        or block[here] != separator
        or (width == 2 and block[here + _ONE] != separator)
    ):
        return none, none, 0.0, none, at
    here += np.uint64(width)
    stars = np.uint64(block[here]) - np.uint64(_ZERO)
    here += _ONE
    if block[here] == _POINT:
        half = np.uint64(block[here + _ONE]) - np.uint64(_ZERO)
        if half >= _TEN:
            return none, none, 0.0, none, at
        value = np.float64(stars * _TEN + half) / 10.0
        here += np.uint64(2)
    else:
        value = np.float64(stars)
    if stars >= _TEN or not lowest <= value <= highest:
        return none, none, 0.0, none, at
    if block[here] != separator or (width == 2 and block[here + _ONE] != separator):
        return none, none, 0.0, none, at
    here += np.uint64(width)
    word = _eight(block, here)
    strange = word ^ _NOUGHTS
    if (((strange & _LOW_SEVEN) + _TOO_MUCH) | strange) & _HIGH:
        return none, none, 0.0, none, at
    time, end = _digits(block, here + np.uint64(8), _eight_digits(word))
    if end - here > _TIME_DIGITS:
        return none, none, 0.0, none, at
    if block[end] == _RETURN:
        end += _ONE
    if block[end] != NEWLINE:
        return none, none, 0.0, none, at
    return user, movie, value, time, end + _ONE


@kernel
def fill(
    block: Bytes,
    offset: int,
    separator: int,
    width: int,
    lowest: float,
    highest: float,
    users: NDArray[np.int64],
    movies: NDArray[np.int64],
    stars: Floats,
    times: Times,
    codes: Bytes,
) -> int:
    """Fill one slot per line of a block that ends with a newline; returns how many are not good.

    There are as many slots as newlines. The slot of a line that is not good holds its code and,
    as its time, the place in the text at which it begins.
    """
    at = _NOUGHT
    size = np.uint64(len(block))
    odd = 0
    for slot in range(len(codes)):
        begin = at
        if at + _AHEAD <= size:
            user, movie, star, time, at = _usual(block, at, separator, width, lowest, highest)
            if at != begin:
                users[slot] = user
                movies[slot] = movie
                stars[slot] = star
                times[slot] = time
                codes[slot] = GOOD
                continue
        user, at, code = _id(block, at, separator, width)
        if code == GOOD:
            movie, at, code = _id(block, at, separator, width)
            if code == GOOD:
                star, at, code = _decimal(block, at, separator, width, lowest, highest)
                if code <= LONG_NUMBER:
                    time, at, last = _seconds(block, at, separator)
                    code = code if last == GOOD else last
                    users[slot] = user
                    movies[slot] = movie
                    stars[slot] = star
                    times[slot] = time
        codes[slot] = code
        if code != GOOD:
            odd += 1
            times[slot] = offset + np.int64(begin)
            blank = begin + _ONE if block[begin] == _RETURN else begin
            if block[blank] == NEWLINE:
                codes[slot] = BLANK
            while block[at] != NEWLINE:
                at += _ONE
        at += _ONE
    return odd
