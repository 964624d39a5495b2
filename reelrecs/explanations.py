"""Why a movie is recommended: what gave it its score, and which movies of the user's speak for it.

Only what had a part in the score is a cause, and a movie of the user's is named only where it
speaks for this recommendation more than for any other: what all recommendations share says nothing
of one of them. What is merely true of a movie is `related`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reelrecs import config
from reelrecs.kernels.co_likes import common_likes
from reelrecs.pipeline.candidates import Candidates, FeatureMatrix, Floats, Rows
from reelrecs.pipeline.query import CoLikeNeighbours, Query
from reelrecs.reasons import in_words
from reelrecs.results import Movie, Reason, Related, movie_of
from reelrecs.stages.sequence_attribution import contributed, history_shares, watched_shares
from reelrecs.stages.sequence_model import SequenceModel
from reelrecs.stages.user_context import neighbours_of
from reelrecs.store.store import Store

LOG_CHANCE, POINTS = "log chance to be the next movie", "points, at most 1"
"""What contributions and their total are measured in: with a learned ranker, and with fixed
weights."""

NEIGHBOURS_TERM = "collaborative"
"""The term by which a score counts the neighbours that like a movie."""


def explain(
    store: Store, query: Query, ranked: Candidates, sequence: SequenceModel | None = None
) -> list[Reason]:
    """One reason per ranked candidate, in the same order.

    `sequence` is the model whose columns the scorer was given, if it was.
    """
    if ranked.terms is None or ranked.scores is None:
        raise ValueError("only scored candidates can be explained")
    watched, liked = _nothing(len(ranked)), _nothing(len(ranked))
    words: list[list[str]] = [[] for _ in range(len(ranked))]
    if sequence is not None:
        words = in_words(ranked.terms, len(query.movies))
    counts_neighbours = NEIGHBOURS_TERM in ranked.terms.columns
    neighbours = query.neighbours if counts_neighbours else _close_neighbours(store, query)
    if counts_neighbours:
        liked = _by_neighbours(store, query, ranked.movies, ranked.terms)
    elif sequence is not None:
        watched, liked = _by_sequence(sequence, query, ranked.movies, ranked.terms)
    reasons = []
    for row, (movie, total) in enumerate(
        zip(ranked.movies.tolist(), ranked.scores.tolist(), strict=True)
    ):
        fans = int(neighbours.likes[movie])
        reasons.append(
            Reason(
                contributions=_named(ranked.terms.columns, ranked.terms.values[row]),
                total=total,
                scale=LOG_CHANCE if sequence is not None else POINTS,
                in_words=words[row],
                found_by={
                    channel: strength
                    for channel, strength in _named(
                        ranked.channels, ranked.retrieval_scores[row]
                    ).items()
                    if strength > 0
                },
                similar_users=fans if counts_neighbours else None,
                because_you_liked=_movies(store, liked[row]),
                because_you_watched=_movies(store, watched[row]),
                related=None if counts_neighbours else Related(fans),
            )
        )
    return reasons


def _by_neighbours(
    store: Store, query: Query, movies: Rows, terms: FeatureMatrix
) -> list[list[int]]:
    """For each movie the liked ones that the neighbours who like it like beyond chance.

    The overlap that the term adds up is a sum over the user's likes, of which each has the part
    counted here. A part is told against what it would be if the neighbours who like one movie were
    any of the neighbours, in standard deviations.
    """
    liked = np.unique(query.liked[-config.SUPPORTING_LIKES :])
    people = query.neighbours.users
    likes = store.likes
    both = common_likes(
        likes.user_indptr, likes.movies, store.movie_count, people, movies, liked
    ).astype(np.float64)
    own, other = query.neighbours.likes[movies][:, None], query.neighbours.likes[liked]
    among = max(len(people), 1)
    by_chance = own * other / among
    spread = np.sqrt(by_chance * (1 - own / among) * (1 - other / among))
    excess = np.divide(both - by_chance, spread, out=np.zeros_like(both), where=spread > 0)
    excess[(contributed(terms, NEIGHBOURS_TERM) <= 0)] = 0.0
    return _strongest(excess, liked, config.REASON_DEVIATIONS)


def _by_sequence(
    model: SequenceModel, query: Query, movies: Rows, terms: FeatureMatrix
) -> tuple[list[list[int]], list[list[int]]]:
    """For each movie the last ones, and other liked ones, with at least an equal share in it."""
    last, shares = watched_shares(model, query, movies, terms)
    equal = 1 / max(len(last), 1)
    watched = _strongest(shares, last, equal)
    history, in_any_order = history_shares(model, query, movies, terms)
    liked = np.zeros(model.store.movie_count, np.bool_)
    liked[query.liked] = True
    in_any_order[:, ~liked[history]] = 0.0
    in_any_order[:, : len(last)][shares >= equal] = 0.0  # named already: last heads the history
    return watched, _strongest(in_any_order, history, 1 / max(len(history), 1))


def _close_neighbours(store: Store, query: Query) -> CoLikeNeighbours:
    """Who likes what the user likes, told by the likes that fewest share, in bounded time."""
    counts = store.movie_like_counts[query.liked]
    rarest = np.argsort(counts, kind="stable")
    within = np.cumsum(counts[rarest], dtype=np.int64) <= config.RELATED_LIKERS
    return neighbours_of(store, query.liked[rarest[within]], query.user_row)


def _strongest(strength: Floats, movies: Rows, least: float) -> list[list[int]]:
    """For each row the movies of at least that strength above 0, a few, the strongest first.

    Ties go to the smaller movie row.
    """
    by_row = np.argsort(movies)
    movies, strength = movies[by_row], strength[:, by_row]
    order = np.argsort(-strength, axis=1, kind="stable")[:, : config.REASON_MOVIES]
    chosen = np.take_along_axis(strength, order, axis=1)
    good = (chosen >= least) & (chosen > 0)
    return [movies[places[keep]].tolist() for places, keep in zip(order, good, strict=True)]


def _nothing(rows: int) -> list[list[int]]:
    return [[] for _ in range(rows)]


def _movies(store: Store, rows: Sequence[int]) -> list[Movie]:
    return [movie_of(store, row) for row in rows]


def _named(columns: Sequence[str], values: Floats) -> dict[str, float]:
    return dict(zip(columns, values.tolist(), strict=True))
