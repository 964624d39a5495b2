"""Ratings text to arrays: `user<sep>movie<sep>stars<sep>time` lines, parsed in parallel.

One parser serves every separator. The text is cut at line ends; lines are counted, the arrays are
allocated once, and each chunk fills its own slots. A line that cannot be read fills a slot too,
with a code for the cause and the offset at which it begins, so good data is never looked at twice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reelrecs.kernels import pool
from reelrecs.kernels.jit import inlined, kernel

GOOD, LONG_NUMBER, BLANK = 0, 1, 2
MISSING_FIELD, EXTRA_FIELD, NOT_A_NUMBER, OUT_OF_RANGE, OVERFLOW = 3, 4, 5, 6, 7
NEGATIVE, NUL_BYTE, WRONG_ENCODING, QUOTE = 8, 9, 10, 11

CAUSES = {
    MISSING_FIELD: "missing field",
    EXTRA_FIELD: "more than four fields",
    NOT_A_NUMBER: "not a number",
    OUT_OF_RANGE: "rating out of range",
    OVERFLOW: "number too large",
    NEGATIVE: "negative number",
    NUL_BYTE: "NUL byte",
    WRONG_ENCODING: "byte outside ASCII among numbers (wrong encoding?)",
    QUOTE: "quoted or truncated field where a number belongs",
}
"""What each code of a bad line means."""

CHUNK_BYTES = 1 << 18
"""Least text worth a task of its own: about 0.2 ms of work."""

CHUNKS_PER_THREAD = 4
"""Chunks a thread may take in turn, so that a busy core does not hold up the other."""

_NEWLINE, _RETURN, _ZERO, _POINT, _MINUS, _QUOTE_MARK = 10, 13, 48, 46, 45, 34
_NOUGHT, _ONE, _TEN = np.uint64(0), np.uint64(1), np.uint64(10)
_MAX_ID, _ID_DIGITS, _TIME_DIGITS = np.uint64(2**32 - 1), np.uint64(10), np.uint64(18)
_EXACT_DIGITS = 15  # a whole number of 15 digits over a power of ten is one exact division


@dataclass(frozen=True, slots=True)
class ParsedRatings:
    """The good lines in file order, and where the bad ones are."""

    users: NDArray[np.uint32]
    movies: NDArray[np.uint32]
    stars: NDArray[np.float32]
    times: NDArray[np.int64]
    lines: NDArray[np.int64] | None  # line of each rating, from 0; None: rating i is on line i
    bad_codes: NDArray[np.uint8]  # keys of CAUSES
    bad_offsets: NDArray[np.int64]  # where each bad line begins in the text
    bad_lines: NDArray[np.int64]  # its line, from 0


def parse_ratings(
    text: NDArray[np.uint8], separator: bytes, lowest: float, highest: float
) -> ParsedRatings:
    """Read all lines of `text`; blank ones are passed over, CR LF and LF are both line ends.

    `separator` is one byte or the same byte twice, neither a digit, a point nor a line end. Ids
    are 0 to 2^32 - 1, stars decimals without exponent within lowest..highest, times whole seconds
    since 1970 (a fraction of zeros is allowed). Nothing outside `text` is ever read.
    """
    if (
        not 1 <= len(separator) <= 2
        or len(set(separator)) != 1
        or separator[:1] in b"\r\n.-0123456789"
    ):
        raise ValueError(f"no such separator: {separator!r}")
    text = np.ascontiguousarray(text).view()
    text.flags.writeable = False  # one type for mapped and for own memory: compiled once
    chunks = _chunks(text)
    counts = np.zeros(len(chunks) + 1, np.int64)

    def count(first: int, last: int) -> None:
        for chunk in range(first, last):
            counts[chunk + 1] = _count_newlines(chunks[chunk][0])

    pool.over_ranges(count, len(chunks), CHUNKS_PER_THREAD)
    slots = np.cumsum(counts)
    total = int(slots[-1])
    users, movies = np.empty(total, np.uint32), np.empty(total, np.uint32)
    stars, times = np.empty(total, np.float32), np.empty(total, np.int64)
    codes = np.empty(total, np.uint8)
    odd = np.zeros(len(chunks), np.int64)

    def fill(first: int, last: int) -> None:
        for chunk in range(first, last):
            block, offset = chunks[chunk]
            own = slice(slots[chunk], slots[chunk + 1])
            odd[chunk] = _fill(
                block, offset, separator[0], len(separator), float(lowest), float(highest),
                users[own], movies[own], stars[own], times[own], codes[own],
            )  # fmt: skip

    pool.over_ranges(fill, len(chunks), CHUNKS_PER_THREAD)
    none = np.zeros(0, np.int64)
    if not odd.any():
        return ParsedRatings(users, movies, stars, times, None, np.zeros(0, np.uint8), none, none)
    for slot in np.flatnonzero(codes == LONG_NUMBER):
        fields = line_at(text, int(times[slot])).split(separator)
        value = float(fields[2])
        if lowest <= value <= highest:
            stars[slot], times[slot] = value, int(fields[3].split(b".")[0].lstrip(b"0") or 0)
            codes[slot] = GOOD
        else:
            codes[slot] = OUT_OF_RANGE
    good = np.flatnonzero(codes == GOOD)
    bad = np.flatnonzero(codes > BLANK)
    return ParsedRatings(
        users[good], movies[good], stars[good], times[good], good, codes[bad], times[bad], bad
    )


def line_at(text: NDArray[np.uint8], offset: int) -> bytes:
    """The line that begins at `offset`, without its line end."""
    return text[offset : _line_end(text, offset)].tobytes().rstrip(b"\r\n")


def line_offsets(text: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Where each line begins; for messages, as it reads the whole text."""
    return np.concatenate(([0], np.flatnonzero(text == _NEWLINE) + 1))


def _line_end(text: NDArray[np.uint8], at: int) -> int:
    """The place after the first line end at or after `at`, or the end of the text."""
    while at < len(text):
        found = np.flatnonzero(text[at : at + CHUNK_BYTES] == _NEWLINE)
        if len(found):
            return at + int(found[0]) + 1
        at += CHUNK_BYTES
    return len(text)


def _chunks(text: NDArray[np.uint8]) -> list[tuple[NDArray[np.uint8], int]]:
    """Views of whole lines with their offsets; each ends with a newline, so loops need no bound."""
    parts = min(pool.threads() * CHUNKS_PER_THREAD, len(text) // CHUNK_BYTES)
    chunks, start = [], 0
    for _, edge in pool.split(len(text), max(parts, 1)):
        end = _line_end(text, edge - 1)
        if edge > start and end > start:
            chunks.append((text[start:end], start))
            start = end
    if chunks and chunks[-1][0][-1] != _NEWLINE:
        block, offset = chunks.pop()
        lines = np.flatnonzero(block[-CHUNK_BYTES:] == _NEWLINE)
        whole = max(len(block) - CHUNK_BYTES, 0) + int(lines[-1]) + 1 if len(lines) else 0
        if whole:
            chunks.append((block[:whole], offset))
        tail = np.append(block[whole:], np.uint8(_NEWLINE))
        tail.flags.writeable = False
        chunks.append((tail, offset + whole))
    return chunks


@kernel
def _count_newlines(block):  # type: ignore[no-untyped-def]
    count = 0
    for byte in block:
        count += byte == _NEWLINE
    return count


@kernel
def _cause(byte, separator):  # type: ignore[no-untyped-def]
    """Why this byte cannot stand where it does: the cold branch of every field."""
    if byte in (_NEWLINE, _RETURN, separator):
        return MISSING_FIELD
    if byte == 0:
        return NUL_BYTE
    if byte == _QUOTE_MARK:
        return QUOTE
    if byte >= 128:
        return WRONG_ENCODING
    return NOT_A_NUMBER


@inlined
def _digits(block, at, value):  # type: ignore[no-untyped-def]
    """Append the digits from `at` to value (modulo 2^64); stops at the newline at the latest."""
    digit = np.uint64(block[at]) - np.uint64(_ZERO)
    while digit < _TEN:
        value = value * _TEN + digit
        at += _ONE
        digit = np.uint64(block[at]) - np.uint64(_ZERO)
    return value, at


@inlined
def _id(block, at, separator, width):  # type: ignore[no-untyped-def]
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
def _decimal(block, at, separator, width, lowest, highest):  # type: ignore[no-untyped-def]
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
def _seconds(block, at, separator):  # type: ignore[no-untyped-def]
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
    if block[after] == _RETURN and block[after + _ONE] == _NEWLINE:
        after += _ONE
    if block[after] == _NEWLINE:
        return value, after, GOOD
    if block[after] == separator:
        return value, after, EXTRA_FIELD
    if block[after] == _RETURN:
        return value, after, NOT_A_NUMBER
    return value, after, _cause(block[after], separator)


@kernel
def _fill(block, offset, separator, width, lowest, highest, users, movies, stars, times, codes):  # type: ignore[no-untyped-def]
    """Fill one slot per line of a block that ends with a newline; returns how many are not good.

    Every loop over bytes stops at a newline and every step past a byte is from one that is none,
    so `at` cannot leave the block; there are as many slots as newlines.
    """
    at = _NOUGHT
    odd = 0
    for slot in range(len(codes)):
        begin = at
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
            if block[blank] == _NEWLINE:
                codes[slot] = BLANK
            while block[at] != _NEWLINE:
                at += _ONE
        at += _ONE
    return odd
