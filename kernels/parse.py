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
from reelrecs.kernels.parse_lines import (
    BLANK,
    EXTRA_FIELD,
    GOOD,
    LONG_NUMBER,
    MISSING_FIELD,
    NEGATIVE,
    NEWLINE,
    NOT_A_NUMBER,
    NUL_BYTE,
    OUT_OF_RANGE,
    OVERFLOW,
    QUOTE,
    WRONG_ENCODING,
    count_newlines,
    fill,
)

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


@dataclass(frozen=True, slots=True)
class ParsedRatings:
    """The good lines in file order, and where the bad ones are."""

    users: NDArray[np.int64]
    movies: NDArray[np.int64]
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

    def count_chunks(first: int, last: int) -> None:
        for chunk in range(first, last):
            counts[chunk + 1] = count_newlines(chunks[chunk][0])

    pool.over_ranges(count_chunks, len(chunks), CHUNKS_PER_THREAD)
    slots = np.cumsum(counts)
    total = int(slots[-1])
    users, movies = np.empty(total, np.int64), np.empty(total, np.int64)
    stars, times = np.empty(total, np.float32), np.empty(total, np.int64)
    codes = np.empty(total, np.uint8)
    odd = np.zeros(len(chunks), np.int64)

    def fill_chunks(first: int, last: int) -> None:
        for chunk in range(first, last):
            block, offset = chunks[chunk]
            own = slice(slots[chunk], slots[chunk + 1])
            odd[chunk] = fill(
                block, offset, separator[0], len(separator), float(lowest), float(highest),
                users[own], movies[own], stars[own], times[own], codes[own],
            )  # fmt: skip

    pool.over_ranges(fill_chunks, len(chunks), CHUNKS_PER_THREAD)
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
    return np.concatenate(([0], np.flatnonzero(text == NEWLINE) + 1))


def _line_end(text: NDArray[np.uint8], at: int) -> int:
    """The place after the first line end at or after `at`, or the end of the text."""
    while at < len(text):
        found = np.flatnonzero(text[at : at + CHUNK_BYTES] == NEWLINE)
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
    if chunks and chunks[-1][0][-1] != NEWLINE:
        block, offset = chunks.pop()
        lines = np.flatnonzero(block[-CHUNK_BYTES:] == NEWLINE)
        whole = max(len(block) - CHUNK_BYTES, 0) + int(lines[-1]) + 1 if len(lines) else 0
        if whole:
            chunks.append((block[:whole], offset))
        tail = np.append(block[whole:], np.uint8(NEWLINE))
        tail.flags.writeable = False
        chunks.append((tail, offset + whole))
    return chunks
