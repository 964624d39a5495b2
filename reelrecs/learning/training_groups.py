"""What teaches the ranker: movies that were watched, each among others that were not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reelrecs import config
from reelrecs.errors import DataError
from reelrecs.kernels import pool
from reelrecs.learning.conditional_logit import RankingGroups
from reelrecs.pipeline.candidates import Floats
from reelrecs.scorer.ranker import relative_to_best
from reelrecs.stages.sequence_features import COLUMNS, SequenceFeatures
from reelrecs.stages.sequence_model import SequenceModel
from reelrecs.stages.sequence_source import SequenceSource
from reelrecs.stages.user_context import query_of_history
from reelrecs.store.store import Store


def collect_ranking_groups(
    store: Store, model: SequenceModel, held_out: NDArray[np.int64]
) -> RankingGroups:
    """The held-out users' last movies, each among a sample of negatives, with features.

    A group is asked about as of the rating before the movie watched: of what is known of the user
    nothing later is seen, neither their ratings nor the time of their last one.
    Each choice draws its negatives by a seed of its own, so threads do not matter.
    """
    tasks = [
        (int(user), back) for user in held_out for back in range(1, config.TARGETS_PER_USER + 1)
    ]
    source, features = SequenceSource(model), SequenceFeatures(model)

    def describe(task: tuple[int, int]) -> tuple[Floats, Floats] | None:
        user, back = task
        own = store.by_user.row(user)
        cut = own.stop - back
        target = store.by_user.movies[cut]
        query = query_of_history(
            store,
            store.by_user.movies[own.start : cut],
            store.by_user.ratings[own.start : cut],
            store.by_user.times[own.start : cut],
            config.DEFAULT_LIMIT,
            user,
        )
        negatives = source.find(query).movies
        if target not in negatives:
            return None
        described = features.featurize(query, negatives)
        relative = relative_to_best(described, np.array([0, len(described)]))
        order = np.argsort(-described[:, _LEADING], kind="stable")
        order = order[negatives[order] != target]
        best, rest = order[: config.HARD_NEGATIVES], order[config.HARD_NEGATIVES :]
        rng = np.random.default_rng((config.TRAIN_SEED, user, back))
        drawn = rng.choice(rest, min(config.SAMPLED_NEGATIVES, len(rest)), replace=False)
        group = np.concatenate([np.flatnonzero(negatives == target), best, drawn])
        offset = np.zeros(len(group), np.float32)
        if len(drawn):
            offset[1 + len(best) :] = np.log(len(rest) / len(drawn))
        return np.concatenate([described[group], relative[group]], axis=1), offset

    described_groups = pool.current().in_order(describe, tasks)
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


def choose_held_out_users(store: Store, rng: np.random.Generator) -> NDArray[np.int64]:
    """Users whose last movies are kept from the base models, drawn at random, ascending."""
    able = np.flatnonzero(np.diff(store.by_user.indptr) >= 2 * config.TARGETS_PER_USER)
    share = max(config.FEWEST_HELD_OUT_USERS, round(len(able) * config.HELD_OUT_SHARE))
    wanted = min(config.HELD_OUT_USERS, share, len(able))
    return np.sort(rng.choice(able, wanted, replace=False))


_LEADING = COLUMNS.index("sequence.next_alike")
