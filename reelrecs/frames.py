"""Results as Arrow tables, and as pandas and polars frames where those are installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reelrecs.errors import InvalidRequest

if TYPE_CHECKING:
    import pandas
    import polars


class Tabular:
    """Something that is a table, and becomes a frame of whatever library is at hand."""

    __slots__ = ()

    def to_arrow(self) -> Any:
        """The same as a pyarrow.Table, a library without types."""
        raise NotImplementedError

    def to_pandas(self) -> pandas.DataFrame:
        """The same as a pandas frame; raises InvalidRequest where pandas is not installed."""
        try:
            import pandas as pd
        except ImportError as error:
            raise _missing("pandas") from error
        frame: pd.DataFrame = self.to_arrow().to_pandas()
        return frame

    def to_polars(self) -> polars.DataFrame:
        """The same as a polars frame; raises InvalidRequest where polars is not installed."""
        try:
            import polars as pl
        except ImportError as error:
            raise _missing("polars") from error
        frame = pl.from_arrow(self.to_arrow())
        if not isinstance(frame, pl.DataFrame):
            raise TypeError(f"polars made a {type(frame).__name__} of a table")
        return frame


def _missing(package: str) -> InvalidRequest:
    return InvalidRequest(
        f"to_{package} needs the package {package}: pip install {package}, or use to_arrow"
    )
