"""Candidates are checked when they are made: types, shapes, one row each."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from reelrecs.errors import StageError
from reelrecs.pipeline.candidates import Candidates, FeatureMatrix

ROWS = np.array([5, 2, 9], np.int32)
ONES = np.ones((3, 1), np.float32)


def test_candidates_without_channels_can_be_cut() -> None:
    cut = Candidates(ROWS).take(np.array([2, 0]))
    assert cut.movies.tolist() == [9, 5]
    assert cut.retrieval_scores.shape == (2, 0)


def test_an_empty_batch_keeps_its_channels() -> None:
    nothing = Candidates.empty(("a.x", "a.y"))
    assert len(nothing) == 0
    assert nothing.channels == ("a.x", "a.y")
    assert nothing.retrieval_scores.shape == (0, 2)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Candidates(ROWS.astype(np.int64)), "movies: int64 .* must be int32"),
        (lambda: Candidates(ROWS[:, None]), r"movies: int32 of shape \(3, 1\) must be"),
        (lambda: Candidates([5, 2, 9]), "movies: a list is no array"),
        (lambda: Candidates(np.int32(5)), "movies: a int32 is no array"),
        (lambda: Candidates(ROWS, ("a.x",)), r"retrieval_scores: .* of shape \(3, 1\)"),
        (lambda: Candidates(ROWS, (), ONES), r"retrieval_scores: .* of shape \(3, 0\)"),
        (lambda: Candidates(ROWS, ("a.x",), ONES[:, 0]), r"retrieval_scores: .* \(3,\) must be"),
        (lambda: Candidates(ROWS, ("a.x",), ONES.astype(float)), "float64 .* must be float32"),
        (lambda: Candidates(ROWS, scores=np.ones(2, np.float32)), r"scores: .* of shape \(3,\)"),
        (lambda: Candidates(ROWS, scores=ONES), r"scores: .* of shape \(3,\)"),
        (lambda: FeatureMatrix(("a", "b"), ONES), r"must be float32 of shape \(3, 2\)"),
        (lambda: FeatureMatrix(("a",), ONES.astype(np.int32)), "int32 .* must be float32"),
        (
            lambda: replace(Candidates(ROWS), terms=FeatureMatrix(("a",), ONES[:2])),
            r"features and terms: .* \(2, 1\) must be",
        ),
    ],
)
def test_arrays_that_cannot_be_are_refused_in_one_line(
    make: Callable[[], object], said: str
) -> None:
    with pytest.raises(StageError, match=said) as caught:
        make()
    assert "\n" not in str(caught.value)
