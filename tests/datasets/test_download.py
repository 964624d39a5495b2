import dataclasses
import hashlib
import io
import urllib.request
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from reelrecs.datasets import locate
from reelrecs.datasets.fetch import download as module
from reelrecs.datasets.fetch import registry, unpack
from reelrecs.datasets.fetch.download import download
from reelrecs.errors import DownloadError, InvalidRequest, StorageError
from tests.datasets.loopback import Server, zipped


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The server, known to the registry under the digest of its body, with short pauses."""
    server = Server(zipped())
    know(monkeypatch, server.body)
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.002)
    monkeypatch.setattr(module, "BLOCK", 1 << 14)
    for variable in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
    yield server
    server.http.shutdown()
    server.http.server_close()


def know(monkeypatch: pytest.MonkeyPatch, body: bytes, pinned: bool = True) -> None:
    md5 = hashlib.md5(body, usedforsecurity=False).hexdigest() if pinned else ""
    entry = dataclasses.replace(registry.ENTRIES["ml-25m"], size=len(body), md5=md5)
    monkeypatch.setitem(registry.ENTRIES, "ml-25m", entry)


def assert_nothing_there(folder: Path) -> None:
    """No data set and no half of one; a partial download may wait for the next try."""
    left = {path.name for path in folder.iterdir()} if folder.exists() else set()
    assert left <= {".ml-25m.zip.partial", ".ml-25m.zip.partial.tag"}


def test_it_comes_whole_and_is_there_the_next_time(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    folder = download("ml-25m", tmp_path / "d", server.address, lambda *step: seen.append(step))
    assert folder == tmp_path / "d" / "ml-25m"
    assert len(locate(folder).read().ratings) == 4
    assert [path.name for path in (tmp_path / "d").iterdir()] == ["ml-25m"]
    assert seen[0] == (0, len(server.body))
    assert seen[-1] == (len(server.body), len(server.body))
    assert server.paths == ["/files/ml-25m.zip"]
    assert download("25m", tmp_path / "d", server.address) == folder
    assert len(server.paths) == 1


def test_a_cut_connection_is_resumed_where_it_broke(server: Server, tmp_path: Path) -> None:
    server.manners = [server.cutting(100_000), server.cutting(200_000), server.cutting(0)]
    download("ml-25m", tmp_path, server.address)
    assert server.ranges == [None, "bytes=100000-", "bytes=300000-", "bytes=300000-"]
    assert (tmp_path / "ml-25m" / "padding").stat().st_size == 256 * 4000


def test_a_server_that_gives_crumbs_is_given_up(server: Server, tmp_path: Path) -> None:
    server.manners = [server.cutting(1)] * 50
    with pytest.raises(DownloadError, match="cannot get"):
        download("ml-25m", tmp_path, server.address)
    assert len(server.paths) == module.ATTEMPTS


def test_a_later_run_goes_on_from_what_is_there(server: Server, tmp_path: Path) -> None:
    server.manners = [server.cutting(100_000), *[server.status(503)] * module.ATTEMPTS]
    with pytest.raises(DownloadError, match="answers 503"):
        download("ml-25m", tmp_path, server.address)
    assert_nothing_there(tmp_path)
    server.ranges.clear()
    download("ml-25m", tmp_path, server.address)
    assert server.ranges == ["bytes=100000-"]


def test_a_file_that_changed_meanwhile_starts_anew(server: Server, tmp_path: Path) -> None:
    def other(to: BaseHTTPRequestHandler) -> None:
        server.tag = '"two"'
        server.well(to)

    server.manners = [server.cutting(100_000), other]
    download("ml-25m", tmp_path, server.address)
    assert (tmp_path / "ml-25m" / "movies.csv").exists()


def test_a_whole_download_that_was_not_unpacked_is_not_fetched_again(
    server: Server, tmp_path: Path
) -> None:
    (tmp_path / ".ml-25m.zip.partial").write_bytes(server.body)
    (tmp_path / ".ml-25m.zip.partial.tag").write_text(server.tag)
    download("ml-25m", tmp_path, server.address)
    assert server.ranges == [f"bytes={len(server.body)}-"]


def test_a_length_longer_than_the_truth_ends_in_bounded_time(
    server: Server, tmp_path: Path
) -> None:
    server.manners = [server.lying(1000)]
    download("ml-25m", tmp_path / "a", server.address)  # asked for the rest it says: no more
    server.tag = 'W/"weak, so of no use for resuming"'
    server.manners = [server.lying(1000)] * 50
    server.paths.clear()
    with pytest.raises(DownloadError, match="cannot get"):
        download("ml-25m", tmp_path / "b", server.address)
    assert len(server.paths) == module.ATTEMPTS
    assert_nothing_there(tmp_path / "b")


def test_a_length_shorter_than_the_truth_fails_the_digest(server: Server, tmp_path: Path) -> None:
    server.manners = [server.lying(-1000)]
    with pytest.raises(DownloadError, match="has MD5"):
        download("ml-25m", tmp_path, server.address)
    assert_nothing_there(tmp_path)


def test_a_wrong_digest_leaves_nothing(server: Server, tmp_path: Path) -> None:
    server.body = zipped(extra={"ml-25m/more": b"x"})
    with pytest.raises(DownloadError, match="nothing was unpacked"):
        download("ml-25m", tmp_path, server.address)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    ["../evil", "/tmp/evil", "ml-25m/../../evil", "other/evil", "ml-25m\\..\\..\\evil",
     "C:/evil", "ml-25m/C:evil", "evil"],
)  # fmt: skip
def test_no_path_leaves_the_folder(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    server.body = zipped(extra={name: b"evil"})
    know(monkeypatch, server.body)
    with pytest.raises(DownloadError, match="outside ml-25m/"):
        download("ml-25m", tmp_path / "d", server.address)
    assert list(tmp_path.rglob("*")) == [tmp_path / "d"]


def test_no_link_is_unpacked(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        link = zipfile.ZipInfo("ml-25m/link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    server.body = memory.getvalue()
    know(monkeypatch, server.body)
    with pytest.raises(DownloadError, match="outside"):
        download("ml-25m", tmp_path, server.address)


@pytest.mark.parametrize("body", [b"", b"no zip", zipped()[:-50], zipped()[:50]])
def test_what_is_no_zip_is_not_kept(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    server.body = body
    know(monkeypatch, zipped(), pinned=False)
    server.manners = [server.lying(0)]
    with pytest.raises(DownloadError):
        download("ml-25m", tmp_path, server.address)
    assert not (tmp_path / "ml-25m").exists()


def test_a_damaged_member_of_an_unpinned_zip_is_noticed(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = server.body.index(b"Pulp Fiction")
    server.body = server.body[:at] + b"X" + server.body[at + 1 :]
    know(monkeypatch, server.body, pinned=False)
    with pytest.raises(DownloadError, match="damaged zip"):
        download("ml-25m", tmp_path, server.address)
    assert list(tmp_path.iterdir()) == []


def test_a_zip_bomb_is_not_unpacked(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ml-25m/ratings.csv", bytes(1 << 25))
    server.body = memory.getvalue()
    know(monkeypatch, server.body, pinned=False)
    with pytest.raises(DownloadError, match=r"config\.ZIP_RATIO"):
        download("ml-25m", tmp_path, server.address)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("code", "requests"), [(404, 1), (403, 1), (503, 5), (429, 5)])
def test_refusals_are_retried_where_that_can_help(
    server: Server, tmp_path: Path, code: int, requests: int
) -> None:
    server.manners = [server.status(code)] * 50
    with pytest.raises(DownloadError, match=f"answers {code}"):
        download("ml-25m", tmp_path, server.address)
    assert len(server.paths) == requests


def test_an_endless_answer_ends(server: Server, tmp_path: Path) -> None:
    server.manners = [server.endless]
    with pytest.raises(DownloadError, match="more than"):
        download("ml-25m", tmp_path, server.address)


def test_a_file_of_another_size_is_refused_at_once(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = dataclasses.replace(registry.ENTRIES["ml-25m"], size=1000)
    monkeypatch.setitem(registry.ENTRIES, "ml-25m", entry)
    with pytest.raises(DownloadError, match=r"is no ml-25m\.zip"):
        download("ml-25m", tmp_path, server.address)


def test_redirects_are_followed_but_not_away_from_https(server: Server, tmp_path: Path) -> None:
    server.manners = [server.redirecting(f"{server.address}/elsewhere.zip")]
    download("ml-25m", tmp_path, server.address)
    assert server.paths[-1] == "/files/elsewhere.zip"
    secure = urllib.request.Request("https://example.org/ml-25m.zip")
    with pytest.raises(DownloadError, match="not https"):
        module._NoDowngrade().redirect_request(secure, None, 302, "", {}, "http://example.org/x")


def test_a_proxy_named_by_the_environment_is_used(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.address.removesuffix("/files"))
    monkeypatch.setenv("no_proxy", "")
    download("ml-25m", tmp_path, "http://movielens.invalid/sets")
    assert server.paths == ["http://movielens.invalid/sets/ml-25m.zip"]


def test_no_network_is_one_line_that_says_what_to_do(server: Server, tmp_path: Path) -> None:
    server.http.shutdown()
    server.http.server_close()
    with pytest.raises(DownloadError) as caught:
        download("ml-25m", tmp_path, server.address)
    assert "--data-dir" in str(caught.value)
    assert "\n" not in str(caught.value)
    server.__init__(b"")  # for the fixture to close


def test_a_full_disk_is_said_before_anything_is_written(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpack, "SPARE", 10**18)
    with pytest.raises(StorageError, match="MB free"):
        download("ml-25m", tmp_path, server.address)
    assert_nothing_there(tmp_path)


def test_unknown_names_odd_mirrors_and_files_in_the_way(server: Server, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="there are ml-100k"):
        download("netflix", tmp_path, server.address)
    with pytest.raises(DownloadError, match="no http"):
        download("ml-25m", tmp_path, "file:///etc")
    (tmp_path / "ml-25m").write_bytes(b"")
    with pytest.raises(StorageError, match="is a file"):
        download("ml-25m", tmp_path, server.address)


def test_two_downloads_of_one_set_do_not_mix(server: Server, tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl", reason="this system has no file locks")
    with (tmp_path / ".ml-25m.zip.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DownloadError, match="under way"):
            download("ml-25m", tmp_path, server.address)


def test_the_registry_pins_what_does_not_change() -> None:
    pinned = {name: entry.md5 for name, entry in registry.ENTRIES.items() if entry.md5}
    assert len(pinned) == 6
    assert all(len(md5) == 32 and int(md5, 16) for md5 in pinned.values())
    assert registry.find("1m").address() == (
        "https://files.grouplens.org/datasets/movielens/ml-1m.zip"
    )
