"""The store: what was read is what is mapped, whatever happens to the files."""

import gc
import multiprocessing
import os
import pwd
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from reelrecs.datasets import Dataset, locate
from reelrecs.errors import DataError, NotFound, StorageError
from reelrecs.store import arrow_file
from reelrecs.store.build import build_store
from reelrecs.store.cache import open_store, store_path
from reelrecs.store.store import Store
from reelrecs.store.subset import restrict
from tests.conftest import Logged
from tests.worlds import Triple, random_triples, store_of, tables_of, triples

RATINGS = "userId,movieId,rating,timestamp\n"
MOVIES = 'movieId,title,genres\n1,Alpha (1990),Drama\n2,"Beta, The (1991)",Comedy|Drama\n'


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    monkeypatch.setenv("REELRECS_CACHE_DIR", str(tmp_path / "cache"))
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "movies.csv").write_text(MOVIES)
    (folder / "ratings.csv").write_text(RATINGS + "7,1,4.0,100\n7,2,3.5,90\n9,2,5.0,95\n")
    return locate(folder)


@given(triples())
def test_both_orders_hold_exactly_the_ratings(made: Sequence[Triple]) -> None:
    store = store_of(made, 18)
    by_user, by_movie = store.by_user, store.by_movie
    owners = np.repeat(np.arange(store.user_count), np.diff(by_user.indptr))
    expected = sorted((user, at, movie, stars) for at, (user, movie, stars) in enumerate(made))
    assert [(user, movie, stars) for user, _, movie, stars in expected] == [
        (store.user_ids[owner], store.movie_ids[movie], float(stars))
        for owner, movie, stars in zip(owners, by_user.movies, by_user.ratings, strict=True)
    ]
    raters = np.repeat(np.arange(store.movie_count), np.diff(by_movie.indptr))
    for movie, user, stars, position in zip(
        raters, by_movie.users, by_movie.ratings, by_movie.positions, strict=True
    ):
        at = by_user.indptr[user] + position
        assert (by_user.movies[at], by_user.ratings[at]) == (movie, stars)
    for movie in range(store.movie_count):
        users = by_movie.users[by_movie.indptr[movie] : by_movie.indptr[movie + 1]]
        assert (np.diff(store.user_activity_ranks[users]) > 0).all()
    last = by_user.times[by_user.indptr[1:] - 1]
    assert (
        np.argsort(store.user_activity_ranks).tolist() == np.argsort(last, kind="stable").tolist()
    )


@given(triples())
def test_likes_are_the_ratings_of_four_stars_and_more(made: Sequence[Triple]) -> None:
    store = store_of(made, 18)
    likes = store.likes
    users = np.repeat(np.arange(store.user_count), np.diff(likes.user_indptr))
    movies = np.repeat(np.arange(store.movie_count), np.diff(likes.movie_indptr))
    expected = sorted(
        (store.user_row(user), store.movie_row(movie)) for user, movie, stars in made if stars >= 4
    )
    assert sorted(zip(users.tolist(), likes.movies.tolist(), strict=True)) == expected
    assert sorted(zip(likes.users.tolist(), movies.tolist(), strict=True)) == expected


@given(triples())
def test_statistics_follow_from_the_ratings(made: Sequence[Triple]) -> None:
    store = store_of(made, 18)
    for row, movie_id in enumerate(store.movie_ids):
        stars = [s for _, movie, s in made if movie == movie_id]
        assert store.movie_rating_counts[row] == len(stars)
        assert store.movie_like_counts[row] == sum(s >= 4 for s in stars)
        assert store.movie_mean_ratings[row] == pytest.approx(np.mean(stars) if stars else 0)
    counts = store.movie_rating_counts.astype(float)
    below = (counts[None, :] < counts[:, None]).sum(1) + (counts[None, :] == counts[:, None]).sum(
        1
    ) / 2
    np.testing.assert_allclose(store.movie_popularity_percentiles, below / len(counts), rtol=1e-6)
    for row, user_id in enumerate(store.user_ids):
        stars = np.array([s for user, _, s in made if user == user_id])
        assert store.user_norm[row] == pytest.approx(np.sqrt((stars**2).sum()))


def test_users_and_movies_are_found_by_id_only() -> None:
    store = store_of([(7, 3, 4.0), (9, 3, 2.0)])
    assert store.user_row(9) == 1
    for wanted in (8, -1, 2**32, 2**32 + 7):
        with pytest.raises(NotFound, match=f"no user {wanted}"):
            store.user_row(wanted)
    with pytest.raises(NotFound, match="no movie 4"):
        store.movie_row(4)


def test_a_second_start_never_parses(dataset: Dataset, logged: Logged) -> None:
    built = open_store(dataset)
    stamp = os.stat(store_path(dataset)).st_mtime_ns
    logged.clear()
    again = open_store(locate(dataset.path))
    assert not logged.lines
    assert os.stat(store_path(dataset)).st_mtime_ns == stamp
    assert again is built, "one process holds a file once"
    del built, again
    gc.collect()
    fresh = open_store(locate(dataset.path))
    assert not logged.lines
    assert not fresh.by_user.movies.flags.owndata, "arrays are views of the file's memory"
    assert not fresh.by_user.movies.flags.writeable


@pytest.mark.parametrize("how", ["stale", "truncated", "foreign", "empty", "flipped"])
def test_a_store_that_does_not_match_is_rebuilt(dataset: Dataset, how: str, logged: Logged) -> None:
    before = open_store(dataset).digest
    path = store_path(dataset)
    if how == "stale":
        file = dataset.path / "ratings.csv"
        file.write_text(file.read_text() + "9,1,1.0,96\n")
    else:
        whole = path.read_bytes()
        flipped = bytearray(whole)
        at = whole.index(np.array([4.0, 5.0], np.float32).tobytes())
        flipped[at + 3] ^= 0x40
        damaged = {
            "truncated": whole[:-50], "foreign": b"x" * 999, "empty": b"", "flipped": flipped,
        }  # fmt: skip
        path.write_bytes(damaged[how])
    logged.clear()
    store = open_store(locate(dataset.path))
    assert len(logged.lines) == 1, "it was read anew"
    assert (str(path) in logged.lines[0]) is (how != "stale"), "damage is told"
    assert (store.digest == before) is (how != "stale")
    assert store.rating_count == (4 if how == "stale" else 3)


def test_an_edit_of_the_same_size_and_time_is_seen(dataset: Dataset) -> None:
    file = dataset.path / "ratings.csv"
    stamps = os.stat(file)
    before = open_store(dataset).digest
    file.write_text(file.read_text().replace("4.0", "1.0"))
    os.utime(file, ns=(stamps.st_atime_ns, stamps.st_mtime_ns))
    assert open_store(locate(dataset.path)).digest != before


def test_genre_names_are_part_of_the_identity(dataset: Dataset) -> None:
    before = open_store(dataset).digest
    file = dataset.path / "movies.csv"
    file.write_text(file.read_text().replace("Drama", "Drums"))
    after = open_store(locate(dataset.path))
    assert after.genres == ("Comedy", "Drums")
    assert after.digest != before


def test_a_cut_of_everything_is_the_same_content() -> None:
    store = store_of(random_triples(3), 70)
    same = restrict(store, np.ones(store.rating_count, np.bool_))
    assert same.digest == store.digest
    keep = np.ones(store.rating_count, np.bool_)
    keep[5] = False
    assert restrict(store, keep).digest != store.digest


def test_a_given_store_that_is_damaged_is_one_line(dataset: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "given.arrow"
    build_store(path, "given", dataset.read())
    content = bytearray(path.read_bytes())
    content[content.index(np.array([4.0, 5.0], np.float32).tobytes())] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"user_ratings is damaged\); build it again") as caught:
        open_store(locate(path))
    assert "\n" not in str(caught.value)


def test_two_data_sets_of_one_name_share_no_store(dataset: Dataset, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / "mine"
    shutil.copytree(dataset.path, other)
    assert locate(other).name == dataset.name
    assert store_path(locate(other)) != store_path(dataset)
    assert open_store(locate(other)).digest == open_store(dataset).digest


def test_a_cache_that_cannot_be_written_is_one_clear_line(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("REELRECS_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(StorageError, match="set REELRECS_CACHE_DIR to a folder"):
        open_store(dataset)


def _build_many(path: Path) -> None:
    for _ in range(10):
        build_store(path, "race", tables_of(random_triples(1)))


def test_a_user_without_a_home_is_told_how_to_name_a_folder(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody_of_that_number(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", nobody_of_that_number)
    for variable in ("HOME", "XDG_CACHE_HOME", "REELRECS_CACHE_DIR"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(StorageError, match="no home folder is known: let REELRECS_CACHE_DIR"):
        open_store(dataset)


def test_two_processes_that_build_at_once_both_end_with_a_good_file(tmp_path: Path) -> None:
    path = tmp_path / "race.arrow"
    context = multiprocessing.get_context("spawn")
    builders = [context.Process(target=_build_many, args=(path,)) for _ in range(2)]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join()
        assert builder.exitcode == 0
    store = Store.open(path)
    assert store.rating_count > 0
    assert os.listdir(tmp_path) == ["race.arrow"]


def test_no_ratings_are_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no ratings"):
        build_store(tmp_path / "s.arrow", "s", tables_of([], 3))


def test_a_foreign_arrow_file_is_no_store(tmp_path: Path) -> None:
    arrow_file.write(tmp_path / "m.arrow", {"x": np.arange(3)}, {"format": "reelrecs.model/1"})
    with pytest.raises(arrow_file.NotReadable):
        Store.open(tmp_path / "m.arrow")
    arrow_file.write(tmp_path / "m.arrow", {"x": np.arange(3)}, {"format": "reelrecs.store/1"})
    with pytest.raises(arrow_file.NotReadable):
        Store.open(tmp_path / "m.arrow")


@given(triples())
def test_restricting_equals_building_from_what_is_left(made: Sequence[Triple]) -> None:
    keep_last = {user: at for at, (user, _, _) in enumerate(made)}
    left = [triple for at, triple in enumerate(made) if keep_last[triple[0]] != at]
    if not left:
        return
    store = store_of(made, 18)
    mask = np.ones(store.rating_count, np.bool_)
    mask[store.by_user.indptr[1:] - 1] = False
    cut, fresh = restrict(store, mask), store_of(left, 18)
    for name in (
        "user_ids",
        "user_indptr",
        "user_movies",
        "user_ratings",
        "movie_indptr",
        "movie_users",
        "movie_positions",
        "movie_rating_counts",
        "movie_popularity_percentiles",
        "user_norm",
    ):
        np.testing.assert_array_equal(cut.arrays[name], fresh.arrays[name], err_msg=name)
