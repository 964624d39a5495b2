"""Ids of every kind: rows by ascending id, found again by binary search, never changed."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.datasets.ids import (
    Id,
    Ids,
    as_text,
    coded,
    column_of,
    of_one_kind,
    take_ids,
)
from reelrecs.errors import InvalidRequest

ODD = (
    "0", "00", "007", "7", "-0", "-5", "+5", "1.0", "10", "2", "u1", "u10", "u2", "8440682697",
    "104000100187", "18446744073709551615", "99999999999999999999", "0195153448", "034545104X",
    "é", "e\u0301", "Ж", "日本", "\U0001f3ac", "a b", " a", "a ", "a\tb", "=1+1", "nan",
)  # fmt: skip
"""What public files call people and things, and what is near it."""

texts = st.one_of(
    st.sampled_from(ODD), st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=9)
)
numbers = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.integers(-9, 99), st.integers(2**32 - 5, 2**32 + 5)
)


def ascending(ids: set[Id]) -> list[Id]:
    """By number, or by UTF-8 bytes."""
    return sorted(ids, key=lambda one: one.encode() if isinstance(one, str) else one)


@given(st.one_of(st.lists(texts, min_size=1), st.lists(numbers, min_size=1)))
def test_a_column_is_coded_by_ascending_id(given_ids: list[Id]) -> None:
    ids, codes = coded(column_of(given_ids))
    assert list(ids) == ascending(set(given_ids))
    assert ids.at(codes) == given_ids
    assert ids.ascend()
    assert codes.dtype == np.int32
    assert ids.is_text == isinstance(given_ids[0], str)
    assert ids.rows_of(column_of(given_ids)).tolist() == codes.tolist()


@given(st.one_of(st.tuples(st.lists(texts, min_size=1), texts),
                 st.tuples(st.lists(numbers, min_size=1), numbers)))  # fmt: skip
def test_rows_are_those_of_a_list_and_absent_ids_have_none(drawn: tuple[list[Id], Id]) -> None:
    known, other = drawn
    ids, _ = coded(column_of(known))
    listed = ascending(set(known))
    for one in [*known, other]:
        row = listed.index(one) if one in listed else -1
        assert ids.row(one) == row
        assert ids.rows_of(column_of([one])).tolist() == [row]
    assert [ids[row] for row in range(len(ids))] == listed
    assert ids[-1] == listed[-1]
    assert ids.take(np.array([0])).to_pylist() == listed[:1]
    with pytest.raises(IndexError):
        ids[len(listed)]


def test_a_dictionary_may_hold_words_twice_and_unused() -> None:
    words = pa.array(["b", "unused", "a", "b", ""], pa.large_string())
    column = pa.DictionaryArray.from_arrays(pa.array([3, 0, 2, 4], pa.int32()), words)
    ids, codes = coded(column)
    assert list(ids) == ["", "a", "b"]
    assert codes.tolist() == [2, 2, 1, 0]
    sliced, codes = coded(take_ids(column, np.array([2, 1, 2]))[1:])
    assert (list(sliced), codes.tolist()) == (["a", "b"], [1, 0])


def test_arrays_that_begin_inside_a_buffer_are_read_where_they_stand() -> None:
    ids = Ids(pa.array(["a", "bb", "ccc", "d"], pa.large_string())[1:3])
    assert (list(ids), ids.row("ccc"), ids.row("a"), ids.row("d")) == (["bb", "ccc"], 1, -1, -1)
    nobody = Ids(pa.array([], pa.large_string()))
    assert (list(nobody), nobody.row("a"), nobody.ascend()) == ([], -1, True)


@pytest.mark.parametrize("count", [3, 300])
def test_many_are_found_as_one_is(count: int) -> None:
    """A dictionary much smaller than the ids is looked up another way."""
    ids, _ = coded(column_of([f"u{n:05d}" for n in range(500)]))
    asked = [f"u{n:05d}" for n in range(0, 3 * count, 3)]
    assert ids.rows_of(column_of(asked)).tolist() == [ids.row(one) for one in asked]
    assert (-1 in ids.rows_of(column_of(asked)).tolist()) == (count == 300)


def test_numbers_meet_text_as_their_digits() -> None:
    one, other = of_one_kind(np.array([10, 2, -3]), column_of(["2", "x"]))
    assert coded(one)[0].to_arrow().to_pylist() == ["-3", "10", "2"]
    texts_, _ = coded(other)
    assert texts_.rows_of(np.array([2, 7], np.int64)).tolist() == [0, -1]
    numbers_, _ = coded(np.array([2, 10], np.int64))
    assert numbers_.rows_of(column_of(["10", "x", "02", "2"])).tolist() == [1, -1, -1, 0]
    assert as_text(other) is other


@given(st.lists(numbers, min_size=1))
def test_numbers_as_text_are_pythons(values: list[int]) -> None:
    text = as_text(np.array(values, np.int64))
    assert text.to_pylist() == [str(value) for value in values]


def test_what_is_asked_for_is_taken_as_the_kind_that_ids_are() -> None:
    number, _ = coded(column_of([-5, 10]))
    text, _ = coded(column_of(["10", "u2"]))
    assert (number.parse("10"), number.parse("-5"), text.parse("10")) == (10, -5, "10")
    assert number.row(number.parse("99999999999999999999")) == -1
    assert number.checked(np.uint64(10)) == 10
    assert type(number.checked(np.int32(10))) is int
    assert (number.checked("10"), text.checked(10), text.checked(np.str_("u2"))) == (10, "10", "u2")
    assert text.row("\ud800") == -1
    for wrong in ("u2", "", "007", "+5", "-0", "1.0", " 10", "٣", "1e3", 10.0, None, True, b"10"):
        with pytest.raises(InvalidRequest, match="are whole numbers such as -5") as caught:
            number.checked(wrong)
        assert "\n" not in str(caught.value)
    for wrong in (10.0, None, False, b"u2", ["u2"]):
        with pytest.raises(InvalidRequest, match="ids of this data are text such as 10"):
            text.checked(wrong)


def test_a_number_beyond_64_bits_makes_a_column_text() -> None:
    for beyond in (2**63, -(2**63) - 1):
        ids, _ = coded(column_of([1, beyond]))
        assert list(ids) == sorted(["1", str(beyond)])
    assert not coded(column_of([2**63 - 1, -(2**63)]))[0].is_text


def test_ids_are_equal_when_all_are() -> None:
    ids = Ids(np.array([1, 2]))
    assert ids == Ids(np.array([1, 2]))
    assert hash(ids) == hash(Ids(np.array([1, 2])))
    assert ids != Ids(np.array([1, 3]))
    assert ids != coded(column_of(["1", "2"]))[0]
