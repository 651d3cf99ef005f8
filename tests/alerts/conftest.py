"""A receiver of alerts on this machine: a real HTTP server, which apprise posts to by json://, and which refuses on demand."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from aclue_pipeline.settings import get_settings

SECRET = "T0ken-that-n0body-may-see"


class Receiver:
    """`messages` is what arrived at each path; while `refuses` holds a path, it answers 500."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, dict[str, Any]]] = []
        self.refuses: set[str] = set()
        self.arrives: Callable[[], object] = lambda: None
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                path = self.path.strip("/").split("/")[0]
                refused = path in receiver.refuses
                if not refused:
                    receiver.messages.append((path, body))
                    receiver.arrives()
                self.send_response(500 if refused else 200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def url(self, path: str = "team") -> str:
        return f"json://{SECRET}:{SECRET}@127.0.0.1:{self.port}/{path}/{SECRET}"

    def taken(self, path: str = "team") -> list[str]:
        """Titles and texts that arrived since the last time."""
        texts = [f"{body['title']}\n{body['message']}" for at, body in self.messages if at == path]
        self.messages = [message for message in self.messages if message[0] != path]
        return texts

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory of the test's own, and no address but those that it names."""
    monkeypatch.setenv("ACLUE_HOME", str(tmp_path))
    monkeypatch.delenv("ACLUE_ALERT_URLS", raising=False)
    get_settings.cache_clear()
    return tmp_path
