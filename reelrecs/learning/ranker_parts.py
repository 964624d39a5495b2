"""A ranker as named arrays and a few settings, the form in which files have it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from reelrecs.errors import ModelError
from reelrecs.kernels.boosted_trees import Trees
from reelrecs.scorer.ranker import NewcomerBlend, Ranker
from reelrecs.stages.feature_schema import schema_of
from reelrecs.store import arrow_file

_TREES = "trees."
"""Stands before the names of the boosted trees' arrays."""

_NEWCOMERS = "newcomers."
"""Stands before the names of the parameters of the blend for newcomers."""


def ranker_parts(ranker: Ranker) -> tuple[dict[str, arrow_file.Array], dict[str, Any]]:
    """The arrays, and the settings that JSON can hold."""
    named: dict[str, arrow_file.Array] = {
        "name": pa.array(ranker.names, pa.large_string()),
        "column": pa.array(ranker.columns, pa.large_string()),
        "transform": pa.array(ranker.transforms, pa.large_string()),
        "center": ranker.center,
        "scale": ranker.scale,
        "weight": ranker.weights,
    }
    if ranker.newcomers is not None:
        parts = zip(NewcomerBlend._fields, ranker.newcomers[:3], strict=False)
        named |= {f"{_NEWCOMERS}{name}": part for name, part in parts}
    if ranker.trees is not None:
        named |= {f"{_TREES}{name}": part for name, part in ranker.trees._asdict().items()}
    return named, {
        "unit_inputs": ranker.unit_inputs,
        "recall": ranker.recall,
        "newcomers_half_at": None if ranker.newcomers is None else ranker.newcomers.half_at,
    }


def ranker_of(profile: str, named: Mapping[str, Any], settings: Mapping[str, Any]) -> Ranker:
    """The ranker of these parts.

    Raises ModelError for parts that cannot be, KeyError, TypeError or ValueError for others.
    """
    ranker = Ranker(
        profile,
        tuple(named["name"].to_pylist()),
        tuple(named["column"].to_pylist()),
        tuple(named["transform"].to_pylist()),
        np.array(named["center"], np.float64),
        np.array(named["scale"], np.float64),
        np.array(named["weight"], np.float64),
        bool(settings["unit_inputs"]),
        _trees(named),
        _newcomers(named, settings["newcomers_half_at"]),
        settings["recall"],
    )
    known = {column for column, _ in schema_of(profile)["columns"]}
    if not known.issuperset(ranker.required_columns):
        raise ModelError("its ranker reads columns that nothing brings: run train again")
    return ranker


def _trees(named: Mapping[str, Any]) -> Trees | None:
    if f"{_TREES}leaves" not in named:
        return None
    return Trees(*(named[f"{_TREES}{part}"] for part in Trees._fields))


def _newcomers(named: Mapping[str, Any], half_at: float | None) -> NewcomerBlend | None:
    if half_at is None:
        return None
    center, scale, weights = (
        np.array(named[f"{_NEWCOMERS}{part}"], np.float64)
        for part in ("center", "scale", "weights")
    )
    return NewcomerBlend(center, scale, weights, float(half_at))
