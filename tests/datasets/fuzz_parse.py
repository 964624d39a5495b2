"""Mutation fuzzer for the readers: `python -m tests.datasets.fuzz_parse SECONDS [SEED]`.

Every input goes through the ratings kernel and through its slow twin, which must agree on rows,
lines and offsets, and through the readers of whole data sets, which must give tables whose rows
stand in the input, or one of our errors. Run it with NUMBA_BOUNDSCHECK=1 and a NUMBA_CACHE_DIR of
its own to have every access checked.
"""

from __future__ import annotations

import faulthandler
import random
import sys
import time
import zipfile
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import numba
import numpy as np

from reelrecs.datasets import LAYOUTS
from reelrecs.datasets.files import Zip
from reelrecs.datasets.imports.files import import_files
from reelrecs.datasets.layout import Layout
from reelrecs.datasets.rejects import Rejects
from reelrecs.errors import ReelRecsError
from reelrecs.kernels import parse
from reelrecs.kernels.jit import kernel
from tests.datasets import slow_parse

SAMPLES = Path(__file__).parent / "samples"
HANG = 60
"""Seconds after which an input counts as a hang: the fuzzer dies with a stack trace."""

MORSELS = [
    b"", b"\n", b"\r\n", b"\r", b",", b"::", b":", b"\t", b"|", b'"', b'""', b"\0", b"-", b".",
    b"+", b"e5", b" ", b"\xef\xbb\xbf", b"\xff\xfe", b"\xc3\xa9", b"\xe9", b"0" * 30, b"9" * 30,
    b"4294967295", b"4294967296", b"999999999999999999", b"9999999999999999999",
    b"18446744073709551616", b"0.5",
    b"5.0", b"5.0000000000000000001", b"3.50000011920928955078125", b"nan", b"1,2,3.5,4\n",
    b"1::2::3::4\n", b"1\t2\t3\t4\n",
]  # fmt: skip


FOREIGN = [
    b"user_id,item_id,rating,timestamp\n1,2,3.5,100\n3,4,5,200\n",
    b'rating;title;user;date\n3.5;Heat;ann;2001-02-03\n7;"Up; or down";bob;2001-02-03T04:05:06\n',
    b"1::2::3::4\n5::6::4::8\n",
    b'user\titem\tstars\tts\nu1\ti1\t3\t1e9\nu2\t"i 2"\t5\t1000000001.0\n',
]


class Memory:
    """Files of a data set in memory."""

    path = Path("memory")

    def __init__(self, contents: dict[str, bytes]) -> None:
        self.contents = contents
        self.names = frozenset(contents)

    def read(self, name: str) -> np.ndarray:
        return np.frombuffer(self.contents[name], np.uint8)

    def fingerprint(self, names: Iterable[str]) -> str:
        return ""


@kernel
def out_of_bounds(values):  # type: ignore[no-untyped-def]
    return values[len(values)]


def bounds_are_checked() -> bool:
    """Whether kernels really raise past the end, as told by one that goes there."""
    if not numba.config.BOUNDSCHECK:
        return False
    try:
        out_of_bounds(np.zeros(3))
    except IndexError:
        return True
    return False


def mutate(text: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        at = rng.randrange(len(text) + 1)
        end = min(len(text), at + rng.choice((0, 1, 1, 2, 5, 40)))
        kind = rng.randrange(6)
        if kind == 0:
            text = text[:at] + rng.choice(MORSELS) + text[end:]
        elif kind == 1:
            text = text[:at] + bytes([rng.randrange(256)]) + text[at + 1 :]
        elif kind == 2:
            text = text[:at] + text[end:]
        elif kind == 3:
            text = text[:at] + text[at:end] * rng.randrange(2, 5) + text[end:]
        elif kind == 4:
            text = text[:at]
        else:
            other = rng.randrange(len(text) + 1)
            text = text[:at] + text[other : other + 30] + text[at:]
    return text


def check_kernel(text: bytes, separator: bytes) -> None:
    result = parse.parse_ratings(np.frombuffer(text, np.uint8), separator, 0.5, 5.0)
    twin = slow_parse.parse(text, separator, 0.5, 5.0)
    wanted = [(u, m, float(np.float32(stars)), t) for u, m, stars, t in twin.rows]
    columns = (result.users, result.movies, result.stars, result.times)
    assert list(zip(*(column.tolist() for column in columns), strict=True)) == wanted, text
    lines = range(len(wanted)) if result.lines is None else result.lines.tolist()
    assert list(lines) == twin.lines, text
    bad = zip(result.bad_lines.tolist(), result.bad_offsets.tolist(), strict=True)
    assert list(bad) == twin.bad, text


def check_reader(layout: Layout, contents: dict[str, bytes], on_error: str) -> bool:
    """Whether it was read; anything but tables or our own errors is a finding."""
    rejects = Rejects("skip" if on_error == "skip" else "fail")
    try:
        tables = layout.read(Memory(contents), rejects)
    except ReelRecsError as error:
        check_message(error)
        return False
    text = b"\n".join(contents.values())
    for values in (tables.ratings.users, tables.ratings.movies):
        assert all(str(value).encode() in text for value in values[:5].tolist()), contents
    assert tables.movies is not None
    assert np.isin(tables.ratings.movies, tables.movies.ids).all(), contents
    return True


def check_foreign(path: Path, text: bytes, on_error: str) -> None:
    path.write_bytes(text)
    try:
        imported = import_files(path, None, Rejects("skip" if on_error == "skip" else "fail"))
    except ReelRecsError as error:
        check_message(error)
        return
    ratings = imported.tables.ratings
    assert len(ratings) <= len(text.splitlines()), text  # a lone carriage return ends a line too
    assert ((ratings.stars >= 0) & (ratings.stars <= 5)).all(), text


def check_zip(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    try:
        files = Zip(path)
        for name in files.names:
            files.read(name)
    except ReelRecsError as error:
        check_message(error)


def check_message(error: ReelRecsError) -> None:
    assert "\n" not in str(error)
    assert "\0" not in str(error)


def corpora() -> list[tuple[Layout, dict[str, bytes]]]:
    found = []
    for folder in sorted(SAMPLES.iterdir()):
        contents = {file.name: file.read_bytes() for file in folder.iterdir()}
        for layout in LAYOUTS:
            if set(contents).issuperset((*layout.needs, *layout.marks)):
                found.append((layout, contents))
                break
    return found


def main(seconds: float, seed: int) -> None:
    print(f"seed {seed}, bounds checked: {bounds_are_checked()}", flush=True)
    rng = random.Random(seed)
    sets = corpora()
    ratings = b"1,2,3.5,978300760\n12,345,5.0,978300761\n7,8,1,9\n" * 3
    for separator in (b",", b"\t", b"::"):  # compiles, which is no part of the time
        check_kernel(ratings.replace(b",", separator), separator)
    kernel_inputs = reader_inputs = foreign_inputs = zip_inputs = read = 0
    end = time.monotonic() + seconds
    with TemporaryDirectory() as folder:
        path = Path(folder) / "fuzz.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in sets[0][1].items():
                archive.writestr(f"ml/{name}", content)
        whole = path.read_bytes()
        while time.monotonic() < end:
            faulthandler.dump_traceback_later(HANG, exit=True)
            parse.CHUNK_BYTES = rng.choice((1, 5, 64, 1 << 18))
            for _ in range(50):
                separator = rng.choice((b",", b"\t", b"::"))
                check_kernel(mutate(ratings.replace(b",", separator), rng), separator)
                kernel_inputs += 1
            for _ in range(10):
                layout, contents = rng.choice(sets)
                name = rng.choice(layout.used(frozenset(contents)))
                changed = contents | {name: mutate(contents[name], rng)}
                read += check_reader(layout, changed, rng.choice(("fail", "skip")))
                reader_inputs += 1
                text = mutate(rng.choice(FOREIGN), rng)
                check_foreign(Path(folder) / "fuzz.csv", text, rng.choice(("fail", "skip")))
                foreign_inputs += 1
            check_zip(path, mutate(whole, rng))
            zip_inputs += 1
        faulthandler.cancel_dump_traceback_later()
    print(f"{kernel_inputs:,} kernel inputs, {reader_inputs:,} data sets ({read:,} readable), "
          f"{foreign_inputs:,} foreign files, {zip_inputs:,} zips: no finding")  # fmt: skip


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
