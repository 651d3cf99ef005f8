"""A real pgbouncer in front of a test's server."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from aclue_pipeline.postgres import Database
from aclue_pipeline.postgres.server import DEPLOYER, EmbeddedServer

_INI = """
[databases]
* = host=127.0.0.1 port={port} user={user} password={password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {size}
server_reset_query =
ignore_startup_parameters = extra_float_digits
"""


@contextmanager
def pooler(server: EmbeddedServer, database: Database, folder: Path, mode: str, size: int = 5) -> Iterator[Database]:
    """`database` behind a pooler in `mode`, which keeps no session's leavings from the next (no server_reset_query)."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        assert "CI" not in os.environ, "install pgbouncer"
        pytest.skip("pgbouncer is not installed")
    direct = psycopg.conninfo.conninfo_to_dict(server.url(database.name))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        listen = free.getsockname()[1]
    ini = folder / "pgbouncer.ini"
    ini.write_text(_INI.format(mode=mode, size=size, listen=listen, **direct))
    as_nobody = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen([program, "-q", *as_nobody, str(ini)], stderr=subprocess.DEVNULL)
    behind = Database(f"postgresql://{DEPLOYER}:any@127.0.0.1:{listen}/{database.name}")
    try:
        _wait_until_it_answers(behind)
        yield behind
    finally:
        behind.close()
        process.kill()
        process.wait()


def _wait_until_it_answers(database: Database) -> None:
    end = time.monotonic() + 10
    while True:
        try:
            psycopg.connect(database.url).close()
            return
        except psycopg.OperationalError:
            assert time.monotonic() < end
            time.sleep(0.02)
