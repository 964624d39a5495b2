"""The page without a script: forms, links, and titles that are read and never run."""

from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from reelrecs.histories import History
from reelrecs.web.shown import with_bars
from tests.web.conftest import EVIL


class Page(HTMLParser):
    """Elements in order, and all text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag, **wanted):
        return [
            found
            for name, found in self.elements
            if name == tag and all(found.get(key) == value for key, value in wanted.items())
        ]

    @property
    def titles(self) -> list[str]:
        """Movies that the list links to."""
        return [
            one["aria-label"].removeprefix("Movies similar to ")
            for one in self.all("a")
            if one.get("class") == "similar"
        ]

    def submitted(self, **button) -> str:
        """The address of the form, sent by this button, as a browser makes it."""
        (pressed,) = self.all("button", **button)
        pairs = []
        for tag, one in self.elements:
            if one is pressed and one.get("name"):
                pairs.append((one["name"], one["value"]))
            elif tag == "input" and one.get("name") not in (None, "user_id"):
                pairs.append((one["name"], one.get("value") or ""))
        return f"/?{urlencode(pairs)}"


def get(client, address) -> Page:
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    return Page(answer.text)


def test_without_a_script_one_searches_rates_and_gets_another_list(client):
    first = get(client, "/?q=film+5")
    before = first.titles
    second = get(client, first.submitted(name="rate", value="5:5", id="found-5-5"))
    assert "Film 5" in second.text
    assert second.all("input", name="r", value="5:5")
    assert second.titles != before
    assert "Film 5" not in second.titles
    third = get(client, second.submitted(name="rate", value="52:2", id="found-52-2"))
    assert {one["value"] for one in third.all("input", name="r")} == {"5:5", "52:2"}
    changed = get(client, third.submitted(name="rate", value="5:1", id="mine-5-1"))
    assert {one["value"] for one in changed.all("input", name="r")} == {"5:1", "52:2"}
    (taken_back,) = changed.all("button", name="rate", value="5:0", **{"class": "remove"})[1:]
    last = get(client, f"/?r=5:1&r=52:2&rate={taken_back['value']}")
    assert [one["value"] for one in last.all("input", name="r")] == ["52:2"]


def test_the_list_is_the_engines(client, live):
    page = get(client, "/?r=5:5&r=7:4&genre=Comedy&year_from=1950&variety=0.3")
    answer = client.get(
        "/api/v1/recommend",
        params=parse_qsl("r=5:5&r=7:4&genre=Comedy&year_from=1950&variety=0.3"),
    )
    assert page.titles == [row["title"] for row in answer.json()["recommendations"]]
    assert page.all("option", selected=None)
    assert "selected" in next(one for tag, one in page.elements if "selected" in one)


def test_every_row_has_its_reasons(client):
    page = get(client, "/?r=5:5&r=7:4")
    rows = len(page.titles)
    bars = page.all("svg", **{"class": "bar"})
    assert len(bars) == rows == 20
    assert all("+" in bar["aria-label"] for bar in bars)
    parts = [one for one in page.all("rect") if one.get("height") == "4"]
    assert all(float(one["x"]) >= 0 and float(one["width"]) > 0 for one in parts)
    assert all(float(one["x"]) + float(one["width"]) < 100.1 for one in parts)


def test_bars_are_as_long_as_their_terms():
    first = {"a.x": 0.3, "alternatives": -9.0, "a.y": 0.1, "b": -0.1}
    rows = [
        {"explanation": {"contributions": first, "found_by": {}}},
        {"explanation": {"contributions": {"a.x": 0.1, "a.y": 0.0, "b": 0.15}, "found_by": {}}},
        {"explanation": None},
    ]
    assert with_bars(rows) == ["a", "b"]
    first, second, third = (row["bar"] for row in rows)
    assert [(p.term, round(p.width, 6), p.against) for p in first] == [
        ("a", 80.0, False),
        ("b", 20.0, True),
    ]
    assert [(round(p.start, 6), round(p.width, 6)) for p in second] == [(0.0, 20.0), (20.0, 30.0)]
    assert third == []


@pytest.mark.parametrize(
    "address",
    ["/?q=script", "/?r=60:5", "/movie?movie_id=60", "/movie?movie_id=5", "/user?user_id=5",
     "/found?q=script", "/?q=%3Cscript%3Ealert(2)%3C/script%3E",
     "/?genre=%22%3E%3Cscript%3E", "/user?user_id=%3Cscript%3E", "/%3Cscript%3E"],
)  # fmt: skip
def test_titles_and_questions_are_shown_and_never_run(client, address):
    answer = client.get(address)
    assert "<script>" not in answer.text
    page = Page(answer.text)
    assert {one.get("src") for one in page.all("script")} <= {"/static/htmx-2.0.11.min.js"}
    for tag, one in page.elements:
        assert not [name for name in one if name.startswith("on") or name == "style"], (tag, one)
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


def test_a_title_that_bites_is_there_in_full(client):
    assert EVIL in get(client, "/?q=script").text


def test_similar_movies_keep_what_was_rated(client, live):
    page = get(client, "/movie?movie_id=5&r=7:4")
    assert page.titles == [one.movie.title for one in live.engine.similar(5, 20).items]
    assert all("r=7%3A4" in one["href"] for one in page.all("a", **{"class": "similar"}))
    assert live.engine.why_not(History([7], [4.0]), 5).answer in " ".join(page.text.split())
    rated = get(client, page.submitted(id="this-5-4"))
    assert {one["value"] for one in rated.all("input", name="r")} == {"7:4", "5:4"}


def test_a_user_is_shown(client, live):
    page = get(client, "/user?user_id=3")
    assert page.titles == [one.movie.title for one in live.engine.recommend(3, 20)]
    assert "User 3" in page.text


@pytest.mark.parametrize(
    ("address", "status", "said"),
    [
        ("/user?user_id=999", 404, "no user 999"),
        ("/movie?movie_id=999", 404, "no movie 999"),
        ("/movie", 400, "id"),
        ("/?r=5", 400, "write ID:STARS"),
        ("/?year_from=x", 400, "no whole number"),
        ("/nothing", 404, "there is no such page"),
    ],
)
def test_what_is_wrong_is_said_on_a_page(client, address, status, said):
    answer = client.get(address)
    assert answer.status_code == status
    page = Page(answer.text)
    assert said in page.text
    assert page.all("a", href="/")


def test_the_address_is_plain_after_a_change(client):
    answer = client.get(
        "/?r=5:5&q=film&genre=&year_from=&variety=0.2&rate=7:4", headers={"HX-Request": "true"}
    )
    assert answer.headers["HX-Push-Url"] == "/?r=5%3A5&r=7%3A4&variety=0.2"
    assert Page(answer.text).titles == get(client, answer.headers["HX-Push-Url"]).titles


def test_nothing_is_fetched_from_elsewhere(client):
    page = get(client, "/?r=5:5&q=film")
    for tag, one in page.elements:
        for name in ("src", "href", "action", "hx-get"):
            if name in one and tag != "svg":
                parts = urlsplit(one[name])
                assert not parts.netloc, (tag, one)
    for one in [*page.all("link"), *page.all("script")]:
        assert client.get(one.get("href") or one["src"]).status_code == 200


def test_it_can_be_used_by_keyboard_and_read_aloud(client):
    page = get(client, "/?r=5:5&q=film")
    labels = {one.get("for") for one in page.all("label")}
    for one in [*page.all("input"), *page.all("select")]:
        assert one.get("type") == "hidden" or one["id"] in labels
    ids = [one["id"] for _, one in page.elements if "id" in one]
    assert len(ids) == len(set(ids))
    buttons = [one for one in page.all("button") if one.get("name") == "rate"]
    assert all(one["aria-label"] for one in buttons)
    assert page.all("html", lang="en")
