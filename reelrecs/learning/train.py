"""Training of the learned profile: base models first, then a blend that has never seen their data.

The trap is a base model that has seen the blend's targets: it then looks far better than it will
be, and the blend trusts it blindly. So the last movies of some users are kept from all base
models, and become the blend's targets; what the store itself tells leaves the user's own row out.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from reelrecs import config
from reelrecs.errors import DataError
from reelrecs.kernels import pool
from reelrecs.learning.boosted_trees import fit_trees
from reelrecs.learning.conditional_logit import Choices, fit_logit
from reelrecs.learning.item_item import fit_ease, fit_pairs, fit_step, paired_movies
from reelrecs.learning.markov_chain import fit_chain
from reelrecs.pipeline.protocols import Floats
from reelrecs.scorer.model import ScoringModel
from reelrecs.scorer.ranker import Blend, leads_of
from reelrecs.stages.sequence_model import COLUMNS, SequenceFeatures, SequenceModel, SequenceSource
from reelrecs.stages.user_context import query_of_history
from reelrecs.store.store import Store

PROFILE = "learned"


def train(store: Store, report: Callable[[str], None] = lambda _: None) -> ScoringModel:
    """The learned model of a store; the same bits for any number of threads.

    Raises DataError where there are too few ratings to learn from.
    """
    rng = np.random.default_rng(config.TRAIN_SEED)
    teachers = _teachers(store, rng)
    named = fit_base_models(store, teachers, report)
    report(f"describing {len(teachers) * config.TARGETS_A_USER:,} choices")
    choices = collect_choices(store, SequenceModel(store, named), teachers)
    report(f"learning the blend from {len(choices.starts):,} choices")
    with threadpool_limits(1):
        logit = fit_logit(choices)
    report("growing trees on top of it")
    trees = fit_trees(choices, logit.scores(choices.features) + choices.offset, config.TRAIN_SEED)
    blend = Blend(
        PROFILE,
        (*COLUMNS, *(f"{column}.lead" for column in COLUMNS)),
        COLUMNS * 2,
        ("identity",) * len(COLUMNS) + ("lead",) * len(COLUMNS),
        logit.center,
        logit.scale,
        logit.weights,
        trees=trees,
    )
    return ScoringModel.learned(store, blend, named)


def fit_base_models(
    store: Store, teachers: NDArray[np.int64], report: Callable[[str], None]
) -> dict[str, NDArray[np.float32] | NDArray[np.int32]]:
    """The chain and the matrices, on all sequences but the last movies of the teachers.

    BLAS gets one thread each, for its sums depend on how many it has; the models are trained side
    by side instead.
    """
    by_user = store.by_user
    lengths = np.diff(by_user.indptr)
    lengths[teachers] -= config.TARGETS_A_USER
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    keep = np.arange(store.rating_count) - np.repeat(by_user.indptr[:-1], np.diff(by_user.indptr))
    movies = by_user.movies[keep < np.repeat(lengths, np.diff(by_user.indptr))]
    kept, place = paired_movies(store.movie_count)
    places = place[movies]
    with threadpool_limits(1), ThreadPoolExecutor(2) as side_by_side:
        fits = {
            name: side_by_side.submit(fit, indptr, places, len(kept))
            for name, fit in (("step", fit_step), ("ease", fit_ease), ("pairs", fit_pairs))
        }
        chain = fit_chain(indptr, movies, store.movie_count_total, config.TRAIN_SEED, report=report)
        named = {name: fit.result() for name, fit in fits.items()}
    return {
        "inputs": chain.inputs,
        "outputs": chain.outputs,
        "mix": chain.mix,
        "bias": chain.bias,
        "kept": kept,
        **named,
    }


def collect_choices(store: Store, model: SequenceModel, teachers: NDArray[np.int64]) -> Choices:
    """For each of the teachers' last movies: that movie and a sample of its rivals, described.

    Each choice draws its rivals by a seed of its own, so threads do not matter.
    """
    tasks = [(int(user), back) for user in teachers for back in range(1, config.TARGETS_A_USER + 1)]
    source, features = SequenceSource(model), SequenceFeatures(model)

    def describe(task: tuple[int, int]) -> tuple[Floats, Floats] | None:
        user, back = task
        start, stop = store.by_user.indptr[user], store.by_user.indptr[user + 1]
        cut = stop - back
        target = store.by_user.movies[cut]
        query = query_of_history(
            store,
            store.by_user.movies[start:cut],
            store.by_user.ratings[start:cut],
            store.by_user.times[start:cut],
            config.DEFAULT_LIMIT,
            user,
        )
        rivals = source.find(query).movies
        if target not in rivals:
            return None
        future = np.zeros(store.movie_count_total, np.bool_)
        future[store.by_user.movies[cut:stop]] = True
        described = features.describe(query, rivals, future)
        leads = leads_of(described, np.array([0, len(described)]))
        order = np.argsort(-described[:, _LEADING], kind="stable")
        order = order[rivals[order] != target]
        best, rest = order[: config.BEST_RIVALS], order[config.BEST_RIVALS :]
        rng = np.random.default_rng((config.TRAIN_SEED, user, back))
        drawn = rng.choice(rest, min(config.DRAWN_RIVALS, len(rest)), replace=False)
        group = np.concatenate([np.flatnonzero(rivals == target), best, drawn])
        offset = np.zeros(len(group), np.float32)
        if len(drawn):
            offset[1 + len(best) :] = np.log(len(rest) / len(drawn))
        return np.concatenate([described[group], leads[group]], axis=1), offset

    with ThreadPoolExecutor(pool.threads(), initializer=pool.one_of_many) as workers:
        groups = [group for group in workers.map(describe, tasks) if group is not None]
    if len(groups) < config.LEAST_CHOICES:
        raise DataError(
            f"only {len(groups)} choices to learn from in {store.name}; the hand-set profile "
            "needs no training"
        )
    sizes = [len(offset) for _, offset in groups]
    return Choices(
        np.concatenate([rows for rows, _ in groups]),
        np.concatenate([offset for _, offset in groups]),
        np.cumsum([0, *sizes[:-1]]),
    )


def _teachers(store: Store, rng: np.random.Generator) -> NDArray[np.int64]:
    """Users whose last movies are kept from the base models, drawn at random, ascending."""
    able = np.flatnonzero(np.diff(store.by_user.indptr) >= 2 * config.TARGETS_A_USER)
    share = max(config.FEWEST_TEACHERS, round(len(able) * config.TEACHER_SHARE))
    wanted = min(config.TEACHERS, share, len(able))
    return np.sort(rng.choice(able, wanted, replace=False))


_LEADING = COLUMNS.index("sequence.next_alike")
