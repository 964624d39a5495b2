from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RecommendRequest(_message.Message):
    __slots__ = ("user_id", "user_id_text", "history", "limit", "explain", "as_of", "constraints")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_TEXT_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    CONSTRAINTS_FIELD_NUMBER: _ClassVar[int]
    user_id: int
    user_id_text: str
    history: RatingHistory
    limit: int
    explain: bool
    as_of: int
    constraints: Constraints
    def __init__(self, user_id: _Optional[int] = ..., user_id_text: _Optional[str] = ..., history: _Optional[_Union[RatingHistory, _Mapping]] = ..., limit: _Optional[int] = ..., explain: bool = ..., as_of: _Optional[int] = ..., constraints: _Optional[_Union[Constraints, _Mapping]] = ...) -> None: ...

class Constraints(_message.Message):
    __slots__ = ("allow", "deny", "genres", "all_genres", "not_genres", "year_from", "year_to", "min_rating", "include_seen")
    ALLOW_FIELD_NUMBER: _ClassVar[int]
    DENY_FIELD_NUMBER: _ClassVar[int]
    GENRES_FIELD_NUMBER: _ClassVar[int]
    ALL_GENRES_FIELD_NUMBER: _ClassVar[int]
    NOT_GENRES_FIELD_NUMBER: _ClassVar[int]
    YEAR_FROM_FIELD_NUMBER: _ClassVar[int]
    YEAR_TO_FIELD_NUMBER: _ClassVar[int]
    MIN_RATING_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_SEEN_FIELD_NUMBER: _ClassVar[int]
    allow: MovieSet
    deny: MovieSet
    genres: _containers.RepeatedScalarFieldContainer[str]
    all_genres: bool
    not_genres: _containers.RepeatedScalarFieldContainer[str]
    year_from: int
    year_to: int
    min_rating: float
    include_seen: bool
    def __init__(self, allow: _Optional[_Union[MovieSet, _Mapping]] = ..., deny: _Optional[_Union[MovieSet, _Mapping]] = ..., genres: _Optional[_Iterable[str]] = ..., all_genres: bool = ..., not_genres: _Optional[_Iterable[str]] = ..., year_from: _Optional[int] = ..., year_to: _Optional[int] = ..., min_rating: _Optional[float] = ..., include_seen: bool = ...) -> None: ...

class MovieSet(_message.Message):
    __slots__ = ("movie_ids", "movie_id_texts")
    MOVIE_IDS_FIELD_NUMBER: _ClassVar[int]
    MOVIE_ID_TEXTS_FIELD_NUMBER: _ClassVar[int]
    movie_ids: _containers.RepeatedScalarFieldContainer[int]
    movie_id_texts: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, movie_ids: _Optional[_Iterable[int]] = ..., movie_id_texts: _Optional[_Iterable[str]] = ...) -> None: ...

class RatingHistory(_message.Message):
    __slots__ = ("movie_ids", "movie_id_texts", "ratings", "times")
    MOVIE_IDS_FIELD_NUMBER: _ClassVar[int]
    MOVIE_ID_TEXTS_FIELD_NUMBER: _ClassVar[int]
    RATINGS_FIELD_NUMBER: _ClassVar[int]
    TIMES_FIELD_NUMBER: _ClassVar[int]
    movie_ids: _containers.RepeatedScalarFieldContainer[int]
    movie_id_texts: _containers.RepeatedScalarFieldContainer[str]
    ratings: _containers.RepeatedScalarFieldContainer[float]
    times: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, movie_ids: _Optional[_Iterable[int]] = ..., movie_id_texts: _Optional[_Iterable[str]] = ..., ratings: _Optional[_Iterable[float]] = ..., times: _Optional[_Iterable[int]] = ...) -> None: ...

class RecommendResponse(_message.Message):
    __slots__ = ("dataset", "dataset_digest", "recommendations", "relaxed", "note", "as_of")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    DATASET_DIGEST_FIELD_NUMBER: _ClassVar[int]
    RECOMMENDATIONS_FIELD_NUMBER: _ClassVar[int]
    RELAXED_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    dataset_digest: str
    recommendations: _containers.RepeatedCompositeFieldContainer[RecommendedMovie]
    relaxed: _containers.RepeatedScalarFieldContainer[str]
    note: str
    as_of: int
    def __init__(self, dataset: _Optional[str] = ..., dataset_digest: _Optional[str] = ..., recommendations: _Optional[_Iterable[_Union[RecommendedMovie, _Mapping]]] = ..., relaxed: _Optional[_Iterable[str]] = ..., note: _Optional[str] = ..., as_of: _Optional[int] = ...) -> None: ...

class RecommendedMovie(_message.Message):
    __slots__ = ("rank", "movie_id", "movie_id_text", "title", "year", "genres", "score", "sources", "explanation")
    RANK_FIELD_NUMBER: _ClassVar[int]
    MOVIE_ID_FIELD_NUMBER: _ClassVar[int]
    MOVIE_ID_TEXT_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    YEAR_FIELD_NUMBER: _ClassVar[int]
    GENRES_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    rank: int
    movie_id: int
    movie_id_text: str
    title: str
    year: int
    genres: _containers.RepeatedScalarFieldContainer[str]
    score: float
    sources: _containers.RepeatedScalarFieldContainer[str]
    explanation: Explanation
    def __init__(self, rank: _Optional[int] = ..., movie_id: _Optional[int] = ..., movie_id_text: _Optional[str] = ..., title: _Optional[str] = ..., year: _Optional[int] = ..., genres: _Optional[_Iterable[str]] = ..., score: _Optional[float] = ..., sources: _Optional[_Iterable[str]] = ..., explanation: _Optional[_Union[Explanation, _Mapping]] = ...) -> None: ...

class Explanation(_message.Message):
    __slots__ = ("contributions", "found_by", "similar_users", "because_you_liked", "because_you_watched", "related")
    CONTRIBUTIONS_FIELD_NUMBER: _ClassVar[int]
    FOUND_BY_FIELD_NUMBER: _ClassVar[int]
    SIMILAR_USERS_FIELD_NUMBER: _ClassVar[int]
    BECAUSE_YOU_LIKED_FIELD_NUMBER: _ClassVar[int]
    BECAUSE_YOU_WATCHED_FIELD_NUMBER: _ClassVar[int]
    RELATED_FIELD_NUMBER: _ClassVar[int]
    contributions: _containers.RepeatedCompositeFieldContainer[Contribution]
    found_by: _containers.RepeatedCompositeFieldContainer[Finding]
    similar_users: int
    because_you_liked: _containers.RepeatedCompositeFieldContainer[Movie]
    because_you_watched: _containers.RepeatedCompositeFieldContainer[Movie]
    related: Related
    def __init__(self, contributions: _Optional[_Iterable[_Union[Contribution, _Mapping]]] = ..., found_by: _Optional[_Iterable[_Union[Finding, _Mapping]]] = ..., similar_users: _Optional[int] = ..., because_you_liked: _Optional[_Iterable[_Union[Movie, _Mapping]]] = ..., because_you_watched: _Optional[_Iterable[_Union[Movie, _Mapping]]] = ..., related: _Optional[_Union[Related, _Mapping]] = ...) -> None: ...

class Related(_message.Message):
    __slots__ = ("similar_users",)
    SIMILAR_USERS_FIELD_NUMBER: _ClassVar[int]
    similar_users: int
    def __init__(self, similar_users: _Optional[int] = ...) -> None: ...

class Contribution(_message.Message):
    __slots__ = ("term", "value")
    TERM_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    term: str
    value: float
    def __init__(self, term: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...

class Finding(_message.Message):
    __slots__ = ("channel", "strength")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    STRENGTH_FIELD_NUMBER: _ClassVar[int]
    channel: str
    strength: float
    def __init__(self, channel: _Optional[str] = ..., strength: _Optional[float] = ...) -> None: ...

class Movie(_message.Message):
    __slots__ = ("movie_id", "movie_id_text", "title", "year", "genres")
    MOVIE_ID_FIELD_NUMBER: _ClassVar[int]
    MOVIE_ID_TEXT_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    YEAR_FIELD_NUMBER: _ClassVar[int]
    GENRES_FIELD_NUMBER: _ClassVar[int]
    movie_id: int
    movie_id_text: str
    title: str
    year: int
    genres: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, movie_id: _Optional[int] = ..., movie_id_text: _Optional[str] = ..., title: _Optional[str] = ..., year: _Optional[int] = ..., genres: _Optional[_Iterable[str]] = ...) -> None: ...
