"""JSON over HTTP: the engine's own answers, and errors that say what to do."""

import base64
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from reelrecs.constraints import Constraints
from reelrecs.histories import History
from reelrecs.scorer.limits import Limits
from reelrecs.scorer.request_log import RequestLog
from reelrecs.scorer.tokens import Tokens
from reelrecs.web.guard import is_local
from reelrecs.web.openapi import ENDPOINTS
from tests.web.conftest import EVIL

API = "/api/v1"
TOKEN = "a-token-of-thirty-two-characters"


def plain(result):
    return json.loads(json.dumps(result.to_dict()))


def test_a_users_list_is_the_engines(client, live):
    answer = client.get(f"{API}/recommend", params={"user_id": 3, "limit": 7})
    assert answer.status_code == 200
    assert answer.json() == plain(live.engine.recommend(3, 7, explain=True))
    by_post = client.post(f"{API}/recommend", json={"user_id": 3, "limit": 7})
    assert by_post.json() == answer.json()
    bare = client.get(f"{API}/recommend", params={"user_id": 3, "limit": 7, "explain": "false"})
    assert bare.json() == plain(live.engine.recommend(3, 7))


def test_anybody_is_known_by_their_ratings(client, live):
    expected = plain(live.engine.recommend_for(History([5, 9], [4.5, 2.0]), 6, explain=True))
    rated = ["5:4.5", "7:1", "9:2", "7:0"]
    by_get = client.get(f"{API}/recommend", params={"r": rated, "limit": 6})
    assert by_get.json() == expected
    history = {"movie_ids": [5, 9], "ratings": [4.5, 2.0]}
    by_post = client.post(f"{API}/recommend", json={"history": history, "limit": 6})
    assert by_post.json() == expected
    newcomer = client.get(f"{API}/recommend").json()
    assert newcomer == plain(live.engine.recommend_for(History(), explain=True))


def test_constraints_variety_and_moment_are_passed_on(client, live):
    wanted = Constraints(genres=["Comedy"], year_from=1950, year_to=1980, deny=[12])
    expected = plain(live.engine.recommend(3, 5, as_of=2_000, constraints=wanted))
    given = {
        "user_id": 3, "limit": 5, "as_of": 2000, "explain": "0", "genre": "Comedy",
        "year_from": 1950, "year_to": 1980, "deny": 12,
    }  # fmt: skip
    assert client.get(f"{API}/recommend", params=given).json() == expected
    document = {
        "user_id": 3, "limit": 5, "as_of": 2000, "explain": False,
        "constraints": {"genres": ["Comedy"], "year_from": 1950, "year_to": 1980, "deny": [12]},
    }  # fmt: skip
    assert client.post(f"{API}/recommend", json=document).json() == expected
    varied = [
        [
            row["movie_id"]
            for row in client.get(
                f"{API}/recommend", params={"user_id": 3, "variety": variety}
            ).json()["recommendations"]
        ]
        for variety in (0, 1)
    ]
    assert varied[0] != varied[1]


def test_the_other_questions(client, live):
    engine = live.engine
    get = lambda path, **given: client.get(f"{API}/{path}", params=given).json()  # noqa: E731
    assert get("similar", movie_id=5, limit=4) == plain(engine.similar(5, 4))
    assert get("similar", title="Film 5 (1945)", limit=4) == plain(engine.similar(5, 4))
    assert get("search", title="film 5", limit=3) == {
        "movies": [one.to_dict() for one in engine.search("film 5", 3)]
    }
    assert get("search", title="nothing at all") == {"movies": []}
    assert get("user", user_id=3) == plain(engine.user(3))
    assert get("score", user_id=3, movie_id=[50, 5]) == plain(engine.score(3, [50, 5]))
    assert get("why-not", user_id=3, movie_id=50) == plain(engine.why_not(3, 50))
    posted = client.post(f"{API}/score", json={"user_id": 3, "movie_ids": [50, 5]}).json()
    assert posted == plain(engine.score(3, [50, 5]))
    told = get("version")
    assert (told["dataset"], told["profile"], told["movies"]) == ("mine", "pretrained", 60)
    assert get("health") == {"status": "serving"}


def test_titles_are_the_same_text_for_every_reader(client):
    found = client.get(f"{API}/search", params={"title": "script"})
    assert found.json()["movies"][0]["title"] == EVIL
    assert "\u202e" not in found.text


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("recommend?user_id=999", 404, "no user 999 in mine"),
        ("recommend?user_id=x", 400, "whole numbers"),
        ("recommend?r=999:4", 404, "no movie 999"),
        ("recommend?r=5", 400, "write ID:STARS"),
        ("recommend?r=5:nan", 400, "write ID:STARS"),
        ("recommend?r=5:99", 400, "99"),
        ("recommend?limit=0", 400, "limit 0: ask for 1 to"),
        ("recommend?limit=x", 400, "limit 'x' is no whole number"),
        ("recommend?variety=2", 400, "give a number from 0 to 1"),
        ("recommend?genre=Nothing", 400, "Nothing"),
        ("recommend?year_from=2000&year_to=1990", 400, "no year is"),
        ("recommend?min_rating=x", 400, "'x' is no number"),
        ("similar", 400, "give either movie_id or title"),
        ("similar?movie_id=999", 404, "no movie 999"),
        ("search", 400, "no title is given"),
        ("search?title=a&limit=\u0664", 400, "is no whole number"),
        ("user", 400, "no user is given"),
        ("score?user_id=1", 400, "no movies are given"),
        ("why-not?user_id=1", 400, "no movie is given"),
        ("nothing", 404, "no such page"),
        ("recommend?user_id=%1b%5b31m%0a", 400, "whole numbers"),
    ],
)
def test_errors_have_their_status_and_one_line(client, path, status, said):
    answer = client.get(f"{API}/{path}")
    error = answer.json()["error"]
    assert answer.status_code == error["status"] == status
    assert said in error["message"]
    assert error["message"].isprintable()
    assert len(error["message"]) <= 1000


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "no JSON"),
        (b"[1]", "no JSON object"),
        (b"[" * 100_000, "no JSON"),
        (b'{"user": 1}', "no 'user' can be given here"),
        (b'{"history": 5}', "history is no object"),
        (b'{"history": {"movie_ids": 5}}', "movie_ids is no list"),
        (b'{"history": {"movie_ids": [1], "ratings": ["x"]}}', "no numbers"),
        (b'{"constraints": {"nothing": 1}}', "no 'nothing' can be given"),
        (b'{"constraints": {"year_from": 1.5}}', "no whole number"),
        (b'{"limit": true}', "no whole number"),
    ],
)
def test_documents_that_cannot_be_are_refused(client, body, said):
    answer = client.post(f"{API}/recommend", content=body)
    assert answer.status_code == 400
    assert said in answer.json()["error"]["message"]


def test_what_a_reader_has_already_is_not_sent_again(client):
    first = client.get(f"{API}/user", params={"user_id": 3})
    again = client.get(
        f"{API}/user", params={"user_id": 3}, headers={"If-None-Match": first.headers["ETag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    other = client.get(f"{API}/user", params={"user_id": 3}, headers={"If-None-Match": '"x"'})
    assert other.json() == first.json()


def test_limits_hold_here_too(client_of, live):
    client = client_of(live, limits=Limits(message_bytes=500, history=3, candidates=2))
    many = client.get(f"{API}/recommend", params={"r": [f"{m}:4" for m in range(1, 6)]})
    assert many.status_code == 400
    assert "a history of 5 movies: send the last 3" in many.json()["error"]["message"]
    large = client.post(f"{API}/recommend", content=b" " * 501)
    assert large.status_code == 413
    assert "more than 500 bytes" in large.json()["error"]["message"]
    scores = client.post(f"{API}/score", json={"user_id": 1, "movie_ids": [1, 2, 3]})
    assert scores.status_code == 400


def test_more_than_may_wait_are_told_so_and_health_answers(client_of, live, monkeypatch):
    client = client_of(live, limits=Limits(concurrency=1, queue=1))
    working, go_on = threading.Semaphore(0), threading.Event()

    def slow(*_):
        working.release()
        go_on.wait(30)
        return []

    monkeypatch.setattr(type(live.engine), "search", slow)
    ask = lambda: client.get(f"{API}/search", params={"title": "a"})  # noqa: E731
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask) for _ in range(8)]
        assert working.acquire(timeout=20)
        assert client.get(f"{API}/health").status_code == 200
        end = time.monotonic() + 20
        while sum(one.done() for one in asked) < 6 and time.monotonic() < end:
            time.sleep(0.01)
        go_on.set()
        statuses = sorted(one.result().status_code for one in asked)
    assert statuses == [200] * 2 + [429] * 6


def test_a_token_is_asked_for(client_of, live):
    client = client_of(live, tokens=Tokens(variable=TOKEN))
    assert client.get(f"{API}/health").status_code == 200
    refused = client.get(f"{API}/version")
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith("Basic ")
    for good in (
        f"Bearer {TOKEN}",
        "Basic " + base64.b64encode(f"anybody:{TOKEN}".encode()).decode(),
    ):
        assert client.get(f"{API}/version", headers={"Authorization": good}).status_code == 200
    for bad in ("Bearer x", "Basic !", "Basic " + base64.b64encode(b"\xff:\xff").decode(), "Basic"):
        assert client.get(f"{API}/version", headers={"Authorization": bad}).status_code == 401
    page = client.get("/")
    assert page.status_code == 401
    assert "token" in page.text


def test_a_fault_of_ours_is_not_shown(client_of, live, monkeypatch, caplog):
    client = client_of(live)

    def broken(*_):
        raise ZeroDivisionError("a bug at /secret/place")

    monkeypatch.setattr(type(live.engine), "search", broken)
    answer = client.get(f"{API}/search", params={"title": "a"})
    assert answer.status_code == 500
    assert answer.json()["error"]["message"] == "a fault of the service: see its log"
    assert "/secret/place" in caplog.text


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True), ("localhost:8000", True), ("127.0.0.1:8000", True),
        ("[::1]:8000", True), ("evil.example", False), ("evil.example:8000", False),
        ("", False), ("192.0.2.1", False), ("localhost.evil.example", False),
    ],
)  # fmt: skip
def test_only_names_of_this_machine_are_answered_on_loopback(client_of, live, host, local):
    assert is_local(host) is local
    answer = client_of(live).get(f"{API}/version", headers={"Host": host})
    assert (answer.status_code == 200) is local
    if host:
        elsewhere = client_of(live, local=False).get(f"{API}/version", headers={"Host": host})
        assert elsewhere.status_code == 200


def test_requests_are_logged_without_what_was_asked(client_of, live):
    lines = []
    with RequestLog(lines.append) as log:
        client = client_of(live, observers=[log])
        client.get(f"{API}/search", params={"title": "secret wish"})
        client.get(f"{API}/user", params={"user_id": 999})
        client.get("/" + "x" * 5_000)
    found = [json.loads(line) for line in lines]
    assert [one["status"] for one in found] == ["OK", "NOT_FOUND", "NOT_FOUND"]
    assert "secret" not in "".join(lines)
    assert max(map(len, lines)) < 300


def test_what_is_described_is_what_is_answered(client):
    told = client.get(f"{API}/openapi.json").json()
    assert told["openapi"].startswith("3.1")
    assert set(told["paths"]) == {f"{API}/{name}" for name, *_ in ENDPOINTS}
    for path, operations in told["paths"].items():
        for method in ("get", "post"):
            answered = client.request(method, path).status_code
            assert (answered == 405) is (method not in operations), (path, method)
    page = client.get("/docs").text
    assert all(f"/api/v1/{name}" in page for name, *_ in ENDPOINTS)
