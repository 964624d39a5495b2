"""How good the lists are: splits, baselines, metrics and honest comparison.

    store = reelrecs.open("data/ml-1m").store
    ours, popular = evaluate(store, ["fixed", "popularity"], protocol="temporal", k=10)
    print(ours.intervals["NDCG@10"], paired_differences(ours.per_user, popular.per_user))

The rules: full ranking over every unseen movie, ties against the system, values per user kept.
"""

from reelrecs.evaluation.bootstrap import Interval, paired_differences
from reelrecs.evaluation.evaluate import evaluate
from reelrecs.evaluation.questions import Questions
from reelrecs.evaluation.runner import Result
from reelrecs.evaluation.system import System

__all__ = ["Interval", "Questions", "Result", "System", "evaluate", "paired_differences"]
