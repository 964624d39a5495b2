"""What teaches the ranker: movies that were watched, each among others that were not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from reelrecs import config
from reelrecs.errors import DataError
from reelrecs.kernels import pool
from reelrecs.learning.conditional_logit import RankingGroups
from reelrecs.pipeline.candidates import Floats, Mask
from reelrecs.scorer.ranker import relative_to_best
from reelrecs.stages.recent_source import RecentSource
from reelrecs.stages.sequence_features import COLUMNS, COMPARED, SequenceFeatures
from reelrecs.stages.sequence_model import SequenceModel
from reelrecs.stages.sequence_source import SequenceSource
from reelrecs.stages.user_context import query_of_history
from reelrecs.store.store import Store

Positions: TypeAlias = NDArray[np.int64]


class Teachers(NamedTuple):
    """Users whose last movies, or whose first ones, are kept from the base models."""

    last: Positions
    first: Positions

    @classmethod
    def nobody(cls) -> Teachers:
        """Nobody teaches: base models see everything."""
        return cls(np.zeros(0, np.int64), np.zeros(0, np.int64))


class Question(NamedTuple):
    """What a user is asked to tell: the movie that was rated next, or after some moment."""

    user: int
    length: int  # of the history that may be seen
    target: int  # place in the user's ratings
    as_of: int  # the moment of asking, in seconds since 1970


def collect_ranking_groups(
    store: Store, model: SequenceModel, questions: Sequence[Question]
) -> RankingGroups:
    """The answer of each question among a sample of negatives, with features.

    Of what is known of the user nothing beyond the history is seen, neither their ratings nor the
    time of their last one.
    Each question draws its negatives by a seed of its own, so threads do not matter.
    """
    sources, features = (SequenceSource(model), RecentSource(model)), SequenceFeatures(model)

    def describe(question: Question) -> tuple[Floats, Floats] | None:
        own = store.by_user.row(question.user)
        history = slice(own.start, own.start + question.length)
        target = store.by_user.movies[own.start + question.target]
        query = query_of_history(
            store,
            store.by_user.movies[history],
            store.by_user.ratings[history],
            store.by_user.times[history],
            config.DEFAULT_LIMIT,
            question.user,
            question.as_of,
        )
        found = [source.find(query).movies for source in sources]
        negatives = np.unique(np.concatenate(found))
        if target not in negatives:
            return None
        described = features.featurize(query, negatives)
        relative = relative_to_best(described[:, : len(COMPARED)], np.array([0, len(described)]))
        best, rest = _hardest(described, negatives != target)
        rng = np.random.default_rng((config.TRAIN_SEED, *question[:3], question.as_of & 0xFFFFFFFF))
        drawn = rng.choice(rest, min(config.SAMPLED_NEGATIVES, len(rest)), replace=False)
        group = np.concatenate([np.flatnonzero(negatives == target), best, drawn])
        offset = np.zeros(len(group), np.float32)
        if len(drawn):
            offset[1 + len(best) :] = np.log(len(rest) / len(drawn))
        return np.concatenate([described[group], relative[group]], axis=1), offset

    described_groups = pool.current().in_order(describe, questions)
    groups = [group for group in described_groups if group is not None]
    if len(groups) < config.FEWEST_GROUPS:
        raise DataError(
            f"only {len(groups)} groups to learn from in {store.name}; the fixed profile "
            "needs no training"
        )
    sizes = [len(offset) for _, offset in groups]
    return RankingGroups(
        np.concatenate([rows for rows, _ in groups]),
        np.concatenate([offset for _, offset in groups]),
        np.cumsum([0, *sizes[:-1]]),
    )


def choose_teachers(store: Store, rng: np.random.Generator) -> Teachers:
    """Users who teach the ranker, drawn at random, ascending; nobody is of both kinds."""
    lengths = np.diff(store.by_user.indptr)
    everybody = np.flatnonzero(lengths >= 2)
    wanted = min(config.FIRST_USERS, round(len(everybody) * config.FIRST_SHARE))
    first = np.sort(rng.choice(everybody, wanted, replace=False))
    able = np.setdiff1d(np.flatnonzero(lengths >= 2 * config.TARGETS_PER_USER), first)
    share = max(config.FEWEST_HELD_OUT_USERS, round(len(able) * config.HELD_OUT_SHARE))
    wanted = min(config.HELD_OUT_USERS, share, len(able))
    return Teachers(np.sort(rng.choice(able, wanted, replace=False)), first)


def choose_questions(store: Store, teachers: Teachers, rng: np.random.Generator) -> list[Question]:
    """What the teachers are asked: at all lengths of a history, and at several moments.

    Every question is asked just before the rating it asks for. Those who teach by their first
    movies are asked as newcomers, and, as of some cuts in time, for what they rated at any time
    after: long after they were last seen.
    """
    by_user = store.by_user
    lengths = np.diff(by_user.indptr)

    def next_at(user: int, places: Iterable[int]) -> list[Question]:
        times = by_user.times[by_user.row(user)]
        return [Question(user, place, place, int(times[place]) - 1) for place in places]

    questions: list[Question] = []
    for user in teachers.last.tolist():
        length = int(lengths[user])
        questions += next_at(user, range(length - config.TARGETS_PER_USER, length))
    for user in teachers.first.tolist():
        end = min(int(lengths[user]), config.FIRST_MOVIES)
        some = rng.integers(0, end, config.RANDOM_PLACES)
        questions += next_at(
            user, sorted({*range(min(config.NEWCOMER_PLACES, end)), *some.tolist()})
        )
    moments = by_user.times[store.rating_order]
    for share in config.CUTS:
        as_of = int(moments[int(share * (len(moments) - 1))])
        for user in teachers.first.tolist():
            own = by_user.times[by_user.row(user)][: config.FIRST_MOVIES]
            known = int(np.searchsorted(own, as_of, "right"))
            if 0 < known < len(own):
                target = int(rng.integers(known, len(own)))
                questions.append(Question(user, known, target, as_of))
    return questions


def _hardest(described: Floats, is_negative: Mask) -> tuple[Positions, Positions]:
    """Negatives that are best by one of some columns in turn, and all others."""
    chosen: dict[int, None] = {}
    most = config.HARD_NEGATIVES
    orders = [np.argsort(-described[:, column], kind="stable") for column in _LEADING]
    orders = [order[is_negative[order]][:most].tolist() for order in orders]
    for place in range(most):
        for order in orders:
            if len(chosen) < most and place < len(order):
                chosen.setdefault(order[place])
    best = np.fromiter(chosen, np.int64, len(chosen))
    rest = np.flatnonzero(is_negative)
    return best, rest[~np.isin(rest, best)]


_LEADING = [COLUMNS.index(name) for name in config.LEADING_COLUMNS]
