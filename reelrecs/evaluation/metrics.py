"""Metrics of ranked lists, per user, so that two systems can be compared pair by pair."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reelrecs.evaluation.splits import Split
from reelrecs.kernels.genres import genre_matrix
from reelrecs.kernels.inequality import gini
from reelrecs.store.store import Store

MISSED = np.iinfo(np.int64).max
"""Rank of a movie that the system did not rank at all."""

Floats = NDArray[np.float64]


def ranks_of(
    scores: Floats, target_rows: NDArray[np.int64], targets: NDArray[np.int32]
) -> NDArray[np.int64]:
    """The rank (1 = best) of targets[i] among scores[target_rows[i]], ties against us.

    Movies with -inf are not ranked; a target among them is MISSED. Needs a second block of the
    size of `scores` and no more, however many targets there are.
    """
    at = scores[target_rows, targets]
    ordered = np.sort(scores, axis=1)
    below = [
        int(np.searchsorted(ordered[row], score))
        for row, score in zip(target_rows, at, strict=True)
    ]
    return np.where(np.isneginf(at), MISSED, scores.shape[1] - np.array(below, np.int64))


def ranks_in_lists(
    lists: NDArray[np.int32], target_rows: NDArray[np.int64], targets: NDArray[np.int32]
) -> NDArray[np.int64]:
    """The place (1 = first) of targets[i] in lists[target_rows[i]]; MISSED where it is not."""
    found = lists[target_rows] == targets[:, None]
    return np.where(found.any(axis=1), found.argmax(axis=1) + 1, MISSED)


def accuracy(split: Split, ranks: NDArray[np.int64], k: int) -> dict[str, Floats]:
    """Per user of the split: HR, NDCG, Recall, AP at k and the first hit's reciprocal rank.

    With several targets a user, earlier targets push later ones down as in any full ranking: the
    ranks are over all unseen movies, targets included.
    """
    users = len(split.users)
    owner = np.repeat(np.arange(users), np.diff(split.indptr))
    wanted = np.diff(split.indptr).astype(np.float64)
    hit = ranks <= k
    discount = np.where(hit, 1 / np.log2(1 + np.minimum(ranks, k)), 0.0)
    ideal = np.cumsum(1 / np.log2(2 + np.arange(k)))
    hits = np.bincount(owner, hit, users)
    first = np.full(users, np.inf)
    np.minimum.at(first, owner, np.where(ranks == MISSED, np.inf, ranks.astype(np.float64)))
    capped = np.minimum(wanted, k)
    return {
        f"HR@{k}": (hits > 0).astype(np.float64),
        f"NDCG@{k}": np.bincount(owner, discount, users) / ideal[capped.astype(int) - 1],
        f"Recall@{k}": hits / wanted,
        "MRR": 1 / first,
        f"MAP@{k}": _average_precision(owner, ranks, hit, users) / capped,
    }


def _average_precision(
    owner: NDArray[np.int64], ranks: NDArray[np.int64], hit: NDArray[np.bool_], users: int
) -> Floats:
    order = np.lexsort((ranks, owner))
    order = order[hit[order]]
    owners = owner[order]
    starts = np.searchsorted(owners, owners, "left")
    nth = np.arange(len(order)) - starts + 1
    return np.bincount(owners, nth / ranks[order], users).astype(np.float64)


def list_quality(
    train: Store, users: NDArray[np.int32], lists: NDArray[np.int32]
) -> dict[str, Floats]:
    """Per user, for lists [users, k] of movie rows (-1 = none): novelty, diversity, calibration.

    Novelty is the mean self-information -log2(share of users who rated it) (Vargas & Castells
    2011), diversity the mean pairwise Jaccard distance of genres, calibration the Kullback-Leibler
    divergence of the list's genre mix from the history's (Steck 2018; 0 is best).
    """
    genre_bits = genre_matrix(train.movie_genres, len(train.genres))
    present = lists >= 0
    safe = np.where(present, lists, 0)
    counts = present.sum(axis=1)
    information = -np.log2(np.maximum(train.movie_rating_counts, 1) / train.user_count)
    novelty = (information[safe] * present).sum(axis=1) / np.maximum(counts, 1)
    mix = genre_bits / np.maximum(genre_bits.sum(axis=1, keepdims=True), 1)
    diversity, calibration = np.zeros(len(users)), np.zeros(len(users))
    for place, user in enumerate(users):
        movies = lists[place][present[place]]
        diversity[place] = _mean_distance(genre_bits[movies])
        history = mix[train.by_user.movies[train.by_user.row(user)]].mean(axis=0)
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
