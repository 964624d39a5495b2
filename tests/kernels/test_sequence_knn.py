"""Sequence votes against a slow twin written from the definition."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.kernels.jit import as_readonly_contiguous
from reelrecs.kernels.sequence_knn import (
    CHANNELS,
    Asker,
    SequenceSettings,
    Watched,
    add_similarity,
    clear_similarity,
    sequence_votes,
    voting,
)
from reelrecs.store.store import Store
from tests.worlds import Triple, random_triples, store_of, triples

SETTINGS = SequenceSettings(anchors=3, occurrences=4, context_movies=5, context_reach=2, reach=3)
WORLDS = triples() | st.builds(random_triples, st.integers(0, 50), st.just(15), st.just(18))


def sequence_of(store: Store, user: int) -> list[int]:
    return store.by_user.movies[
        store.by_user.indptr[user] : store.by_user.indptr[user + 1]
    ].tolist()


def kernel_votes(store: Store, user: int, own_row: int, as_of_rank: int = -1) -> np.ndarray:
    span = slice(store.by_user.indptr[user], store.by_user.indptr[user + 1])
    history = store.by_user.movies[span]
    watched, similarity = similarity_to(store, history)
    room = voting(store.movie_count, SETTINGS)
    votes = np.zeros((store.movie_count, len(CHANNELS)), np.float32)
    rank = as_of_rank if as_of_rank >= 0 else int(store.user_activity_ranks[user])
    asker = Asker(history, own_row, rank)
    sequence_votes(watched, asker, 0, SETTINGS, similarity, room, votes)
    assert not room.recency.any(), "room is left as it was found"
    clear_similarity(watched, history, similarity)
    assert not similarity.any()
    return votes


def similarity_to(store: Store, history: np.ndarray) -> tuple[Watched, np.ndarray]:
    """[users] likeness to a history, still to be divided by the damping."""
    lengths = np.diff(store.by_user.indptr)
    (damping,) = as_readonly_contiguous(np.sqrt(lengths + 30.0).astype(np.float32))
    watched = Watched(
        store.by_user.indptr,
        store.by_user.movies,
        store.by_movie.indptr,
        store.by_movie.users,
        store.by_movie.positions,
        store.user_activity_ranks,
        damping,
    )
    similarity = np.zeros(store.user_count, np.float32)
    add_similarity(watched, history, SequenceSettings(), similarity)
    return watched, similarity


def naive_votes(store: Store, user: int, own_row: int, as_of_rank: int) -> np.ndarray:
    s = SETTINGS
    history = sequence_of(store, user)
    order = np.argsort(store.user_activity_ranks).tolist()
    recency = {
        movie: s.context_decay**k for k, movie in enumerate(history[::-1][: s.context_movies])
    }
    votes = np.zeros((store.movie_count, len(CHANNELS)))
    similar = naive_similarity(store, history, own_row)
    for back, anchor in enumerate(history[::-1][: s.anchors]):
        raters = [
            other for other in order if other != own_row and anchor in sequence_of(store, other)
        ]
        if len(raters) > s.occurrences:
            before = sum(store.user_activity_ranks[other] < as_of_rank for other in raters)
            start = max(0, min(before - s.occurrences // 2, len(raters) - s.occurrences))
            raters = raters[start : start + s.occurrences]
        weights = {}
        for other in raters:
            movies = sequence_of(store, other)
            here = movies.index(anchor)
            c = 0.5 + sum(
                recency.get(movies[place], 0) * s.distance_decay ** abs(place - here)
                for place in range(here - s.context_reach, here + s.context_reach + 1)
                if 0 <= place < len(movies) and place != here
            )
            sim = similar[other]
            weights[other] = [c**2, c**4, c**2 * sim, c * sim]
        totals = [1e-3 + sum(row[kind] for row in weights.values()) for kind in range(4)]
        for other, row in weights.items():
            movies = sequence_of(store, other)
            here = movies.index(anchor)
            scale = [s.anchor_decay**back / totals[kind] for kind in range(3)]
            scale.append(s.slow_anchor_decay**back / totals[3])
            plain, sharp, alike, broad = np.multiply(row, scale)
            newest = alike if back == 0 else 0.0
            for place in range(here + 1, min(here + s.reach + 1, len(movies))):
                movie, step = movies[place], place - here - 1
                quick, late, slow = 0.88**step, 0.8**step, 0.95**step
                votes[movie, :5] += [
                    plain * quick,
                    sharp * quick,
                    alike * quick,
                    newest * late,
                    broad * slow,
                ]
            for place in range(max(here - s.reach, 0), here):
                movie, step = movies[place], here - place - 1
                votes[movie, 5:] += [alike * 0.88**step, newest * 0.8**step, broad * 0.95**step]
    return votes


def naive_similarity(store: Store, history: Sequence[int], own_row: int) -> list[float]:
    result = []
    for other in range(store.user_count):
        movies = sequence_of(store, other)
        common = set(movies) & set(history)
        total = sum(1 / np.sqrt(store.movie_rating_counts[movie] + 20) for movie in common)
        result.append(0.0 if other == own_row else total / np.sqrt(len(movies) + 30))
    return result


@given(WORLDS, st.data())
def test_votes_equal_their_naive_twin(world: Sequence[Triple], data: st.DataObject) -> None:
    store = store_of(world, 20)
    user = data.draw(st.integers(0, store.user_count - 1))
    own_row = data.draw(st.sampled_from([user, -1]))
    as_of_rank = data.draw(st.integers(0, store.user_count))
    np.testing.assert_allclose(
        kernel_votes(store, user, own_row, as_of_rank),
        naive_votes(store, user, own_row, as_of_rank),
        rtol=2e-4,
        atol=1e-6,
    )


@given(WORLDS, st.data())
def test_similarity_equals_its_twin(world: Sequence[Triple], data: st.DataObject) -> None:
    store = store_of(world, 20)
    user = data.draw(st.integers(0, store.user_count - 1))
    history = sequence_of(store, user)
    (movies,) = as_readonly_contiguous(np.array(history, np.int32))
    watched, similarity = similarity_to(store, movies)
    expected = naive_similarity(store, history, -1)
    np.testing.assert_allclose(similarity / watched.damping, expected, rtol=1e-5)


def test_what_always_follows_gets_the_most_votes() -> None:
    """Everybody watches 1, 2, 3 in a row; somebody who has watched 1 and 2 is told 3."""
    world = [
        (user, movie, 4.0) for user in range(1, 9) for movie in (10 + user, 1, 2, 3, 30 + user)
    ]
    world += [(99, 1, 4.0), (99, 2, 4.0)]
    store = store_of(world)
    row = store.user_row(99)
    votes = kernel_votes(store, row, row)
    votes[[store.movie_row(1), store.movie_row(2)]] = 0  # they are watched
    for channel in range(5):
        assert int(votes[:, channel].argmax()) == store.movie_row(3)
