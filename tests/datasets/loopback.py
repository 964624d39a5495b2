"""A real http server on loopback that serves a data set's zip, and misbehaves as told."""

import io
import sys
import threading
import zipfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SAMPLE = Path(__file__).parent / "samples" / "ml-25m"


def zipped(root: str = "ml-25m", extra: dict[str, bytes] | None = None) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        for file in sorted(SAMPLE.iterdir()):
            archive.write(file, f"{root}/{file.name}")
        archive.writestr(f"{root}/padding", bytes(range(256)) * 4000)
        for name, content in (extra or {}).items():
            archive.writestr(name, content)
    return memory.getvalue()


class Loopback(ThreadingHTTPServer):
    """Says nothing of clients that hang up: that is what these tests are about."""

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class Server:
    """A real http server on loopback whose answers misbehave as told, in turn."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.tag = '"one"'
        self.manners: list[Callable[[BaseHTTPRequestHandler], None]] = []
        self.ranges: list[str | None] = []
        self.paths: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.ranges.append(self.headers.get("Range"))
                outer.paths.append(self.path)
                (outer.manners.pop(0) if outer.manners else outer.well)(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self.http = Loopback(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_address[1]}/files"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def part(self, to: BaseHTTPRequestHandler) -> bytes:
        """Send the head of an answer and return the body that belongs to it."""
        wanted = to.headers.get("Range")
        start = 0
        if wanted and to.headers.get("If-Range") == self.tag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if start >= len(self.body):
            to.send_response(416)
            to.send_header("Content-Range", f"bytes */{len(self.body)}")
            to.send_header("Content-Length", "0")
            to.end_headers()
            return b""
        to.send_response(206 if start else 200)
        if start:
            to.send_header("Content-Range", f"bytes {start}-{len(self.body) - 1}/{len(self.body)}")
        to.send_header("ETag", self.tag)
        return self.body[start:]

    def well(self, to: BaseHTTPRequestHandler) -> None:
        body = self.part(to)
        if body:
            to.send_header("Content-Length", str(len(body)))
            to.end_headers()
            to.wfile.write(body)

    def cutting(self, after: int) -> Callable[[BaseHTTPRequestHandler], None]:
        def answer(to: BaseHTTPRequestHandler) -> None:
            body = self.part(to)
            to.send_header("Content-Length", str(len(body)))
            to.end_headers()
            to.wfile.write(body[:after])

        return answer

    def lying(self, more: int) -> Callable[[BaseHTTPRequestHandler], None]:
        def answer(to: BaseHTTPRequestHandler) -> None:
            body = self.part(to)
            to.send_header("Content-Length", str(len(body) + more))
            to.end_headers()
            to.wfile.write(body)

        return answer

    def status(self, code: int) -> Callable[[BaseHTTPRequestHandler], None]:
        def answer(to: BaseHTTPRequestHandler) -> None:
            to.send_response(code)
            to.send_header("Content-Length", "0")
            to.end_headers()

        return answer

    def redirecting(self, address: str) -> Callable[[BaseHTTPRequestHandler], None]:
        def answer(to: BaseHTTPRequestHandler) -> None:
            to.send_response(302)
            to.send_header("Location", address)
            to.send_header("Content-Length", "0")
            to.end_headers()

        return answer

    def endless(self, to: BaseHTTPRequestHandler) -> None:
        to.send_response(200)
        to.end_headers()
        try:
            while True:
                to.wfile.write(bytes(1 << 16))
        except OSError:
            pass
