"""Popularity baselines against naive twins; a window never reaches past the moment of asking."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from reelrecs.evaluation import evaluate, protocols
from reelrecs.evaluation.popularity import (
    LENGTHS,
    SECONDS_A_DAY,
    BestWindow,
    DaysPopularity,
    PopularAtLength,
    WindowPopularity,
)
from reelrecs.evaluation.runner import measure
from reelrecs.store.store import Store
from tests.evaluation.asking import everybody, stranger
from tests.evaluation.test_protocols import ROWS, Row, made, spread
from tests.worlds import random_triples, store_of


def in_time(store: Store) -> list[tuple[int, int]]:
    """(second, movie row) of all ratings, earliest first."""
    order = store.rating_order
    times, movies = store.by_user.times[order], store.by_user.movies[order]
    return list(zip(times.tolist(), movies.tolist(), strict=True))


def counted(movies: list[int], movie_count: int) -> np.ndarray:
    return np.array([movies.count(movie) for movie in range(movie_count)], np.float64)


@settings(max_examples=15)
@given(ROWS, st.integers(0, 45), st.integers(1, 20))
def test_a_window_equals_a_naive_twin(rows: list[Row], now: int, size: int) -> None:
    store = made(rows)
    before = [movie for second, movie in in_time(store) if second <= now]
    narrow, wide = (counted(before[-count:], store.movie_count) for count in (size, 4 * size))
    (got,) = WindowPopularity(store, size).scores(stranger((), now))
    np.testing.assert_allclose(got, narrow + wide / (4 * size + 1))
    (untold,) = WindowPopularity(store, size).scores(stranger())
    last = [movie for _, movie in in_time(store)][-size:]
    assert np.floor(untold + 1e-9).tolist() == counted(last, store.movie_count).tolist()


@settings(max_examples=15)
@given(ROWS, st.integers(0, 45))
def test_nothing_after_the_moment_of_asking_moves_a_window(rows: list[Row], now: int) -> None:
    changed = [row if row[3] <= now else (*row[:3], row[3] + 500) for row in rows]
    for size in (3, 250):
        here, there = (WindowPopularity(made(one), size) for one in (rows, changed))
        question = stranger((), now)
        np.testing.assert_array_equal(here.scores(question), there.scores(question))


def test_days_are_counted_back_from_the_moment_or_from_the_end() -> None:
    day = SECONDS_A_DAY
    rows = [(1, 1, 4.0, 0), (2, 2, 4.0, day), (3, 2, 4.0, 2 * day), (4, 3, 4.0, 3 * day)]
    system = DaysPopularity(made(rows), 1)
    assert np.floor(system.scores(stranger((), 2 * day))[0][:3]).tolist() == [0, 2, 0]
    assert np.floor(system.scores(stranger())[0][:3]).tolist() == [0, 1, 1]


def test_at_length_counts_what_others_rated_next_after_as_many() -> None:
    store = store_of(random_triples(3, 60, 30, 12))
    rated, places = store.by_user, store.by_user.places()
    system = PopularAtLength(store, prior=1e-9)
    for k in (0, 1, 3, 5, 6):
        history = list(range(k))
        (got,) = system.scores(stranger(history))
        low = max(start for start in LENGTHS if start <= k)
        high = min(start for start in LENGTHS if start > k)
        next_ones = rated.movies[(places >= low) & (places < high)].tolist()
        expected = counted(next_ones, store.movie_count) / len(next_ones)
        np.testing.assert_allclose(got, expected, atol=1e-8)
    popular = PopularAtLength(store, prior=1e9).scores(stranger())[0]
    share = store.movie_rating_counts / store.rating_count
    np.testing.assert_allclose(popular, share, atol=1e-6)
    (never,) = system.scores(stranger(range(29)))
    np.testing.assert_allclose(never.sum(), 1.0)


def test_the_window_with_the_best_figure_on_the_validation_cut_is_chosen_and_named() -> None:
    store = made(spread(4, 150, 60))
    (result,) = evaluate(store, ["recent"], "temporal")
    train = protocols.split_by("temporal", store, 0).train
    cut = protocols.split_by("temporal", train, 0)
    reached = {
        size: measure(WindowPopularity(cut.train, size), cut, 10).accuracy["NDCG@10"].mean()
        for size in (250, 1000, 4000, 16000)
    }
    best = max(reached, key=lambda size: reached[size])
    assert result.label == f"recent (last {best:,} ratings)"
    (same,) = evaluate(store, [f"recent-{best}"], "temporal")
    np.testing.assert_array_equal(result.per_user["HR@10"], same.per_user["HR@10"])


def test_without_a_validation_cut_a_window_is_kept_all_the_same() -> None:
    store = store_of([(user, movie, 4.0) for user in (1, 2) for movie in (1, 2)])
    (result,) = evaluate(store, {"recent": BestWindow}, "last-out")
    assert result.detail == "last 4,000 ratings"
    assert np.isfinite(BestWindow(store).scores(everybody(store))).all()
