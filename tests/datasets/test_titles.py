import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelrecs import data
from reelrecs.datasets.titles import (
    TitleIndex,
    folded,
    release_year,
    search_key,
    shown_title,
)


@pytest.mark.parametrize(
    ("raw", "year", "shown"),
    [
        ("Toy Story (1995)", 1995, "Toy Story"),
        ("Matrix, The (1999)", 1999, "The Matrix"),
        ("Bug's Life, A (1998)", 1998, "A Bug's Life"),
        ("American in Paris, An (1951)", 1951, "An American in Paris"),
        ("Misérables, Les (1995)", 1995, "Les Misérables"),
        ("Enfer, L' (1994)", 1994, "L'Enfer"),
        ("Postino, Il (The Postman) (1994)", 1994, "Il Postino (The Postman)"),
        ("Hate (Haine, La) (1995)", 1995, "Hate (La Haine)"),
        ("Boot, Das (Boat, The) (1981)", 1981, "Das Boot (The Boat)"),
        ("Star Maker, The (Uomo delle stelle, L') (1995)", 1995,
         "The Star Maker (L'Uomo delle stelle)"),
        ("Maybe, Maybe Not (Bewegte Mann, Der) (1994)", 1994,
         "Maybe, Maybe Not (Der Bewegte Mann)"),
        ("Shanghai Triad, The (a.k.a. Triade, La) (1995)", 1995,
         "The Shanghai Triad (a.k.a. La Triade)"),
        ("Good, the Bad and the Ugly, The (1966)", 1966, "The Good, the Bad and the Ugly"),
        ("Rocky VI (1986) ", 1986, "Rocky VI"),
        ("Fawlty Towers (1975-1979)", 1975, "Fawlty Towers"),
        ("Neue Welt (1997–1998)", 1997, "Neue Welt"),
        ("Show (2003– )", 2003, "Show"),
        ("Big Bang Theory, The (2007-)", 2007, "The Big Bang Theory"),
        ("Land Before Time III: The Time of the Great Giving (1995) (V)", 1995,
         "Land Before Time III: The Time of the Great Giving"),
        ("Women of '69, Unboxed", 0, "Women of '69, Unboxed"),
        ("2001: A Space Odyssey (1968)", 1968, "2001: A Space Odyssey"),
        ("1984 (1984)", 1984, "1984"),
        ("(500) Days of Summer (2009)", 2009, "(500) Days of Summer"),
        ("Li'l Quinquin ( )", 0, "Li'l Quinquin ( )"),
        ("Room (1066)", 0, "Room"),
        ("(1995)", 1995, "(1995)"),
        ("unknown", 0, "unknown"),
        ("", 0, ""),
    ],
)  # fmt: skip
def test_year_and_shown_form(raw: str, year: int, shown: str) -> None:
    assert release_year(raw) == year
    assert shown_title(raw) == shown


@given(st.text(max_size=40))
def test_any_text_has_a_year_a_form_and_a_key(raw: str) -> None:
    assert 0 <= release_year(raw) <= 2199
    assert search_key(raw) == folded(shown_title(raw))
    assert shown_title(raw) == shown_title(raw).strip()


@given(
    st.sampled_from(["The", "Les", "Il", "Das", "An"]),
    st.from_regex(r"[A-Z][a-z]{2,8}", fullmatch=True),
)
def test_both_ways_have_one_key(article: str, name: str) -> None:
    assert search_key(f"{name}, {article} (1999)") == search_key(f"{article} {name}")


TITLES = [
    "Matrix, The (1999)",
    "Matrix Reloaded, The (2003)",
    "Animatrix, The (2003)",
    "Heat (1995)",
    "Heat (1986)",
    "Red Heat (1988)",
    "Amelie (Fabuleux destin d'Amélie Poulain, Le) (2001)",
    "Misérables, Les (1995)",
    "Enfer, L' (1994)",
    "Lord of the Rings: The Two Towers, The (2002)",
    "Die Hard (1988)",
    "Hard Target (1993)",
    "Live Free or Die Hard (2007)",
    "Se7en (1995)",
    "Romeo & Juliet (1968)",
    "2012 (2009)",
    "Thing, The (1982)",
    "Things to Do in Denver (1995)",
]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("matrix, the", ["Matrix, The (1999)", "Matrix Reloaded, The (2003)"]),
        ("The Matrix", ["Matrix, The (1999)", "Matrix Reloaded, The (2003)"]),
        ("matrix", ["Matrix, The (1999)", "Matrix Reloaded, The (2003)", "Animatrix, The (2003)"]),
        ("Matrix, The (1999)", ["Matrix, The (1999)"]),
        (
            "a matrix",
            ["Matrix, The (1999)", "Matrix Reloaded, The (2003)", "Animatrix, The (2003)"],
        ),
        ("heat", ["Heat (1986)", "Heat (1995)", "Red Heat (1988)"]),
        ("heat 1995", ["Heat (1995)"]),
        ("heat (1995)", ["Heat (1995)"]),
        ("fabuleux destin d'amelie", ["Amelie (Fabuleux destin d'Amélie Poulain, Le) (2001)"]),
        ("AMÉLIE", ["Amelie (Fabuleux destin d'Amélie Poulain, Le) (2001)"]),
        ("les miserables", ["Misérables, Les (1995)"]),
        ("l'enfer", ["Enfer, L' (1994)"]),
        ("enfer", ["Enfer, L' (1994)"]),
        ("rings towers", ["Lord of the Rings: The Two Towers, The (2002)"]),
        ("die hard", ["Die Hard (1988)", "Live Free or Die Hard (2007)"]),
        ("romeo and juliet", ["Romeo & Juliet (1968)"]),
        ("2012", ["2012 (2009)"]),
        ("thing", ["Thing, The (1982)", "Things to Do in Denver (1995)"]),
        ("nothing like it", []),
        ("", []),
        ("?!", []),
    ],
)
def test_search_finds_and_orders(text: str, wanted: list[str]) -> None:
    popularity = np.zeros(len(TITLES), np.int32)
    popularity[TITLES.index("Heat (1986)")] = 9  # less known in truth, but the tie-break is counts
    popularity[TITLES.index("Things to Do in Denver (1995)")] = 9
    found = [TITLES[at] for at in TitleIndex(TITLES).find(text, 10, popularity)]
    assert found[: len(wanted)] == wanted
    assert found == wanted or text in ("matrix, the", "The Matrix", "die hard")


def test_the_more_popular_comes_first_and_the_limit_holds() -> None:
    titles = ["Film (1999)"] * 5
    assert TitleIndex(titles).find("film", 3, np.array([1, 5, 3, 5, 0], np.int32)) == [1, 3, 2]
    assert TitleIndex(titles).find("film", 0, np.zeros(5, np.int32)) == []


def test_every_title_of_the_sample_is_found_by_itself() -> None:
    with (data.SAMPLE / "movies.csv").open(encoding="utf-8", newline="") as file:
        titles = [row[1] for row in csv.reader(file)][1:]
    index = TitleIndex(titles)
    none = np.zeros(len(titles), np.int32)
    for at in range(0, len(titles), 41):
        for text in (titles[at], shown_title(titles[at])):
            found = [titles[row] for row in index.find(text, 30, none)]
            assert titles[at] in found, text


def test_ninety_thousand_titles() -> None:
    titles = [f"Film {n}, The ({1900 + n % 120})" for n in range(90_000)]
    index = TitleIndex(titles)
    counts = np.arange(90_000, dtype=np.int32)
    assert index.find("film 77", 2, counts) == [77, 77_999]
    assert len(index.find("film", 20, counts)) == 20
