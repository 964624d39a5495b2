"""Which movies of a history brought a candidate its sequence scores, as shares of the whole.

Votes and item-to-item scores are sums over the movies of the history, so each has its part. The
Markov chain's state is one as well, but of vectors: its parts cancel, and are not told.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from reelrecs.pipeline.candidates import FeatureMatrix, Floats, Rows
from reelrecs.pipeline.query import Query
from reelrecs.stages.sequence_model import SequenceModel


def watched_shares(
    model: SequenceModel, query: Query, movies: Rows, terms: FeatureMatrix
) -> tuple[Rows, Floats]:
    """The last movies, newest first, and [movies, last] what each argues by the order of watching.

    The part of each in the votes, the next-item ridge and the co-occurrence of a movie, each
    weighed by what it gave to the score; the parts of all movies of the history add up to 1, and
    are 0 where none of the three spoke for the movie.
    """
    reach, history = model.settings.reach, query.movies[::-1]
    last = history[: model.settings.votes.anchors]
    gave = {
        "sequence": model.anchor_votes(query, movies),
        "model.next_item": _decayed(
            model.entries("next_item", history[: reach.next_item_rows], movies),
            reach.next_item_decay,
        ),
        "model.co_occurrence": _decayed(
            model.entries("co_occurrence", history[: reach.co_occurrence_rows], movies),
            reach.co_occurrence_decay,
        ),
    }
    return last, _weighed(gave, terms, len(last))


def history_shares(
    model: SequenceModel, query: Query, movies: Rows, terms: FeatureMatrix
) -> tuple[Rows, Floats]:
    """The history, newest first, and [movies, history] what each argues in whatever order.

    That is its part in EASE's score of a movie; the parts add up to 1, or are 0 where EASE did not
    speak for the movie.
    """
    history = query.movies[::-1][: model.settings.reach.ease_rows]
    gave = {"model.ease": model.entries("ease", history, movies)}
    return history, _weighed(gave, terms, len(history))


def contributed(terms: FeatureMatrix, name: str) -> Floats:
    """[rows]: what all terms of this name, and those below it, gave to each score together."""
    total: Floats = terms.values[:, _places(terms.columns, name)].sum(axis=1)
    return total


@lru_cache(maxsize=64)  # a model's columns are the same for every request
def _places(columns: tuple[str, ...], name: str) -> list[int]:
    return [
        place for place, term in enumerate(columns) if term == name or term.startswith(f"{name}.")
    ]


def _decayed(entries: Floats, decay: float) -> Floats:
    weights = np.float32(decay) ** np.arange(entries.shape[1], dtype=np.float32)
    return entries * weights


def _weighed(gave: Mapping[str, Floats], terms: FeatureMatrix, count: int) -> Floats:
    """[rows, count]: shares of several parts, weighed by what each gave to the score if it did."""
    shares = np.zeros((len(terms.values), count), np.float32)
    total = np.zeros(len(terms.values), np.float32)
    for name, parts in gave.items():
        weight = np.maximum(contributed(terms, name), 0.0)
        positive = np.maximum(parts, 0.0)
        whole = positive.sum(axis=1)
        weight = np.where(whole > 0.0, weight, 0.0)
        shares[:, : parts.shape[1]] += (
            weight[:, None] * positive[:, :count] / np.where(whole > 0.0, whole, 1.0)[:, None]
        )
        total += weight
    shares /= np.where(total > 0.0, total, np.float32(1.0))[:, None]
    return shares
