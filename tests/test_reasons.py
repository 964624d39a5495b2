"""What contributions say in words."""

import numpy as np

from reelrecs import config, reasons
from reelrecs.pipeline.candidates import FeatureMatrix


def in_words(told: dict[str, float], history_length: int) -> list[str]:
    """What is said of one movie with these terms; another beside it, with none, changes nothing."""
    values = np.array([list(told.values()), [0.0] * len(told)], np.float32)
    said, nothing = reasons.in_words(FeatureMatrix(tuple(told), values), history_length)
    assert nothing == []
    return said


def test_a_phrase_is_said_for_what_its_terms_add_up_to() -> None:
    told = {"recent.250": 0.3, "newcomer.recent.1000": 0.3, "recent.16000.relative": 0.2}
    assert in_words(told, 5) == ["rated often lately"]
    assert in_words({**told, "recent.4000": -0.2}, 5) == []
    assert in_words({"sequence.next": 9.0, "trees": 3.0, "alternatives": -8.0}, 5) == []


def test_the_strongest_stand_first_and_few_are_said() -> None:
    told = {"recent.250": 0.8, "popularity.ratings": 3.0, "recent.alike": 2.0}
    said = in_words(told, 5)
    assert said == ["rated by many", "rated lately by people of your taste"]
    assert len(said) == config.REASON_PHRASES


def test_newcomers_are_told_where_others_begin() -> None:
    told = {"recent.at_length": 1.0}
    assert in_words(told, 0) == ["where people who just joined begin"]
    assert in_words(told, 3) == ["what people rate at this point"]


def test_every_phrase_belongs_to_a_term_that_rankers_have() -> None:
    from reelrecs.reasons import _WORDS
    from reelrecs.stages.sequence_features import COLUMNS

    assert set(_WORDS) <= set(COLUMNS)
