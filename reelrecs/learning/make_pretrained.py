"""Make the pretrained ranker anew: `python -m reelrecs.learning.make_pretrained DATA...`.

A data set that is named twice counts twice. The file that is shipped was made of ml-100k, ml-1m and
MovieTweetings, the last named twice, for it is the only one of them in which the world moves.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import numpy as np

from reelrecs import config
from reelrecs.config import PRETRAINED
from reelrecs.datasets import locate
from reelrecs.learning.conditional_logit import RankingGroups
from reelrecs.learning.pretrained import FILE
from reelrecs.learning.ranker_parts import ranker_parts
from reelrecs.learning.train import fit_ranker
from reelrecs.learning.training_groups import (
    choose_questions,
    choose_teachers,
    collect_ranking_groups,
)
from reelrecs.scorer.ranker import Ranker
from reelrecs.stages.base_models import untrained
from reelrecs.stages.feature_schema import schema_digest
from reelrecs.stages.sequence_features import COLUMNS, COMPARED
from reelrecs.stages.sequence_model import SequenceModel
from reelrecs.store import arrow_file
from reelrecs.store.cache import open_store
from reelrecs.store.store import Store


def fit_pretrained(stores: Sequence[Store]) -> Ranker:
    """The ranker that these stores teach, each by as many questions."""
    taught = [_groups_of(store) for store in stores]
    groups = [group for group, _ in taught]
    starts = np.cumsum([0, *(len(group.offset) for group in groups[:-1])])
    pooled = RankingGroups(
        np.concatenate([group.features for group in groups]),
        np.concatenate([group.offset for group in groups]),
        np.concatenate([group.starts + start for group, start in zip(groups, starts, strict=True)]),
    )
    return fit_ranker(PRETRAINED, pooled, len(pooled.starts) / sum(asked for _, asked in taught))


def _groups_of(store: Store) -> tuple[RankingGroups, int]:
    """What a store teaches, columns of base models emptied, and how many questions were asked."""
    rng = np.random.default_rng(config.TRAIN_SEED)
    questions = choose_questions(store, choose_teachers(store, rng), rng)
    count = min(len(questions), config.PRETRAINED_QUESTIONS)
    asked = [questions[at] for at in np.sort(rng.choice(len(questions), count, replace=False))]
    groups = collect_ranking_groups(store, SequenceModel(store, untrained(store)), asked)
    trained = [column.startswith("model.") for column in (*COLUMNS, *COMPARED)]
    groups.features[:, trained] = 0.0
    return groups, len(asked)


def main(data_dirs: Sequence[str]) -> None:
    """Write the file that is shipped."""
    ranker = fit_pretrained([open_store(locate(Path(folder))) for folder in data_dirs])
    named, settings = ranker_parts(ranker)
    metadata = {"schema": schema_digest(PRETRAINED), "settings": json.dumps(settings)}
    with resources.as_file(FILE) as path:
        arrow_file.write(path, named, metadata)


if __name__ == "__main__":
    main(sys.argv[1:])
