"""A real redis, for what hands work to other processes."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.ui.conftest import free_port


@contextmanager
def broker(folder: Path) -> Iterator[str]:
    """Its URL; it keeps nothing when it ends."""
    program = shutil.which("redis-server")
    if program is None:
        assert "CI" not in os.environ, "install redis-server"
        pytest.skip("redis-server is not installed")
    redis = pytest.importorskip("redis")
    port = free_port()
    password = "not-to-be-shown"
    told = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder), "--requirepass", password]
    process = subprocess.Popen([program, *told], stdout=subprocess.DEVNULL)
    url = f"redis://:{password}@127.0.0.1:{port}/0"
    try:
        _wait_until_it_answers(redis.Redis.from_url(url), redis.ConnectionError)
        yield url
    finally:
        process.kill()
        process.wait()


def _wait_until_it_answers(client: object, refused: type[Exception]) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            client.ping()  # type: ignore[attr-defined]
            return
        except refused:
            assert time.monotonic() < end
            time.sleep(0.02)
