from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ScoreRequest(_message.Message):
    __slots__ = ("user_id", "features")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    user_id: int
    features: _containers.RepeatedCompositeFieldContainer[CandidateFeatures]
    def __init__(self, user_id: _Optional[int] = ..., features: _Optional[_Iterable[_Union[CandidateFeatures, _Mapping]]] = ...) -> None: ...

class CandidateFeatures(_message.Message):
    __slots__ = ("movie_id", "genre_overlap_score", "genre_diversity_score", "collaborative_score", "similar_users_count", "avg_rating", "rating_count", "popularity_percentile", "movie_year", "year_preference_score", "days_since_released")
    MOVIE_ID_FIELD_NUMBER: _ClassVar[int]
    GENRE_OVERLAP_SCORE_FIELD_NUMBER: _ClassVar[int]
    GENRE_DIVERSITY_SCORE_FIELD_NUMBER: _ClassVar[int]
    COLLABORATIVE_SCORE_FIELD_NUMBER: _ClassVar[int]
    SIMILAR_USERS_COUNT_FIELD_NUMBER: _ClassVar[int]
    AVG_RATING_FIELD_NUMBER: _ClassVar[int]
    RATING_COUNT_FIELD_NUMBER: _ClassVar[int]
    POPULARITY_PERCENTILE_FIELD_NUMBER: _ClassVar[int]
    MOVIE_YEAR_FIELD_NUMBER: _ClassVar[int]
    YEAR_PREFERENCE_SCORE_FIELD_NUMBER: _ClassVar[int]
    DAYS_SINCE_RELEASED_FIELD_NUMBER: _ClassVar[int]
    movie_id: int
    genre_overlap_score: float
    genre_diversity_score: float
    collaborative_score: float
    similar_users_count: int
    avg_rating: float
    rating_count: int
    popularity_percentile: float
    movie_year: int
    year_preference_score: float
    days_since_released: float
    def __init__(self, movie_id: _Optional[int] = ..., genre_overlap_score: _Optional[float] = ..., genre_diversity_score: _Optional[float] = ..., collaborative_score: _Optional[float] = ..., similar_users_count: _Optional[int] = ..., avg_rating: _Optional[float] = ..., rating_count: _Optional[int] = ..., popularity_percentile: _Optional[float] = ..., movie_year: _Optional[int] = ..., year_preference_score: _Optional[float] = ..., days_since_released: _Optional[float] = ...) -> None: ...

class ScoreResponse(_message.Message):
    __slots__ = ("scores",)
    SCORES_FIELD_NUMBER: _ClassVar[int]
    scores: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, scores: _Optional[_Iterable[float]] = ...) -> None: ...
