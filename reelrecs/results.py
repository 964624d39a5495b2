"""What people get back: plain, as_readonly_contiguous, with ids and titles instead of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import compress
from typing import Any

import pyarrow as pa

from reelrecs.datasets.feedback import Feedback, value_on_scale
from reelrecs.datasets.ids import Id
from reelrecs.datasets.titles import shown_title
from reelrecs.frames import Tabular
from reelrecs.pipeline.candidates import Candidates, Floats
from reelrecs.pipeline.query import Query
from reelrecs.pipeline.trace import Trace
from reelrecs.scorer.batches import DEGRADED
from reelrecs.store.store import Store
from reelrecs.table import html_table, table_lines


@dataclass(frozen=True, slots=True)
class Movie:
    """A movie as people know it; `year` is None where the data does not say."""

    movie_id: Id
    title: str
    year: int | None
    genres: list[str]

    def to_dict(self) -> dict[str, Any]:
        """The movie as JSON has it."""
        return asdict(self)


def movie_of(store: Store, row: int) -> Movie:
    """The movie of a store's row; made once, for popular ones are shown to everybody."""
    known = store.shown.get(row)
    if known is None:
        known = store.shown[row] = _movie_of(store, row)
    return known


def _movie_of(store: Store, row: int) -> Movie:
    year = int(store.movie_years[row])
    return Movie(
        movie_id=store.movie_ids[row],
        title=shown_title(store.raw_title(row)),
        year=year or None,
        genres=store.genres_of(row),
    )


@dataclass(frozen=True, slots=True)
class Related:
    """What is true of a movie and had no part in its score."""

    similar_users: int  # of those who like what the user likes, how many like it


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a movie is recommended: causes only, but for `related`.

    Contributions add up to `total`, which stands on `scale`; the score shown is made of it alone.
    """

    contributions: dict[str, float]
    total: float  # the float32 sum of the contributions
    scale: str  # what total and contributions are measured in
    in_words: list[str]  # what the strongest contributions say, the strongest first
    found_by: dict[str, float]  # channel to retrieval score
    similar_users: int | None  # who like it, where the score counts them
    because_you_liked: list[Movie]  # by which the movie stands out, the strongest first
    because_you_watched: list[Movie]  # just now, where the score counts the order of watching
    related: Related | None


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One row of a list; rank 1 is the best."""

    rank: int
    movie: Movie
    score: float  # on [0, 1]
    sources: list[str]
    explanation: Reason | None
    degraded: bool = False  # not ranked by the scorer that was asked for, which is away

    def to_dict(self) -> dict[str, Any]:
        """The row as the JSON contract has it."""
        row = {"rank": self.rank, **asdict(self.movie), "score": self.score}
        row["sources"] = self.sources
        row["explanation"] = None if self.explanation is None else asdict(self.explanation)
        if self.degraded:
            row["degraded"] = True
        return row


def recommendations_of(
    store: Store,
    ranked: Candidates,
    relevance: Callable[[Floats], Floats],
    reasons: list[Reason] | None,
) -> list[Recommendation]:
    """Ranked candidates as rows for people.

    `relevance` makes of their scores what is shown; `reasons` stand in the same order, None to
    leave them out.
    """
    if len(ranked) == 0:
        return []
    if ranked.scores is None:
        raise ValueError("only scored candidates make a list")
    explained: Sequence[Reason | None] = reasons or [None] * len(ranked)
    degraded = ranked.terms is not None and DEGRADED in ranked.terms.columns
    sources = [channel.partition(".")[0] for channel in ranked.channels]
    rows = zip(
        ranked.movies.tolist(),
        relevance(ranked.scores).tolist(),
        (ranked.retrieval_scores > 0).tolist(),
        explained,
        strict=True,
    )
    return [
        Recommendation(
            rank,
            movie_of(store, row),
            score,
            list(dict.fromkeys(compress(sources, found))),
            reason,
            degraded,
        )
        for rank, (row, score, found, reason) in enumerate(rows, start=1)
    ]


@dataclass(frozen=True, slots=True)
class RecommendationList(Tabular):
    """A person's list, best first, and how it came about."""

    user_id: Id | None  # None for somebody the store does not hold
    dataset: str
    items: list[Recommendation]
    trace: Trace
    note: str = ""  # why there are fewer than asked for; "" where there are not
    as_of: int = 0  # the moment of asking, in seconds since 1970
    refused: dict[str, int] = field(default_factory=dict)
    """What each constraint wants, and how many movies of the data it keeps off."""

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Recommendation]:
        return iter(self.items)

    def __getitem__(self, index: int) -> Recommendation:
        return self.items[index]

    def to_dict(self) -> dict[str, Any]:
        """The list as the JSON contract has it."""
        return {
            "user_id": self.user_id,
            "dataset": self.dataset,
            "as_of": self.as_of,
            "relaxed": list(self.trace.relaxed),
            "refused": self.refused,
            "note": self.note,
            "recommendations": [item.to_dict() for item in self.items],
        }

    def to_arrow(self) -> Any:
        """Columns rank, movie_id, title, year, genres (a list) and score."""
        movies = [item.movie for item in self.items]
        return pa.table(
            {
                "rank": pa.array([item.rank for item in self.items], pa.int32()),
                "movie_id": [movie.movie_id for movie in movies],
                "title": pa.array([movie.title for movie in movies], pa.string()),
                "year": pa.array([movie.year for movie in movies], pa.int32()),
                "genres": pa.array([movie.genres for movie in movies], pa.list_(pa.string())),
                "score": pa.array([item.score for item in self.items], pa.float32()),
            }
        )

    def rows(self) -> list[list[Any]]:
        """The list as a table for people, under the names of COLUMNS."""
        return [
            [
                item.rank,
                item.movie.movie_id,
                item.movie.title,
                item.movie.year,
                "|".join(item.movie.genres),
                item.score,
                "+".join([*item.sources, *([DEGRADED] if item.degraded else [])]),
            ]
            for item in self.items
        ]

    def __str__(self) -> str:
        notes = [self.note] if self.note else []
        return "\n".join([*table_lines(COLUMNS, self.rows()), *notes])

    def _repr_html_(self) -> str:
        return html_table(COLUMNS, self.rows(), self.note)


COLUMNS = ("rank", "movie_id", "title", "year", "genres", "score", "sources")
"""What a list shows of each movie."""


def shortage(store: Store, query: Query, found: int) -> str:
    """Why a list of so many is shorter than asked for, in one line; "" where it is not."""
    if found >= query.limit:
        return ""
    left = int(query.open_movies(store.movie_count).sum())
    catalogue = store.movie_count if query.allowed is None else int(query.allowed.sum())
    movies = f"{catalogue:,} movie{'s' * (catalogue != 1)}"
    meeting = "" if query.allowed is None else f" that meet{'s' * (catalogue == 1)} the constraints"
    if catalogue == 0:
        return f"nothing can be recommended: no movie of {store.name} meets the constraints"
    if left == 0:
        return (
            f"nothing is left to recommend: all {movies} of {store.name}{meeting} are rated already"
        )
    short = f"only {found:,} of the {query.limit:,} asked for: "
    if found < left:
        what = "movies" if query.include_seen else "unseen movies"
        return f"{short}of {left:,} {what} of {store.name}{meeting} the others pass no filter"
    rated = catalogue - left
    seen = f", of which {rated:,} {'is' if rated == 1 else 'are'} rated already" if rated else ""
    return f"{short}{store.name} holds {movies}{meeting}{seen}"


@dataclass(frozen=True, slots=True)
class UserProfile:
    """What the engine knows of a user."""

    user_id: Id
    dataset: str
    rating_count: int
    mean_rating: float  # on the scale of the data's file where it holds stars, else 0.5 to 5
    liked_count: int
    neighbour_count: int
    preferred_era: int | None
    top_genres: dict[str, float]  # shrunken mean ratings, the best first
    recent: list[Movie]  # the newest first

    def to_dict(self) -> dict[str, Any]:
        """The profile as JSON has it."""
        return asdict(self)


def shown_rating(store: Store, stars: float) -> float:
    """Stars as the data's own file has them; those that counts and likes were made into as stars.

    A count cannot be told from its stars: they say how it stands beside the user's others.
    """
    if store.feedback is Feedback.STARS:
        return value_on_scale(stars, store.file_scale)
    return stars


def user_profile(store: Store, query: Query, recent: int) -> UserProfile:
    """What is known of the user of a query, with this many of the movies rated last."""
    preferences = query.preferences
    return UserProfile(
        user_id=store.user_ids[query.user_row],
        dataset=store.name,
        rating_count=len(query.movies),
        mean_rating=shown_rating(store, preferences.mean_rating),
        liked_count=len(query.liked),
        neighbour_count=len(query.neighbours.users),
        preferred_era=preferences.era or None,
        top_genres={
            store.genres[code]: shown_rating(store, float(preferences.genre_preference[code]))
            for code in preferences.top_genres
        },
        recent=[movie_of(store, row) for row in query.movies[::-1][:recent]],
    )
