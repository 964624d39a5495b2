"""Tables line up, and whatever stands in the data is shown and never obeyed."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from reelrecs.table import Heading, cut, table_lines, visible

MARKS = "\u061c\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069"


def obeyed(char: str) -> bool:
    """What a terminal might act upon: controls, surrogates and what turns the direction."""
    turns = unicodedata.bidirectional(char) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI",
                                                "FSI", "PDI")  # fmt: skip
    return unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or turns or char in MARKS


@given(st.text(st.characters() | st.sampled_from("\x1b\x07\x9b\x7f\t\n" + MARKS)))
def test_visible_leaves_nothing_to_obey_and_all_else_as_it_is(text: str) -> None:
    shown = visible(text)
    assert not any(obeyed(char) for char in shown)
    assert visible(shown) == shown
    plain = [char for char in text if not obeyed(char)]
    if len(plain) == len(text):
        assert shown == text
    assert shown.count("\\") == text.count("\\") + len(text) - len(plain)


def test_escapes_are_those_of_python() -> None:
    assert visible("a\x1b]0;b\x07\x9b\u202e\n") == r"a\x1b]0;b\x07\x9b\u202e\x0a"
    assert visible("\udcff") == r"\udcff"
    assert visible("Amélie 千と千尋 \U0001f3ac") == "Amélie 千と千尋 \U0001f3ac"


def test_columns_line_up_whatever_the_cells_hold() -> None:
    lines = table_lines(("id", "ti\ttle"), [[1, "\x1b[31mred"], [22, "千と千尋"], [3, None]])
    assert lines == [Heading("id  ti\\x09tle"), " 1  \\x1b[31mred", "22  千と千尋", " 3"]


def test_a_line_is_cut_where_the_terminal_ends() -> None:
    assert cut("abcdef", 4) == "abcd"
    assert cut("abc", 4) == "abc"
    assert cut("千と千尋", 5) == "千と"
    assert cut("e\u0301e\u0301e\u0301", 2) == "e\u0301e\u0301"
    assert cut("千", 0) == ""
