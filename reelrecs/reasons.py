"""Reasons in words: what the strongest contributions to a score say to a person."""

from __future__ import annotations

from collections.abc import Mapping

from reelrecs import config

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


def in_words(contributions: Mapping[str, float], history_length: int) -> list[str]:
    """A few phrases, the strongest first, for what makes a movie likely by itself.

    A phrase is said where the terms that it stands for add up to `config.TELLING_CONTRIBUTION`, on
    the scale of log chances. What single movies of the history add is told by their titles, not
    here.
    """
    strengths: dict[str, float] = {}
    for term, value in contributions.items():
        phrase = _WORDS.get(term.removeprefix("newcomer.").removesuffix(".relative"))
        if phrase == _NEXT and history_length == 0:
            phrase = _BEGIN
        if phrase is not None:
            strengths[phrase] = strengths.get(phrase, 0.0) + value
    told = [phrase for phrase in strengths if strengths[phrase] >= config.TELLING_CONTRIBUTION]
    return sorted(told, key=lambda phrase: -strengths[phrase])[: config.REASON_PHRASES]
