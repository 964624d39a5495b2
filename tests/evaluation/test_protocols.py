"""Each protocol asks what it says, and nothing of the future can be seen."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelrecs.datasets.tables import Movies, Ratings, Tables
from reelrecs.errors import DataError, InvalidRequest
from reelrecs.evaluation import protocols, splits, ties
from reelrecs.evaluation.evaluate import evaluate
from reelrecs.evaluation.splits import Split
from reelrecs.store.build import store_of
from reelrecs.store.store import Store
from tests.conftest import Logged
from tests.worlds import random_triples

Row = tuple[int, int, float, int]  # user, movie, stars, second

MOVIES = 15

ROWS = st.lists(
    st.tuples(st.integers(1, 9), st.integers(1, MOVIES), st.integers(1, 10), st.integers(0, 40)),
    unique_by=lambda row: row[:2],
    min_size=25,
    max_size=50,
).map(lambda rows: [(user, movie, stars / 2, second) for user, movie, stars, second in rows])


def made(rows: Sequence[Row], movie_count: int = MOVIES) -> Store:
    """A store of these; all movies are known, rated or not, so movie rows are ids less one."""
    users, movies, stars, times = (np.array(column) for column in zip(*rows, strict=True))
    ids = np.arange(1, max(movie_count, int(movies.max())) + 1, dtype=np.int64)
    count = len(ids)
    return store_of(
        Tables(
            Ratings(
                users.astype(np.int64),
                movies.astype(np.int64),
                stars.astype(np.float32),
                times.astype(np.int64),
            ),
            Movies(
                ids,
                [f"Film {movie}" for movie in ids],
                np.zeros(count, np.int16),
                [()] * count,
                np.zeros(count, np.int32),
            ),
        ),
        "world",
    )


def spread(seed: int = 1, users: int = 60, movies: int = 80) -> list[Row]:
    """Ratings of everybody over all of the time, so that cuts in time have people on both sides."""
    rng = np.random.default_rng(seed)
    triples = random_triples(seed, users, movies, 40)
    seconds = rng.permutation(len(triples)).tolist()
    rows = [(*triple, second) for triple, second in zip(triples, seconds, strict=True)]
    return rows + [(user, movies + 1, 4.0, len(rows) + user) for user in range(1, 5)]


def asked(split: Split) -> list[tuple[int, list[int], list[int], int | None]]:
    """Each question as user id, movie rows of the history, targets, and moment."""
    questions = split.ask(slice(0, len(split)))
    return [
        (
            int(split.user_ids[split.owners[place]]),
            questions.movies[questions.history(place)].tolist(),
            split.targets_of(place).tolist(),
            None if questions.as_of is None else int(questions.as_of[place]),
        )
        for place in range(len(split))
    ]


def cuts_or_nothing(protocol: str, store: Store, seed: int = 0) -> list[Split]:
    """The cuts, none for a world that is too small."""
    try:
        return protocols.cuts(protocol, store, seed)
    except DataError:
        return []


@pytest.mark.parametrize("protocol", list(protocols.PROTOCOLS))
@settings(max_examples=12)
@given(ROWS)
def test_histories_are_of_the_user_and_targets_are_not_in_them(
    protocol: str, rows: list[Row]
) -> None:
    store = made(rows)
    rated = {(user, movie - 1): second for user, movie, _, second in rows}
    for split in cuts_or_nothing(protocol, store):
        questions = split.ask(slice(0, len(split)))
        assert (np.diff(split.owners) >= 0).all()
        assert len(split.user_ids) == split.owners[-1] + 1
        for place, (user, history, targets, moment) in enumerate(asked(split)):
            assert all((user, movie) in rated for movie in history + targets)
            assert targets
            assert not set(history) & set(targets)
            times = [rated[user, movie] for movie in history]
            assert questions.times[questions.history(place)].tolist() == times == sorted(times)
            if moment is not None:
                assert max([*times, -1]) <= moment <= min(rated[user, one] for one in targets)
            row = int(questions.users[place])
            if row >= 0:
                assert split.train.user_ids[row] == user
                held = split.train.by_user.movies[split.train.by_user.row(row)].tolist()
                assert not set(targets) & set(held)
                if protocol != "successive":
                    assert sorted(history) == sorted(held)
            else:
                assert user not in split.train.user_ids


@pytest.mark.parametrize(
    ("protocol", "share"), [("temporal", 0.9), ("temporal-validation", 0.8), ("successive", 0.9)]
)
@settings(max_examples=15)
@given(rows=ROWS, data=st.data())
def test_what_happens_after_the_cut_changes_nothing_that_systems_see_before_it(
    protocol: str, share: float, rows: list[Row], data: st.DataObject
) -> None:
    """The future is shifted and its stars are changed: the training store is the same.

    Nobody new comes and nobody is lost, for rows, which decide ties, would move.
    """
    store = made(rows)
    found = cuts_or_nothing(protocol, store)
    if not found:
        return
    train = found[0].train
    seen = {
        (int(train.user_ids[owner]), int(movie) + 1)
        for owner, movie in zip(train.by_user.owners(), train.by_user.movies, strict=True)
    }
    assert len(seen) == round(share * len(rows))
    later = data.draw(st.integers(1, 1000))
    changed = [
        row if row[:2] in seen else (row[0], row[1], 5.5 - row[2], row[3] + later) for row in rows
    ]
    (again,) = protocols.cuts(protocol, made(changed), 0)
    assert again.train.digest == train.digest
    before = {user: (history, moment) for user, history, _, moment in reversed(asked(found[0]))}
    after = {user: (history, moment) for user, history, _, moment in reversed(asked(again))}
    if protocol == "temporal":
        assert {user: history for user, (history, _) in before.items()} == {
            user: history for user, (history, _) in after.items()
        }


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_erasing_the_last_tenth_leaves_the_validation_cut_as_it_is(seed: int) -> None:
    rows = spread(seed)
    (split,) = protocols.cuts("temporal-validation", made(rows), 0)
    earlier = sorted(rows, key=lambda row: row[3])[: round(0.9 * len(rows))]
    kept = made(earlier, max(row[1] for row in rows))
    again = splits.temporal(kept, round(0.8 * len(rows)) / kept.rating_count)
    assert again.train.digest == split.train.digest
    assert asked(again) == asked(split)


@settings(max_examples=20)
@given(ROWS)
def test_successive_asks_every_later_rating_at_its_own_moment(rows: list[Row]) -> None:
    found = cuts_or_nothing("successive", made(rows))
    if not found:
        return
    (split,) = found
    train = split.train
    questions = asked(split)
    assert len(questions) == len(rows) - round(0.9 * len(rows))
    by_user: dict[int, list[int]] = {}
    for user, history, targets, moment in questions:
        (target,) = targets
        assert (user, target + 1, moment) in {(row[0], row[1], row[3]) for row in rows}
        if user not in by_user:
            row = train.user_ids.row(user)
            known = train.by_user.row(row) if row >= 0 else slice(0, 0)
            by_user[user] = train.by_user.movies[known].tolist()
        assert history == by_user[user]
        by_user[user].append(target)


@settings(max_examples=20)
@given(ROWS, st.integers(0, 5))
def test_the_ladder_asks_strangers_for_the_movie_after_the_first_k(
    rows: list[Row], seed: int
) -> None:
    store = made(rows)
    rungs = cuts_or_nothing("cold", store, seed)
    if not rungs:
        return
    strangers = set(store.user_ids) - set(rungs[0].train.user_ids)
    assert len(strangers) == max(1, round(store.user_count / 10))
    lengths = {user: sum(row[0] == user for row in rows) for user in strangers}
    reached = [k for k in protocols.LADDER if any(length > k for length in lengths.values())]
    assert [rung.part for rung in rungs] == [f"{k} ratings" for k in reached]
    for k, rung in zip(reached, rungs, strict=True):
        assert set(rung.user_ids) == {user for user in strangers if lengths[user] > k}
        assert rung.train is rungs[0].train
        assert (rung.users == -1).all()
        for user, history, targets, _ in asked(rung):
            whole = store_order(store, user)
            assert history == whole[:k]
            assert targets == [whole[k]]


def store_order(store: Store, user: int) -> list[int]:
    """All movie rows of a user as the protocols order them."""
    ordered = ties.in_hashed_order(store)
    return ordered.by_user.movies[ordered.by_user.row(ordered.user_row(user))].tolist()


def test_new_movies_are_first_rated_in_the_last_tenth_and_parts_go_by_their_ratings() -> None:
    old = [(user, movie, 4.0, user + movie) for user in range(1, 19) for movie in range(1, 11)]
    start = 200
    late = [(user, 20, 4.0, start + user) for user in range(1, 9)]  # six ratings before the cut
    late += [(user, 21, 4.0, start + 10) for user in (9, 10)]
    late += [(user, 20, 4.0, start + 20 + user) for user in (11, 12, 13)]
    late += [(user, 21, 4.0, start + 40) for user in (14, 15)]
    late += [(16, 22, 4.0, start + 41), (16, 21, 4.0, start + 42), (17, 12, 4.0, start + 43)]
    late += [(99, 20, 4.0, start + 44), (18, 20, 4.0, start + 45)]
    cuts = protocols.cuts("new-movies", made(old + late), 0)
    named = {split.part: asked(split) for split in cuts}
    assert set(named) == {"all new movies", "0 ratings", "1 to 4 ratings", "5 ratings or more"}
    found = {
        part: {(user, movie) for user, _, movies, _ in questions for movie in movies}
        for part, questions in named.items()
    }
    everything = found.pop("all new movies")
    assert everything == set.union(*found.values())
    assert {movie for _, movie in everything} <= {11, 19, 20, 21}
    assert 99 not in {user for user, _ in everything}
    assert [movies for _, _, movies, _ in named["0 ratings"]] == [[21], [11]]
    assert all(history == sorted(history) for _, history, _, _ in named["all new movies"])
    assert len({moment for _, _, _, moment in named["all new movies"]}) == 1
    with pytest.raises(DataError, match="use temporal"):
        protocols.cuts("new-movies", made(old), 0)


def test_the_request_time_is_told_as_chosen() -> None:
    store = made(spread())
    told = {name: protocols.cuts(name, store, 0)[0].request_time for name in protocols.PROTOCOLS}
    told.pop("random-out")
    assert {name for name, time in told.items() if time == "given"} == {
        "temporal",
        "temporal-validation",
        "successive",
        "cold",
        "new-movies",
    }
    assert protocols.split_by("last-out", store, 0, "given").request_time == "given"
    assert protocols.split_by("temporal", store, 0, "withheld").ask(slice(0, 3)).as_of is None
    assert protocols.split_by("random-out", store, 0).request_time == "none"
    with pytest.raises(InvalidRequest, match="no moment of asking"):
        protocols.cuts("random-out", store, 0, "given")
    with pytest.raises(InvalidRequest, match="choose given or withheld"):
        protocols.cuts("temporal", store, 0, "perhaps")
    with pytest.raises(InvalidRequest, match="cold has several cuts"):
        protocols.split_by("cold", store, 0)


def test_temporal_is_the_default_where_people_return_and_last_out_elsewhere(
    logged: Logged,
) -> None:
    assert protocols.cuts(None, made(spread()), 0)[0].name.startswith("temporal, ratings 90%")
    assert not logged.lines
    one_sitting = [(*triple, second) for second, triple in enumerate(random_triples(1, 60, 80, 40))]
    assert protocols.cuts(None, made(one_sitting), 0)[0].name == "last-out"
    assert "the protocol is last-out" in logged.lines[-1]
    no_times = [(user, movie, stars, 0) for user, movie, stars, _ in spread()]
    assert protocols.default_protocol(made(no_times)) == "last-out"


def test_what_rests_on_the_order_of_rows_is_said(logged: Logged) -> None:
    rows = spread()
    dated = made(rows)
    evaluate(dated, ["popularity"], k=5)
    assert not any("has no times" in line for line in logged.lines)
    undated = Store(dated.arrays, dated.metadata | {"has_times": "false"})
    evaluate(undated, ["popularity"], k=5)
    said = " ".join(logged.lines)
    assert "world has no times: the protocol is last-out" in said
    assert "the order of its rows is taken for the order in time" in said
