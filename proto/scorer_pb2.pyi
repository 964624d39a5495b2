from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ScoreRequest(_message.Message):
    __slots__ = ("dataset_digest", "users", "movie_ids", "movie_id_texts", "features")
    DATASET_DIGEST_FIELD_NUMBER: _ClassVar[int]
    USERS_FIELD_NUMBER: _ClassVar[int]
    MOVIE_IDS_FIELD_NUMBER: _ClassVar[int]
    MOVIE_ID_TEXTS_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    dataset_digest: str
    users: _containers.RepeatedCompositeFieldContainer[User]
    movie_ids: _containers.RepeatedScalarFieldContainer[int]
    movie_id_texts: _containers.RepeatedScalarFieldContainer[str]
    features: FeatureMatrix
    def __init__(self, dataset_digest: _Optional[str] = ..., users: _Optional[_Iterable[_Union[User, _Mapping]]] = ..., movie_ids: _Optional[_Iterable[int]] = ..., movie_id_texts: _Optional[_Iterable[str]] = ..., features: _Optional[_Union[FeatureMatrix, _Mapping]] = ...) -> None: ...

class User(_message.Message):
    __slots__ = ("user_id", "user_id_text", "history", "candidates")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_TEXT_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    user_id: int
    user_id_text: str
    history: History
    candidates: int
    def __init__(self, user_id: _Optional[int] = ..., user_id_text: _Optional[str] = ..., history: _Optional[_Union[History, _Mapping]] = ..., candidates: _Optional[int] = ...) -> None: ...

class History(_message.Message):
    __slots__ = ("movie_ids", "movie_id_texts", "ratings")
    MOVIE_IDS_FIELD_NUMBER: _ClassVar[int]
    MOVIE_ID_TEXTS_FIELD_NUMBER: _ClassVar[int]
    RATINGS_FIELD_NUMBER: _ClassVar[int]
    movie_ids: _containers.RepeatedScalarFieldContainer[int]
    movie_id_texts: _containers.RepeatedScalarFieldContainer[str]
    ratings: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, movie_ids: _Optional[_Iterable[int]] = ..., movie_id_texts: _Optional[_Iterable[str]] = ..., ratings: _Optional[_Iterable[float]] = ...) -> None: ...

class FeatureMatrix(_message.Message):
    __slots__ = ("columns", "rows", "values")
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    columns: _containers.RepeatedScalarFieldContainer[str]
    rows: int
    values: bytes
    def __init__(self, columns: _Optional[_Iterable[str]] = ..., rows: _Optional[int] = ..., values: _Optional[bytes] = ...) -> None: ...

class ScoreResponse(_message.Message):
    __slots__ = ("scores", "terms")
    SCORES_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    scores: _containers.RepeatedScalarFieldContainer[float]
    terms: FeatureMatrix
    def __init__(self, scores: _Optional[_Iterable[float]] = ..., terms: _Optional[_Union[FeatureMatrix, _Mapping]] = ...) -> None: ...

class DescribeRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DescribeResponse(_message.Message):
    __slots__ = ("dataset", "dataset_digest", "users", "movies", "ratings", "profile", "required_columns", "terms", "version")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    DATASET_DIGEST_FIELD_NUMBER: _ClassVar[int]
    USERS_FIELD_NUMBER: _ClassVar[int]
    MOVIES_FIELD_NUMBER: _ClassVar[int]
    RATINGS_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_COLUMNS_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    dataset_digest: str
    users: int
    movies: int
    ratings: int
    profile: str
    required_columns: _containers.RepeatedScalarFieldContainer[str]
    terms: _containers.RepeatedCompositeFieldContainer[Term]
    version: str
    def __init__(self, dataset: _Optional[str] = ..., dataset_digest: _Optional[str] = ..., users: _Optional[int] = ..., movies: _Optional[int] = ..., ratings: _Optional[int] = ..., profile: _Optional[str] = ..., required_columns: _Optional[_Iterable[str]] = ..., terms: _Optional[_Iterable[_Union[Term, _Mapping]]] = ..., version: _Optional[str] = ...) -> None: ...

class Term(_message.Message):
    __slots__ = ("name", "column", "transform", "center", "scale", "weight")
    NAME_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    TRANSFORM_FIELD_NUMBER: _ClassVar[int]
    CENTER_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    name: str
    column: str
    transform: str
    center: float
    scale: float
    weight: float
    def __init__(self, name: _Optional[str] = ..., column: _Optional[str] = ..., transform: _Optional[str] = ..., center: _Optional[float] = ..., scale: _Optional[float] = ..., weight: _Optional[float] = ...) -> None: ...
