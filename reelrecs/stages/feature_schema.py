"""What the numbers in a feature matrix mean, as a digest that a saved model is checked against."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from reelrecs import config
from reelrecs.config import FIXED, LEARNED, PRETRAINED
from reelrecs.kernels.sequence_features import FLOORS, PROFILE
from reelrecs.stages import catalogue_features, sequence_features


def schema_of(profile: str) -> dict[str, Any]:
    """Columns in order with their units, and what is compiled into them; KeyError for no profile.

    What a model carries itself (`FeatureSettings`) is no part of it.
    """
    schemas: dict[str, dict[str, Any]] = {
        FIXED: {
            "columns": [[column, 1.0] for column in catalogue_features.COLUMNS],
            "year_preference": [config.ERA_SPAN, config.YEAR_PREFERENCE_UNKNOWN],
        },
        LEARNED: {
            "columns": [[column, unit] for column, unit in sequence_features.UNITS.items()],
            "floors": FLOORS._asdict(),
            "recent_profile": PROFILE._asdict(),
            "recent_ratings": [
                config.ALIKE_WINDOW,
                config.ALIKE_FLOOR,
                config.AT_LENGTH_FLOOR,
                config.HISTORY_LENGTHS,
                config.HISTORY_LENGTH_PRIOR,
                config.NEWCOMER_LENGTH,
            ],
        },
    }
    schemas[PRETRAINED] = schemas[LEARNED]
    return schemas[profile]


def schema_digest(profile: str) -> str:
    """16 hexadecimal digits: equal exactly when models of the profile read the same columns."""
    text = json.dumps(schema_of(profile), sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
