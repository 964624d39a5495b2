"""Scores of exactly the movies that were asked for, in the company they would be ranked in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from reelrecs import config
from reelrecs.datasets.ids import Id
from reelrecs.frames import Tabular
from reelrecs.pipeline.candidates import Candidates, FeatureMatrix, Floats, Rows
from reelrecs.pipeline.query import Query
from reelrecs.pipeline.runner import Pipeline
from reelrecs.pipeline.trace import Trace
from reelrecs.results import Movie, movie_of
from reelrecs.store.store import Store
from reelrecs.table import html_table, table_lines


@dataclass(frozen=True, slots=True)
class ScoredMovie:
    """One movie's score for somebody."""

    movie: Movie
    score: float
    terms: dict[str, float]  # they add up to the score
    rated: bool  # whether the person has rated it already

    def to_dict(self) -> dict[str, Any]:
        """The movie with its score as JSON has it."""
        told = {**asdict(self.movie), "score": self.score, "rated": self.rated}
        return {**told, "terms": self.terms}


@dataclass(frozen=True, slots=True)
class ScoredMovies(Tabular):
    """Scores of the movies asked for, in that order."""

    user_id: Id | None  # None for somebody the store does not hold
    dataset: str
    items: list[ScoredMovie]

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[ScoredMovie]:
        return iter(self.items)

    def __getitem__(self, index: int) -> ScoredMovie:
        return self.items[index]

    def to_dict(self) -> dict[str, Any]:
        """The scores as JSON has them."""
        items = [item.to_dict() for item in self.items]
        return {"user_id": self.user_id, "dataset": self.dataset, "scores": items}

    def to_arrow(self) -> Any:
        """Columns movie_id, title, score, rated, and term.NAME for each term."""
        table = pa.table(
            {
                "movie_id": [item.movie.movie_id for item in self.items],
                "title": pa.array([item.movie.title for item in self.items], pa.string()),
                "score": pa.array([item.score for item in self.items], pa.float32()),
                "rated": pa.array([item.rated for item in self.items], pa.bool_()),
            }
        )
        for term in self.items[0].terms if self.items else ():
            values = pa.array([item.terms[term] for item in self.items], pa.float32())
            table = table.append_column(f"term.{term}", values)
        return table

    def __str__(self) -> str:
        return "\n".join(table_lines(_COLUMNS, self._rows()))

    def _repr_html_(self) -> str:
        return html_table(_COLUMNS, self._rows())

    def _rows(self) -> list[list[Any]]:
        return [
            [one.movie.movie_id, one.movie.title, one.movie.year, one.score, "yes" * one.rated]
            for one in self.items
        ]


_COLUMNS = ("movie_id", "title", "year", "score", "rated")


def score_movies(store: Store, pipeline: Pipeline, query: Query, movies: Rows) -> ScoredMovies:
    """The scores of these movie rows [n] for a query.

    A learned score tells how far a movie is behind the best of its company. So what the sources
    find is scored as one company, and any other movie beside it, alone: no score depends on which
    others are asked for. Time is linear in the movies that no source found.
    """
    seen = np.zeros(store.movie_count, np.bool_)
    seen[query.movies] = True
    user_id = store.user_ids[query.user_row] if query.user_row >= 0 else None
    scores, terms = _scored(pipeline, query, movies, bool(seen[movies].any()))
    items = [
        ScoredMovie(
            movie_of(store, row),
            float(score),
            dict(zip(terms.columns, values.tolist(), strict=True)),
            bool(seen[row]),
        )
        for row, score, values in zip(movies.tolist(), scores, terms.values, strict=True)
    ]
    return ScoredMovies(user_id, store.name, items)


def _scored(
    pipeline: Pipeline, query: Query, movies: Rows, rated: bool
) -> tuple[Floats, FeatureMatrix]:
    """Scores [n] and terms [n, terms] of movie rows; `rated` says that the history has some."""
    if len(movies) == 0:
        return np.zeros(0, np.float32), FeatureMatrix((), np.zeros((0, 0), np.float32))
    trace = Trace()
    company = pipeline.candidates(query, trace)
    others = np.setdiff1d(movies, company.movies)
    known = _of(company, np.concatenate([company.movies, others]))
    about = replace(query, include_seen=True, cache={}) if rated else query
    described = pipeline.featurized(about, known, trace)
    members = np.arange(len(company))
    groups = [members] if len(company) else []
    groups += [np.append(members, len(company) + at) for at in range(len(others))]
    scores = np.empty(len(known), np.float32)
    terms: list[Floats] = []
    columns: tuple[str, ...] = ()
    for start in range(0, len(groups), config.BATCH_USERS):
        part = groups[start : start + config.BATCH_USERS]
        found = pipeline.scored([about] * len(part), [described.take(group) for group in part])
        for group, one in zip(part, found, strict=True):
            if one.scores is None or one.terms is None:  # which the pipeline has checked
                raise ValueError("a scorer gave no scores")
            whole = not terms and len(company) > 0
            own = slice(None) if whole else slice(-1, None)
            scores[group[own]] = one.scores[own]
            terms.append(one.terms.values[own])
            columns = one.terms.columns
    place = np.empty(int(known.movies.max()) + 1, np.int64)
    place[known.movies] = np.arange(len(known))
    wanted = place[movies]
    return scores[wanted], FeatureMatrix(columns, np.concatenate(terms)[wanted])


def scored_candidates(pipeline: Pipeline, query: Query, trace: Trace) -> Candidates:
    """What the sources find and the filters let pass, with scores, before any re-ranking."""
    found = pipeline.candidates(query, trace)
    if len(found) == 0:
        return found
    return pipeline.scored([query], [pipeline.featurized(query, found, trace)])[0]


def _of(company: Candidates, movies: Rows) -> Candidates:
    """The same candidates and others after them, which no channel has found."""
    scores = np.zeros((len(movies), len(company.channels)), np.float32)
    scores[: len(company)] = company.retrieval_scores
    return Candidates(movies.astype(np.int32), company.channels, scores)
