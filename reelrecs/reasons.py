"""Reasons in words: what the strongest contributions to a score say to a person."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from reelrecs import config
from reelrecs.pipeline.candidates import FeatureMatrix

_LATELY = "rated often lately"
_ALIKE = "rated lately by people of your taste"
_BEGIN = "where people who just joined begin"
_NEXT = "what people rate at this point"
_MANY = "rated by many"
_GENRES = "of the genres of your last movies"
_YEARS = "of the years of your last movies"

_WORDS = {
    **{f"recent.{window}": _LATELY for window in config.RECENT_WINDOWS},
    "popularity.recent": _LATELY,
    "recent.alike": _ALIKE,
    "recent.at_length": _NEXT,
    "popularity.ratings": _MANY,
    "popularity.by_history_length": _MANY,
    "recent_profile.genres": _GENRES,
    "recent_profile.years": _YEARS,
}
"""What a term says, by its name; names of relative terms and those of newcomers are told alike."""


def in_words(terms: FeatureMatrix, history_length: int) -> list[list[str]]:
    """For each row a few phrases, the strongest first, for what makes it likely by itself.

    A phrase is said where the terms that it stands for add up to `config.TELLING_CONTRIBUTION`, on
    the scale of log chances. What single movies of the history add is told by their titles, not
    here.
    """
    phrases, belongs = _phrases_of(terms.columns)
    strengths = terms.values.astype(np.float64) @ belongs
    order = np.argsort(-strengths, axis=1, kind="stable")[:, : config.REASON_PHRASES]
    told = np.take_along_axis(strengths, order, axis=1) >= config.TELLING_CONTRIBUTION
    if history_length == 0:
        phrases = [_BEGIN if phrase == _NEXT else phrase for phrase in phrases]
    return [
        [phrases[place] for place in places[said].tolist()]
        for places, said in zip(order, told, strict=True)
    ]


@lru_cache(maxsize=16)  # a model's columns are the same for every request
def _phrases_of(columns: tuple[str, ...]) -> tuple[list[str], NDArray[np.float64]]:
    """The phrases of some terms, and [terms, phrases] 1 where a term belongs to one."""
    of_terms = [
        _WORDS.get(term.removeprefix("newcomer.").removesuffix(".relative")) for term in columns
    ]
    phrases = list(dict.fromkeys(phrase for phrase in of_terms if phrase is not None))
    belongs = [[float(phrase == one) for one in phrases] for phrase in of_terms]
    return phrases, np.array(belongs).reshape(len(columns), len(phrases))
