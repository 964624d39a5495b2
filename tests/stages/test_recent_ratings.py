"""What everybody rated lately: only what was known at the moment of asking."""

import numpy as np
import pytest

from reelrecs import config
from reelrecs.pipeline.query import Query
from reelrecs.stages.base_models import MATRICES
from reelrecs.stages.recent_source import RecentSource
from reelrecs.stages.sequence_features import COLUMNS
from reelrecs.stages.sequence_model import SequenceModel
from reelrecs.stages.user_context import build_query, query_of_history
from reelrecs.store.store import Store
from reelrecs.store.subset import restrict
from tests.asking import Gathered, described, evidence_of, found_by
from tests.stages.test_sequence import model_of
from tests.worlds import random_triples, store_of


@pytest.fixture(scope="module")
def world() -> Store:
    made = random_triples(3, users=80, movies=50)
    np.random.default_rng(4).shuffle(made)
    return store_of(made, 55)


def newcomer(store: Store, as_of: int | None = None) -> Query:
    nothing = np.zeros(0, np.int64)
    return query_of_history(store, nothing, nothing, nothing, 5, as_of=as_of)


def filled(store: Store, query: Query) -> Gathered:
    return evidence_of(untrained(store), query)


def untrained(store: Store) -> SequenceModel:
    """A model whose base models know nothing: what is rated lately does not depend on them."""
    arrays = {
        "context_embeddings": np.zeros((store.movie_count, 2), np.float32),
        "item_embeddings": np.zeros((store.movie_count, 2), np.float32),
        "projection": np.zeros((8, 2), np.float32),
        "bias": np.zeros(store.movie_count, np.float32),
    }
    for name in MATRICES:
        arrays[f"{name}.indptr"] = np.zeros(store.movie_count + 1, np.int64)
        arrays[f"{name}.columns"] = np.zeros(0, np.uint16)
        arrays[f"{name}.codes"] = np.zeros(0, np.int8)
        arrays[f"{name}.scales"] = np.zeros(store.movie_count, np.float32)
    return SequenceModel(store, arrays)


def test_what_comes_after_the_moment_changes_nothing(world: Store) -> None:
    """Windows and totals of the data as of a moment are those of the data that ended there."""
    times = world.by_user.times
    everything = np.arange(world.movie_count, dtype=np.int32)
    for moment in np.quantile(times, [0.0, 0.3, 0.8, 1.0], method="lower").tolist():
        past = restrict(world, times <= moment)
        then, ended = newcomer(world, moment), newcomer(past, moment)
        ours, theirs = filled(world, then), filled(past, ended)
        assert (ours.end, ours.gap) == (theirs.end, 0) == (past.rating_count, 0)
        assert (ours.windows == theirs.windows).all()
        assert (ours.alike == theirs.alike).all()
        columns = [
            described(untrained(store), query, everything)[:, COLUMNS.index("popularity.ratings")]
            for store, query in ((world, then), (past, ended))
        ]
        assert (columns[0] == columns[1]).all()


def test_the_order_of_time_is_one_and_ties_are_of_no_id(world: Store) -> None:
    order = world.rating_order
    assert sorted(order.tolist()) == list(range(world.rating_count))
    assert (np.diff(world.by_user.times[order]) >= 0).all()


def test_windows_hold_the_last_ratings(world: Store) -> None:
    last = world.by_user.movies[world.rating_order][-config.RECENT_WINDOWS[0] :]
    counts = np.bincount(last, minlength=world.movie_count)
    assert (filled(world, newcomer(world)).windows[0] == counts).all()


def test_the_gap_counts_what_others_rated_since(world: Store) -> None:
    times, row = world.by_user.times, world.by_user.row(7)
    query = build_query(world, 7, 5)
    assert filled(world, query).gap == (times > times[row][-1]).sum()
    history = slice(row.start, row.start + 1)
    early = query_of_history(
        world, world.by_user.movies[history], world.by_user.ratings[history], times[history], 5, 7
    )
    others = np.ones(world.rating_count, np.bool_)
    others[row] = False
    assert filled(world, early).gap == (times[others] > times[row.start]).sum()


def test_what_people_rate_first_is_known_of_newcomers(world: Store) -> None:
    firsts = np.bincount(world.by_user.movies[world.by_user.indptr[:-1]], minlength=55)
    at_length = filled(world, newcomer(world)).at_length
    prior = world.movie_rating_counts * config.HISTORY_LENGTH_PRIOR / world.rating_count
    np.testing.assert_allclose(at_length, firsts + prior, rtol=1e-5)


def test_the_source_finds_the_best_unwatched_of_each_channel(
    world: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "RECENT_CANDIDATES", 3)
    model: SequenceModel = model_of(world)
    query = build_query(world, 5, 2)
    found = found_by(RecentSource(), model, query)
    assert not np.isin(found.movies, query.movies).any()
    scores = evidence_of(model, query)
    unseen = np.setdiff1d(np.arange(world.movie_count), query.movies)
    for channel, counts in enumerate((*scores.windows, scores.at_length)):
        drawn = found.movies[found.retrieval_scores[:, channel] > 0]
        assert len(drawn) >= 3
        left = np.setdiff1d(unseen, drawn)
        assert counts[drawn].min() >= counts[left].max()
