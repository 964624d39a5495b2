"""Pictures of results, with matplotlib where the extra `plot` is installed."""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reelrecs.atomic_write import write_whole
from reelrecs.errors import InvalidRequest
from reelrecs.evaluation.bootstrap import Interval
from reelrecs.evaluation.diversity_tradeoff import TradeoffPoint
from reelrecs.evaluation.runner import Result

KINDS = (".png", ".svg")
"""Endings a picture may have; they choose the format."""

OURS, OTHERS, INK = "#d1495b", "#8d99ae", "#2b2d42"
"""Colours of the first system, of the others, and of text; they differ in grey too."""

CURVES = (OURS, "#30638e", "#e09f3e", OTHERS)
"""Colours of curves, first to last and round again."""

LABEL_GAP = 0.06
"""Share of a curve's width between two labels; a strength nearer to the last label has none."""

DOTS_PER_INCH = 160
"""Sharp on a page and on a screen, at about 100 kB."""


def check_plottable(path: Path) -> None:
    """Raise InvalidRequest, before any work is done, where no picture could be written."""
    if path.suffix.lower() not in KINDS:
        raise InvalidRequest(f"a plot ends in {' or '.join(KINDS)}, not as {path.name} does")
    if importlib.util.find_spec("matplotlib") is None:
        raise InvalidRequest("plots need the package matplotlib: pip install 'reelrecs[plot]'")


def plot_evaluation(path: Path, results: Sequence[Result]) -> None:
    """Bars of HR and NDCG with their intervals, the best on top; raises StorageError.

    The first system, which the others are measured against, stands out by colour.
    """
    setting = results[0].setting
    names = (f"HR@{setting.k}", f"NDCG@{setting.k}")
    ordered = sorted(results, key=lambda result: result.intervals[names[1]].mean)
    figure = _figure(9.6, 1.7 + 0.42 * len(results))
    for place, name in enumerate(names):
        axes = figure.add_subplot(1, 2, place + 1)
        intervals = [result.intervals[name] for result in ordered]
        means = [one.mean for one in intervals]
        ours = [result.system == results[0].system for result in ordered]
        axes.barh(
            [result.system for result in ordered],
            means,
            xerr=_error_bars(intervals),
            color=[OURS if one else OTHERS for one in ours],
            height=0.68,
            error_kw={"ecolor": INK, "elinewidth": 1.1, "capsize": 3},
        )
        edge = max(one.high for one in intervals) or 1.0
        for row, one in enumerate(intervals):
            axes.text(one.high + 0.02 * edge, row, f"{one.mean:.3f}", va="center", color=INK)
        axes.set_xlim(0, 1.16 * edge)
        axes.set_title(name, loc="left", fontweight="bold", color=INK)
        axes.tick_params(axis="y", length=0, labelleft=place == 0)
        _plain(axes, "x")
    negatives = "" if setting.negatives is None else f", among {setting.negatives} negatives only"
    figure.suptitle(
        f"{setting.dataset}, {setting.split}{negatives}: {setting.users:,} users, "
        "bars with 95 % intervals",
        x=0.01,
        ha="left",
        color=INK,
    )
    _save(path, figure)


def plot_tradeoff(path: Path, curves: dict[str, list[TradeoffPoint]], k: int, heading: str) -> None:
    """NDCG over intra-list diversity, each point a strength; raises StorageError."""
    figure = _figure(7.2, 4.8)
    axes = figure.add_subplot(1, 1, 1)
    for (name, points), colour in zip(curves.items(), itertools.cycle(CURVES), strict=False):
        ndcg = [point.intervals[f"NDCG@{k}"] for point in points]
        variety = [point.intervals["diversity"].mean for point in points]
        axes.errorbar(
            variety,
            [one.mean for one in ndcg],
            yerr=_error_bars(ndcg),
            marker="o",
            color=colour,
            elinewidth=1.0,
            capsize=3,
            label=name,
        )
        apart = LABEL_GAP * (max(variety) - min(variety))
        last = -1.0
        for point, x, one in zip(points, variety, ndcg, strict=True):
            if abs(x - last) >= apart:
                last = x
                axes.annotate(
                    f"{point.strength:g}",
                    (x, one.mean),
                    textcoords="offset points",
                    xytext=(6, 6),
                    color=colour,
                )
    axes.set_xlabel("intra-list diversity (mean Jaccard distance of genres)", color=INK)
    axes.set_ylabel(f"NDCG@{k}, with 95 % interval", color=INK)
    axes.set_title(
        f"{heading}\nwhat variety costs, by strength of re-ranking", loc="left", color=INK
    )
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, loc="lower left")
    _plain(axes, "both")
    _save(path, figure)


def _error_bars(intervals: Sequence[Interval]) -> list[list[float]]:
    return [
        [max(0.0, one.mean - one.low) for one in intervals],
        [max(0.0, one.high - one.mean) for one in intervals],
    ]


def _figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _plain(axes: Any, grid: str) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis=grid, color="#e5e5e5")
    axes.set_axisbelow(True)


MAKER = "ReelRecs"
"""Said in the pictures, so that they may be written over."""


def _save(path: Path, figure: Any) -> None:
    """Write the picture, whole or not at all, and the same bytes for the same figures."""
    import matplotlib

    kind = path.suffix.lower()[1:]
    metadata = {"Date": None, "Creator": MAKER} if kind == "svg" else {"Software": MAKER}
    with matplotlib.rc_context({"svg.hashsalt": "reelrecs"}):
        write_whole(
            path,
            lambda file: figure.savefig(file, format=kind, dpi=DOTS_PER_INCH, metadata=metadata),
        )
