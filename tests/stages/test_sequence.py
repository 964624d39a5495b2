"""Sequence evidence as a stage: finite, blind to the user's own future, heard by the source."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given

from reelrecs import config
from reelrecs.errors import ModelError
from reelrecs.kernels import sequence_retrieval
from reelrecs.kernels.genres import genre_matrix
from reelrecs.kernels.sequence_features import PLAIN_END, Logged, Plain, genre_and_year_fit
from reelrecs.kernels.sequence_knn import CHANNELS, SequenceSettings
from reelrecs.learning.base_models import fit_base_models
from reelrecs.learning.training_groups import Teachers
from reelrecs.pipeline.queries import Queries
from reelrecs.stages.base_models import validate
from reelrecs.stages.sequence_evidence import SequenceGatherer
from reelrecs.stages.sequence_features import COLUMNS
from reelrecs.stages.sequence_model import SequenceModel, asked_of
from reelrecs.stages.sequence_source import SequenceSource
from reelrecs.stages.user_context import build_query, query_of_history
from reelrecs.store.store import Store
from reelrecs.store.subset import restrict
from tests.asking import described, evidence_of, found_by
from tests.compiled import entry
from tests.learning.test_markov_chain import scores_of
from tests.learning.test_sparse_rows import dense_of
from tests.worlds import Triple, random_triples, store_of, triples


def model_of(store: Store) -> SequenceModel:
    return SequenceModel(store, fit_base_models(store, Teachers.nobody()))


@pytest.fixture(scope="module")
def world() -> SequenceModel:
    return model_of(store_of(random_triples(9, users=60, movies=50), 55))


@given(triples())
def test_every_value_is_finite_for_everybody(made: Sequence[Triple]) -> None:
    model = model_of(store_of(made, 17))
    everything = np.arange(model.store.movie_count, dtype=np.int32)
    for user in range(-1, min(model.store.user_count, 3)):
        nothing = np.zeros(0, np.int32)
        query = (
            build_query(model.store, user, 5)
            if user >= 0
            else query_of_history(model.store, nothing, nothing, nothing, 5)
        )
        values = described(model, query, everything)
        assert values.shape == (len(everything), len(COLUMNS))
        assert np.isfinite(values).all()
        found_by(SequenceSource(), model, query)


@pytest.fixture(scope="module")
def crowded() -> Store:
    """A world where every anchor has more raters than may vote, and lives of users overlap in time.

    So a window of votes or of recent raters that is centred on another moment holds other people.
    """
    made = random_triples(9, users=900, movies=50, most=50)
    np.random.default_rng(2).shuffle(made)
    return store_of(made, 55)


def test_the_users_own_future_cannot_be_seen(crowded: Store) -> None:
    """What the store holds of a user beyond the query's history must not show in any column."""
    model = model_of(crowded)
    everything = np.arange(crowded.movie_count, dtype=np.int32)
    lengths = np.diff(crowded.by_user.indptr)
    latest_first = np.argsort(-crowded.user_activity_ranks)
    for user in latest_first[lengths[latest_first] > 20][:3].tolist():
        start, stop = crowded.by_user.indptr[user : user + 2]
        cut = stop - 15
        past = query_of_history(
            crowded,
            crowded.by_user.movies[start:cut],
            crowded.by_user.ratings[start:cut],
            crowded.by_user.times[start:cut],
            5,
            user,
        )
        settings = SequenceSettings()
        for anchor in past.movies[-settings.anchors :]:
            assert crowded.movie_rating_counts[anchor] > settings.occurrences
        assert crowded.user_count > config.RECENT_USERS, "the other window is cut, too"
        keep = np.ones(crowded.rating_count, np.bool_)
        keep[cut:stop] = False
        blind = SequenceModel(restrict(crowded, keep), _named(model))
        ours = described(model, past, everything)
        theirs = described(blind, build_query(blind.store, user, 5), everything)
        for column, name in enumerate(COLUMNS):
            np.testing.assert_allclose(
                ours[:, column], theirs[:, column], rtol=1e-6, atol=1e-6, err_msg=name
            )


def test_the_moment_of_asking_moves_the_windows(crowded: Store) -> None:
    """The same history asked about at another time is read beside other people."""
    model = model_of(crowded)
    everything = np.arange(crowded.movie_count, dtype=np.int32)
    now = build_query(crowded, 3, 5)
    early = replace(now, as_of=int(crowded.by_user.times.min()))
    both = [described(model, one, everything) for one in (now, early)]
    for name in ("sequence.next", "popularity.recent"):
        column = COLUMNS.index(name)
        assert (both[0][:, column] != both[1][:, column]).any()


def _named(model: SequenceModel) -> dict[str, np.ndarray]:
    chain = model.chain
    parts = {
        "context_embeddings": chain.context_embeddings,
        "item_embeddings": chain.item_embeddings,
        "projection": chain.projection,
        "bias": chain.bias,
    }
    matrices = {
        f"{name}.{part}": values
        for name, matrix in model.matrices.items()
        for part, values in matrix._asdict().items()
    }
    return {**parts, **matrices}


def test_columns_follow_their_definitions(world: SequenceModel) -> None:
    store = world.store
    query = build_query(store, 3, 5)
    everything = np.arange(store.movie_count, dtype=np.int32)
    recently = evidence_of(world, query)
    votes = recently.votes
    newness = 8 / (8 + len(query.movies))

    def summed(name: str, decay: float, most: int) -> np.ndarray:
        total = np.zeros(store.movie_count)
        for back, movie in enumerate(query.movies[::-1][:most].tolist()):
            total += decay**back * dense_of(world.matrices[name])[movie]
        return total

    rank = int(store.user_activity_ranks[3])
    recent = np.zeros(store.movie_count)
    for user in range(store.user_count):
        if user != 3 and -300 <= store.user_activity_ranks[user] - rank <= 300:
            recent[store.by_user.movies[slice(*store.by_user.indptr[user : user + 2])]] += 1
    fitted = np.empty((len(everything), PLAIN_END), np.float32)
    last = query.movies[::-1][:12]
    bits = genre_matrix(store.movie_genres, len(store.genres))
    entry(genre_and_year_fit)(
        store.movie_genres,
        store.movie_years,
        store.movie_rating_counts @ bits / store.rating_count,
        last,
        0.85,
        0.7,
        everything,
        fitted,
    )
    genre, era = fitted[:, Logged.GENRES], fitted[:, Plain.YEARS]
    expected = {
        **{f"sequence.{name}": np.log(votes[:, at] + 1e-4) for at, name in enumerate(CHANNELS)},
        "model.next_item": np.log(np.maximum(summed("next_item", 0.8, 31), 0) + 0.003) * 2,
        "model.co_occurrence": np.log(summed("co_occurrence", 0.96, 60) + 1e-3),
        "popularity.ratings": np.log(store.movie_rating_counts + 1) / 8,
        "popularity.recent": np.log((recent + 2) / (store.movie_rating_counts + 2)) * 2,
        "recent_profile.genres": np.log(genre) / 4,
        "model.markov_chain": scores_of(world.chain, query.movies) / 2,
        "model.ease": summed("ease", 1.0, 300) * 8,
        "recent_profile.years": era / 4,
        "popularity.by_history_length": np.log(store.movie_rating_counts + 1)
        * np.log(len(query.movies))
        * 2,
        **{
            f"recent.{window}": np.log1p(recently.windows[at])
            for at, window in enumerate(config.RECENT_WINDOWS)
        },
        "recent.alike": np.log(recently.alike + 0.01),
        "recent.at_length": np.log(recently.at_length + 0.5),
        "newcomer.popularity.ratings": np.log(store.movie_rating_counts + 1) / 8 * newness,
        **{
            f"newcomer.recent.{window}": np.log1p(recently.windows[at]) * newness
            for at, window in enumerate(config.RECENT_WINDOWS)
        },
        "newcomer.recent.alike": np.log(recently.alike + 0.01) * newness,
        "newcomer.recent.at_length": np.log(recently.at_length + 0.5) * newness,
        "context.length": np.full(store.movie_count, np.log1p(len(query.movies))),
        "context.gap": np.full(store.movie_count, np.log1p(recently.gap)),
    }
    found = described(world, query, everything)
    assert tuple(expected) == COLUMNS
    for at, (name, values) in enumerate(expected.items()):
        np.testing.assert_allclose(found[:, at], values, rtol=1e-3, atol=1e-4, err_msg=name)


def test_going_through_the_users_asked_for_gives_the_same_bits(
    crowded: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taste similarity is found by movies' raters or, where they are many, by users' movies."""
    early = replace(build_query(crowded, 3, 9), as_of=int(np.median(crowded.by_user.times)))
    nobody = np.zeros(0, np.int64)
    queries = [build_query(crowded, user, 9) for user in range(crowded.user_count)]
    queries += [early, query_of_history(crowded, nobody, nobody, nobody, 9)]
    asked = asked_of(Queries.of(queries))
    by_raters = SequenceGatherer(model_of(crowded)).evidence(asked)
    monkeypatch.setattr(config, "SIMILARITY_RATERS", 0)
    model = model_of(crowded)
    by_users = SequenceGatherer(model).evidence(asked)
    assert by_raters.features[:, COLUMNS.index("sequence.next_alike")].any()
    np.testing.assert_array_equal(by_users.candidates.rows.movies, by_raters.candidates.rows.movies)
    np.testing.assert_array_equal(by_users.features, by_raters.features)
    with model._space() as room:
        assert not room.similarity.any()
        assert not room.few.places.any()


def test_candidates_beyond_the_room_are_found_all_the_same(
    world: SequenceModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long lists and ties draw more than the room is made for: it is made again, larger."""
    asked = asked_of(Queries.of([build_query(world.store, user, 20) for user in (3, 4, 5)]))
    large = SequenceGatherer(world).evidence(asked)
    assert len(large.candidates.rows) > 3 * 8
    room_for = sequence_retrieval.room_for
    monkeypatch.setattr(
        sequence_retrieval,
        "room_for",
        lambda queries, candidates, *rest: (
            room_for(queries, candidates // 8, *rest)
            if candidates != world.store.movie_count
            else room_for(queries, candidates, *rest)
        ),
    )
    small = SequenceGatherer(world).evidence(asked)
    for ours, theirs in (
        (small.candidates.indptr, large.candidates.indptr),
        (small.candidates.rows.movies, large.candidates.rows.movies),
        (small.candidates.rows.retrieval_scores, large.candidates.rows.retrieval_scores),
        (small.chosen, large.chosen),
        (small.features, large.features),
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_features_do_not_depend_on_the_order_of_candidates(world: SequenceModel) -> None:
    query = build_query(world.store, 3, 5)
    movies = np.arange(40, dtype=np.int32)
    shuffled = np.random.default_rng(0).permutation(movies).astype(np.int32)
    np.testing.assert_array_equal(
        described(world, query, movies)[shuffled], described(world, query, shuffled)
    )


def test_the_source_finds_unwatched_movies_that_the_evidence_names(world: SequenceModel) -> None:
    query = build_query(world.store, 3, 5)
    found = found_by(SequenceSource(), world, query)
    assert len(found) > 10
    assert not set(found.movies.tolist()) & set(query.movies.tolist())
    assert (found.retrieval_scores.max(axis=1) > 0).all()
    assert (np.diff(found.movies) > 0).all()


def test_a_long_list_finds_enough_candidates() -> None:
    store = store_of(random_triples(4, users=40, movies=400, most=30), 405)
    model = model_of(store)
    one, usual, long = (
        found_by(SequenceSource(), model, build_query(store, 3, limit)) for limit in (1, 20, 150)
    )
    np.testing.assert_array_equal(one.movies, usual.movies)
    for channel, most in enumerate(config.SEQUENCE_CANDIDATES):
        assert 0 < np.count_nonzero(usual.retrieval_scores[:, channel]) <= most
    assert (usual.retrieval_scores == 0).any(), "what a channel did not find has no strength there"
    assert len(long) >= 300, "twice as many as the list is long"


def test_each_channel_has_its_column() -> None:
    assert COLUMNS[: len(CHANNELS)] == tuple(f"sequence.{channel}" for channel in CHANNELS)


def test_entries_of_a_matrix_are_those_of_the_dense_one(world: SequenceModel) -> None:
    history = build_query(world.store, 3, 5).movies
    movies = np.array([7, 0, 54, 21], np.int32)
    found = world.entries("co_occurrence", history, movies)
    dense = dense_of(world.matrices["co_occurrence"])
    np.testing.assert_allclose(found, dense[np.ix_(history, movies)].T, rtol=1e-6)
    assert found.any()


def test_movies_beyond_the_most_rated_have_co_occurrence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "MATRIX_MOVIES", 10)
    model = model_of(store_of(random_triples(9, users=60, movies=50), 55))
    reached = {name: np.unique(one.columns) for name, one in model.matrices.items()}
    assert len(reached["next_item"]) == len(reached["ease"]) == 10
    assert len(reached["co_occurrence"]) > 40


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("ease.indptr", lambda values: values[:-1]),
        ("ease.indptr", lambda values: values + 1),
        ("ease.indptr", lambda values: np.append(values[:1], values[:0:-1])),
        ("ease.columns", lambda values: values + 55),
        ("ease.columns", lambda values: values.astype(np.int32) - 55),
        ("ease.codes", lambda values: values[:-1]),
        ("ease.scales", lambda values: values[:-1]),
        ("ease.scales", lambda values: values * np.float32(np.nan)),
        ("ease.scales", None),
    ],
)
def test_a_matrix_that_does_not_fit_is_refused(
    world: SequenceModel, name: str, spoil: Callable[[np.ndarray], np.ndarray] | None
) -> None:
    named = _named(world)
    if spoil is None:
        del named[name]
    else:
        named[name] = spoil(named[name])
    with pytest.raises(ModelError, match="run train again"):
        validate(named, world.store.movie_count)
