"""Movies like a movie: liked by the same people, and where few people say, alike in kind."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reelrecs import config
from reelrecs.kernels import co_likes
from reelrecs.kernels.content import content_similarities
from reelrecs.pipeline.candidates import Rows
from reelrecs.results import Movie, movie_of
from reelrecs.store.store import Store


@dataclass(frozen=True, slots=True)
class SimilarMovie:
    """One row of a list; the counts and genres are the case for it."""

    rank: int
    movie: Movie
    score: float  # on [0, 1]
    common_likers: int  # users who like both
    share: float  # of the asked movie's likers
    by_chance: float  # users who would like both if the two had nothing to do with each other
    shared_genres: list[str]
    years_apart: int | None  # None where a year is unknown

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON has it."""
        row = {"rank": self.rank, **asdict(self.movie), "score": self.score}
        row["explanation"] = {
            "common_likers": self.common_likers,
            "share": self.share,
            "by_chance": self.by_chance,
            "shared_genres": self.shared_genres,
            "years_apart": self.years_apart,
        }
        return row


@dataclass(frozen=True, slots=True)
class SimilarMovies:
    """The movies nearest to one, best first."""

    movie: Movie
    likers: int
    dataset: str
    items: list[SimilarMovie]

    def to_dict(self) -> dict[str, Any]:
        """The list as JSON has it."""
        return {
            "movie": self.movie.to_dict(),
            "likers": self.likers,
            "dataset": self.dataset,
            "similar": [item.to_dict() for item in self.items],
        }


def common_likers(store: Store, row: int) -> Rows:
    """[movies]: how many users like both this movie and each; its own place holds its likers.

    Time is linear in the likes of its likers.
    """
    likes = store.likes
    likers = likes.users_of(row)
    common, _ = co_likes.votes(
        likes.user_indptr,
        likes.movies,
        store.movie_count,
        likers,
        np.zeros(len(likers), np.int32),
    )
    return common


def similar_movies(store: Store, row: int, limit: int) -> SimilarMovies:
    """The movies nearest to this one, best first, ties to the smaller row.

    The score is the correlation of likes (their cosine once what chance gives is taken away, so
    that a movie is not near for being popular), shrunk by `config.SIMILAR_SHRINKAGE` common likers'
    worth of trust in the likeness of genres and era. Movies that are alike in nothing are left out.
    """
    common = common_likers(store, row)
    likers = int(common[row])
    liked = store.movie_like_counts.astype(np.float64)
    by_chance = likers * liked / store.user_count
    spread = np.sqrt(
        likers * liked * (1 - likers / store.user_count) * (1 - liked / store.user_count)
    )
    correlation = np.divide(common - by_chance, spread, out=np.zeros(len(liked)), where=spread > 0)
    kind = (
        config.SIMILAR_KIND * _content_similarity(store, row) * store.movie_popularity_percentiles
    )
    trust = config.SIMILAR_SHRINKAGE
    score = (common * correlation + trust * kind) / (common + trust)
    score[row] = 0.0
    order = np.argsort(-score, kind="stable")[:limit]
    nearest = [int(other) for other in order if score[other] > 0.0]
    mask = store.movie_genres & store.movie_genres[row]
    return SimilarMovies(
        movie_of(store, row),
        likers,
        store.name,
        [
            SimilarMovie(
                rank=place + 1,
                movie=movie_of(store, other),
                score=float(score[other]),
                common_likers=int(common[other]),
                share=float(common[other] / max(likers, 1)),
                by_chance=float(by_chance[other]),
                shared_genres=store.genre_names(int(mask[other])),
                years_apart=_years_apart(store, row, other),
            )
            for place, other in enumerate(nearest)
        ],
    )


def _content_similarity(store: Store, row: int) -> NDArray[np.float64]:
    """[movies]: Jaccard of genres and closeness of years, as the re-ranker weighs them."""
    return content_similarities(
        store.movie_genres, store.movie_years, row, config.ERA_SPAN, config.DIVERSITY_ERA_SHARE
    )


def _years_apart(store: Store, row: int, other: int) -> int | None:
    years = int(store.movie_years[row]), int(store.movie_years[other])
    return abs(years[0] - years[1]) if all(years) else None
