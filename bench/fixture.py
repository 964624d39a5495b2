"""What cases are timed on: a data set, engines over it, and one request at every stage."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from reelrecs import config
from reelrecs.config import LEARNED, LOCAL_SCORER
from reelrecs.datasets import Dataset, locate
from reelrecs.datasets.files import open_files
from reelrecs.datasets.ids import Id
from reelrecs.datasets.text import read_bytes
from reelrecs.engine import Engine
from reelrecs.learning.model_folder import load_model
from reelrecs.pipeline.candidate_batch import CandidateBatch
from reelrecs.pipeline.queries import Queries
from reelrecs.pipeline.query import Query
from reelrecs.pipeline.trace import BatchTrace
from reelrecs.scorer.model import ScoringModel
from reelrecs.stages.user_context import build_query
from reelrecs.store.cache import open_store
from reelrecs.store.store import Store

REQUESTS = 200
"""Users whose requests are timed in turn: enough that one with a long history does not decide."""

MANY = 6_040
"""Users whose lists are made together, at most: all of ml-1m's."""


class Asked(NamedTuple):
    """A request on its way through the stages."""

    queries: Queries
    evidence: Any
    candidates: CandidateBatch

    def described(self) -> tuple[Queries, CandidateBatch, Any]:
        """What featurizers are given."""
        return self.queries, self.candidates, self.evidence


class Fixture:
    """A data set, engines over it and one user's request at every stage, made when first used.

    What the cases start (engines, servers) is stopped when the fixture is closed.
    """

    def __init__(self, data_dir: Path | None, models_dir: Path) -> None:
        self.dataset: Dataset = locate(data_dir)
        self.models_dir = models_dir
        self.running = contextlib.ExitStack()
        self._engines: dict[tuple[str, str], Engine] = {}

    @cached_property
    def ratings_text(self) -> tuple[NDArray[np.uint8], bytes]:
        """The ratings file in memory, without its header, and what stands between fields."""
        layout = self.dataset.layout
        text = read_bytes(open_files(self.dataset.path), layout.ratings_file)
        start = int(np.argmax(text == ord("\n"))) + 1 if layout.has_header else 0
        return text[start:], layout.separator

    @property
    def has_text(self) -> bool:
        """Whether there is text to parse: a ready-made store has none."""
        return bool(self.dataset.layout.ratings_file)

    @cached_property
    def store(self) -> Store:
        """The open store."""
        return open_store(self.dataset)

    def engine(self, profile: str, scorer: str = LOCAL_SCORER) -> Engine:
        """An engine of the profile, whose scorer runs; raises ModelError as `model` does."""
        if (profile, scorer) not in self._engines:
            model = self.model if profile == LEARNED else ScoringModel.fixed(self.store)
            made = self.running.enter_context(Engine(self.store, scorer, model=model))
            self._engines[profile, scorer] = made
        return self._engines[profile, scorer]

    @cached_property
    def keeping(self) -> Engine:
        """An engine of the learned profile that keeps the lists of `users`."""
        made = Engine(self.store, model=self.model, cache=REQUESTS)
        return self.running.enter_context(made)

    @cached_property
    def model(self) -> ScoringModel:
        """The trained model; raises ModelError where there is none or it cannot be used."""
        return load_model(self.store, self.models_dir, LEARNED)

    @cached_property
    def users(self) -> list[Id]:
        """Ids of users drawn with a seed: one request each makes a fair sample."""
        rows = np.random.default_rng(1).integers(0, self.store.user_count, REQUESTS)
        return self.store.user_ids.at(rows)

    def asked_in_turn(self, engine: Engine, **choices: Any) -> Callable[[], object]:
        """A call that asks for the next of `users`."""
        turn = itertools.cycle(self.users)
        return lambda: engine.recommend(next(turn), **choices)

    @property
    def many_users(self) -> list[Id]:
        """Ids of the first users, `MANY` of them or all."""
        return self.store.user_ids.at(np.arange(min(MANY, self.store.user_count)))

    def query(self) -> Query:
        """The user with the median number of ratings, looked at anew."""
        return build_query(self.store, self._median_user, config.DEFAULT_LIMIT)

    @cached_property
    def _median_user(self) -> int:
        lengths = np.diff(self.store.by_user.indptr)
        return int(np.argsort(lengths, kind="stable")[len(lengths) // 2])

    def asked(self, engine: Engine) -> Asked:
        """That user's request up to the candidates that the filters let pass."""
        queries, trace = Queries.of([self.query()]), BatchTrace()
        evidence = engine.pipeline.gathered(queries, trace)
        return Asked(queries, evidence, engine.pipeline.candidates(queries, evidence, trace))

    def featurized(self, engine: Engine) -> tuple[Queries, CandidateBatch]:
        """That user's candidates after the filters, with features."""
        asked = self.asked(engine)
        return asked.queries, engine.pipeline.featurized(*asked.described(), BatchTrace())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.running.close()
