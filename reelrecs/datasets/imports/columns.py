"""Which column of somebody's table is the user, the movie, the stars, the time."""

from __future__ import annotations

import re
from collections.abc import Sequence

from reelrecs.errors import DataError

SYNONYMS = {
    "user": ("user", "userid", "uid", "userindex", "reviewer", "reviewerid", "customer",
             "customerid", "member", "memberid", "profileid", "account", "accountid"),
    "item": ("item", "itemid", "iid", "movie", "movieid", "film", "filmid", "title", "titleid",
             "asin", "parentasin", "product", "productid", "track", "trackid", "book", "bookid",
             "isbn", "businessid", "show", "showid", "animeid", "id"),
    "rating": ("rating", "ratings", "stars", "star", "score", "overall", "value", "bookrating",
               "userrating", "preference"),
    "time": ("timestamp", "time", "ts", "unixreviewtime", "unixtime", "date", "datetime",
             "reviewtime", "ratedat", "createdat", "when", "ratingtimestamp"),
    "title": ("title", "name", "movietitle", "itemtitle", "itemname", "moviename", "primarytitle"),
    "genres": ("genres", "genre", "categories", "category", "tags"),
    "year": ("year", "releaseyear", "startyear", "yearofrelease"),
}  # fmt: skip
"""Names of columns as people write them, without case, blanks or marks; the likeliest first."""


def recognise(
    names: Sequence[str], needed: Sequence[str], wanted: Sequence[str], what: str
) -> dict[str, str]:
    """For each role its column; raises DataError where a needed one is not to be found.

    A column serves one role; roles choose in the order given, needed ones first.
    """
    plain = {re.sub(r"[^a-z0-9]", "", name.casefold()): name for name in reversed(names)}
    chosen: dict[str, str] = {}
    for role in (*needed, *wanted):
        for synonym in SYNONYMS[role]:
            if synonym in plain and plain[synonym] not in chosen.values():
                chosen[role] = plain[synonym]
                break
    absent = [role for role in needed if role not in chosen]
    if absent:
        raise DataError(
            f"{what} has no column for {' and '.join(absent)} among {', '.join(names)[:200]!a}; "
            "name the columns user_id, item_id, rating, timestamp"
        )
    return chosen
