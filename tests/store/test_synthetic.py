from pathlib import Path

import numpy as np
import pytest

from reelrecs.datasets.tables import Movies, Ratings, Tables
from reelrecs.errors import InvalidRequest
from reelrecs.kernels import fractal_expansion, pool
from reelrecs.store.build import compile_tables
from reelrecs.store.store import Store
from reelrecs.store.synthetic import block_probabilities, compare_degrees, synthesize
from tests.worlds import random_triples, store_of


@pytest.fixture(scope="module")
def source() -> Store:
    return store_of(random_triples(5, users=60, movies=80, most=40), movie_count=90)


def entries(store: Store) -> list[tuple[int, int, float, int]]:
    by_user = store.by_user
    users = np.repeat(np.arange(store.user_count), np.diff(by_user.indptr))
    columns = (users, by_user.movies, by_user.ratings, by_user.times)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@pytest.mark.parametrize("growth", [0.9, 3, 11])
def test_about_as_many_ratings_as_asked_for(source: Store, tmp_path: Path, growth: float) -> None:
    wanted = max(1000, int(source.rating_count * growth))
    store = synthesize(source, wanted, tmp_path / "big.arrow", seed=1)
    assert store.rating_count == pytest.approx(wanted, rel=0.12)  # each user keeps one at least
    assert np.diff(store.by_user.indptr).min() >= 1
    assert store.user_count % source.user_count == 0
    assert store.movie_count % source.movie_count == 0
    assert list(tmp_path.iterdir()) == [tmp_path / "big.arrow"]


def test_every_block_holds_only_ratings_of_the_source(source: Store, tmp_path: Path) -> None:
    store = synthesize(source, 5000, tmp_path / "big.arrow")
    real = set(entries(source))
    made = entries(store)
    assert len(set(made)) == len(made)
    folded = {
        (user % source.user_count, movie % source.movie_count, stars, time)
        for user, movie, stars, time in made
    }
    assert folded <= real
    blocks = {(user // source.user_count, movie // source.movie_count) for user, movie, *_ in made}
    probability = block_probabilities(source, 5000)
    assert len(blocks) == probability.size > 1


def test_both_sides_and_all_statistics_agree(source: Store, tmp_path: Path) -> None:
    store = synthesize(source, 12_000, tmp_path / "big.arrow")
    by_user, by_movie = store.by_user, store.by_movie
    from_movies = []
    for movie in range(store.movie_count):
        for at in range(by_movie.indptr[movie], by_movie.indptr[movie + 1]):
            user = int(by_movie.users[at])
            place = by_user.indptr[user] + by_movie.positions[at]
            assert by_user.movies[place] == movie
            time = int(by_user.times[place])
            from_movies.append((user, movie, float(by_movie.ratings[at]), time))
    assert sorted(from_movies) == sorted(entries(store))
    for user in range(store.user_count):
        own = slice(by_user.indptr[user], by_user.indptr[user + 1])
        assert (np.diff(by_user.times[own]) >= 0).all()
        assert store.user_norm[user] == pytest.approx(np.linalg.norm(by_user.ratings[own]))
    assert store.movie_rating_counts.sum() == store.rating_count
    assert store.raw_title(source.movie_count) == f"Copy 1 of {source.raw_title(0)}"
    assert store.genres_of(source.movie_count) == source.genres_of(0)


def test_it_is_the_store_that_the_same_ratings_as_text_would_give(
    source: Store, tmp_path: Path
) -> None:
    store = synthesize(source, 12_000, tmp_path / "big.arrow")
    users, movies, stars, times = zip(*entries(store), strict=True)
    count = store.movie_count
    genres = [tuple(store.genres_of(movie)) for movie in range(count)]
    tables = Tables(
        Ratings(
            np.array(users, np.int64) + 1,
            np.array(movies, np.int64) + 1,
            np.array(stars, np.float32),
            np.array(times, np.int64),
        ),
        Movies(
            store.movie_ids.column(),
            store.all_titles,
            store.movie_years,
            genres,
            store.movie_released,
        ),
    )
    named, metadata = compile_tables(tables)
    assert set(store.arrays) == set(named)
    for name, values in named.items():
        made = store.arrays[name]
        if isinstance(values, np.ndarray):
            assert values.dtype == made.dtype, name
            assert values.tolist() == made.tolist(), name
        else:
            assert values.to_pylist() == made.to_pylist(), name
    same = {key: metadata[key] for key in metadata if key != "digest"}
    assert {key: store.metadata[key] for key in same} == same


def test_the_same_seed_makes_the_same_whatever_the_threads(source: Store, tmp_path: Path) -> None:
    digests = []
    for number, (seed, threads) in enumerate([(1, 1), (1, 3), (2, 2)]):
        with pool.ThreadBudget(threads).active():
            store = synthesize(source, 4000, tmp_path / f"{number}" / "big.arrow", seed)
        digests.append(store.digest)
    assert digests[0] == digests[1] != digests[2]


def test_half_of_a_block_stays_where_half_is_asked_for() -> None:
    indptr = np.array([0, 20_000, 40_000], np.int64)
    lengths = fractal_expansion.row_lengths(indptr, np.array([[0.5, 0.0], [1.0, 0.25]]), seed=3)
    assert lengths == pytest.approx([10_000, 10_000, 25_000, 25_000], rel=0.03)


def test_blocks_of_one_probability_are_thinned_differently() -> None:
    count = 1000
    source = (
        np.array([0, count], np.int64),
        np.arange(count, dtype=np.int32),
        np.ones(count, np.float32),
        np.zeros(count, np.int64),
    )
    half = np.full((2, 2), 0.5)
    indptr = np.concatenate(([0], np.cumsum(fractal_expansion.row_lengths(source[0], half, 1))))
    total = int(indptr[-1])
    out = (np.empty(total, np.int32), np.empty(total, np.float32), np.empty(total, np.int64))
    fractal_expansion.fill_rows(source, count, half, 1, indptr, out)
    kept = {
        (row, column): {
            int(m) % count for m in out[0][indptr[row] : indptr[row + 1]] if m // count == column
        }
        for row in range(2)
        for column in range(2)
    }
    blocks = list(kept.values())
    for at, one in enumerate(blocks):
        for other in blocks[at + 1 :]:
            assert 150 < len(one & other) < 350  # a quarter, as of independent halves


def test_the_degrees_look_like_the_sources(source: Store, tmp_path: Path) -> None:
    same = compare_degrees(source, source)
    assert same["users"].gap == same["movies"].gap == 0
    compared = compare_degrees(source, synthesize(source, 8000, tmp_path / "big.arrow"))
    for what in ("users", "movies"):
        assert compared[what].gap < 0.35
        assert compared[what].expansion.quantiles["p50"] <= 1.2
        assert 0 < compared[what].expansion.gini < 1


@pytest.mark.parametrize("ratings", [0, -5, 999, 10**11])
def test_sizes_out_of_reach_are_refused(source: Store, tmp_path: Path, ratings: int) -> None:
    with pytest.raises(InvalidRequest, match="ask for"):
        synthesize(source, ratings, tmp_path / "big.arrow")
    assert list(tmp_path.iterdir()) == []
