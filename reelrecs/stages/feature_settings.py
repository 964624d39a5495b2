"""Numbers that a trained ranker's columns depend on; a model carries those it was trained with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from reelrecs import config
from reelrecs.kernels.sequence_knn import SequenceSettings
from reelrecs.stages.markov_chain import DECAYS

MOST = 100_000
"""No count and no decay is larger: what a damaged file asks for must not fill the memory."""


class Reach(NamedTuple):
    """How far back the item-to-item models look, and what each step back weighs."""

    next_item_decay: float = config.NEXT_ITEM_DECAY
    next_item_rows: int = config.NEXT_ITEM_ROWS
    ease_rows: int = config.EASE_ROWS
    co_occurrence_decay: float = config.CO_OCCURRENCE_ANCHOR_DECAY
    co_occurrence_rows: int = config.CO_OCCURRENCE_ROWS


class FeatureSettings(NamedTuple):
    """Settings of `SequenceModel` and `SequenceFeatures`."""

    votes: SequenceSettings = SequenceSettings()
    reach: Reach = Reach()
    chain_decays: tuple[float, ...] = tuple(DECAYS.tolist())
    similarity_movies: int = config.SIMILARITY_MOVIES
    recent_users: int = config.RECENT_USERS
    recent_profile_movies: int = config.RECENT_PROFILE_MOVIES
    recent_profile_genre_decay: float = config.RECENT_PROFILE_GENRE_DECAY
    recent_profile_year_decay: float = config.RECENT_PROFILE_YEAR_DECAY

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON has them; `settings_of` reads them back."""
        return self._asdict() | {"votes": self.votes._asdict(), "reach": self.reach._asdict()}


def settings_of(named: Mapping[str, Any]) -> FeatureSettings:
    """Read settings; raises ValueError unless it is these very fields, all possible values."""
    usual = FeatureSettings()
    decays = tuple(_number(0.0, decay) for decay in named["chain_decays"])
    if len(decays) != len(usual.chain_decays):
        raise ValueError(f"{len(decays)} decays, not {len(usual.chain_decays)}")
    parts: dict[str, Any] = {
        "votes": SequenceSettings(*_numbers(usual.votes, named["votes"])),
        "reach": Reach(*_numbers(usual.reach, named["reach"])),
        "chain_decays": decays,
    }
    rest = {name: value for name, value in named.items() if name not in parts}
    plain = {name: value for name, value in usual._asdict().items() if name not in parts}
    if set(rest) != set(plain):
        raise ValueError(f"settings {', '.join(named)}")
    return FeatureSettings(
        **parts | {name: _number(value, rest[name]) for name, value in plain.items()}
    )


def _numbers(usual: Any, named: Mapping[str, Any]) -> list[Any]:
    """The named numbers in the order of a NamedTuple's fields; all of them, and no others."""
    if set(named) != set(usual._fields):
        raise ValueError(f"{type(usual).__name__} {', '.join(named)}")
    return [_number(value, named[name]) for name, value in usual._asdict().items()]


def _number(usual: float, value: Any) -> float:
    """The value, of the type of the usual one: a count of at least 1, or a number not below 0."""
    number = type(usual)(value)
    least = 0.0 if isinstance(usual, float) else 1
    if number != value or not least <= number <= MOST:
        raise ValueError(f"{value} in place of {usual}")
    return number
