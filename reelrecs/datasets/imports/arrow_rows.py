"""Rows that are in columns already: Parquet, Feather and Arrow files, tables in memory."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from reelrecs.datasets.imports.rows import BadValue, Shape
from reelrecs.datasets.rejects import Rejects
from reelrecs.errors import DataError

MAGIC = {b"PAR1": "parquet", b"ARRO": "ipc", b"FEA1": "feather"}
SUFFIXES = frozenset({".parquet", ".pq", ".feather", ".arrow", ".ipc"})
ROWS_AT_ONCE = 1 << 18


class ArrowRows:
    """The rows of a table in memory, or of one or many files of columns."""

    headed = True
    odd_shape = False

    def __init__(self, name: str, columns: list[str], table: pa.Table | None, files: Any) -> None:
        self.name = name
        self.columns = columns
        self._table = table
        self._files = files
        self._kept: Any = None

    def keep(self, what: Any) -> None:
        """Hold what the files live in, such as a copy of standard input."""
        self._kept = what

    def expected(self) -> int:
        """How many rows there are."""
        return len(self._table) if self._table is not None else int(self._files.count_rows())

    def sample(self) -> list[list[Any]]:
        """The first rows."""
        head = self._table.slice(0, 3) if self._table is not None else self._files.head(3)
        return [list(row) for row in zip(*(c.to_pylist() for c in head.columns), strict=True)]

    def said(self) -> str:
        """Nothing was found out about its form."""
        return ""

    def batches(self, places: Sequence[int], shapes: Sequence[Shape]) -> Iterator[list[Any]]:
        """The columns at these places with the types they have, batch by batch."""
        if self._table is not None:
            chosen = self._table.select(list(places))
            for batch in chosen.to_batches(max_chunksize=ROWS_AT_ONCE):
                yield batch.columns
            return
        names = [self.columns[place] for place in places]
        for name in names:
            if self.columns.count(name) > 1:
                raise DataError(f"{self.name} has two columns called {name!a}; rename one")
        try:
            for batch in self._files.to_batches(
                columns=list(dict.fromkeys(names)), batch_size=ROWS_AT_ONCE, batch_readahead=2,
                fragment_readahead=1,
            ):  # fmt: skip
                if len(batch):
                    yield [batch.column(name) for name in names]
        except (pa.ArrowException, OSError) as error:
            raise _damaged(self.name, error) from error

    def report(self, bad: Mapping[int, BadValue], rejects: Rejects) -> None:
        """Name rows by their numbers from 0."""
        for row in sorted(bad):
            wrong = bad[row]
            rejects.add_row(self.name, row, wrong.cause, wrong.column, wrong.value)


def open_arrow(path: Path) -> ArrowRows | None:
    """The rows of Parquet, Feather or Arrow files: one, a folder or a glob; None for others."""
    paths = _paths(path)
    kinds = {_kind(one) for one in paths}
    if None in kinds or not kinds:
        return None
    if len(kinds) > 1:
        raise DataError(f"{path} holds files of several formats; give those of one")
    kind = kinds.pop()
    try:
        files = ds.dataset([str(one) for one in paths], format="ipc" if kind == "ipc" else kind)
        return ArrowRows(path.name, list(files.schema.names), None, files)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path.name, error) from error


def _paths(path: Path) -> list[Path]:
    if path.is_dir():
        inside = [Path(folder) / name for folder, _, names in os.walk(path) for name in names]
        return sorted(one for one in inside if one.suffix in SUFFIXES and one.name[0] not in "._")
    if not path.exists() and glob.has_magic(str(path)):
        return [Path(name) for name in sorted(glob.glob(str(path), recursive=True))]
    return [path] if path.is_file() else []


def _kind(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return MAGIC.get(file.read(4))
    except OSError:
        return None


def _damaged(name: str, error: Exception) -> DataError:
    reason = " ".join(str(error).split())[:120]
    return DataError(f"{name} is a damaged Parquet or Arrow file ({reason!a}); write it again")


def rows_of_table(table: Any, what: str) -> ArrowRows:
    """The rows of a pandas, polars or Arrow table, a DuckDB relation or a dict of columns."""
    made = as_arrow(table, what)
    return ArrowRows(what, list(made.column_names), made, None)


def as_arrow(table: Any, what: str) -> pa.Table:
    """Anything tabular as an Arrow table, without copies where it can; raises DataError."""
    if isinstance(table, pa.Table):
        return table
    if isinstance(table, pa.RecordBatch):
        return pa.Table.from_batches([table])
    try:
        columns = _columns(table)
        if columns is not None:
            return pa.table([_array(values) for _, values in columns],
                            names=[str(name) for name, _ in columns])  # fmt: skip
        if type(table).__module__.partition(".")[0] == "polars":
            return _of_polars(table)
        if hasattr(table, "__arrow_c_stream__") or hasattr(table, "__arrow_c_array__"):
            return pa.table(table)
        if hasattr(table, "arrow"):  # a DuckDB relation: a table, or a reader of one
            made = table.arrow()
            return made.read_all() if hasattr(made, "read_all") else made
    except (pa.ArrowException, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:160]
        raise DataError(f"{what} cannot be read as a table ({reason!a}); give plain columns of "
                        "numbers and text") from error  # fmt: skip
    raise DataError(
        f"{what} are a {type(table).__name__}; give a pandas, polars or Arrow table, or a path"
    )


def _columns(table: Any) -> list[tuple[Any, Any]] | None:
    """Names and values of a dict or a pandas table, which may hold columns of one name."""
    if isinstance(table, dict):
        return list(table.items())
    if type(table).__module__.partition(".")[0] == "pandas" and hasattr(table, "iloc"):
        names = list(table.columns)
        return [(name, table.iloc[:, place]) for place, name in enumerate(names)]
    return None


def _array(values: Any) -> Any:
    """One column; values of several kinds as text, each as it is written."""
    try:
        made = pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        plain = values.tolist() if hasattr(values, "tolist") else list(values)
        return pa.array(
            [None if value is None or value != value else str(value) for value in plain],
            pa.large_string(),
        )
    return made


def _of_polars(table: Any) -> pa.Table:
    """A polars frame by types that every pyarrow knows; a lazy one is collected."""
    from polars import CompatLevel

    if hasattr(table, "collect"):
        table = table.collect()
    return table.to_arrow(compat_level=CompatLevel.oldest())
