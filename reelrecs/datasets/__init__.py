"""Data sets: found on disk, recognised by their files, read into tables.

    locate(path) -> Dataset -> .read() -> Tables

One module per layout (`ml_1m`, `ml_csv`, ...) states that layout's facts.
"""

from __future__ import annotations

from pathlib import Path

from reelrecs import data
from reelrecs.datasets.files import Files, Folder, open_files
from reelrecs.datasets.layout import Layout
from reelrecs.datasets.movielens import ml_1m, ml_10m, ml_100k, ml_csv
from reelrecs.datasets.rejects import OnError, Rejects
from reelrecs.datasets.tables import Tables
from reelrecs.errors import DataError

LAYOUTS: tuple[Layout, ...] = (
    ml_csv.LAYOUT,
    ml_1m.LAYOUT,
    ml_10m.LAYOUT,
    ml_10m.BARE,
    ml_100k.LAYOUT,
)
"""In the order in which they are tried."""

READER_VERSION = "2"
"""Part of every fingerprint: raise it when a reader comes to read the same files differently."""

SUBFOLDERS = (
    "ml-100k", "ml-1m", "ml-10M100K", "ml-20m", "ml-25m", "ml-32m", "ml-latest", "ml-latest-small"
)  # fmt: skip
"""Folders that GroupLens's zips unpack to; named where somebody gives the folder above."""

DEFAULT_FOLDER = Path("data") / "ml-1m"
"""Read, where it exists, when no folder is named; the embedded sample otherwise."""


STORE_SUFFIX = ".arrow"
"""Ends the name of a store that `data build` or `data synthesize` wrote: a data set, ready-made."""


class Dataset:
    """A data set on disk, recognised but not yet read."""

    def __init__(self, name: str, path: Path, files: Files, layout: Layout) -> None:
        self.name = name
        self.path = path
        self.layout = layout
        self._files = files

    @property
    def is_store(self) -> bool:
        """Whether `path` is a store already, with no text to be read."""
        return self.path.suffix == STORE_SUFFIX

    def fingerprint(self) -> str:
        """What the files are, told in milliseconds: equal as long as nobody changes them."""
        used = self._files.fingerprint(self.layout.used(self._files.names))
        return f"{READER_VERSION}:{self.layout.name}:{used}"

    def read(self, on_error: OnError = "fail", rejects: Rejects | None = None) -> Tables:
        """All tables; pass `rejects` to see what was left out.

        Raises MalformedRow at the first bad line unless `on_error` is "skip", and DataError where
        no ratings or no movies are left.
        """
        return self.layout.read(self._files, Rejects(on_error) if rejects is None else rejects)


def locate(data_dir: Path | None = None) -> Dataset:
    """The data set in a folder or zip; without one, ./data/ml-1m or the embedded sample.

    Raises DataError where there is none.
    """
    if data_dir is None:
        data_dir = DEFAULT_FOLDER if DEFAULT_FOLDER.is_dir() else data.SAMPLE
    if data_dir.suffix == STORE_SUFFIX and data_dir.is_file():
        layout = Layout("reelrecs store", (data_dir.name,), (), (), _no_text, "", b"", False)
        return Dataset(data_dir.stem, data_dir, Folder(data_dir.parent), layout)
    files = open_files(data_dir)
    name = data_dir.stem if data_dir.is_file() else data_dir.resolve().name
    for layout in LAYOUTS:
        if files.names.issuperset((*layout.needs, *layout.marks)):
            return Dataset(name, data_dir, files, layout)
    raise DataError(_what_is_missing(data_dir, files.names))


def _no_text(files: Files, _rejects: Rejects) -> Tables:
    raise DataError(f"{files.path} holds a store, which is opened and not read")


def _what_is_missing(path: Path, names: frozenset[str]) -> str:
    if not names:
        return f"{path} holds no files; unpack a MovieLens data set there"
    near = max(LAYOUTS, key=lambda layout: len(layout.used(names)))
    there = near.used(names)
    if there:
        absent = [name for name in near.needs if name not in names]
        return f"{path} has {' and '.join(there)} but no {' and no '.join(absent)}; add it"
    inside = sorted(f"{path / folder}" for folder in SUBFOLDERS if (path / folder).is_dir())
    if inside:
        return f"{path} holds no data set itself; give {' or '.join(inside)}"
    wanted = ", or ".join(dict.fromkeys(" and ".join(layout.needs) for layout in LAYOUTS))
    return (
        f"{path} holds no data set in a MovieLens layout ({wanted}); choose another, or build one "
        "from your own files: reelrecs-fast data build --ratings FILE"
    )
