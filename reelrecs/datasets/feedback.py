"""What the numbers of a ratings file mean, and how each kind becomes stars from 0.5 to 5.

Stages compute with stars alone, and "liked" is `config.LIKED_FROM` stars or more for every kind:

    stars    the file's scale is laid linearly onto 0.5 to 5
    likes    liked is 5 stars, not liked is 1
    counts   3.5 to 4 below the user's own median count, 4 to 5 from it on, by the logarithm
    none     every row is an interaction of unknown rating: UNRATED_STARS
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from reelrecs import config


class Feedback(StrEnum):
    """What one number of a ratings file says."""

    STARS = "stars"
    LIKES = "likes"
    COUNTS = "counts"
    NONE = "none"


LOWEST_STARS, HIGHEST_STARS = 0.5, 5.0
MOVIELENS_SCALE = (LOWEST_STARS, HIGHEST_STARS)
"""The scale on which every stage computes."""

UNRATED_STARS = config.LIKED_FROM
"""Stars of an interaction that nobody rated: what people take, they mostly like, and a list for
somebody of whom only that is known must not be empty."""

LIKED_STARS, DISLIKED_STARS = 5.0, 1.0
"""What a like and its opposite count as."""

LEAST_COUNT_STARS = 3.5
"""What the smallest count comes near to: whoever came once did not dislike it."""

COUNTS_FULL = 100.0
"""Times the user's own median count from which a count says no more: five stars."""


def stars_of_scale(values: NDArray[np.float32], scale: tuple[float, float]) -> NDArray[np.float32]:
    """Numbers on a file's scale as stars; MovieLens' own stay the same bits."""
    if scale == MOVIELENS_SCALE:
        return values
    lowest, highest = scale
    factor = (HIGHEST_STARS - LOWEST_STARS) / (highest - lowest)
    return (LOWEST_STARS + (values.astype(np.float64) - lowest) * factor).astype(np.float32)


def value_on_scale(stars: float, scale: tuple[float, float]) -> float:
    """Stars as the number of the file's scale that they stand for."""
    if scale == MOVIELENS_SCALE:
        return stars
    lowest, highest = scale
    return lowest + (stars - LOWEST_STARS) * (highest - lowest) / (HIGHEST_STARS - LOWEST_STARS)


def stars_of(
    values: NDArray[np.float32], feedback: Feedback, scale: tuple[float, float]
) -> NDArray[np.float32]:
    """One person's numbers of a kind of feedback as stars."""
    if feedback is Feedback.LIKES:
        return stars_of_likes(values)
    if feedback is Feedback.COUNTS:
        return stars_of_counts(values, np.zeros(len(values), np.int32))
    if feedback is Feedback.NONE:
        return np.full(len(values), UNRATED_STARS, np.float32)
    return stars_of_scale(values, scale)


def stars_of_likes(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Stars of thumbs: above 0 is liked."""
    return np.where(values > 0, LIKED_STARS, DISLIKED_STARS).astype(np.float32)


def stars_of_counts(counts: NDArray[np.float32], owners: NDArray[np.int32]) -> NDArray[np.float32]:
    """Stars of counts above 0, each beside the median of its owner's own [same length].

    Monotone in the count for each owner, and no one count moves another's stars by more than it
    moves the median. The lower of two medians, so that everybody likes at least half.
    """
    if len(counts) == 0:
        return np.zeros(0, np.float32)
    order = np.lexsort((counts, owners))
    starts = np.flatnonzero(np.diff(owners[order], prepend=-1))
    lengths = np.diff(starts, append=len(order))
    medians = np.empty(int(owners.max()) + 1, np.float32)
    medians[owners[order[starts]]] = counts[order[starts + (lengths - 1) // 2]]
    median = medians[owners].astype(np.float64)
    of_median = np.log1p(counts) / np.log1p(median)
    below = LEAST_COUNT_STARS + (config.LIKED_FROM - LEAST_COUNT_STARS) * of_median
    above = np.log(np.maximum(counts / median, 1.0)) / np.log(COUNTS_FULL)
    liked = config.LIKED_FROM + (HIGHEST_STARS - config.LIKED_FROM) * np.minimum(above, 1.0)
    just_below = np.nextafter(np.float32(config.LIKED_FROM), np.float32(0))
    stars = np.where(counts >= median, liked, np.minimum(below, just_below))
    return stars.astype(np.float32)
