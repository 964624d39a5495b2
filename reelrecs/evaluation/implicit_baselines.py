"""Two baselines of the optional package implicit: ALS and BM25 item-kNN."""

from __future__ import annotations

import importlib.util

import numpy as np
from numpy.typing import NDArray

from reelrecs.errors import InvalidRequest
from reelrecs.evaluation.sparse import interactions
from reelrecs.evaluation.system import Scores, System
from reelrecs.store.store import Store

ALS_FACTORS = 64
"""Best NDCG@10 of 16, 32, 64, 128 on ml-1m's validation cut (.052); a thousand times implicit's
own regularization, or four times its confidence, moves that by less than .001."""

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
            model = AlternatingLeastSquares(factors=factors, random_state=0)
            model.fit(interactions(store).astype(np.float32), show_progress=False)
        self._users, self._movies = model.user_factors, model.item_factors

    def scores(self, users: NDArray[np.int32]) -> Scores:
        """Dot products of the factors."""
        return np.asarray(self._users[users] @ self._movies.T, np.float64)


class ImplicitBm25(System):
    """Item-kNN over BM25 weights (Robertson et al. 1995)."""

    name = "bm25"

    def __init__(
        self, store: Store, k: int = BM25_NEIGHBOURS, k1: float = BM25_K1, b: float = BM25_B
    ) -> None:
        require(self.name)
        from implicit.nearest_neighbours import ItemItemRecommender, bm25_weight

        self._x = interactions(store)
        model = ItemItemRecommender(K=k)
        model.fit(bm25_weight(self._x.T, k1, b).T.tocsr(), show_progress=False)
        self._similarity = model.similarity

    def scores(self, users: NDArray[np.int32]) -> Scores:
        """Histories times similarities."""
        return np.asarray((self._x[users] @ self._similarity).toarray())
