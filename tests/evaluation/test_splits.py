"""Cuts of a data set: the right rating is held out, and nothing of the future is seen."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.datasets.ids import Id
from reelrecs.errors import DataError, InvalidRequest
from reelrecs.evaluation import protocols, splits
from reelrecs.store.store import Store
from tests.worlds import Triple, random_triples, store_of, triples


def history(store: Store, row: int) -> list[Id]:
    start, stop = store.by_user.indptr[row], store.by_user.indptr[row + 1]
    return store.movie_ids.at(store.by_user.movies[start:stop])


@given(triples(), st.integers(0, 2))
def test_last_out_holds_out_the_right_rating(made: Sequence[Triple], cut: int) -> None:
    store = store_of(made)
    watched: dict[int, list[int]] = {}
    for user, movie, _ in made:
        watched.setdefault(user, []).append(movie)
    expected = {user: movies for user, movies in watched.items() if len(movies) > cut + 1}
    if not expected:
        with pytest.raises(DataError, match="too small"):
            splits.last_out(store, cut)
        return
    split = splits.last_out(store, cut)
    assert split.train.user_ids.at(split.users) == sorted(expected)
    for place, user in enumerate(split.users):
        whole = expected[split.train.user_ids[user]]
        targets = split.targets[split.indptr[place] : split.indptr[place + 1]]
        assert store.movie_ids.at(targets) == [whole[-1 - cut]]
        assert history(split.train, user) == whole[: len(whole) - 1 - cut]


@given(triples())
def test_a_temporal_split_never_trains_on_the_future(made: Sequence[Triple]) -> None:
    store = store_of(made)
    try:
        split = splits.temporal(store, 0.7)
    except DataError:
        return
    held = set(store.by_user.times) - set(split.train.by_user.times)
    assert max(split.train.by_user.times) < min(held)
    for place, user in enumerate(split.users):
        targets = split.targets[split.indptr[place] : split.indptr[place + 1]]
        assert not set(store.movie_ids.at(targets)) & set(history(split.train, user))


def test_a_temporal_split_of_people_who_never_return_is_refused() -> None:
    store = store_of([(user, movie, 4.0) for user in range(1, 11) for movie in (1, 2, 3)])
    with pytest.raises(DataError, match="both sides of the cut"):
        splits.temporal(store, 0.9)


@given(triples(), st.integers(0, 5))
def test_random_out_takes_one_rating_and_the_seed_decides(
    made: Sequence[Triple], seed: int
) -> None:
    store = store_of(made)
    try:
        split = splits.random_out(store, seed)
    except DataError:
        return
    again = splits.random_out(store, seed)
    np.testing.assert_array_equal(split.targets, again.targets)
    for place, user in enumerate(split.users):
        (target,) = split.targets[split.indptr[place] : split.indptr[place + 1]]
        row = store.user_row(split.train.user_ids[user])
        left = [movie for movie in history(store, row) if movie != store.movie_ids[target]]
        assert history(split.train, user) == left


def test_unknown_protocols_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="choose one of temporal"):
        protocols.split_by("lastout", store_of(random_triples(1)), 0)
