from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Rating(_message.Message):
    __slots__ = ("user_id", "user_id_text", "movie_id", "movie_id_text", "rating", "time", "key")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_TEXT_FIELD_NUMBER: _ClassVar[int]
    MOVIE_ID_FIELD_NUMBER: _ClassVar[int]
    MOVIE_ID_TEXT_FIELD_NUMBER: _ClassVar[int]
    RATING_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    user_id: int
    user_id_text: str
    movie_id: int
    movie_id_text: str
    rating: float
    time: int
    key: str
    def __init__(self, user_id: _Optional[int] = ..., user_id_text: _Optional[str] = ..., movie_id: _Optional[int] = ..., movie_id_text: _Optional[str] = ..., rating: _Optional[float] = ..., time: _Optional[int] = ..., key: _Optional[str] = ...) -> None: ...

class AppendRequest(_message.Message):
    __slots__ = ("ratings",)
    RATINGS_FIELD_NUMBER: _ClassVar[int]
    ratings: _containers.RepeatedCompositeFieldContainer[Rating]
    def __init__(self, ratings: _Optional[_Iterable[_Union[Rating, _Mapping]]] = ...) -> None: ...

class AppendResponse(_message.Message):
    __slots__ = ("appended", "known")
    APPENDED_FIELD_NUMBER: _ClassVar[int]
    KNOWN_FIELD_NUMBER: _ClassVar[int]
    appended: int
    known: int
    def __init__(self, appended: _Optional[int] = ..., known: _Optional[int] = ...) -> None: ...

class AppendManyRequest(_message.Message):
    __slots__ = ("ratings",)
    RATINGS_FIELD_NUMBER: _ClassVar[int]
    ratings: _containers.RepeatedCompositeFieldContainer[Rating]
    def __init__(self, ratings: _Optional[_Iterable[_Union[Rating, _Mapping]]] = ...) -> None: ...

class AppendManyResponse(_message.Message):
    __slots__ = ("appended", "known")
    APPENDED_FIELD_NUMBER: _ClassVar[int]
    KNOWN_FIELD_NUMBER: _ClassVar[int]
    appended: int
    known: int
    def __init__(self, appended: _Optional[int] = ..., known: _Optional[int] = ...) -> None: ...

class ForgetRequest(_message.Message):
    __slots__ = ("user_id", "user_id_text", "movie_id", "movie_id_text")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_TEXT_FIELD_NUMBER: _ClassVar[int]
    MOVIE_ID_FIELD_NUMBER: _ClassVar[int]
    MOVIE_ID_TEXT_FIELD_NUMBER: _ClassVar[int]
    user_id: int
    user_id_text: str
    movie_id: int
    movie_id_text: str
    def __init__(self, user_id: _Optional[int] = ..., user_id_text: _Optional[str] = ..., movie_id: _Optional[int] = ..., movie_id_text: _Optional[str] = ...) -> None: ...

class ForgetResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
