"""The obvious slow twin of the ratings parser, shared by its tests and the fuzzer."""

from __future__ import annotations

import re
from typing import NamedTuple

ID = re.compile(rb"\d+")
STARS = re.compile(rb"\d+\.?\d*|\.\d+")
TIME = re.compile(rb"(\d+)(?:\.0*)?")

Row = tuple[int, int, float, int]


class Parsed(NamedTuple):
    rows: list[Row]
    lines: list[int]
    bad: list[tuple[int, int]]  # line, offset


def parse(text: bytes, separator: bytes, lowest: float, highest: float) -> Parsed:
    result = Parsed([], [], [])
    offset = 0
    for number, whole in enumerate(text.split(b"\n")):
        line = whole.removesuffix(b"\r")
        if line:
            row = row_of(line.split(separator), lowest, highest)
            if row is None:
                result.bad.append((number, offset))
            else:
                result.rows.append(row)
                result.lines.append(number)
        offset += len(whole) + 1
    return result


def row_of(fields: list[bytes], lowest: float, highest: float) -> Row | None:
    if len(fields) != 4:
        return None
    user, movie, stars, time = fields
    if not (ID.fullmatch(user) and ID.fullmatch(movie) and STARS.fullmatch(stars)):
        return None
    whole = TIME.fullmatch(time)
    if not whole or len(whole[1].lstrip(b"0")) > 18:
        return None
    if _number(user) >= 2**32 or _number(movie) >= 2**32 or not lowest <= float(stars) <= highest:
        return None
    return _number(user), _number(movie), float(stars), _number(whole[1])


def _number(digits: bytes) -> int:
    significant = digits.lstrip(b"0")
    return int(significant or b"0") if len(significant) < 20 else 2**64
