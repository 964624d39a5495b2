"""What teaches, against its definition: stable sorts by the leading columns, taken in turns."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.kernels import training_groups as kernels
from reelrecs.kernels.jit import as_readonly_contiguous

LEADING = np.array([2, 0], np.int64)


def naive(features: np.ndarray, target: int, most: int) -> list[int]:
    """Positions of the hardest others: the best by each leading column in turn, none twice."""
    orders = [
        [at for at in np.argsort(-features[:, column], kind="stable").tolist() if at != target]
        for column in LEADING
    ]
    chosen: list[int] = []
    for place in range(most):
        for order in orders:
            if len(chosen) < most and place < min(len(order), most) and order[place] not in chosen:
                chosen.append(order[place])
    return chosen


@given(
    st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=5),
    st.integers(1, 6),
    st.integers(0, 99),
)
def test_the_hardest_equal_their_naive_twin(
    questions: list[tuple[int, bool]], most: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    indptr = np.cumsum([0, *(size for size, _ in questions)])
    movies = np.concatenate([np.arange(size, dtype=np.int32) + 7 for size, _ in questions])
    targets = np.array(
        [7 + rng.integers(size) if found and size else 3 for size, found in questions], np.int32
    )
    features = rng.integers(0, 4, (len(movies), 3)).astype(np.float32)  # with many ties
    places = np.zeros((len(questions), 1 + most), np.int64)
    counts = np.full(len(questions), 99)
    given_arrays = as_readonly_contiguous(indptr, movies, targets, features, LEADING)
    kernels.hardest(*given_arrays, places, counts)
    for at, (size, found) in enumerate(questions):
        if not found or size == 0:
            assert counts[at] == -1
            continue
        own = features[indptr[at] : indptr[at + 1]]
        target = int(targets[at]) - 7
        assert places[at, 0] == target
        assert places[at, 1 : 1 + counts[at]].tolist() == naive(own, target, most)


@given(st.sets(st.integers(0, 20), max_size=10), st.lists(st.integers(0, 9), unique=True))
def test_ranks_are_places_among_what_is_not_taken(taken: set[int], ranks: list[int]) -> None:
    out = np.empty(len(ranks), np.int64)
    kernels.places_of_ranks(np.array(list(taken), np.int64), np.array(ranks, np.int64), out)
    left = [place for place in range(40) if place not in taken]
    assert out.tolist() == [left[rank] for rank in ranks]
