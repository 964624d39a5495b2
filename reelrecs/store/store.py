"""The store: one data set as arrays in memory, and the only place that knows ids.

Rows are positions in ascending order of id. Ratings stand twice: by user in time order (ties by
file order) and by movie in the order of its raters' last activity.
"""

from __future__ import annotations

import json
import threading
from functools import cached_property
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from reelrecs import config
from reelrecs.datasets.feedback import Feedback
from reelrecs.datasets.ids import LONGEST_SHOWN, Id, Ids
from reelrecs.errors import DataError, NotFound, one_line
from reelrecs.store import arrow_file, invariants
from reelrecs.store.columns import GENRE_MARK, GENRE_TEXTS, Likes, RatingsByMovie, RatingsByUser
from reelrecs.store.digests import array_digests, content_digest
from reelrecs.store.file_memory import FileMemory, Identity, identity

FORMAT = "reelrecs.store/5"

_open_stores: WeakValueDictionary[tuple[Path, Identity], Store] = WeakValueDictionary()
"""What this process holds open, so that a file is read and checked once."""

_open_lock = threading.Lock()


class Store:
    """A data set in memory; cheap to open, immutable, shared by threads."""

    def __init__(
        self,
        named: dict[str, Any],
        metadata: dict[str, str],
        memory: FileMemory | None = None,
    ) -> None:
        self.arrays = {name: _as_readonly(values) for name, values in named.items()}
        named = self.arrays
        self.metadata = metadata
        self.name = metadata["name"]
        self._memory = memory
        self.genres: tuple[str, ...] = tuple(json.loads(metadata["genres"]))
        self.latest_timestamp = int(metadata["latest_timestamp"])
        """Seconds since 1970 at which the data ends; ages are measured against this."""
        self.min_rating, self.max_rating = (float(stars) for stars in json.loads(metadata["scale"]))
        self.mean_rating = float(metadata["mean_rating"])
        self.feedback = Feedback(metadata["feedback"])
        """What the numbers of the source mean."""
        lowest, highest = json.loads(metadata["file_scale"])
        self.file_scale = (float(lowest), float(highest))
        """Lowest and highest number of the source; stars here are on `MOVIELENS_SCALE`."""
        self.has_times: bool = json.loads(metadata["has_times"])
        """Whether the source has times; without any they are the order of its rows."""
        self.guesses: tuple[str, ...] = tuple(json.loads(metadata["guesses"]))
        """What was guessed of the source, one line each."""
        self.by_user = RatingsByUser(
            named["user_indptr"], named["user_movies"], named["user_ratings"], named["user_times"]
        )
        self.by_movie = RatingsByMovie(
            named["movie_indptr"],
            named["movie_users"],
            named["movie_ratings"],
            named["movie_positions"],
        )
        self.likes = Likes(
            named["user_likes_indptr"],
            named["user_likes"],
            named["movie_likes_indptr"],
            named["movie_likes"],
        )
        self.shown: dict[int, Any] = {}
        """Movies as people see them, by row, kept by `results.movie_of`."""
        self.user_activity_ranks: NDArray[np.int32] = named["user_activity_ranks"]
        """[users] rank by the time of the last rating, 0 = was last active first."""
        self.rating_order: NDArray[np.uint32] = named["rating_order"]
        """[ratings] entries of `by_user` in order of time, all users together; see `order_of_time`
        in `reelrecs.store.time_order` for ties."""
        self.user_ids = Ids(named["user_ids"])
        """What a user is called in the data, by row: numbers or text."""
        self.user_norm: NDArray[np.float64] = named["user_norm"]
        self.movie_ids = Ids(named["movie_ids"])
        """The same of movies; one may be numbers and the other text."""
        self.movie_years: NDArray[np.int16] = named["movie_years"]
        self.movie_released: NDArray[np.int32] = named["movie_released"]
        self.movie_genres: NDArray[np.uint64] = named["movie_genres"]
        self.movie_rating_counts: NDArray[np.int32] = named["movie_rating_counts"]
        self.movie_mean_ratings: NDArray[np.float32] = named["movie_mean_ratings"]
        self.movie_like_counts: NDArray[np.int32] = named["movie_like_counts"]
        self.movie_popularity_percentiles: NDArray[np.float32] = named[
            "movie_popularity_percentiles"
        ]
        self.movie_titles: pa.Array = named["movie_titles"]

    @classmethod
    def open(cls, path: Path) -> Store:
        """Read a file and check it; the same store again while this process has it open.

        Files of more than config.MAPPED_FROM bytes are mapped (see `require_unchanged`). Raises
        arrow_file.NotReadable unless it is a whole, undamaged store of this format.
        """
        try:
            key = (path.resolve(), identity(path))
        except OSError as error:
            raise arrow_file.NotReadable(f"{path}: {error.strerror or error}") from error
        with _open_lock:
            if (held := _open_stores.get(key)) is not None:
                return held
        store = cls.read(path)
        with _open_lock:
            return _open_stores.setdefault(key, store)

    @classmethod
    def read(cls, path: Path) -> Store:
        """Read a file and check it, whatever is open; as `open` otherwise."""
        file = arrow_file.read_checked(path, config.MAPPED_FROM)
        if file.metadata.get("format") != FORMAT:
            raise arrow_file.NotReadable(f"{path}: it is no {FORMAT} file")
        try:
            store = cls(file.arrays, file.metadata, file.memory)
            if file.metadata["digest"] != content_digest(file.digests, store.genres):
                raise invariants.Broken("its digest is of other arrays")
            invariants.check(store)
        except KeyError as error:
            raise arrow_file.NotReadable(f"{path}: it lacks {error}") from error
        except (TypeError, ValueError) as error:
            raise arrow_file.NotReadable(f"{path}: {error}") from error
        return store

    def changed(self, named: dict[str, Any], metadata: dict[str, str]) -> Store:
        """Another store that may hold arrays of this one, and so of the file that it maps."""
        return Store(named, metadata, self._memory)

    def require_unchanged(self) -> None:
        """Raise DataError if another program has written to the file that this store maps.

        One call of the system for a mapped file, nothing for the others, which no program can
        change. To be asked before a request: whoever cuts a mapped file while kernels read it
        still ends the process.
        """
        if self._memory is not None and self._memory.was_changed():
            raise DataError(
                f"the store of {self.name} was changed by another program while in use; restart"
            )

    @cached_property
    def digest(self) -> str:
        """Identity of the content: equal exactly when all arrays and genre names are equal.

        A file says it; of a store that ratings were merged into it is worked out when asked for.
        """
        told = self.metadata.get("digest")
        return told or content_digest(array_digests(self.arrays), self.genres)

    @property
    def user_count(self) -> int:
        """How many users have rated."""
        return len(self.user_ids)

    @property
    def movie_count(self) -> int:
        """How many movies are known, rated or not."""
        return len(self.movie_ids)

    @property
    def rating_count(self) -> int:
        """How many ratings there are."""
        return len(self.by_user.movies)

    def user_row(self, user_id: Id) -> int:
        """The row of a user; raises NotFound, and InvalidRequest for what no id here looks like.

        A number that is given for text stands for its digits, and digits for their number.
        """
        row = self.user_ids.row(self.user_ids.checked(user_id))
        if row < 0:
            raise NotFound(
                f"no user {_shown(user_id)} in {self.name}: its {self.user_count:,} users have ids "
                f"from {_shown(self.user_ids[0])} to {_shown(self.user_ids[-1])}"
            )
        return row

    def movie_row(self, movie_id: Id) -> int:
        """The row of a movie; raises NotFound and InvalidRequest, as `user_row` does."""
        row = self.movie_ids.row(self.movie_ids.checked(movie_id))
        if row < 0:
            raise NotFound(
                f"no movie {_shown(movie_id)} in {self.name}: look its id up with search --title"
            )
        return row

    def raw_title(self, row: int) -> str:
        """The title as the data set's file has it, year included."""
        return str(self.movie_titles[int(row)].as_py())

    def genres_of(self, row: int) -> list[str]:
        """Genre names of a movie, all of them where there are more than a mask has bits."""
        texts = self.arrays.get(GENRE_TEXTS)
        if texts is not None:
            text = str(texts[int(row)].as_py())
            return text.split(GENRE_MARK) if text else []
        return self.genre_names(int(self.movie_genres[row]))

    def genre_names(self, mask: int) -> list[str]:
        """The genres whose bits are set."""
        return [name for code, name in enumerate(self.genres) if mask >> code & 1]

    @cached_property
    def all_titles(self) -> list[str]:
        """Every raw title, by movie row."""
        return [str(title) for title in self.movie_titles.to_pylist()]


def _as_readonly(values: Any) -> Any:
    """The same array, not to be written to: so kernels are compiled once, for a file's arrays."""
    if isinstance(values, np.ndarray):
        values = values.view()
        values.flags.writeable = False
    return values


def _shown(id_: Id) -> str:
    return one_line(str(id_), LONGEST_SHOWN)
