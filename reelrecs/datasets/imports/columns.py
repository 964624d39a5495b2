"""Which column of somebody's table is the user, the item, the rating, the time.

Names are compared without case, blanks and marks, so that `User-ID`, `userId` and `user_id` are
one. The groups of a role are tried in order, and a column serves one role.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from reelrecs.errors import DataError, InvalidRequest

GUESSES: dict[str, tuple[tuple[str, ...], ...]] = {
    "user": (
        ("userid", "uid", "reviewerid", "customerid", "memberid", "profileid", "accountid",
         "userindex", "useridx", "raterid"),
        ("user", "reviewer", "customer", "member", "account", "rater", "profile"),
        ("username", "reviewername", "profilename", "nickname"),
    ),
    "item": (
        ("parentasin",),
        ("itemid", "iid", "movieid", "filmid", "bookid", "productid", "artistid", "trackid",
         "songid", "albumid", "placeid", "businessid", "showid", "animeid", "gameid", "appid",
         "videoid", "titleid", "asin", "isbn", "isbn13", "tconst", "const", "gmapid", "recipeid",
         "beerid", "jokeid", "restaurantid", "hotelid", "courseid", "articleid", "newsid",
         "itemindex", "itemidx"),
        ("…id",),
        ("item", "movie", "film", "book", "product", "artist", "track", "song", "show", "anime",
         "game", "place", "restaurant", "business"),
        ("id",),
        ("title", "movietitle", "booktitle", "itemtitle"),
        ("name", "moviename", "itemname", "artistname"),
    ),
    "rating": (
        ("rating", "ratings"),
        ("yourrating", "myrating", "userrating", "bookrating", "movierating", "itemrating",
         "rating10", "ratingvalue"),
        ("stars", "star", "overall", "score", "rate", "reviewrating", "reviewscore",
         "reviewoverall", "preference"),
        ("like", "liked", "thumb", "thumbs", "islike", "isliked", "recommended", "isrecommended"),
        ("weight", "plays", "playcount", "listens", "listencount", "count", "views", "viewcount",
         "purchases", "quantity", "clicks", "watches"),
        ("value", "label", "target", "interaction", "event"),
    ),
    "time": (
        ("timestamp", "ratingtimestamp", "unixreviewtime", "unixtime", "ts"),
        ("time", "datetime", "ratedat", "createdat", "reviewtime", "when", "eventtime"),
        ("daterated", "ratingdate"),
        ("watcheddate",),
        ("date",),
        ("reviewdate",),
        ("dateadded",),
        ("dateread",),
    ),
    "title": (
        ("title", "movietitle", "booktitle", "itemtitle", "primarytitle", "filmtitle"),
        ("name", "moviename", "itemname", "artistname", "productname", "trackname"),
        ("originaltitle", "movie", "film", "book", "show", "artist", "item"),
    ),
    "genres": (
        ("genres", "genre"),
        ("categories", "category"),
        ("tags", "tag", "subjects", "shelves"),
    ),
    "year": (
        ("year", "releaseyear", "yearofrelease", "startyear"),
        ("originalpublicationyear",),
        ("yearofpublication", "yearpublished", "publicationyear"),
        ("releasedate", "released", "publicationdate", "publishdate"),
    ),
    "imdb": (("imdbid", "imdb", "tconst", "const"),),
    "tmdb": (("tmdbid", "tmdb"),),
    "isbn": (("isbn",),),
    "isbn13": (("isbn13",),),
}  # fmt: skip
"""For each role the names it goes by, in groups, the most telling first. Two columns of one group
are a question. "…id" is any other name that ends in id."""

NOT_ITEMS = re.compile(
    r"(user|review|reviewer|customer|member|profile|account|rating|session|order|author|row|event"
    r"|rater|u|imdb|tmdb|parent|category|genre|valid|paid|steam)id"
)
"""Names that end in id and are no item's."""

OPTIONS = {
    "user": "--user-column",
    "item": "--item-column",
    "rating": "--rating-column",
    "time": "--time-column",
    "title": "--title-column",
    "genres": "--genres-column",
    "year": "--year-column",
}
"""The option that names the column of a role."""

BY_PLACE = {
    "ratings": ("user", "item", "rating", "time"),
    "movies": ("item", "title", "genres", "year"),
}
"""What the columns of a table without a header are, in order."""


class Table(NamedTuple):
    """What is looked for in a table."""

    kind: str  # "ratings" or "movies"
    needed: tuple[str, ...]
    wanted: tuple[str, ...]


RATINGS = Table("ratings", ("user", "item"), ("rating", "time"))
PERSONAL = Table(
    "personal",
    ("rating",),
    ("imdb", "tmdb", "isbn", "isbn13", "title", "item", "year", "time", "user"),
)
MOVIES = Table("movies", ("item", "title"), ("genres", "year", "imdb", "tmdb"))


def recognise(
    names: Sequence[str], table: Table, file: str, said: Mapping[str, str], headed: bool = True
) -> dict[str, int]:
    """For each role the place of its column.

    `said` are roles whose column a person named, by name or, counted from 1, by number. Raises
    InvalidRequest for one that is not there, and DataError where a needed column is not to be found
    or two are equally good.
    """
    chosen = {role: _named(names, table, role, name, file) for role, name in said.items()}
    if not headed:
        for at, role in enumerate(BY_PLACE[table.kind][: len(names)]):
            if role not in chosen and at not in chosen.values():
                chosen[role] = at
    else:
        plain = [plain_name(name) for name in names]
        for role in (*table.needed, *table.wanted):
            if role not in chosen:
                place = _guessed(names, plain, table, role, chosen, file)
                if place is not None:
                    chosen[role] = place
    absent = [role for role in table.needed if role not in chosen]
    if absent:
        shown = ", ".join(names)[:200]
        raise DataError(
            f"{file} has no column for {' and '.join(absent)} among {shown!a}; name "
            f"{'them' if len(absent) > 1 else 'it'} with "
            f"{' and '.join(option_of(table, role) for role in absent)}"
        )
    return chosen


def known(name: str, table: Table) -> bool:
    """Whether a name is one that a header would have."""
    plain = plain_name(name)
    return any(plain in group for role in (*table.needed, *table.wanted) for group in GUESSES[role])


def option_of(table: Table, role: str) -> str:
    """The option that names a role's column; the item has one in either table."""
    return "--movies-item-column" if (table.kind, role) == ("movies", "item") else OPTIONS[role]


def plain_name(name: str) -> str:
    """A name without case, blanks and marks."""
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def _named(names: Sequence[str], table: Table, role: str, name: str, file: str) -> int:
    places = [place for place, own in enumerate(names) if own == name]
    places = places or [p for p, own in enumerate(names) if plain_name(own) == plain_name(name)]
    if not places and name.isascii() and name.isdigit() and 1 <= int(name) <= len(names):
        return int(name) - 1
    if len(places) == 1:
        return places[0]
    option = option_of(table, role)
    if places:
        raise DataError(f"{file} has {len(places)} columns called {name!a}; give their number to "
                        f"{option}, counted from 1")  # fmt: skip
    raise InvalidRequest(
        f"{option} {name!a}: {file} has the columns {', '.join(names)[:200]!a}; name one of them"
    )


def _guessed(
    names: Sequence[str],
    plain: Sequence[str],
    table: Table,
    role: str,
    chosen: Mapping[str, int],
    file: str,
) -> int | None:
    free = [place for place in range(len(names)) if place not in chosen.values()]
    groups = GUESSES[role]
    if table is PERSONAL and role == "title":  # what is vague may as well be an id there
        groups = groups[:2]
    if (table.kind, role) == ("movies", "item"):  # a rating may have an id too, a movie has its own
        groups = tuple(sorted(groups, key=lambda group: group not in (*groups[:3], ("id",))))
    for group in groups:
        if group == ("…id",):
            fits = [p for p in free if plain[p].endswith("id") and len(plain[p]) > 2
                    and not NOT_ITEMS.fullmatch(plain[p])]  # fmt: skip
        else:
            fits = [place for place in free if plain[place] in group]
        if len(fits) == 1:
            return fits[0]
        if fits and role in OPTIONS:
            both = " and ".join(repr(names[place]) for place in fits[:3])
            raise DataError(
                f"{file}: {both} could each be the {role}; say which with {option_of(table, role)}"
            )
    return None
