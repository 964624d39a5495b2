import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelrecs.kernels import parse, parse_lines, pool
from tests.datasets import slow_parse

SEPARATORS = (b",", b"\t", b"::")

CAUSES = [
    (b"1,2,3.5", parse_lines.MISSING_FIELD),
    (b"1,2,,4", parse_lines.MISSING_FIELD),
    (b"1", parse_lines.MISSING_FIELD),
    (b"1,2,3.5,", parse_lines.MISSING_FIELD),
    (b"1,2,3.5,4,5", parse_lines.EXTRA_FIELD),
    (b"one,2,3.5,4", parse_lines.NOT_A_NUMBER),
    (b"1,2,good,4", parse_lines.NOT_A_NUMBER),
    (b"1,2,.,4", parse_lines.NOT_A_NUMBER),
    (b"1,2,1e0,4", parse_lines.NOT_A_NUMBER),
    (b"1,2,nan,4", parse_lines.NOT_A_NUMBER),
    (b"1,2,3.5,4.5", parse_lines.NOT_A_NUMBER),
    (b"1,2,3.5,4 ", parse_lines.NOT_A_NUMBER),
    (b" 1,2,3.5,4", parse_lines.NOT_A_NUMBER),
    (b"1;2;3.5;4", parse_lines.NOT_A_NUMBER),
    (b"1,2,3.5,4\r5", parse_lines.NOT_A_NUMBER),
    (b"1,2,5.5,4", parse_lines.OUT_OF_RANGE),
    (b"1,2,0,4", parse_lines.OUT_OF_RANGE),
    (b"1,2,-3,4", parse_lines.OUT_OF_RANGE),
    (b"1,2,5.00000000000000000001e,4", parse_lines.NOT_A_NUMBER),
    (b"1,2,99999999999999999999,4", parse_lines.OUT_OF_RANGE),
    (b"4294967296,2,3,4", parse_lines.OVERFLOW),
    (b"1,99999999999999999999999,3,4", parse_lines.OVERFLOW),
    (b"1,2,3,9999999999999999999", parse_lines.OVERFLOW),
    (b"-1,2,3,4", parse_lines.NEGATIVE),
    (b"1,-2,3,4", parse_lines.NEGATIVE),
    (b"1,2,3,-4", parse_lines.NEGATIVE),
    (b"1,2\0,3,4", parse_lines.NUL_BYTE),
    (b"\0\0\0\0", parse_lines.NUL_BYTE),
    (b"\xef\xbb\xbf1,2,3,4", parse_lines.WRONG_ENCODING),
    (b"1,2,3,\xb2", parse_lines.WRONG_ENCODING),
    (b'"1,2,3,4', parse_lines.QUOTE),
    (b'1,"2",3,4', parse_lines.QUOTE),
]


def parsed(text: bytes, separator: bytes = b",") -> parse.ParsedRatings:
    return parse.parse_ratings(np.frombuffer(text, np.uint8), separator, 0.5, 5.0)


def rows(result: parse.ParsedRatings) -> list[slow_parse.Row]:
    columns = (result.users, result.movies, result.stars, result.times)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def check_against_twin(text: bytes, separator: bytes) -> None:
    result, twin = parsed(text, separator), slow_parse.parse(text, separator, 0.5, 5.0)
    wanted = [(u, m, float(np.float32(stars)), t) for u, m, stars, t in twin.rows]
    assert rows(result) == wanted
    lines = range(len(wanted)) if result.lines is None else result.lines.tolist()
    assert list(lines) == twin.lines
    bad = zip(result.bad_lines.tolist(), result.bad_offsets.tolist(), strict=True)
    assert list(bad) == twin.bad
    assert all(int(code) in parse.CAUSES for code in result.bad_codes)


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize(("line", "code"), CAUSES)
def test_every_cause_is_told_apart(line: bytes, code: int, separator: bytes) -> None:
    head = b"7,8,4.5,9\n"
    text = (head + line + b"\n" + head).replace(b",", separator)
    result = parsed(text, separator)
    assert result.bad_codes.tolist() == [code]
    assert result.bad_offsets.tolist() == [len(head.replace(b",", separator))]
    assert result.bad_lines.tolist() == [1]
    assert rows(result) == [(7, 8, 4.5, 9)] * 2
    assert parse.line_at(np.frombuffer(text, np.uint8), int(result.bad_offsets[0])) == (
        line.replace(b",", separator)
    )


@pytest.mark.parametrize(
    "line",
    [b"1:x2::3::4", b"1::2:x3::4", b"1::2::3:x4", b"1:2::3::4::5", b"1:::2::3::4", b"1::2::3:"],
)
def test_half_a_separator_is_none(line: bytes) -> None:
    check_against_twin(b"1::2::3::4\n" + line + b"\n5::6::1::7\n", b"::")
    assert parsed(line, b"::").bad_lines.tolist() == [0]


@pytest.mark.parametrize(
    "text",
    [
        b"1,2,3.5,4\n5,6,1,7\n",
        b"1,2,3.5,4\r\n5,6,1,7\r\n",
        b"1,2,3.5,4\n5,6,1,7",
        b"1,2,3.5,4\r\n5,6,1,7\r",
        b"\n\r\n1,2,3.5,4\n\n\n5,6,1,7\n\n",
        b"001,2,3.50,4.000\n0000000000005,6,1.,0000000000000000000000007\n",
        b"1,2,3.50000000000000000000,4\n5,6,00000000000000001,7\n",
    ],
)
def test_line_ends_blank_lines_and_leading_noughts(text: bytes) -> None:
    result = parsed(text)
    assert rows(result) == [(1, 2, 3.5, 4), (5, 6, 1.0, 7)]
    assert len(result.bad_codes) == 0


@pytest.mark.parametrize("text", [b"", b"\n", b"\r\n\r\n", b"\n\n\n"])
def test_nothing_in_nothing_out(text: bytes) -> None:
    assert rows(parsed(text)) == []
    assert len(parsed(text).bad_codes) == 0


def test_the_largest_numbers_fit() -> None:
    result = parsed(b"4294967295,4294967295,5,999999999999999999\n")
    assert rows(result) == [(2**32 - 1, 2**32 - 1, 5.0, 10**18 - 1)]


@given(st.floats(0.5, 5.0), st.integers(0, 25))
def test_stars_are_what_python_reads(stars: float, places: int) -> None:
    text = f"{stars:.{places}f}"
    if 0.5 <= float(text) <= 5.0:
        assert parsed(f"1,2,{text},4\n".encode()).stars[0] == np.float32(float(text))


def test_stars_between_two_floats_round_like_python() -> None:
    between = "3.50000011920928955078125"  # halfway between two float32, too long for one division
    for text in (between, between + "1", between[:-1], between + "0" * 30 + "1"):
        assert parsed(f"1,2,{text},4\n".encode()).stars[0] == np.float32(float(text))


FIELDS = st.one_of(
    st.integers(0, 2**33).map(lambda n: str(n).encode()),
    st.sampled_from([b"3.5", b"5", b"0.5", b".5", b"5.", b"", b"-1", b"1e1", b"007", b"9" * 25]),
    st.binary(max_size=4),
)


@given(
    st.sampled_from(SEPARATORS),
    st.lists(
        st.tuples(
            st.lists(st.integers(1, 99).map(lambda n: str(n).encode()), min_size=2, max_size=2),
            st.sampled_from([b"3.5", b"1", b"5.0"]),
            st.one_of(st.none(), st.tuples(st.integers(0, 4), FIELDS)),
            st.sampled_from([b"\n", b"\r\n", b"\n\n"]),
        ),
        max_size=20,
    ),
    st.booleans(),
)
def test_equals_the_slow_twin(separator: bytes, lines: list, ended: bool) -> None:
    text = b""
    for ids, stars, change, end in lines:
        fields = [*ids, stars, b"978300760"]
        if change is not None:
            at, field = change
            fields[at : at + 1] = [field]
        text += separator.join(fields) + end
    check_against_twin(text if ended else text.rstrip(b"\r\n"), separator)


@pytest.mark.parametrize("separator", SEPARATORS)
def test_the_quick_way_through_usual_lines_agrees_at_its_edges(separator: bytes) -> None:
    after = b"1,2,3.5,978300760\n".replace(b",", separator) * 4  # so that it is taken at all
    ids = [b"9" * length for length in range(12)] + [b"12x45", b"1234567/", b"12:", b"1:2", b"x"]
    stars = [
        b"0",
        b"1",
        b"5",
        b"6",
        b"3.5",
        b"3.",
        b".5",
        b"3.x",
        b"3.:",
        b"3./",
        b"3.55",
        b"35",
        b"x",
        b"5.5",
        b"",
    ]
    times = [b"7" * length for length in range(21)] + [
        b"978300760x",
        b"9783:0760",
        b"9783007/0",
        b"12345678.0",
    ]
    cases = [(user, b"1", b"3", b"978300760") for user in ids]
    cases += [(b"1", movie, b"3", b"978300760") for movie in ids]
    cases += [(b"1", b"2", star, b"978300760") for star in stars]
    cases += [(b"1", b"2", b"3", time) for time in times]
    text = b""
    for case in cases:
        for end in (b"\n", b"\r\n", b"\r\r\n", separator + b"\n"):
            text += separator.join(case) + end
            check_against_twin(separator.join(case) + end + after, separator)
    check_against_twin(text + after, separator)


@given(st.binary(max_size=200), st.sampled_from(SEPARATORS))
def test_equals_the_slow_twin_on_any_bytes(text: bytes, separator: bytes) -> None:
    check_against_twin(text, separator)


@pytest.mark.parametrize("chunk", [1, 7, 64])
@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("ending", [b"", b"\n", b"\n" + b"8" * 300])
def test_any_cut_into_chunks_gives_the_same(
    monkeypatch: pytest.MonkeyPatch, chunk: int, threads: int, ending: bytes
) -> None:
    lines = [b"%d,%d,%d.5,%d" % (n, n * 7, n % 5, n * 1000) for n in range(60)]
    lines[10], lines[20], lines[30] = b"", b"broken", b"5,6,3.00000000000000000000,7\r"
    text = b"\n".join(lines) + ending
    monkeypatch.setattr(parse, "CHUNK_BYTES", chunk)
    with pool.ThreadBudget(threads).active():
        check_against_twin(text, b",")


@pytest.mark.parametrize("separator", [b"", b":::", b":;", b"1", b".", b"\n", b"-"])
def test_a_separator_that_makes_no_sense_is_refused(separator: bytes) -> None:
    with pytest.raises(ValueError, match="no such separator"):
        parsed(b"1,2,3,4\n", separator)


def test_lines_begin_where_they_say() -> None:
    text = b"ab\n\ncd\r\nef"
    offsets = parse.line_offsets(np.frombuffer(text, np.uint8)).tolist()
    assert offsets == [0, 3, 4, 8]
    assert [parse.line_at(np.frombuffer(text, np.uint8), at) for at in offsets] == [
        b"ab", b"", b"cd", b"ef",
    ]  # fmt: skip
