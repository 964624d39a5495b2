"""The ranker that answers before anybody trains: learned once, of other people's data, and shipped.

It reads what can be counted in any store (votes of similar sequences, what is rated lately, what
people rate at this point of a history) and no base model. Every such column is a logarithm, and a
ranker compares the candidates of one person, so how large a data set is cancels out.
`reelrecs.learning.make_pretrained` makes it.
"""

from __future__ import annotations

import json
from importlib import resources

from reelrecs.config import PRETRAINED
from reelrecs.errors import ModelError
from reelrecs.learning.ranker_parts import ranker_of
from reelrecs.scorer.model import ScoringModel
from reelrecs.stages.base_models import untrained
from reelrecs.stages.feature_schema import schema_digest
from reelrecs.stages.feature_settings import FeatureSettings
from reelrecs.store import arrow_file
from reelrecs.store.store import Store

FILE = resources.files("reelrecs.learning") / "pretrained.arrow"


def pretrained_model(store: Store) -> ScoringModel:
    """The model of a store that nobody has trained on; raises ModelError for a broken install."""
    with resources.as_file(FILE) as path:
        try:
            named, metadata = arrow_file.read(path)
        except arrow_file.NotReadable as error:
            raise ModelError(f"{path} is damaged: install reelrecs again") from error
    if metadata["schema"] != schema_digest(PRETRAINED):
        raise ModelError("the pretrained ranker reads other columns: install reelrecs again")
    ranker = ranker_of(PRETRAINED, named, json.loads(metadata["settings"]))
    return ScoringModel.learned(store, ranker, untrained(store), FeatureSettings().to_dict())
