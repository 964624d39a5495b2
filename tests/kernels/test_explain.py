"""Arguments for a recommendation against scikit-learn's cosine of like vectors."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from sklearn.metrics.pairwise import cosine_similarity

from reelrecs.kernels.explain import co_like_cosine
from tests.worlds import Triple, store_of, triples


@given(triples())
def test_co_likes_are_the_cosine_of_like_vectors(made: Sequence[Triple]) -> None:
    store = store_of(made, 17)
    likes = np.zeros((store.movie_count, store.user_count))
    for user, movie, stars in made:
        likes[store.movie_row(movie), store.user_row(user)] = stars >= 4
    everything = np.arange(store.movie_count, dtype=np.int32)
    recommended, liked = everything[::2].copy(), everything[1::2].copy()
    found = co_like_cosine(
        store.likes.movie_indptr,
        store.likes.users,
        store.user_count,
        recommended,
        liked,
    )
    expected = cosine_similarity(likes[recommended], likes[liked])
    np.testing.assert_allclose(found, expected, atol=1e-6)
