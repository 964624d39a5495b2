"""Metrics of ranked lists, per user, so that two systems can be compared pair by pair."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from reelrecs.evaluation.questions import Questions
from reelrecs.kernels.genres import genre_matrix
from reelrecs.kernels.inequality import gini
from reelrecs.store.columns import owners_of
from reelrecs.store.store import Store

MISSED = np.iinfo(np.int64).max
"""Rank of a movie that the system did not rank at all."""

SORT_FROM = 32
"""Targets of one row from which on sorting the row is cheaper than counting for each."""

Floats = NDArray[np.float64]


def ranks_of(
    scores: Floats, target_rows: NDArray[np.int64], targets: NDArray[np.int32]
) -> NDArray[np.int64]:
    """The rank (1 = best) of targets[i] among scores[target_rows[i]], ties against us.

    Movies with -inf are not ranked; a target among them is MISSED.
    """
    at = scores[target_rows, targets]
    ahead = np.empty(len(at), np.int64)
    wanted = np.bincount(target_rows, minlength=len(scores))
    for row in np.flatnonzero(wanted):
        asked = np.flatnonzero(target_rows == row)
        if wanted[row] < SORT_FROM:
            ahead[asked] = [np.count_nonzero(scores[row] >= at[one]) for one in asked]
        else:
            ordered = np.sort(scores[row])
            ahead[asked] = len(ordered) - np.searchsorted(ordered, at[asked])
    return np.where(np.isneginf(at), MISSED, ahead)


def ranks_in_lists(
    lists: NDArray[np.int32], target_rows: NDArray[np.int64], targets: NDArray[np.int32]
) -> NDArray[np.int64]:
    """The place (1 = first) of targets[i] in lists[target_rows[i]]; MISSED where it is not."""
    found = lists[target_rows] == targets[:, None]
    return np.where(found.any(axis=1), found.argmax(axis=1) + 1, MISSED)


def accuracy(indptr: NDArray[np.int64], ranks: NDArray[np.int64], k: int) -> dict[str, Floats]:
    """Per question: HR, NDCG, Recall, AP at k and the first hit's reciprocal rank.

    `indptr` [questions + 1] says whose the ranks are. HR is any hit, Recall the share of targets
    that are among the k. With several targets a question, earlier ones push later ones down as in
    any full ranking: the ranks are over all unseen movies, targets included.
    """
    questions = len(indptr) - 1
    owner = owners_of(indptr)
    wanted = np.diff(indptr).astype(np.float64)
    hit = ranks <= k
    discount = np.where(hit, 1 / np.log2(1 + np.minimum(ranks, k)), 0.0)
    ideal = np.cumsum(1 / np.log2(2 + np.arange(k)))
    hits = np.bincount(owner, hit, questions)
    first = np.full(questions, np.inf)
    np.minimum.at(first, owner, np.where(ranks == MISSED, np.inf, ranks.astype(np.float64)))
    capped = np.minimum(wanted, k)
    return {
        f"HR@{k}": (hits > 0).astype(np.float64),
        f"NDCG@{k}": np.bincount(owner, discount, questions) / ideal[capped.astype(int) - 1],
        f"Recall@{k}": hits / wanted,
        "MRR": 1 / first,
        f"MAP@{k}": _average_precision(owner, ranks, hit, questions) / capped,
    }


def _average_precision(
    owner: NDArray[np.int64], ranks: NDArray[np.int64], hit: NDArray[np.bool_], questions: int
) -> Floats:
    order = np.lexsort((ranks, owner))
    order = order[hit[order]]
    owners = owner[order]
    starts = np.searchsorted(owners, owners, "left")
    nth = np.arange(len(order)) - starts + 1
    return np.bincount(owners, nth / ranks[order], questions).astype(np.float64)


def by_user(named: dict[str, Floats], owners: NDArray[np.int64]) -> dict[str, Floats]:
    """The mean over each user's questions, so that those who ask often do not decide."""
    count = np.bincount(owners)
    return {name: np.bincount(owners, values) / count for name, values in named.items()}


def joined(blocks: Sequence[dict[str, Floats]]) -> dict[str, Floats]:
    """The figures of all blocks one after another."""
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def list_quality(train: Store, questions: Questions, lists: NDArray[np.int32]) -> dict[str, Floats]:
    """Per question, for lists [q, k] of movie rows (-1 = none): novelty, diversity, calibration.

    Novelty is the mean self-information -log2(share of users who rated it) (Vargas & Castells
    2011), diversity the mean pairwise Jaccard distance of genres, calibration the Kullback-Leibler
    divergence of the list's genre mix from the history's (Steck 2018; 0 is best, and what an empty
    history has).
    """
    genre_bits = genre_matrix(train.movie_genres, len(train.genres))
    present = lists >= 0
    safe = np.where(present, lists, 0)
    counts = present.sum(axis=1)
    information = -np.log2(np.maximum(train.movie_rating_counts, 1) / train.user_count)
    novelty = (information[safe] * present).sum(axis=1) / np.maximum(counts, 1)
    mix = genre_bits / np.maximum(genre_bits.sum(axis=1, keepdims=True), 1)
    diversity, calibration = np.zeros(len(lists)), np.zeros(len(lists))
    for place in range(len(lists)):
        movies = lists[place][present[place]]
        diversity[place] = _mean_distance(genre_bits[movies])
        watched = questions.movies[questions.history(place)]
        if len(watched) == 0:
            continue
        history = mix[watched].mean(axis=0)
        listed = mix[movies].mean(axis=0) if len(movies) else np.zeros_like(history)
        calibration[place] = _divergence(history, listed)
    return {"novelty": novelty, "diversity": diversity, "calibration": calibration}


def catalogue_use(train: Store, lists: NDArray[np.int32]) -> dict[str, float]:
    """Coverage (share of rated movies that anybody is shown) and popularity bias (Gini)."""
    shown = np.bincount(lists[lists >= 0], minlength=train.movie_count)
    shown = shown[train.movie_rating_counts > 0]
    return {"coverage": float((shown > 0).mean()), "Gini": gini(shown)}


def _mean_distance(bits: Floats) -> float:
    n = len(bits)
    if n < 2:
        return 0.0
    common = bits @ bits.T
    sizes = bits.sum(axis=1)
    union = sizes[:, None] + sizes[None, :] - common
    similarity = np.divide(common, union, out=np.ones_like(common), where=union > 0)
    return float(1 - (similarity.sum() - np.trace(similarity)) / (n * (n - 1)))


SMOOTHING = 0.01
"""Share of the history's mix weighed into the list's, so that a divergence stays finite (Steck)."""


def _divergence(history: Floats, listed: Floats) -> float:
    mixed = (1 - SMOOTHING) * listed + SMOOTHING * history
    some = history > 0
    return float((history[some] * np.log2(history[some] / mixed[some])).sum())
