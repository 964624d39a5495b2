"""Why a movie is recommended: the terms, who found it, which liked movies argue for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from reelrecs import config
from reelrecs.kernels.explain import co_like_cosine
from reelrecs.pipeline.candidates import Candidates
from reelrecs.pipeline.query import Query
from reelrecs.results import Reason, movie_of
from reelrecs.stages.sequence_model import SequenceModel
from reelrecs.store.store import Store


def explain(
    store: Store, query: Query, ranked: Candidates, sequence: SequenceModel | None = None
) -> list[Reason]:
    """One reason per ranked candidate, in the same order.

    With `sequence` it also names the movies just watched that lead there.
    """
    if ranked.terms is None:
        raise ValueError("only scored candidates can be explained")
    liked = np.unique(query.liked[-config.SUPPORTING_LIKES :])
    arguments = co_like_cosine(
        store.likes.movie_indptr,
        store.likes.users,
        store.user_count,
        ranked.movies,
        liked,
    )
    watched, leads = np.zeros(0, np.int32), np.zeros((len(ranked), 0), np.float32)
    if sequence is not None:
        watched, leads = sequence.just_watched(query, ranked.movies)
    return [
        Reason(
            contributions=_named(ranked.terms.columns, ranked.terms.values[row]),
            found_by={
                channel: float(retrieval_scores)
                for channel, retrieval_scores in zip(
                    ranked.channels, ranked.retrieval_scores[row], strict=True
                )
                if retrieval_scores > 0
            },
            similar_users=int(query.neighbours.likes[ranked.movies[row]]),
            because_you_liked=[
                movie_of(store, movie) for movie in _strongest(arguments[row], liked)
            ],
            because_you_watched=[
                movie_of(store, movie) for movie in _strongest(leads[row], watched)
            ],
        )
        for row in range(len(ranked))
    ]


def _named(columns: Sequence[str], values: Any) -> dict[str, float]:
    return {column: float(value) for column, value in zip(columns, values, strict=True)}


def _strongest(arguments: Any, liked: Any) -> list[int]:
    order = np.lexsort((liked, -arguments))[: config.REASON_MOVIES]
    return [int(liked[at]) for at in order if arguments[at] > 0]
