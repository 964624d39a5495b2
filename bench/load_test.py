"""Load on an engine from several threads: latency percentiles and throughput."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

import numpy as np

from reelrecs.datasets.ids import Id
from reelrecs.engine import Engine

SEED = 20260101
"""Draws the users that are asked for, so that two runs do the same work."""


@dataclass(frozen=True, slots=True)
class Load:
    """Latencies in milliseconds as the caller saw them."""

    requests: int
    concurrent: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    requests_per_second: float

    def to_dict(self) -> dict[str, float]:
        """The figures by name."""
        return asdict(self)


def run_load(engine: Engine, requests: int, concurrent: int, limit: int) -> Load:
    """Ask for the lists of `requests` random users, `concurrent` at once.

    The first error of a request is raised once all have ended: a load with failures has no
    figures worth printing.
    """
    rows = np.random.default_rng(SEED).integers(0, engine.store.user_count, requests)
    users = engine.store.user_ids.at(rows)

    def one(user_id: Id) -> float:
        start = time.perf_counter()
        engine.recommend(user_id, limit)
        return time.perf_counter() - start

    began = time.perf_counter()
    with ThreadPoolExecutor(concurrent) as pool:
        latencies = np.array(list(pool.map(one, users))) * 1e3
    elapsed = time.perf_counter() - began
    p50, p95, p99 = np.percentile(latencies, [50, 95, 99])
    return Load(
        requests=requests,
        concurrent=concurrent,
        p50_ms=float(p50),
        p95_ms=float(p95),
        p99_ms=float(p99),
        max_ms=float(latencies.max()),
        requests_per_second=requests / elapsed,
    )
