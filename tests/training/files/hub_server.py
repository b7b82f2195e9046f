"""A small Hugging Face hub on localhost: one model, with breaks in the middle of a file on demand."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "5eed" * 10
LARGE = "model.safetensors"


class Hub(ThreadingHTTPServer):
    """Serves the files of `directory` as the model `name`."""

    daemon_threads = True

    def __init__(self, name: str, directory: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.name = name
        self.directory = directory
        self.endpoint = f"http://127.0.0.1:{self.server_address[1]}"
        self.breaks: list[int] = []  # lengths after which the next answers with the large file break off
        self.requests: list[tuple[str, str, str]] = []  # method, path, Range
        self.tampered = False

    def files(self) -> dict[str, bytes]:
        """Every file by its name."""
        return {path.name: path.read_bytes() for path in sorted(self.directory.iterdir())}

    def ranges(self) -> list[str]:
        """The ranges asked for of the large file, an empty one for the whole."""
        return [ask for method, path, ask in self.requests if method == "GET" and path.endswith(LARGE)]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, format: str, *arguments: object) -> None:
        pass

    def _answer(self) -> None:
        path, wanted = self.path.partition("?")[0], self.headers.get("Range", "")
        self.server.requests.append((self.command, path, wanted))
        files = self.server.files()
        name = path.rpartition("/")[2]
        if path.startswith(f"/api/models/{self.server.name}"):
            siblings = [{"rfilename": each} for each in [*files, "../outside.json", "onnx/config.json"]]
            self._send(json.dumps({"id": self.server.name, "sha": COMMIT, "siblings": siblings}).encode())
        elif (
            path in {f"/{self.server.name}/resolve/{at}/{name}" for at in (COMMIT, "main")} and name in files
        ):
            self._send_file(name, files[name], wanted)
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def _send_file(self, name: str, content: bytes, wanted: str) -> None:
        tag = hashlib.sha256(content).hexdigest()[: 64 if name == LARGE else 40]  # as long as a small file's
        if self.server.tampered and name == LARGE:
            content = b"X" + content[1:]
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        self.send_response(206 if wanted else 200)
        self.send_header("ETag", f'"{tag}"')
        self.send_header("X-Repo-Commit", COMMIT)
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self._send_body(name, content[start:])

    def _send_body(self, name: str, body: bytes) -> None:
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if name == LARGE and self.server.breaks:
            self.wfile.write(body[: self.server.breaks.pop(0)])
            self.wfile.flush()
            self.close_connection = True
            return
        self.wfile.write(body)

    def _send(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


@contextmanager
def serving(name: str, directory: Path) -> Iterator[Hub]:
    """Run a hub with one model."""
    with Hub(name, directory) as hub:
        thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()
