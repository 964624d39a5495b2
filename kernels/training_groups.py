"""Which candidates of a question teach: the movie watched, the hardest others, and a sample."""

from __future__ import annotations

import numpy as np

from reelrecs.kernels import topk
from reelrecs.kernels.arrays import Floats, Offsets, Rows
from reelrecs.kernels.jit import kernel


@kernel
def hardest(
    indptr: Offsets,
    movies: Rows,
    targets: Rows,
    features: Floats,
    leading: Offsets,
    places: Offsets,
    counts: Offsets,
) -> None:
    """Fill places [questions, 1 + most] with the target's place and those of the hardest others.

    Places count from the question's first candidate. Hardest is what is best by one of the
    `leading` columns, which take turns; ties go to the earlier candidate. `counts` [questions] says
    how many those are, -1 where the target is no candidate.
    """
    most = places.shape[1] - 1
    scores, rows = np.empty((len(leading), most)), np.empty((len(leading), most), np.int32)
    sizes = np.empty(len(leading), np.int64)
    for question in range(len(targets)):
        start, stop = indptr[question], indptr[question + 1]
        counts[question] = -1
        for row in range(start, stop):
            if movies[row] == targets[question]:
                places[question, 0] = row - start
                counts[question] = 0
        if counts[question] < 0:
            continue
        for turn in range(len(leading)):
            size = 0
            for row in range(start, stop):
                if row - start != places[question, 0]:
                    value = features[row, leading[turn]]
                    size = topk.push(scores[turn], rows[turn], size, value, row - start)
            topk.sort(scores[turn], rows[turn], size)
            sizes[turn] = size
        found = 0
        for place in range(most):
            for turn in range(len(leading)):
                if found < most and place < sizes[turn]:
                    row = rows[turn, place]
                    known = False
                    for at in range(1, found + 1):
                        known = known or places[question, at] == row
                    if not known:
                        found += 1
                        places[question, found] = row
        counts[question] = found


@kernel
def places_of_ranks(taken: Offsets, ranks: Offsets, out: Offsets) -> None:
    """Fill out with the places that these ranks have among 0, 1, 2 ... without those `taken`."""
    ascending = np.sort(taken)
    for at in range(len(ranks)):
        place = ranks[at]
        for before in ascending:
            if before > place:
                break
            place += 1
        out[at] = place
