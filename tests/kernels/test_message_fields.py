"""Fields counted before a message is unpacked, against protobuf's own unpacking."""

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.kernels.message_fields import count_field
from reelrecs.proto import scorer_pb2

NUMBER = scorer_pb2.ScoreRequest.DESCRIPTOR.fields_by_name["users"].number

users = st.builds(
    lambda user, candidates, movies: scorer_pb2.User(
        user_id=user, candidates=candidates, history=scorer_pb2.History(movie_ids=movies)
    ),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(0, 2**40), max_size=4),
)
requests = st.builds(
    lambda users, movies, digest, texts, values: scorer_pb2.ScoreRequest(
        users=users, movie_ids=movies, dataset_digest=digest, movie_id_texts=texts,
        features=scorer_pb2.FeatureMatrix(columns=texts, rows=len(values), values=values),
    ),
    st.lists(users, max_size=5),
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5),
    st.text(max_size=200),
    st.lists(st.text(max_size=5), max_size=3),
    st.binary(max_size=300),
)  # fmt: skip


@given(requests)
def test_as_many_are_counted_as_are_unpacked(request):
    assert count_field(request.SerializeToString(), NUMBER) == len(request.users)


@given(requests, st.data())
def test_what_protobuf_reads_is_counted_right_whatever_the_bytes(request, data):
    message = bytearray(request.SerializeToString())
    for _ in range(data.draw(st.integers(0, 3)) if message else 0):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    counted = count_field(bytes(message), NUMBER)
    try:
        unpacked = scorer_pb2.ScoreRequest.FromString(bytes(message))
    except DecodeError:
        return
    assert counted == -1 or counted >= len(unpacked.users)


@given(st.binary(max_size=60))
def test_any_bytes_have_an_end(message):
    assert count_field(message, NUMBER) >= -1


@pytest.mark.parametrize(
    ("message", "count"),
    [
        (b"", 0), (b"\x12\x00", 1), (b"\x12\x00" * 1000, 1000), (b"\x12", -1), (b"\x12\x05", -1),
        (b"\x12\x80", -1), (b"\x13\x14", -1), (b"\x12" + b"\xff" * 9 + b"\x01", -1),
        (b"\xff" * 11, -1), (b"\x11" + bytes(7), -1), (b"\x11" + bytes(8), 1),
        (b"\x15" + bytes(4), 1), (b"\x12" + b"\x80" * 9 + b"\x00", 1),
    ],
)  # fmt: skip
def test_ends_and_kinds(message, count):
    assert count_field(message, NUMBER) == count
