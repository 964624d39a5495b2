"""Reports of what is looked at inside a pipeline, and of two kept runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reelrecs.evaluation.candidate_recall import SourceRecall
from reelrecs.evaluation.diversity_tradeoff import TradeoffPoint
from reelrecs.evaluation.saved_runs import Pair
from reelrecs.evaluation.tables import Report, Table, difference, plus_minus, three, verdict


def recall_report(found: dict[str, list[SourceRecall]], heading: str) -> Report:
    """Candidate recall of each pipeline's sources, one column for each choice of filters."""
    first = next(iter(found.values()))[0]
    filters = tuple(first.recall)
    recall = Table(
        f"{heading}: share of held-out movies among the candidates, by filters",
        ("pipeline", "source", *filters),
        [
            [name, row.source, *(row.recall[one].mean for one in filters)]
            for name, rows in found.items()
            for row in rows
        ],
    )
    counts = Table(
        "Candidates a user",
        ("pipeline", "source", *filters),
        [
            [name, row.source, *(round(row.candidates[one], 1) for one in filters)]
            for name, rows in found.items()
            for row in rows
        ],
    )
    long = Table(
        "",
        ("pipeline", "source", "filters", "candidates", "recall", "low", "high"),
        [
            [name, row.source, one, row.candidates[one], at.mean, at.low, at.high]
            for name, rows in found.items()
            for row in rows
            for one, at in row.recall.items()
        ],
    )
    document = {name: [row.to_dict() for row in rows] for name, rows in found.items()}
    return Report([recall, counts], long, {"heading": heading, "recall": document})


def tradeoff_report(curves: dict[str, list[TradeoffPoint]], k: int, heading: str) -> Report:
    """NDCG against intra-list diversity, strength by strength."""
    ndcg = f"NDCG@{k}"
    also = (f"HR@{k}", "diversity", "novelty", "calibration")
    flat = [(name, point) for name, points in curves.items() for point in points]
    rest = [
        [*(point.intervals[one].mean for one in also), point.catalogue["coverage"]]
        for _, point in flat
    ]
    changes = [point.ndcg_difference for _, point in flat]
    shown = Table(
        f"{heading}: the change in NDCG is from the first strength, paired by user",
        ("pipeline", "strength", ndcg, "change", *also, "coverage"),
        [
            [name, point.strength, plus_minus(point.intervals[ndcg]), verdict(change), *figures]
            for (name, point), change, figures in zip(flat, changes, rest, strict=True)
        ],
    )
    ends = (ndcg, "low", "high", "change", "change low", "change high")
    long = Table(
        "",
        ("pipeline", "strength", *ends, *also, "coverage"),
        [
            [
                name,
                point.strength,
                *three(point.intervals[ndcg]),
                *three(point.ndcg_difference),
                *figures,
            ]
            for (name, point), figures in zip(flat, rest, strict=True)
        ],
    )
    document = {name: [point.to_dict() for point in points] for name, points in curves.items()}
    return Report([shown], long, {"heading": heading, "tradeoff": document})


def comparison_report(pairs: Sequence[Pair]) -> Report:
    """Two kept runs, metric by metric."""
    columns = ("first", "second", "cut", "metric", "first mean", "second mean", "difference")
    shown: list[list[Any]] = []
    long: list[list[Any]] = []
    document: list[dict[str, Any]] = []
    for pair in pairs:
        for metric, one in pair.differences.items():
            first, second = pair.our_means[metric], pair.their_means[metric]
            start = [pair.ours, pair.theirs, pair.part, metric, first.mean, second.mean]
            shown.append([*start, verdict(one)])
            long.append([*start, *three(one), one.holds_zero])
            document.append(
                {
                    "first": pair.ours,
                    "second": pair.theirs,
                    "part": pair.part,
                    "metric": metric,
                    "first_mean": first.to_dict(),
                    "second_mean": second.to_dict(),
                    "difference": difference(one),
                }
            )
    heading = "Two runs, paired by user: the first less the second, with 95 % interval"
    rows = Table("", (*columns, "low", "high", "tie"), long)
    return Report([Table(heading, columns, shown)], rows, {"comparison": document})
