"""Ratings that arrive while an engine serves: in the next list, and as if they had always been."""

import multiprocessing
import os
import shutil
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import reelrecs
from reelrecs.batch import write_lists
from reelrecs.datasets import locate
from reelrecs.engine import Engine
from reelrecs.errors import DataError, InvalidRequest, NotFound
from reelrecs.learning.model_file import save_model
from reelrecs.learning.model_folder import model_path
from reelrecs.store.cache import compact, log_path, open_live, open_store, store_path
from reelrecs.store.incoming import Rating, checked
from reelrecs.store.store import Store
from tests.models import learned_model_of
from tests.worlds import random_triples

GENRES = ("War", "Drama")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data set of forty users and sixty movies."""
    place = tmp_path / "live"
    place.mkdir()
    (place / "movies.csv").write_text(
        "movieId,title,genres\n"
        + "".join(f"{m},Film {m} ({1950 + m}),{GENRES[m % 2]}\n" for m in range(1, 61))
    )
    (place / "ratings.csv").write_text(
        "userId,movieId,rating,timestamp\n"
        + "".join(
            f"{user},{movie},{stars},{at}\n"
            for at, (user, movie, stars) in enumerate(random_triples(3), 1000)
        )
    )
    return place


@pytest.fixture
def models(folder: Path, tmp_path: Path) -> Path:
    """A learned model of it."""
    store = open_store(locate(folder))
    path = model_path(store, tmp_path / "models")
    save_model(learned_model_of(store), path)
    return path.parent


@pytest.fixture
def engine(folder: Path, models: Path) -> Iterator[Engine]:
    with Engine.open(folder, models_dir=models) as opened:
        yield opened


def add_to_file(folder: Path, *lines: str) -> None:
    with (folder / "ratings.csv").open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


def shown(engine: Engine, user_id: int) -> dict:
    return engine.recommend(user_id, explain=True).to_dict()


def test_what_is_rated_is_in_the_next_list(engine: Engine) -> None:
    before = [item.movie.movie_id for item in engine.recommend(1)]
    assert engine.append(1, before[0], 5.0)
    after = [item.movie.movie_id for item in engine.recommend(1)]
    assert before[0] not in after
    assert engine.user(1).rating_count == len(engine.query(1, 1).movies)
    assert engine.store.movie_ids[int(engine.query(1, 1).movies[-1])] == before[0]


@pytest.mark.parametrize("profile", ["learned", "fixed"])
def test_lists_are_those_of_data_that_always_held_it(
    folder: Path, models: Path, tmp_path: Path, profile: str
) -> None:
    copy = tmp_path / "other" / "live"
    shutil.copytree(folder, copy)
    arrived = [(1, 7, 5.0, 5000), (77, 3, 4.0, 5001), (1, 8, 1.0, 4000), (5, 9, 3.5, 999)]
    with Engine.open(folder, models_dir=models, profile=profile) as engine:
        shown(engine, 1)
        for user, movie, stars, time in arrived:
            engine.append(user, movie, stars, time=time)
            shown(engine, 2)
        gone = engine.store.movie_ids[int(engine.query(4, 1).movies[0])]
        engine.forget(3)
        engine.forget(4, gone)
        header, *lines = (copy / "ratings.csv").read_text().splitlines()
        kept = [line for line in lines if not line.startswith(("3,", f"4,{gone},"))]
        (copy / "ratings.csv").write_text("\n".join([header, *kept]) + "\n")
        add_to_file(copy, *(f"{u},{m},{s},{t}" for u, m, s, t in arrived))
        with Engine.open(copy, models_dir=models, profile=profile) as rebuilt:
            for user_id in (1, 77, 5, 2, 4):
                assert shown(engine, user_id) == shown(rebuilt, user_id)


def test_a_new_movie_is_found_by_its_id_and_can_be_recommended(engine: Engine) -> None:
    for user in range(1, 30):
        engine.append(user, 900, 5.0)
    assert [movie.movie_id for movie in engine.search("900")] == [900]
    assert 900 in [item.movie.movie_id for item in engine.recommend(35, limit=60)]


def test_another_process_is_heard(folder: Path, engine: Engine) -> None:
    before = engine.recommend(1).items[0].movie.movie_id
    context = multiprocessing.get_context("spawn")
    other = context.Process(target=_append, args=(folder, before))
    other.start()
    other.join(60)
    assert other.exitcode == 0
    assert before not in [item.movie.movie_id for item in engine.recommend(1)]


def _append(folder: Path, movie_id: int) -> None:
    with reelrecs.open(folder) as engine:
        engine.append(1, movie_id, 4.0)


def test_a_forked_child_appends_and_reads(engine: Engine) -> None:
    engine.append(1, 5, 3.0)
    engine.recommend(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork in a process with threads
        child = os.fork()
    if child == 0:
        code = 1
        try:
            engine.append(1, 6, 3.0)
            code = 0 if len(engine.recommend(1)) == 20 else 2
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    rated = engine.query(1, 1).movies
    engine.recommend(1)
    assert len(rated) <= len(engine.query(1, 1).movies)
    assert 6 in engine.store.movie_ids.at(engine.query(1, 1).movies)


def test_lists_while_ratings_arrive_are_whole(engine: Engine) -> None:
    """New users and movies move rows; a request that mixed two states would name other movies."""
    rated = set(engine.store.movie_ids.at(engine.query(2, 1).movies))
    lists: list[list[int]] = []
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            result = engine.recommend(2, limit=60)
            lists.append([item.movie.movie_id for item in result.items])
            assert result.user_id == 2

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for one in askers:
        one.start()
    for number in range(60):
        engine.append(-number, -1 - number, 4.0)
    ended.set()
    for one in askers:
        one.join()
    assert len(lists) > 10
    for shown_ids in lists:
        assert not rated & set(shown_ids)
        assert len(set(shown_ids)) == len(shown_ids)


def test_a_frozen_engine_stays_as_it_is(engine: Engine, tmp_path: Path) -> None:
    frozen = engine.frozen()
    expected = shown(frozen, 1)
    engine.append(-5, -5, 4.0)
    assert shown(engine, 1)["recommendations"]
    assert engine.store.user_count == frozen.store.user_count + 1
    assert shown(frozen, 1) == expected
    with pytest.raises(InvalidRequest, match="no log of ratings"):
        frozen.append(1, 1, 4.0)
    write_lists(engine, tmp_path / "lists.csv", 3)
    assert "-5," in (tmp_path / "lists.csv").read_text()


@pytest.mark.parametrize(
    ("rating", "said"),
    [
        (Rating("x", 1, 4.0), "whole numbers"),
        (Rating(2**63, 1, 4.0), "64 bits"),
        (Rating(1, 1, 9.0), "from 0.5 to 5"),
        (Rating(1, 1, float("nan")), "from 0.5 to 5"),
        (Rating(1, 1, "good"), "from 0.5 to 5"),
        (Rating(1, 1, 4.0, 1.5), "seconds since 1970"),
        (Rating(1, 1, 4.0, 4_000_000_000), "future"),
        (Rating(1, 1, 4.0, -(2**63)), "seconds since 1970"),
    ],
)
def test_what_no_file_could_hold_is_refused_and_nothing_of_it_kept(
    engine: Engine, rating: Rating, said: str
) -> None:
    before = engine.store.rating_count
    with pytest.raises(InvalidRequest, match=said):
        engine.append_many([Rating(1, 1, 4.0), rating])
    engine.recommend(1)
    assert engine.store.rating_count == before


def test_milliseconds_are_known_by_their_size(engine: Engine) -> None:
    engine.append(1, 900, 4.0, time=1_500_000_000_000)
    engine.recommend(1)
    assert engine.store.latest_timestamp == 1_500_000_000


def test_a_key_counts_once(engine: Engine) -> None:
    assert engine.append(1, 900, 4.0, key="a")
    assert not engine.append(1, 900, 4.0, key="a")
    with pytest.raises(InvalidRequest, match="another rating"):
        engine.append(1, 901, 4.0, key="a")


def test_what_is_unknown_cannot_be_forgotten(engine: Engine) -> None:
    with pytest.raises(NotFound):
        engine.forget(12345)
    unrated = next(
        movie for movie in engine.store.movie_ids if engine.store.movie_row(movie)
        not in engine.store.by_user.movies[engine.store.by_user.row(0)]
    )  # fmt: skip
    with pytest.raises(NotFound, match="has not rated"):
        engine.forget(engine.store.user_ids[0], unrated)


def test_all_forgotten_is_said_and_ends_with_the_next_rating(tmp_path: Path) -> None:
    place = tmp_path / "one"
    place.mkdir()
    (place / "movies.csv").write_text("movieId,title,genres\n1,A (1990),Drama\n2,B (1991),War\n")
    (place / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,1,4.0,9\n")
    with reelrecs.open(place) as engine:
        engine.forget(1)
        with pytest.raises(DataError, match="are forgotten"):
            engine.recommend(1)
        engine.append(2, 1, 5.0)
        assert len(engine.recommend(2)) == 1


def test_tables_have_no_log() -> None:
    import pandas

    table = pandas.DataFrame({"user_id": [1], "movie_id": [2], "rating": [4.0]})
    with reelrecs.open(table) as engine, pytest.raises(InvalidRequest, match="no log of ratings"):
        engine.append(1, 2, 3.0)


def test_counts_are_refused(tmp_path: Path) -> None:
    with reelrecs.open() as engine:
        base = engine.store
    counts = Store(dict(base.arrays), base.metadata | {"feedback": "counts"})
    with pytest.raises(InvalidRequest, match="holds counts"):
        checked(counts, [Rating(1, 1, 3.0)])


# -- compaction ------------------------------------------------------------------------------------


def arrays_equal(one, other) -> None:
    for name, values in other.arrays.items():
        if isinstance(values, np.ndarray):
            assert one.arrays[name].tobytes() == values.tobytes(), name
        else:
            assert one.arrays[name].equals(values), name


def test_compaction_changes_nothing_that_is_seen(folder: Path, engine: Engine) -> None:
    dataset = locate(folder)
    engine.append_many([Rating(1, 900, 4.0), Rating(99, 5, 2.0)])
    engine.forget(2)
    before = open_store(dataset)
    assert compact(dataset).events == 3
    again = open_live(dataset)
    assert again.place == 3
    arrays_equal(again.now(), before)
    assert again.now().digest == before.digest
    assert compact(dataset).events == 0
    engine.append(1, 901, 4.0)
    assert open_store(dataset).rating_count == before.rating_count + 1
    assert shown(engine, 1)["recommendations"]


def test_a_changed_file_is_read_again_and_the_log_is_not_lost(folder: Path, engine: Engine) -> None:
    dataset = locate(folder)
    engine.append(1, 900, 4.0)
    compact(dataset)
    add_to_file(folder, "98,7,4.0,1234")
    store = open_store(locate(folder))
    assert {98, 1} <= set(store.user_ids)
    assert 900 in store.movie_ids
    assert open_live(locate(folder)).place == 0


def test_a_built_store_is_left_alone_and_compacted_in_the_cache(
    folder: Path, tmp_path: Path
) -> None:
    open_store(locate(folder))
    built = tmp_path / "built.arrow"
    shutil.copy(store_path(locate(folder)), built)
    whole = built.read_bytes()
    with reelrecs.open(built) as engine:
        engine.append(1, 900, 4.0)
    assert compact(locate(built)).events == 1
    assert built.read_bytes() == whole
    assert open_live(locate(built)).place == 1
    assert 900 in open_store(locate(built)).movie_ids


def test_a_log_that_is_gone_takes_its_ratings_along_and_it_is_said(
    folder: Path, engine: Engine, logged
) -> None:
    dataset = locate(folder)
    engine.append(1, 900, 4.0)
    compact(dataset)
    engine.close()
    path = log_path(dataset)
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    assert 900 not in open_store(dataset).movie_ids
    assert "of a log that is gone" in logged.lines[-1]
    with reelrecs.open(folder) as other:
        other.append(1, 901, 4.0)
    assert 901 in open_store(dataset).movie_ids


def test_a_log_that_is_taken_away_in_use_is_said(folder: Path, engine: Engine) -> None:
    engine.append(1, 900, 4.0)
    engine.recommend(1)
    path = log_path(locate(folder))
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    with pytest.raises(DataError, match="removed or replaced while in use"):
        engine.recommend(1)
    engine.append(1, 901, 4.0)
    with pytest.raises(DataError, match="removed or replaced while in use"):
        engine.recommend(1)
    with reelrecs.open(folder) as other:
        assert 901 in other.store.movie_ids
        assert 900 not in other.store.movie_ids


def test_an_embedded_scorer_follows(folder: Path, models: Path) -> None:
    with (
        Engine.open(folder, models_dir=models, scorer="embedded") as remote,
        Engine.open(folder, models_dir=models) as local,
    ):
        for movie in (900, 5):
            local.append(1, movie, 5.0)
            assert shown(remote, 1) == shown(local, 1)


def test_a_log_set_back_to_an_older_copy_is_said_and_served(
    folder: Path, engine: Engine, logged
) -> None:
    dataset = locate(folder)
    path = log_path(dataset)
    engine.append(1, 900, 4.0)
    engine.close()
    old = path.read_bytes()
    with reelrecs.open(folder) as other:
        other.append(1, 901, 4.0)
    compact(dataset)
    path.write_bytes(old)
    store = open_store(dataset)
    assert (900 in store.movie_ids, 901 in store.movie_ids) == (True, False)
    assert "of a log that is gone or was set back" in logged.lines[-1]


def test_a_damaged_log_is_one_line_and_never_passed_over(folder: Path, engine: Engine) -> None:
    engine.append(1, 900, 4.0)
    engine.close()
    path = log_path(locate(folder))
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(DataError, match="cannot read the log of ratings"):
        open_store(locate(folder))
