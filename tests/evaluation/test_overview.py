"""The table over data sets: marks follow the paired intervals, and the best baseline is named."""

import numpy as np

from reelrecs.evaluation.bootstrap import bootstrap_all
from reelrecs.evaluation.overview import overview
from reelrecs.evaluation.runner import Result, Setting


def result(system: str, hits: np.ndarray, dataset: str = "mine", detail: str = "") -> Result:
    per_user = {"HR@10": hits, "NDCG@10": hits / 2}
    count = len(hits)
    setting = Setting(
        dataset, "0", "last-out", "", count, count, count, "given", "by hash", 10, None, 0
    )
    ids = np.arange(count, dtype=np.uint32)
    return Result(
        system, setting, ids, per_user, bootstrap_all(per_user), {}, 0.0, 0.0, detail=detail
    )


def test_losses_and_gains_are_marked_and_ties_are_not() -> None:
    rng = np.random.default_rng(0)
    draw = rng.random(400)
    half = (draw < 0.5).astype(float)
    same = half[rng.permutation(400)]
    runs = [
        [result("learned", (draw < 0.4).astype(float)), result("popularity", half)],
        [result("learned", (draw < 0.6).astype(float)), result("popularity", half)],
        [
            result("learned", same, "other"),
            result("popularity", half, "other"),
            result("recent", half * (draw < 0.3), "other", "last 250 ratings"),
        ],
    ]
    hits, ndcg = overview(runs, 10)
    learned = hits.columns.index("learned")
    assert [row[learned][-1] for row in hits.rows[:2]] == ["-", "+"]
    assert hits.rows[2][learned] == f"{half.mean():.3f}"
    assert [row[learned][-1] for row in ndcg.rows[:2]] == ["-", "+"]
    assert [row[0] for row in hits.rows] == ["mine", "mine", "other"]
    recent = hits.columns.index("recent")
    assert [row[recent] for row in hits.rows[:2]] == [".", "."]
    assert [row[-2] for row in hits.rows] == ["popularity"] * 3
    only = overview([[result("learned", half)]], 10)[0].rows[0]
    assert only[-2:] == [".", "."]
