"""The data sets that `data download` knows: where they are, their digests, their conditions."""

from __future__ import annotations

from dataclasses import dataclass

from reelrecs.errors import InvalidRequest

BASE = "https://files.grouplens.org/datasets/movielens"

RESEARCH = "research use; not to be redistributed without permission; acknowledge GroupLens"
SHARED_ALIKE = "research use; redistribution under the same conditions; acknowledge GroupLens"


@dataclass(frozen=True, slots=True)
class Entry:
    """One downloadable data set."""

    name: str
    folder: str  # what its zip unpacks to
    ratings: int  # about
    size: int  # bytes of the zip, about
    md5: str  # "" where GroupLens replaces the zip from time to time
    licence: str

    @property
    def file(self) -> str:
        """Name of the zip."""
        return f"{self.name}.zip"

    def address(self, mirror: str | None = None) -> str:
        """Where to get it: at GroupLens, or under a mirror's folder."""
        return f"{(mirror or BASE).rstrip('/')}/{self.file}"


ENTRIES = {
    entry.name: entry
    for entry in (
        Entry("ml-100k", "ml-100k", 100_000, 4_900_000,
              "0e33842e24a9c977be4e0107933c0723", RESEARCH),
        Entry("ml-1m", "ml-1m", 1_000_209, 5_900_000,
              "c4d9eecfca2ab87c1945afe126590906", RESEARCH),
        Entry("ml-10m", "ml-10M100K", 10_000_054, 65_600_000,
              "ce571fd55effeba0271552578f2648bd", RESEARCH),
        Entry("ml-20m", "ml-20m", 20_000_263, 198_700_000,
              "cd245b17a1ae2cc31bb14903e1204af3", SHARED_ALIKE),
        Entry("ml-25m", "ml-25m", 25_000_095, 262_000_000,
              "6b51fb2759a8657d3bfcbfc42b592ada", SHARED_ALIKE),
        Entry("ml-32m", "ml-32m", 32_000_204, 239_000_000,
              "d472be332d4daa821edc399621853b57", SHARED_ALIKE),
        Entry("ml-latest-small", "ml-latest-small", 100_000, 980_000, "", SHARED_ALIKE),
        Entry("ml-latest", "ml-latest", 33_000_000, 350_000_000, "", SHARED_ALIKE),
    )
}  # fmt: skip


def find(name: str) -> Entry:
    """The entry of this name, "1m" for short; raises InvalidRequest."""
    entry = ENTRIES.get(name.casefold()) or ENTRIES.get(f"ml-{name.casefold()}")
    if entry is None:
        raise InvalidRequest(f"no data set {name!r}; there are {', '.join(ENTRIES)}")
    return entry
