"""The bundles of a store's arrays: rows, owners and places as a loop finds them."""

from collections.abc import Sequence

import numba
from hypothesis import given

from tests.worlds import Triple, random_triples, store_of, triples


@given(triples())
def test_rows_owners_and_places_are_those_of_a_loop(made: Sequence[Triple]) -> None:
    store = store_of(made, 18)
    owners, places = [], []
    for user in range(store.user_count):
        start, stop = store.by_user.indptr[user], store.by_user.indptr[user + 1]
        assert store.by_user.row(user) == slice(start, stop)
        owners += [user] * (stop - start)
        places += range(stop - start)
    assert store.by_user.owners().tolist() == owners
    assert store.by_user.places().tolist() == places
    raters = [(int(movie), int(user)) for movie, user in
              zip(store.by_movie.owners(), store.by_movie.users, strict=True)]  # fmt: skip
    assert sorted(raters) == sorted(zip(store.by_user.movies.tolist(), owners, strict=True))
    for movie in range(store.movie_count):
        own = store.by_movie.users[store.by_movie.row(movie)].tolist()
        assert own == [user for rated, user in raters if rated == movie]


@given(triples())
def test_likes_are_found_from_both_sides(made: Sequence[Triple]) -> None:
    store = store_of(made, 18)
    liked = {
        (store.user_row(user), store.movie_row(movie)) for user, movie, stars in made if stars >= 4
    }
    users, movies = range(store.user_count), range(store.movie_count)
    assert {(u, int(m)) for u in users for m in store.likes.movies_of(u)} == liked
    assert {(int(u), m) for m in movies for u in store.likes.users_of(m)} == liked


def test_compiled_code_takes_a_bundle() -> None:
    @numba.njit
    def last_movie(rated, user):  # type: ignore[no-untyped-def]
        return rated.movies[rated.indptr[user + 1] - 1]

    store = store_of(random_triples(3), 70)
    own = store.by_user.movies[store.by_user.row(4)]
    assert last_movie(store.by_user, 4) == own[-1]
