"""Titles as MovieLens writes them ("Matrix, The (1999)"): the year, the shown form, the search."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_YEAR = re.compile(
    r"\s*\(\s*(\d{4})\s*(?:[-–—/]\s*(?:\d{4}|\d{2})?\s*)?\)\s*(?:\((?:V|TV|VG)\)\s*)?$"
)
_GROUP = re.compile(r"\(([^()]*)\)")
_ALIAS = re.compile(r"^(?:a\.?k\.?a\.?:?)\s+", re.IGNORECASE)

_ARTICLES = frozenset(
    {"the", "a", "an"}  # English
    | {"les", "la", "le", "l", "l'", "un", "une", "des"}  # French
    | {"il", "lo", "i", "gli", "uno", "una"}  # Italian
    | {"das", "der", "die", "den", "dem", "ein", "eine"}  # German
    | {"el", "los", "las", "unos", "unas"}  # Spanish
    | {"o", "os", "as", "um", "uma"}  # Portuguese
    | {"de", "het", "een", "det", "en", "ett", "et"}  # Dutch, Scandinavian
    | {"az", "egy", "ha", "al"}  # Hungarian, Hebrew, Arabic
)

_FIRST_FILM, _LAST_YEAR = 1874, 2199
"""Years that a title can end with and mean its release: from the first moving pictures on."""


def release_year(raw: str) -> int:
    """The year at a title's end, of a span its first ("(1997–1998)", "(2003– )"); 0 if none."""
    found = _YEAR.search(raw)
    year = int(found[1]) if found else 0
    return year if _FIRST_FILM <= year <= _LAST_YEAR else 0


def shown_title(raw: str) -> str:
    """The title as people say it: "Matrix, The (1999)" is "The Matrix".

    Names in brackets are turned too: "Hate (Haine, La) (1995)" is "Hate (La Haine)". The year is
    left out, for it is shown on its own.
    """
    bare = _without_year(raw)
    turned = _GROUP.sub(lambda group: f"({_turned(group[1])})", bare)
    head, bracket, rest = turned.partition(" (")
    return _turned(head) + bracket + rest


@lru_cache(maxsize=1 << 18)
def search_key(raw: str) -> str:
    """The title folded for search: no case, accents, punctuation or year, articles in front.

    "matrix, the" and "The Matrix" have one key; "&" reads "and".
    """
    return folded(shown_title(raw))


def folded(text: str) -> str:
    """Lower-case words of letters and digits, without accents, one blank between."""
    text = text.replace("&", " and ").translate(_LETTERS)
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text)
        text = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    text = _ELISION.sub(r"\1 ", text.casefold().replace("’", "'"))
    text = text.replace("'", "").replace(".", "")
    return " ".join(_WORDS.findall(text))


_LETTERS = str.maketrans({"ø": "o", "Ø": "O", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ł": "l"})
_WORDS = re.compile(r"[^\W_]+")
_ELISION = re.compile(r"\b([ld])'(?=\w)")


class TitleIndex:
    """Finds titles by what somebody types; built once per data set."""

    def __init__(self, titles: Sequence[str]) -> None:
        self._keys = [search_key(title) for title in titles]
        self._years = np.array([release_year(title) for title in titles], np.int32)
        forms = [form for key in self._keys for form in (key, _without_article(key))]
        self._text = "".join(f"\n {form} \r" for form in forms)
        lengths = np.fromiter((len(form) + 4 for form in forms), np.int64, len(forms))
        self._ends = np.cumsum(lengths)

    def find(self, text: str, limit: int, popularity: NDArray[np.integer]) -> list[int]:
        """Positions of the titles that match, best first, at most `limit`.

        Titles that equal the text come first, then those that begin with it, hold it as whole
        words, hold it anywhere, and hold all of its words; within each kind the more popular,
        then the lower position. An article in front may be missing on either side. A year at the
        end ("heat 1995") must fit, unless nothing does.
        """
        wanted, year = _query(text)
        found = self._ranked(wanted, limit, popularity, year)
        return found or (self._ranked(folded(text), limit, popularity, 0) if year else [])

    def _ranked(
        self, wanted: str, limit: int, popularity: NDArray[np.integer], year: int
    ) -> list[int]:
        if not wanted or limit < 1:
            return []
        bare = _without_article(wanted)
        needles = [f"\n {wanted} \r", f"\n {bare} \r", f"\n {wanted}", f" {wanted} ", wanted]
        found: dict[int, None] = {}
        for tier in range(len(needles) + 1):
            if tier < len(needles):
                rows = self._holding(needles[tier])
            else:
                rows = self._holding_all(wanted.split())
            if year:
                rows = rows[self._years[rows] == year]
            order = np.lexsort((rows, -popularity[rows].astype(np.int64)))
            found.update(dict.fromkeys(rows[order].tolist()))
            if len(found) >= limit:
                break
        return list(found)[:limit]

    def _holding(self, needle: str) -> NDArray[np.int64]:
        """Titles that hold the needle in either form, by one scan of one text."""
        places = []
        at = self._text.find(needle)
        while at >= 0:
            places.append(at)
            at = self._text.find(needle, at + 1)
        return np.unique(np.searchsorted(self._ends, np.array(places, np.int64), "right") // 2)

    def _holding_all(self, words: list[str]) -> NDArray[np.int64]:
        longest = max(words, key=len)
        rows = self._holding(longest)
        kept = [row for row in rows.tolist() if all(word in self._keys[row] for word in words)]
        return np.array(kept, np.int64)


def _query(text: str) -> tuple[str, int]:
    """What is searched for and the year it must have (0 = any)."""
    year = release_year(text)
    if year:
        return search_key(text), year
    words = text.split()
    if len(words) > 1 and (year := release_year(f"({words[-1]})")):
        return folded(shown_title(" ".join(words[:-1]))), year
    return folded(shown_title(text)), 0


def _without_year(raw: str) -> str:
    bare = _YEAR.sub("", raw).strip()
    return bare or raw.strip()


def _without_article(key: str) -> str:
    first, _, rest = key.partition(" ")
    return rest if rest and first in _ARTICLES else key


def _turned(name: str) -> str:
    """Put the article in front: "Haine, La" is "La Haine", "a.k.a. Foo, The" "a.k.a. The Foo"."""
    alias = _ALIAS.match(name)
    prefix = alias[0] if alias else ""
    body, comma, article = name[len(prefix) :].rpartition(", ")
    if not comma or article.casefold() not in _ARTICLES:
        return name
    return f"{prefix}{article}{'' if article.endswith(_ELIDED) else ' '}{body}"


_ELIDED = ("'", "’")
