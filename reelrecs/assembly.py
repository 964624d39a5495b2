"""What makes lists of one state of the data: model, stages and scorer put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reelrecs import config
from reelrecs.fork_lock import ForkLock
from reelrecs.joint_runs import JointRuns
from reelrecs.learning.later_data import over
from reelrecs.learning.pretrained import pretrained_model
from reelrecs.pipeline.candidates import Candidates
from reelrecs.pipeline.protocols import BatchFilter, BatchScorer, Filter, Scorer, Source
from reelrecs.pipeline.query import Query
from reelrecs.pipeline.runner import Pipeline
from reelrecs.pipeline.trace import Trace
from reelrecs.profiles import Profile, filters_by_name, profile_of
from reelrecs.scorer.by_name import open_scorer
from reelrecs.scorer.lifetime import Closing
from reelrecs.scorer.model import ScoringModel
from reelrecs.stages.rerankers import DiversityReranker
from reelrecs.store.store import Store


class Assembler:
    """Puts everything together for each state of the data; the model is read once.

    It knows nothing of the engine, so that one nobody holds any more is gone at once.
    """

    def __init__(
        self,
        model: ScoringModel | Callable[[], ScoringModel] | None,
        scorer: Scorer | str,
        sources: Sequence[Source],
        filters: Sequence[Filter | BatchFilter],
        named_filters: Sequence[str],
        diversity: float | None,
        relax: tuple[str, ...],
        degrade: bool,
    ) -> None:
        self._model = model
        self._scorer = scorer
        self._sources, self._filters, self._named = sources, filters, named_filters
        self._diversity, self._relax, self._degrade = diversity, relax, degrade
        self._lock = ForkLock()

    def __call__(self, store: Store) -> Assembly:
        """What makes lists of this state; raises ModelError where the model cannot serve it."""
        model, reranker = self._model_over(store), None
        if self._diversity is not None:
            reranker = DiversityReranker(store, self._diversity)
        filters = (*filters_by_name(store, self._named), *self._filters)
        scorer: Scorer | BatchScorer
        if isinstance(self._scorer, str):
            scorer = open_scorer(self._scorer, model, self._degrade)
        else:
            scorer = self._scorer
        return assemble(
            store,
            model,
            scorer,
            self._sources,
            filters,
            reranker,
            self._relax,
            joint=not self._sources and not self._filters and self._scorer == config.LOCAL_SCORER,
            own_scorer=isinstance(self._scorer, str),
        )

    def _model_over(self, store: Store) -> ScoringModel:
        """The model over this state, kept in place of that over the last one."""
        with self._lock:
            if self._model is None:
                self._model = pretrained_model(store)
            elif not isinstance(self._model, ScoringModel):
                self._model = self._model()
            self._model = over(self._model, store)
            return self._model


@dataclass(frozen=True, slots=True)
class Assembly(Closing):
    """What it takes to make lists of one state of the data."""

    model: ScoringModel
    profile: Profile
    pipeline: Pipeline
    run_one: Callable[[Query], tuple[Candidates, Trace]]  # as the pipeline's, maybe with others
    opened: Closing | None  # a scorer of the engine's own, to be closed with it

    def close(self) -> None:
        """Close the scorer, if it is the engine's own."""
        if self.opened is not None:
            self.opened.close()


def assemble(
    store: Store,
    model: ScoringModel,
    scorer: Scorer | BatchScorer,
    sources: Sequence[Source],
    filters: Sequence[Filter | BatchFilter],
    reranker: DiversityReranker | None,
    relax: tuple[str, ...],
    *,
    joint: bool,
    own_scorer: bool,
) -> Assembly:
    """Put the stages of the model's profile, the scorer and the caller's stages together.

    Only with `joint` may requests be run together: stages of others might ask for lists themselves,
    or be slow where nobody should wait for them. With `own_scorer` the scorer is closed, too.
    """
    profile = profile_of(model)
    if reranker is None:
        new_user = max(profile.diversity, config.NEW_USER_DIVERSITY)
        reranker = DiversityReranker(store, profile.diversity, new_user)
    pipeline = Pipeline(
        movie_count=store.movie_count,
        sources=(*profile.sources, *sources),
        filters=filters,
        featurizers=profile.featurizers,
        scorer=scorer,
        reranker=reranker,
        relax=relax,
        last_resort=profile.last_resort,
        gatherer=profile.gatherer,
        relevance=model.ranker.relevance,
    )
    run_one = pipeline.run_one
    if joint:
        run_one = JointRuns(pipeline.run).run_one
    opened = scorer if own_scorer and isinstance(scorer, Closing) else None
    return Assembly(model, profile, pipeline, run_one, opened)
