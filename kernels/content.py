"""How alike two movies are by what they are: genres as bits of a word, and years."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reelrecs.kernels.arrays import Doubles, Words, Years
from reelrecs.kernels.genres import bit_count
from reelrecs.kernels.jit import inlined, kernel


def content_similarities(
    genres: NDArray[np.uint64],
    years: NDArray[np.int16],
    row: int,
    era_span: float,
    era_share: float,
) -> NDArray[np.float64]:
    """[movies]: the similarity of each movie to that of `row`; see `content_similarity`."""
    similarities = np.empty(len(genres))
    _content_similarities(genres, years, row, float(era_span), era_share, similarities)
    return similarities


@inlined
def jaccard(
    one: np.uint64,
    other: np.uint64,
) -> float:
    """Share of the genres of either word that both hold; 0 where there are none."""
    either = bit_count(one | other)
    if either == 0:
        return 0.0
    return bit_count(one & other) / either


@inlined
def year_closeness(
    one: int,
    other: int,
    span: float,
) -> float:
    """1 for the same year, falling to 0 at `span` years apart; 0 where a year is unknown (0)."""
    away = abs(np.int64(one) - np.int64(other))
    if one == 0 or other == 0 or away >= span:
        return 0.0
    return 1.0 - away / span


@inlined
def content_similarity(
    genres: np.uint64,
    other_genres: np.uint64,
    year: int,
    other_year: int,
    era_span: float,
    era_share: float,
) -> float:
    """On [0, 1]: Jaccard of the genres, `era_share` of it replaced by closeness of the years."""
    alike = (1.0 - era_share) * jaccard(genres, other_genres)
    return alike + era_share * year_closeness(year, other_year, era_span)


@kernel
def _content_similarities(
    genres: Words,
    years: Years,
    row: int,
    era_span: float,
    era_share: float,
    similarities: Doubles,
) -> None:
    for movie in range(len(genres)):
        similarities[movie] = content_similarity(
            genres[movie], genres[row], years[movie], years[row], era_span, era_share
        )
