"""What teaches the ranker: movies that were watched, each among others that were not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from reelrecs import config
from reelrecs.errors import DataError
from reelrecs.kernels import pool
from reelrecs.kernels import training_groups as kernels
from reelrecs.kernels.jit import as_readonly_contiguous
from reelrecs.kernels.sequence_world import Asked
from reelrecs.learning.conditional_logit import RankingGroups
from reelrecs.pipeline.candidates import Floats, Rows
from reelrecs.stages.sequence_evidence import SequenceGatherer
from reelrecs.stages.sequence_features import COLUMNS, COMPARED
from reelrecs.stages.sequence_model import SequenceModel
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
    gatherer, size = SequenceGatherer(model), config.QUESTIONS_AT_ONCE
    parts = (questions[start : start + size] for start in range(0, len(questions), size))
    described = list(
        pool.current().in_order(lambda part: _described_groups(store, gatherer, part), parts)
    )
    sizes = np.concatenate([np.zeros(0, np.int64), *(part.sizes for part in described)])
    if len(sizes) < config.FEWEST_GROUPS:
        raise DataError(
            f"only {len(sizes)} groups to learn from in {store.name}: the pretrained profile, the "
            "default, needs no training"
        )
    return RankingGroups(
        np.concatenate([part.features for part in described]),
        np.concatenate([part.offset for part in described]),
        np.cumsum([0, *sizes[:-1]]),
    )


class _Groups(NamedTuple):
    """Groups of some questions end to end."""

    features: Floats  # [rows, COLUMNS and COMPARED]
    offset: Floats  # [rows]
    sizes: Positions  # [groups] of those questions whose answer was a candidate


def _described_groups(
    store: Store, gatherer: SequenceGatherer, questions: Sequence[Question]
) -> _Groups:
    asked, targets = _asked(store, questions)
    evidence = gatherer.evidence(asked)
    indptr, values = evidence.candidates.indptr, evidence.features
    movies = evidence.candidates.rows.movies
    places = np.zeros((len(questions), 1 + config.HARD_NEGATIVES), np.int64)
    counts = np.zeros(len(questions), np.int64)
    kernels.hardest(
        *as_readonly_contiguous(indptr, movies, targets, values, _LEADING), places, counts
    )
    highest = np.maximum.reduceat(values[:, : len(COMPARED)], indptr[:-1])
    rows, offsets, sizes, owners = [np.zeros(0, np.int64)], [np.zeros(0, np.float32)], [], []
    ends, found = indptr.tolist(), counts.tolist()
    for at, question in enumerate(questions):
        if found[at] < 0:
            continue
        taken = places[at, : 1 + found[at]]
        rest = ends[at + 1] - ends[at] - len(taken)
        rng = np.random.default_rng((config.TRAIN_SEED, *question[:3], question.as_of & 0xFFFFFFFF))
        ranks = rng.choice(rest, min(config.SAMPLED_NEGATIVES, rest), replace=False)
        drawn = np.empty(len(ranks), np.int64)
        kernels.places_of_ranks(taken, ranks, drawn)
        rows += [ends[at] + taken, ends[at] + drawn]
        offset = np.zeros(len(taken) + len(drawn), np.float32)
        if len(drawn):
            offset[len(taken) :] = np.log(rest / len(drawn))
        offsets.append(offset)
        sizes.append(len(offset))
        owners.append(at)
    chosen = values[np.concatenate(rows)]
    best = np.repeat(highest[owners], sizes, axis=0) if sizes else highest[:0]
    relative = np.exp(chosen[:, : len(COMPARED)] - best)
    return _Groups(
        np.concatenate([chosen, relative], axis=1),
        np.concatenate(offsets),
        np.array(sizes, np.int64),
    )


def _asked(store: Store, questions: Sequence[Question]) -> tuple[Asked, Rows]:
    """The questions as kernels take them, and the movie that each asks for."""
    users, lengths, places, as_of = np.array(questions, np.int64).reshape(-1, 4).T
    by_user, count = store.by_user, len(questions)
    starts = by_user.indptr[users]
    indptr = np.zeros(count + 1, np.int64)
    np.cumsum(lengths, out=indptr[1:])
    entries = np.repeat(starts - indptr[:-1], lengths) + np.arange(indptr[-1])
    asked = Asked(
        *as_readonly_contiguous(
            indptr,
            by_user.movies[entries],
            by_user.times[entries],
            users.astype(np.int32),
            as_of,
            np.full(count, config.DEFAULT_LIMIT),
            np.zeros((0, 0), np.bool_),
            np.full(count, -1, np.int32),
            np.zeros(count, np.bool_),
        )
    )
    return asked, by_user.movies[starts + places]


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


_LEADING = np.array([COLUMNS.index(name) for name in config.LEADING_COLUMNS], np.int64)
