"""What a retrieval channel draws: the best that are allowed, and all that tie with the last."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.kernels.sequence_knn import SequenceSettings
from reelrecs.kernels.sequence_retrieval import draw_best
from reelrecs.kernels.sequence_world import workspace
from tests.compiled import entry

_draw_best = entry(draw_best)


@given(
    st.lists(st.tuples(st.integers(-2, 9), st.booleans()), min_size=1, max_size=40),
    st.integers(1, 12),
    st.integers(0, 11),
    st.sampled_from([0.0, -np.inf]),
)
def test_the_best_are_drawn_with_all_that_tie(
    levels: list[tuple[int, bool]], most: int, channel: int, least: float
) -> None:
    room = workspace(len(levels), 1, 1, SequenceSettings(), 1).drawing
    scores = np.array([level for level, _ in levels], np.float32)
    room.barred[:] = [barred for _, barred in levels]
    room.chosen[:] = 1 << 12
    best = _draw_best(scores, np.float32(least), most, channel, room)
    may = [score for score, barred in zip(scores, room.barred, strict=True) if not barred]
    ranked = sorted((score for score in may if score > least), reverse=True)
    bound = ranked[min(most, len(ranked)) - 1] if ranked else np.inf
    wanted = (scores >= bound) & ~room.barred & (scores > least)
    assert ((room.chosen >> channel & 1) == wanted).all()
    assert (room.chosen >> 12 == 1).all(), "other channels' bits stay"
    assert best == (ranked[0] if ranked else least)
