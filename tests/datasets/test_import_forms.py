"""Random tables written in every form and read back: the same ids, values and times from each."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelrecs.datasets.feedback import Feedback, stars_of_counts, stars_of_scale
from reelrecs.datasets.imports.choices import Choices, FileChoices
from reelrecs.datasets.imports.files import import_files
from reelrecs.datasets.imports.id_column import NO_ID
from reelrecs.datasets.imports.tables import Imported, import_frames
from reelrecs.datasets.rejects import Rejects
from reelrecs.errors import DataError, InvalidRequest

NAMES = ("user_id", "item_id", "rating", "timestamp")

Row = tuple[Any, Any, float, int]

text_ids = (
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zs", "Zl", "Zp", "Cs", "Cf")),
            min_size=1, max_size=6)
    .map(str.strip)
    .filter(lambda text: text.casefold() not in NO_ID and "\ufeff" not in text)
)  # fmt: skip
padded_ids = st.integers(0, 10**8).map(lambda number: f"{number:09}")
number_ids = st.integers(0, 2**63 - 1)


class World(NamedTuple):
    """A table, and what each kind of reader must make of it."""

    rows: list[Row]
    scale: tuple[float, float] | None  # None: counts
    times: str  # "seconds", "milliseconds", "iso"


@st.composite
def worlds(draw: st.DrawFn) -> World:
    users = draw(st.lists(draw(st.sampled_from([text_ids, padded_ids, number_ids])), min_size=1,
                          max_size=5, unique=True))  # fmt: skip
    items = draw(st.lists(draw(st.sampled_from([text_ids, padded_ids, number_ids])), min_size=1,
                          max_size=6, unique=True))  # fmt: skip
    pairs = [(user, item) for user in users for item in items]
    chosen = draw(st.lists(st.sampled_from(pairs), min_size=1, max_size=20, unique=True))
    scale, values = draw(
        st.sampled_from(
            [
                ((0.5, 5.0), [0.5, 1.0, 3.5, 4.0, 5.0]),
                ((1.0, 10.0), [1.0, 2.0, 7.0, 8.0, 10.0]),
                ((1.0, 100.0), [1.0, 50.0, 99.0, 100.0]),
                (None, [1.0, 2.0, 500.0, 13883.0]),
            ]
        )
    )
    numbers = [draw(st.sampled_from(values)) for _ in chosen]
    numbers[0] = values[-1]  # so that the scale is seen
    if scale is not None:
        numbers[-1] = values[0] if len(numbers) > 1 else numbers[-1]
    times = [draw(st.integers(10**8, 2 * 10**9)) for _ in chosen]
    rows = [(u, i, n, t) for (u, i), n, t in zip(chosen, numbers, times, strict=True)]
    if scale is not None and len(rows) == 1:
        scale = (0.5, 5.0) if scale[1] == 5 else (1.0, scale[1])
    return World(rows, scale, draw(st.sampled_from(["seconds", "milliseconds", "iso"])))


def of_one_kind(ids: list[Any]) -> list[Any]:
    """Ids of a column: numbers where all are plain ones, else text; what a reader must say."""
    plain = all(isinstance(one, int) or (one.isascii() and one.isdigit() and
                (one == "0" or one[0] != "0") and int(one) < 2**63) for one in ids)  # fmt: skip
    return [int(one) for one in ids] if plain else [str(one) for one in ids]


def check(world: World, imported: Imported) -> None:
    tables = imported.tables
    users, items, numbers, times = zip(*world.rows, strict=True)
    assert listed(tables.ratings.users) == of_one_kind(users)
    assert listed(tables.ratings.movies) == of_one_kind(items)
    assert tables.ratings.times.tolist() == list(times)
    values = np.array(numbers, np.float32)
    if world.scale is None:
        assert tables.feedback is Feedback.COUNTS
        owners = np.unique([str(user) for user in users], return_inverse=True)[1]
        wanted = stars_of_counts(values, owners.astype(np.int32))
    else:
        assert tables.scale == world.scale
        wanted = stars_of_scale(values, world.scale)
    assert tables.ratings.stars.tolist() == wanted.tolist()


def listed(column: Any) -> list[Any]:
    return column.tolist() if isinstance(column, np.ndarray) else column.to_pylist()


def written(world: World) -> list[tuple[str, str, str, str]]:
    """The table as texts."""

    def moment(seconds: int) -> str:
        if world.times == "iso":
            return datetime.fromtimestamp(seconds, UTC).isoformat()
        return str(seconds * 1000 if world.times == "milliseconds" else seconds)

    return [(str(u), str(i), f"{n:g}", moment(t)) for u, i, n, t in world.rows]


def choices(world: World) -> Choices:
    """What a few rows cannot tell."""
    if world.scale is None:
        return Choices(feedback=Feedback.COUNTS)
    return Choices(feedback=Feedback.STARS, highest=world.scale[1])


@settings(max_examples=120)
@given(
    worlds(),
    st.sampled_from([",", ";", "\t", "|", "::", " "]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le"]),
    st.sampled_from(["plain", "gz", "bz2", "xz", "zst", "zip"]),
    st.booleans(),
)
def test_text_of_every_form(
    tmp_path_factory: pytest.TempPathFactory,
    world: World,
    separator: str,
    end: str,
    encoding: str,
    packing: str,
    quoted: bool,
) -> None:
    table = [NAMES, *written(world)]
    if separator in ("::", " ") and not quoted:
        letters = "".join(field for row in table for field in row)
        if ":" in letters.replace("+00:00", "") or " " in letters or '"' in letters:
            return  # such a file says something else
    text = io.StringIO()
    if separator in ("::", " ") or (not quoted and '"' not in str(table)):
        if any(mark in field for row in table for field in row for mark in (*separator, '"')):
            return
        text.write("".join(separator.join(row) + end for row in table))
    else:
        kind = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
        csv.writer(text, delimiter=separator, lineterminator=end, quoting=kind).writerows(table)
    path = packed(tmp_path_factory.getbasetemp(), text.getvalue().encode(encoding), packing)
    said = FileChoices(separator=separator, encoding="utf-16" if encoding == "utf-16-le" else None)
    check(world, import_files(path, None, Rejects(), replace(choices(world), ratings=said)))


def packed(folder: Path, data: bytes, packing: str) -> Path:
    path = folder / f"r.csv.{packing}"
    if packing == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("r.csv", data)
    elif packing == "zst":
        with pa.CompressedOutputStream(str(path), "zstd") as file:
            file.write(data)
    else:
        pack: dict[str, Callable[[bytes], bytes]] = {
            "gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "plain": bytes,
        }  # fmt: skip
        path.write_bytes(pack[packing](data))
    return path


def columns_of(world: World) -> dict[str, list[Any]]:
    users, items, numbers, times = (list(column) for column in zip(*world.rows, strict=True))
    made = {
        "seconds": times,
        "milliseconds": [time * 1000 for time in times],
        "iso": [datetime.fromtimestamp(time, UTC) for time in times],
    }[world.times]
    return dict(zip(NAMES, (users, items, numbers, made), strict=True))


@settings(max_examples=60)
@given(worlds())
def test_columns_of_every_make(tmp_path_factory: pytest.TempPathFactory, world: World) -> None:
    columns, folder = columns_of(world), tmp_path_factory.getbasetemp()
    table = pa.table(columns)
    pq.write_table(table, folder / "r.parquet")
    pyarrow.feather.write_feather(table, str(folder / "r.feather"))
    for name in ("r.parquet", "r.feather"):
        check(world, import_files(folder / name, None, Rejects(), choices(world)))
    values = columns_of(world._replace(times="milliseconds")).values()
    lines = [json.dumps(dict(zip(NAMES, row, strict=True))) for row in zip(*values, strict=True)]
    (folder / "r.jsonl").write_text("\n".join(lines))
    check(world, import_files(folder / "r.jsonl", None, Rejects(), choices(world)))
    text_users = pl.Series([str(user) for user in columns["user_id"]])
    polars = pl.DataFrame(columns)
    for made in (
        columns,
        pd.DataFrame(columns),
        polars,
        polars.with_columns(user_id=text_users.cast(pl.Categorical)),
        polars.with_columns(user_id=text_users.cast(pl.Enum(text_users.unique()))),
        polars.lazy(),
    ):
        check(world, import_frames(made, choices=choices(world)))


@settings(max_examples=300)
@given(
    st.one_of(
        st.binary(max_size=120),
        st.text('u,;|:\t "\n\r1205.-aé\0{}[]', max_size=60).map(
            lambda text: b"user,item,rating,time\n" + text.encode()
        ),
        st.text('u,;|:\t "\n\r12.-aé', max_size=60).map(str.encode),
    ),
    st.booleans(),
)
def test_no_bytes_do_more_than_raise_one_line(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, skip: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(content)
    rejects = Rejects("skip" if skip else "fail")
    said = ""
    try:
        assert len(import_files(path, None, rejects).tables.ratings) > 0
    except (DataError, InvalidRequest) as error:
        said = str(error)
    assert "\n" not in said
