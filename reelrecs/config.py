"""Every number that is a choice, with its reason; bodies elsewhere hold none."""

from __future__ import annotations

LIKED_FROM = 4.0
"""Stars from which a rating means "liked": the usual cut on a five-star scale."""

DEFAULT_LIMIT = 20
"""Recommendations in a list: one screen."""

MAX_LIMIT = 500
"""Longest list served: Thunder's 300 candidates and Phoenix's 200."""

MODELS_DIR = "models"
"""Where `train` leaves models and everything else looks for them, relative to where one stands."""

RECENT_MOVIES = 10
"""Most recent movies shown of a user."""

# -- the user's context ---------------------------------------------------------------------
GENRE_SHRINKAGE = 5.0
"""Ratings' worth of trust in the user's own mean before a genre's mean counts: a genre seen
twice moves its preference by less than a third of the way."""

TOP_GENRES = 3
"""Genres that stand for a user's taste."""

ERA_SPAN = 5
"""Years on either side of the preferred year that count as the same era."""

YEAR_PREFERENCE_UNKNOWN = 0.5
"""Year preference where the user's era or the movie's year is unknown: what a movie at the edge of
the era has, so that not knowing argues neither for nor against."""

# -- Thunder: in-network candidates ------------------------------------------------------------
THUNDER_SHARED = 3
"""Liked movies two users must share to be peers: below three, chance alone shares them."""

THUNDER_PEERS = 500
"""Peers listened to, the best by shared movies."""

THUNDER_CANDIDATES = 300
"""Movies Thunder hands on."""

# -- Phoenix: discovery candidates -------------------------------------------------------------
PHOENIX_MEAN = 3.5
"""Mean stars a discovered movie must have: discovery must not cost trust."""

PHOENIX_RATINGS = 10
"""Ratings behind that mean: fewer say little."""

PHOENIX_CANDIDATES = 200
"""Movies Phoenix hands on."""

# -- filters ---------------------------------------------------------------------------------
MINIMUM_MEAN = 3.5
"""Mean stars below which a movie is not shown."""

MINIMUM_RATINGS = 10
"""Ratings below which that mean is not believed."""

# -- scoring -------------------------------------------------------------------------------
NEIGHBOURS = 50
"""Nearest users by cosine whose ratings predict."""

CF_SHRINKAGE = 1.0
"""Similarity's worth of trust in the movie's own mean: with no neighbour who rated it, the
prediction is that mean, never a made-up low rating."""

HANDSET_WEIGHTS = {
    "cf": 0.40,
    "genre_overlap": 0.25,
    "collaborative": 0.20,
    "popularity": 0.10,
    "year": 0.05,
}
"""The hand-set blend; every term is on [0, 1], so a score is too."""

# -- re-ranking ------------------------------------------------------------------------------
DIVERSITY = 0.1
"""Default strength of the diversity penalty; 0 switches it off."""

DIVERSITY_ERA_SHARE = 0.25
"""Share of two movies' likeness that is being of the same era; the rest is sharing genres, which
people notice first."""

# -- explanation -----------------------------------------------------------------------------
REASON_MOVIES = 3
"""Liked movies named as arguments for a recommendation."""

ARGUMENT_POOL = 200
"""Most recent liked movies looked through for them; keeps an explanation under two milliseconds
for people with thousands of likes."""

# -- service ---------------------------------------------------------------------------------
SERVE_ADDRESS = "127.0.0.1:50051"
"""Where `serve` listens unless told otherwise: this machine only."""

SCORER_DEADLINE = 5.0
"""Seconds a scorer may take before the request is given up."""

SCORER_CONNECT = 1.0
"""Seconds until an address that does not complete a connection counts as away, so that the next
one is tried well before the deadline."""

MESSAGE_BYTES = 64 * 2**20
"""Largest message either way: 500 candidates x 100 float32 columns of 300 users."""

SERVICE_WORKERS = 4
"""Requests the service works on at once; kernels release the GIL, so two cores stay busy."""
