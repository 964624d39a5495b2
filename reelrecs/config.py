"""Every number that is a choice, with its reason; bodies elsewhere hold none."""

from __future__ import annotations

import os
from pathlib import Path

FIXED, LEARNED, PRETRAINED = "fixed", "learned", "pretrained"
PROFILES = (LEARNED, PRETRAINED, FIXED)
"""Names of the profiles: which stages make a list and what ranks it. Learned is of the data at
hand, pretrained what was learned of other people's, for as long as nobody trains."""

LIKED_FROM = 4.0
"""Stars from which a rating means "liked": the usual cut on a five-star scale."""

DEFAULT_LIMIT = 20
"""Recommendations in a list: one screen."""

SHORT_CATALOGUE_LIMIT = 500
"""Lists as long as the catalogue are served. Where that holds fewer movies, so many may be asked
for all the same: a program that asks for the same number everywhere gets all there are."""

MODELS_DIR = "models"
"""Where `train` leaves models and everything else looks for them, relative to where one stands."""

RECENT_MOVIES = 10
"""Most recent movies shown of a user."""

# -- files of others ------------------------------------------------------------------------------
ZIP_MEMBER_BYTES = 4_000_000_000
"""Most bytes that a file read from a zip may unpack to, for it is unpacked into memory: the text of
150 million ratings."""

ZIP_RATIO, ZIP_RATIO_FROM = 100, 16 * 2**20
"""Most that such a file of some size may be compressed: ratings as text shrink to a fifth, only a
bomb to a hundredth."""

# -- stores ----------------------------------------------------------------------------------------
MAPPED_FROM = 512 * 2**20
"""Bytes from which a store is mapped and not read into memory of our own, where no other program
can cut or change it: up to here that costs a quarter of a second at most, beyond it memory that few
have to spare."""

# -- ratings that arrive ---------------------------------------------------------------------------
LOG_LOCK_SECONDS = 10.0
"""Seconds that a writer waits for another process's: a commit takes milliseconds, on a busy disk a
second."""

LOG_GROUP = 1_000
"""Lines of a file that are written at once: one fsync costs as much as writing a hundred."""

LONGEST_RECORD = 1 << 20
"""Bytes of a record that is read from a file or pipe; what is longer is none."""

FOLLOW_SECONDS = 0.2
"""How often a file that is followed is looked at again."""

ROTATION_SECONDS = 2.0
"""How long a file that was renamed is read on after another has its name: a writer opens the new
one a moment later."""

TOLD_BY_BYTES = 1_024
"""By so many first bytes of what was read of a file, and as many last ones, it is known again."""

KAFKA_SECONDS = 10.0
"""How long brokers may take to say what topics and records they have."""

PARTITIONS_SECONDS = 60.0
"""How often a topic is asked whether it has more partitions."""

SKIPPED_SHOWN = 20
"""Records passed over that `ingest` names; the others are only counted."""

LOG_RECORDS_TO_COMPACT = 100_000
"""Records outside the store from which `doctor` advises to compact: reading them takes a second."""

FUTURE_SECONDS = 86_400
"""Seconds by which a rating's time may be ahead of this machine's clock: the moment of asking is
the time of the last rating, and one from next year would make all others old."""

# -- people and movies that are asked for by hand ------------------------------------------------
LIKED_TITLE_STARS = 5.0
"""Stars that a title named by --like counts as: what people name unasked is what they love."""

SIMILAR_SHRINKAGE = 10.0
"""Common likers' worth of trust in genres and era before the likes of two movies count: below ten,
chance alone makes a perfect pair."""

SIMILAR_KIND = 0.1
"""Likeness of two movies of the same genres and year without any common liker: below that of
movies which people do like together, so that kind speaks only where likes are silent."""

BATCH_USERS = 64
"""Users scored in one call by `batch`: the call costs little for each, and a block is done well
before the scorer's deadline."""

JOINT_QUERIES = 32
"""Most queries of requests that are run together: beyond it a batch saves little, and who is of it
waits for all."""

RAY_BLOCKS = 4
"""Blocks of users in one task of a Ray worker: some hundred milliseconds, so that workers end
together and one that is killed loses little."""

RAY_CONNECT_SECONDS = 5.0
"""How long a Ray cluster's address may take to answer a call."""

BATCH_GROUP = 16
"""Blocks of users that make a row group of the output: large enough to compress, small enough that
memory stays at megabytes."""

NEW_USER_DIVERSITY = 0.1
"""Least strength of the diversity penalty for somebody with no ratings where none is asked for:
nothing is known of a taste, so a list should offer something to each, as long as it costs next to
nothing: .001 NDCG@10 on the cold ladders of ml-1m and MovieTweetings, where 0.5 costs .010 to
.018."""

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
"""Liked movies two users must share to be neighbours: below three, chance alone shares them."""

THUNDER_NEIGHBOURS = 500
"""Neighbours listened to, the best by shared movies."""

THUNDER_LIKERS = 1_000_000
"""Likes of the liked movies that are looked at: more than ml-1m holds. Beyond, those of the users
of the last rows stand for all: neighbours like as much, and are found in a fixed time."""

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

NEIGHBOUR_RATERS = 2_000_000
"""Ratings of a history's movies among which neighbours are looked for: more than ml-1m holds.
Beyond, those of the users last active of all stand for all."""

CF_SHRINKAGE = 1.0
"""Similarity's worth of trust in the movie's own mean: with no neighbour who rated it, the
prediction is that mean, never a made-up low rating."""

FIXED_WEIGHTS = {
    "cf": 0.40,
    "genre_overlap": 0.25,
    "collaborative": 0.20,
    "popularity": 0.10,
    "year": 0.05,
}
"""The fixed ranker; every term is on [0, 1], so a score is too."""

CONSTRAINED_CANDIDATES = 200
"""Candidates of a list that is asked for under constraints, where the catalogue holds so many: what
few movies are allowed are all scored."""

RECENCY_YEARS = 10
"""Years from the user's era that the recency filter lets pass."""

RELAX_ORDER = ("recency", "genre_preference", "minimum_rating")
"""Which filters give way, first to last, when too few movies pass: era is the weakest reason to
withhold a movie, a poor rating the strongest. A movie already rated is never shown."""

# -- re-ranking ------------------------------------------------------------------------------
FIXED_DIVERSITY, LEARNED_DIVERSITY = 0.1, 0.02
"""Default strength of the diversity penalty in either profile; 0 switches it off. On ml-1m's
validation cut neither costs NDCG that could be measured; 0.1 would cost the learned one 0.6 %."""

DIVERSITY_ERA_SHARE = 0.25
"""Share of two movies' likeness that is being of the same era; the rest is sharing genres, which
people notice first."""

# -- explanation -----------------------------------------------------------------------------
REASON_MOVIES = 3
"""Liked movies named as arguments for a recommendation."""

SUPPORTING_LIKES = 200
"""Most recent liked movies looked through for them: a list of people with thousands of likes is
explained by what they like now."""

REASON_DEVIATIONS = 2.0
"""Standard deviations above chance from which neighbours say that who likes one movie likes the
other: one pair in forty is farther by chance."""

TELLING_CONTRIBUTION, REASON_PHRASES = 0.7, 2
"""A reason in words stands for contributions that make a movie twice as likely as others, and so
many at most are said."""

RELATED_LIKERS = 100_000
"""Likers of the user's own likes looked through to tell who else likes a movie, the rarest likes
first, for they tell taste best: all of them for most people on ml-1m, and on larger data no more
time."""

# -- service ---------------------------------------------------------------------------------
SERVE_ADDRESS = "127.0.0.1:50051"
"""Where `serve` listens unless told otherwise: this machine only."""

LOCAL_SCORER, EMBEDDED_SCORER = "local", "embedded"
"""Scorers that need no address: the model in this process, and a gRPC service of this process on a
private address."""

SCORER_DEADLINE = 5.0
"""Seconds a scorer may take before the request is given up."""

SCORER_ATTEMPTS = 3
"""Times that an only scorer is asked where it is away: a restart takes half a second."""

SCORER_CONNECT = 1.0
"""Seconds until an address that does not complete a connection counts as away, so that the next
one is tried well before the deadline."""

MESSAGE_BYTES = 64 * 2**20
"""Largest answer, and the largest message a client takes: terms of CALL_CANDIDATES candidates."""

REQUEST_BYTES = 8 * 2**20
"""Largest request that a service takes; gRPC's own default is half of it."""

CLIENT_REQUEST_BYTES = 4 * 2**20
"""Bytes of features from which our own client asks in several calls: well below what services take,
and a reply of a few times the size stays below MESSAGE_BYTES."""

CALL_USERS, CALL_CANDIDATES = 1_000, 200_000
"""Most users of a call, and their candidates in all: what a worker does within SCORER_DEADLINE, and
an answer of 70 terms each fits MESSAGE_BYTES."""

USER_CANDIDATES, USER_HISTORY = 100_000, 50_000
"""Most candidates and most rated movies of one user: the catalogue of the largest public data, and
more than anybody there has rated."""

CALL_RATINGS = 10_000
"""Ratings of a message that are to be kept; a stream brings any number of messages."""

STREAM_AHEAD = 100
"""Messages of a stream that may wait for those before them to be kept."""

BLOCK_USERS, BLOCK_CANDIDATES = 64, 20_000
"""A call of many users is worked on in blocks of so many, between which its deadline is looked at:
tenths of a second."""

SERVICE_CONCURRENCY = 4
"""Requests a process works on at once; kernels release the GIL, so two cores stay busy."""

SERVICE_QUEUE = 512
"""Calls that may wait for their turn: two seconds of work, so that who waits is answered before
most people's deadlines."""

ARRIVING_CALLS = 256
"""Calls beside those whose message may still be under way; and calls of one connection beyond all
that may be open, which are there to be refused, or to ask for health."""

SWITCH_SECONDS = 0.0005
"""Seconds after which Python lets another thread run in a service: a tenth of its default, so that
the one thread that hears of calls is not kept waiting by those that work."""

THREAD_IDLE_SECONDS = 30.0
"""Seconds after which a thread that answered calls and has none ends."""

ARRIVAL_SECONDS = 10.0
"""Seconds that a call's message may take to arrive."""

CALL_SECONDS = 60.0
"""Seconds of work for a call whatever its own deadline is, which it need not have."""

CONNECTIONS = 1_000
"""Open connections: below the 1,024 files that most systems let a process open."""

IDLE_SECONDS, HANDSHAKE_SECONDS = 300.0, 10.0
"""Seconds after which a connection without calls is closed, and one that never spoke."""

KEEPALIVE_SECONDS = (60.0, 20.0)
"""Seconds of silence after which a client is asked whether it is there, and that it may take."""

CIRCUIT_SECONDS = 5.0
"""How long nobody waits for a scorer that was away, where lists can be made without it."""

HEALTH_SECONDS = 3.0
"""How long `health` waits for an answer."""

HEALTH_THREADS, HEALTH_ARRIVAL_SECONDS = 16, 2.0
"""Threads that answer nothing but health, so that no load delays it, and seconds that such a
message of a few bytes may take."""

RELOAD_SECONDS = 2.0
"""Seconds between looks at the data and the model that are served, which are taken when they have
not changed between two looks."""

REQUEST_LOG_LINES = 10_000
"""Lines of the log of requests that may wait to be written; beyond them lines are lost, and told
how many, for a reader that stands still must not stop a service."""

RESTART_SECONDS = (0.2, 10.0)
"""Seconds until a worker process that has died is started again, at first and at most: they double
each time it dies young."""

WORKER_GROWN_SECONDS = 30.0
"""Seconds after which a worker process no longer counts as one that dies young."""

EXPOSURES_WAITING = 10_000
"""Exposures of an experiment that may wait to be written; beyond them some are lost, and told how
many, for a slow disk must not stop a service."""

CONVERSION_DAYS = 7.0
"""Days after a list within which a rating of a shown movie counts for it: they hold one weekend."""

MISMATCH_P = 0.001
"""Below this p-value arms have other shares of the people than planned, by a fault and not by luck:
the usual threshold, for the test is looked at often (Fabijan et al., KDD 2019)."""

METRICS_HOST = "127.0.0.1"
"""Where metrics are shown: to this machine only, for they tell how a service is used."""

WEB_NOT_SERVING = 503
"""HTTP status of the page's health while it ends."""

WEB_ADDRESS = "127.0.0.1:8000"
"""Where `web` listens unless told otherwise: this machine only."""

PAGE_MOVIES, PAGE_FOUND = 20, 8
"""Movies of a list on the page, and movies found by title: what fits without scrolling for long."""

PAGE_SEARCH_LETTERS = 100
"""Letters of a title that are looked for."""

VARIETY_STEPS = 10
"""Steps of variety from 0 to 1 over HTTP: each needs a pipeline of its own."""

CLOSING_GRACE = 1.0
"""Seconds that running requests get when a scorer's own server is closed; without any, gRPC cancels
what is not there and says so on stderr."""

DRAINING_NOTICE = 2.0
"""Seconds for which `serve` takes requests after health has begun to say NOT_SERVING: load
balancers ask every second or so."""

DRAINING_GRACE = 10.0
"""Seconds that running requests get when `serve` is told to end: twice what a client waits, and
less than the 30 after which Kubernetes kills."""

SOCKET_MODE = 0o600
"""Who may connect to a unix socket of `serve`: its owner."""

# -- the learned profile: base models (all chosen on ml-1m's validation cut) ---------------------
MATRIX_MOVIES = 4_000
"""Movies, the most rated, between which next-item ridge and EASE are solved: 64 MB a dense matrix
while training."""

MATRIX_ENTRIES_PER_MOVIE, MATRIX_ENTRIES_PER_RATING = 300, 7
"""Entries that a model keeps of each item-to-item matrix, the strongest of the whole: so many for
each of its movies, and no more than that many a rating."""

NEXT_ITEM_DECAY = 0.8
"""Weight of each further step back in the sequential ridge regression."""

NEXT_ITEM_REACH = 60
"""Steps back that count at all: .8^60 is a millionth."""

NEXT_ITEM_RIDGE, NEXT_ITEM_RIDGE_POWER = 700.0, 0.25
"""Ridge of a movie of mean popularity, and how it grows with popularity."""

EASE_RIDGE = 400.0
"""Ridge of EASE; flat between 250 and 600."""

CO_OCCURRENCE_DECAY, CO_OCCURRENCE_REACH = 0.9, 40
"""Decay a step and reach of plain ordered co-occurrence."""

CO_OCCURRENCE_BACKWARDS = 0.5
"""What standing before a movie weighs beside standing after it."""

CO_OCCURRENCE_SHRINKAGE = 5.0
"""Ratings added to a movie's own, so that what few people watched does not lead with certainty."""

NEXT_ITEM_ROWS, EASE_ROWS, CO_OCCURRENCE_ROWS = 31, 300, 60
"""Last movies whose matrix rows are summed: what is older weighs under .001, or costs more time
than it brings."""

CO_OCCURRENCE_ANCHOR_DECAY = 0.96
"""Weight of each earlier movie in the sum over pairs."""

POPULARITY_DISCOUNT = 0.12
"""Votes are divided by popularity to this power before candidates are drawn."""

BEFORE_SHARE = 0.3
"""What a movie watched before an anchor weighs beside one watched after it."""

SEQUENCE_CANDIDATES = (160, 120)
"""Candidates drawn by sequence kNN and by the chain, and at least twice as many as the list is
long. From (80, 50) to (200, 150) NDCG@10 on ml-1m stays within its error: a movie of the final top
ten is nearly always in the top 100 of at least one retriever."""

SIMILARITY_MOVIES = 120
"""Last movies by which users of similar histories are found; older ones change no list on ml-1m."""

SIMILARITY_RATERS = 2_000_000
"""Raters of those movies up to which all of them are gone through, in two milliseconds or three.
Beyond, what the users who are asked for have watched is gone through instead: the same numbers, at
a cost that does not grow with the data."""

RECENT_WINDOWS = (250, 1_000, 4_000, 16_000)
"""Ratings of everybody that each window reaches back, in the learned profile and in the baselines:
counted in ratings, one choice suits data that move by the minute and data that move by the year."""

ALIKE_WINDOW = 4_000
"""The window in which the likeness of raters counts."""

ALIKE_FLOOR, AT_LENGTH_FLOOR = 0.01, 0.5
"""Added before a logarithm is taken."""

HISTORY_LENGTHS = (1, 2, 3, 5, 8, 13, 21, 51, 2**31 - 1)
"""Ends of the lengths of a history that are told apart when it is asked what people rate next."""

HISTORY_LENGTH_PRIOR = 100.0
"""Ratings by everybody, at whatever length, that stand beside those at some length."""

NEWCOMER_LENGTH = 8.0
"""Ratings at which somebody is half as new as at none."""

NEWCOMER_COLUMNS = ("recent.", "popularity.ratings")
"""Columns that the blend for newcomers reads, by the beginning of their names: what does not come
from a history."""

NEWCOMER_BLEND_LENGTHS, NEWCOMER_HALF_AT = 8, 2.0
"""Groups of shorter histories teach that blend, and the length at which it counts by half. At 3
ratings strangers on ml-1m gain .003 NDCG@10 more, and who rates little on MovieTweetings loses
.004 to .01."""

RELEVANT_WITHIN = 10
"""A score is shown as the chance to be among so many movies to come."""

RECENT_CANDIDATES = 60
"""Candidates drawn from each window and from this point of a history."""

RECENT_USERS = 600
"""Users last active about when this one asks, among whom a movie's recent raters are counted."""

RECENT_PROFILE_MOVIES, RECENT_PROFILE_GENRE_DECAY, RECENT_PROFILE_YEAR_DECAY = 12, 0.85, 0.7
"""Last movies that make the recent profile of genres and years, and what each step back weighs."""

# -- a model and later data -------------------------------------------------------------------
UNMET_BIAS_QUANTILE = 0.1
"""Where in a chain's biases a movie stands that came after training: among the tenth that is rated
least. What it has gathered since is told by counts and votes, which come from the store."""

COMPARED_SECONDS, COMPARED_RATINGS, FEWEST_COMPARED = 86_400, 5_000, 100
"""Newest ratings by which `train --if-better` compares two models: those of the last day, at most
and at least so many: 5,000 questions take seconds, and below a hundred chance decides."""

SAMPLED_RATINGS = 512
"""Ratings by which a model knows data without titles again: were a third of them still there by
chance, half of them would be in one case of 10^15."""

LEAST_SHARE_MET = 0.5
"""Share of its movies that a store must hold for a model to serve it, and of those the share that
must bear the same titles: below, the data is other data."""

# -- the learned profile: the ranker --------------------------------------------------------------
TRAIN_SEED = 7
"""Seeds everything in training."""

HELD_OUT_USERS, TARGETS_PER_USER = 2_000, 5
"""Users whose last movies teach the ranker, and how many of them: half as many are enough for its
weights, but not for the trees."""

FIRST_USERS, FIRST_SHARE, FIRST_MOVIES = 1_000, 0.25, 12
"""Users who teach what newcomers rate, at most so many and that share of all, and how many of their
first movies are kept from the base models for it: to keep all would cost the lists of those with
long histories (.004 NDCG@10 on ml-1m's validation cut for a tenth of the users)."""

NEWCOMER_PLACES, RANDOM_PLACES = 6, 1
"""Of those: the first movies that each is asked for, and how many of the others."""

CUTS = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Shares of all ratings, in order of time, behind which they are asked what came later."""

LEADING_COLUMNS = ("sequence.next_alike", "recent.1000", "recent.at_length")
"""Columns whose best are the hardest negatives, in turn."""

HARD_NEGATIVES, SAMPLED_NEGATIVES = 30, 30
"""Negatives of the movie watched: the best by some columns in turn, and a random sample of the
others. Forty of each teach no more."""

PRETRAINED_QUESTIONS = 4_000
"""Questions of each data set that teach the pretrained ranker."""

QUESTIONS_AT_ONCE = 128
"""Questions described together: the candidates of all take some megabytes a thread."""

HELD_OUT_SHARE, FEWEST_HELD_OUT_USERS = 0.5, 40
"""Most of the users who may teach, unless that is next to nobody: on small data the base models
need the last movies of the rest (+.003 NDCG on ml-latest-small, nothing on ml-100k, three
validation cuts each)."""

FEWEST_GROUPS, FEWEST_GROUPS_FOR_TREES = 20, 100
"""Fewer groups teach the weights nothing, or trees nothing beyond the weights."""


def log_folder() -> Path | None:
    """Where logs of ratings are kept: $REELRECS_LOG_DIR, else the user's data folder.

    No cache: what is lost there can be made again, a rating cannot. None where the system does not
    know the user's home.
    """
    import platformdirs

    chosen = os.environ.get("REELRECS_LOG_DIR")
    if chosen:
        return Path(chosen)
    try:
        folder = platformdirs.user_data_path("reelrecs", appauthor=False) / "ratings"
    except RuntimeError:
        return None
    return folder if folder.is_absolute() else None


def cache_folder() -> Path | None:
    """Where stores and machine code are kept: $REELRECS_CACHE_DIR, else the user's cache folder.

    None where the system does not know the user's home, as it may be in a container.
    """
    import platformdirs

    chosen = os.environ.get("REELRECS_CACHE_DIR")
    if chosen:
        return Path(chosen)
    try:
        folder = platformdirs.user_cache_path("reelrecs", appauthor=False)
    except RuntimeError:  # older versions of platformdirs name a folder called "~"
        return None
    return folder if folder.is_absolute() else None
