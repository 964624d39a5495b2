"""Three baselines of the optional package implicit: ALS, BPR and BM25 item-kNN."""

from __future__ import annotations

import importlib.util

import numpy as np

from reelrecs.errors import InvalidRequest
from reelrecs.evaluation.questions import Questions
from reelrecs.evaluation.sparse import interactions
from reelrecs.evaluation.system import Scores, System
from reelrecs.store.store import Store

ALS_FACTORS = 64
"""Best NDCG@10 of 16, 32, 64, 128 on ml-1m's validation cut (.052); a thousand times implicit's
own regularization, or four times its confidence, moves that by less than .001."""

BPR_FACTORS = 64
"""As many as ALS has; implicit's own settings otherwise."""

BM25_NEIGHBOURS, BM25_K1, BM25_B = 800, 1.2, 0.75
"""NDCG@10 on ml-1m's validation cut grows from .042 at 10 neighbours to .0454 at 800 and stays
(.0456 at 1600); at 200, K1 1.2 with B 0, .25, 1 and K1 100 with B .25, .5 are all worse."""


def installed() -> bool:
    """Whether the package is there."""
    return importlib.util.find_spec("implicit") is not None


def require(name: str) -> None:
    """Raise InvalidRequest, for a baseline of this name, unless the package is there."""
    if not installed():
        raise InvalidRequest(
            f"{name} needs the package implicit: pip install 'reelrecs[baselines]'"
        )


class ImplicitAls(System):
    """Matrix factorisation with confidence weights (Hu, Koren & Volinsky 2008)."""

    name = "als"

    def __init__(self, store: Store, factors: int = ALS_FACTORS) -> None:
        require(self.name)
        from implicit.als import AlternatingLeastSquares
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1, "blas"):
            self._model = AlternatingLeastSquares(factors=factors, random_state=0)
            self._model.fit(interactions(store).astype(np.float32), show_progress=False)

    def scores(self, questions: Questions) -> Scores:
        """Item factors times those of the history, which are solved for, whoever asks."""
        items = np.asarray(self._model.item_factors)
        history = questions.matrix(len(items)).astype(np.float32)
        users = self._model.recalculate_user(np.arange(len(questions)), history)
        return np.asarray(users @ items.T, np.float64)


class ImplicitBpr(System):
    """Matrix factorisation learned from pairs (Rendle et al. 2009)."""

    name = "bpr"

    def __init__(self, store: Store, factors: int = BPR_FACTORS) -> None:
        require(self.name)
        from implicit.bpr import BayesianPersonalizedRanking

        model = BayesianPersonalizedRanking(factors=factors, random_state=0, num_threads=1)
        model.fit(interactions(store).astype(np.float32), show_progress=False)
        self._users = np.asarray(model.user_factors, np.float64)
        self._movies = np.asarray(model.item_factors, np.float64)

    def scores(self, questions: Questions) -> Scores:
        """Dot products of the factors; the last one of a movie is its bias.

        A person unknown to the store has the mean factors of the movies of the history.
        """
        history = questions.matrix(len(self._movies))
        users = (history @ self._movies) / np.maximum(questions.lengths(), 1)[:, None]
        users[:, -1] = 1.0
        stored = questions.users >= 0
        users[stored] = self._users[questions.users[stored]]
        return np.asarray(users @ self._movies.T)


class ImplicitBm25(System):
    """Item-kNN over BM25 weights (Robertson et al. 1995)."""

    name = "bm25"

    def __init__(
        self, store: Store, k: int = BM25_NEIGHBOURS, k1: float = BM25_K1, b: float = BM25_B
    ) -> None:
        require(self.name)
        from implicit.nearest_neighbours import ItemItemRecommender, bm25_weight

        model = ItemItemRecommender(K=k)
        weighted = bm25_weight(interactions(store).T, k1, b).T.tocsr()
        model.fit(weighted, show_progress=False)
        self._similarity = model.similarity

    def scores(self, questions: Questions) -> Scores:
        """Histories times similarities."""
        history = questions.matrix(self._similarity.shape[0])
        return np.asarray((history @ self._similarity).toarray())
