"""Ratings told over HTTP: kept, in the next list, forgotten; by nobody who may not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from reelrecs.datasets import locate
from reelrecs.scorer.limits import Limits
from reelrecs.serving.live_engine import LiveEngine
from reelrecs.store.cache import open_live
from tests.web.conftest import data_in, served

API = "/api/v1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return data_in(tmp_path_factory.mktemp("rated"))


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[httpx.Client]:
    with (
        LiveEngine(str(folder), "none") as live,
        served(live, limits=Limits(ratings=3)) as client,
    ):
        yield client


def movies_of(client: httpx.Client, user_id: int) -> list[int]:
    told = client.get(f"{API}/recommend", params={"user_id": user_id, "limit": 60}).json()
    return [row["movie_id"] for row in told["recommendations"]]


def post(client: httpx.Client, path: str, document: Any, **headers: str) -> httpx.Response:
    return client.post(f"{API}/{path}", json=document, headers=headers)


def test_a_rating_is_kept_and_in_the_next_list(client: httpx.Client, folder: Path) -> None:
    best = movies_of(client, 3)[0]
    one = {"user_id": 3, "movie_id": best, "rating": 4.5, "key": "k1"}
    assert post(client, "rate", one).json() == {"kept": 1, "known": 0}
    assert best not in movies_of(client, 3)
    assert post(client, "rate", one).json() == {"kept": 0, "known": 1}
    user = client.get(f"{API}/user", params={"user_id": 3}).json()
    assert (user["rating_count"], user["recent"][0]["movie_id"]) == (16, best)
    assert open_live(locate(folder)).now().rating_count == 30 * 15 + 1  # every process sees it
    many = {"ratings": [{"user_id": 900, "movie_id": m, "rating": 5} for m in (5, 6, 7)]}
    assert post(client, "rate", many).json() == {"kept": 3, "known": 0}
    assert not {5, 6, 7} & set(movies_of(client, 900))
    forgotten = {"user_id": 3, "movie_id": best, "forgotten": True}
    assert post(client, "forget", {"user_id": 3, "movie_id": best}).json() == forgotten
    assert best in movies_of(client, 3)
    assert post(client, "forget", {"user_id": 900}).status_code == 200
    assert client.get(f"{API}/user", params={"user_id": 900}).status_code == 404


GOOD = {"user_id": 3, "movie_id": 5, "rating": 4}


@pytest.mark.parametrize(
    ("path", "document", "status", "said"),
    [
        ("rate", {"movie_id": 5, "rating": 4}, 400, "no user_id is given"),
        ("rate", {**GOOD, "rating": 99}, 400, "has ratings from"),
        ("rate", {**GOOD, "rating": "4"}, 400, "rating is no number"),
        ("rate", {**GOOD, "rating": True}, 400, "rating is no number"),
        ("rate", {**GOOD, "user_id": "x"}, 400, "whole number"),
        ("rate", {**GOOD, "user_id": [1]}, 400, ""),
        ("rate", {**GOOD, "time": "now"}, 400, "give seconds since 1970"),
        ("rate", {**GOOD, "key": 7}, 400, "key is no text"),
        ("rate", {**GOOD, "stars": 4}, 400, "no 'stars' can be given here"),
        ("rate", {"ratings": [GOOD, {**GOOD, "rating": 99}]}, 400, "has ratings from"),
        ("rate", {"ratings": [GOOD] * 4}, 400, "4 ratings in a message: send 3 at most"),
        ("rate", {"ratings": GOOD}, 400, "ratings is no list"),
        ("rate", {"ratings": [4]}, 400, "a rating is no object"),
        ("rate", [GOOD], 400, "no JSON object"),
        ("forget", {}, 400, "no user_id is given"),
        ("forget", {"user_id": 999}, 404, "no user 999"),
        ("forget", {"user_id": 3, "movie_id": 59}, 404, "has not rated movie 59"),
    ],
)
def test_what_cannot_be_kept_changes_nothing(
    client: httpx.Client, folder: Path, path: str, document: Any, status: int, said: str
) -> None:
    before = open_live(locate(folder)).now().digest
    answer = post(client, path, document)
    assert answer.status_code == status, answer.text
    assert said in answer.json()["error"]["message"]
    assert open_live(locate(folder)).now().digest == before


def test_a_page_of_another_address_may_tell_nothing(client: httpx.Client, folder: Path) -> None:
    """As a browser sends it: a form of any page may post text to an address of this machine."""
    before = open_live(locate(folder)).now().digest
    for origin in ("http://evil.example", "null", "http://localhost:1", "http://127.0.0.1"):
        answer = post(client, "rate", GOOD, Origin=origin, **{"Content-Type": "text/plain"})
        assert answer.status_code == 403
        assert "only this one's own page may" in answer.json()["error"]["message"]
    assert open_live(locate(folder)).now().digest == before
    own = str(client.base_url).rstrip("/")
    assert post(client, "forget", {"user_id": 999}, Origin=own).status_code == 404
