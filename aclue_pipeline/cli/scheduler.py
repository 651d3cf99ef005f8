"""One scheduler per storage: two daemons would fire every tick twice. Who schedules holds an advisory lock in Dagster's own database,
so that it holds between machines, too, and goes with the process however that ends."""

import os
import socket
import threading
import time
from collections.abc import Callable

import psycopg
import sqlalchemy as sa

from aclue_pipeline.errors import AlreadyRunning, Unreachable
from aclue_pipeline.postgres import Pg
from aclue_pipeline.postgres.locks import hold, holder

LOCK = "scheduler"
_LOOK_SECONDS = 5.0  # how soon a lock that went with its connection is missed
_SILENT_SECONDS = 30  # until a connection counts as lost whose other end went away, on either side


def schedule_alone(
    url: str, say: Callable[[str], None], lost: Callable[[AlreadyRunning], None], every: float = _LOOK_SECONDS
) -> None:
    """Take the lock of the storage at `url` for this process, and keep it in a thread: gone with its connection (a restarted server),
    it is taken again; where somebody else was quicker, `lost` is called once.

    Raises AlreadyRunning with who has it, Unreachable where no server answers.
    """
    pg = _take(url)

    def keep(pg: Pg) -> None:
        while True:
            time.sleep(every)
            try:
                if pg.closed:
                    pg = _take(url)
                    say("the connection that held the scheduler's lock was cut; the lock is taken again")
                pg.execute("select 1")
            except AlreadyRunning as error:
                return lost(error)
            except (psycopg.Error, Unreachable):
                pg.close()

    threading.Thread(target=keep, args=(pg,), name="scheduler-lock", daemon=True).start()


def _take(url: str) -> Pg:
    plain = sa.make_url(url).set(drivername="postgresql")
    host = socket.gethostname()[:32]  # the server keeps 63 bytes of a session's name
    try:
        pg = psycopg.connect(
            plain.render_as_string(hide_password=False), autocommit=True, connect_timeout=10,
            application_name=f"aclue scheduler {os.getpid()}@{host}",
            keepalives_idle=_SILENT_SECONDS, keepalives_interval=5, keepalives_count=3,
            tcp_user_timeout=_SILENT_SECONDS * 1000,
        )  # fmt: skip
    except psycopg.OperationalError:
        raise Unreachable(
            f"no server answers at {plain.host or 'the local socket'}, where Dagster's storage {plain.database} is"
        ) from None
    try:
        # The server's side, which would otherwise keep the lock of a machine that went away for two hours.
        pg.execute(
            f"set tcp_keepalives_idle = {_SILENT_SECONDS}; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 3"
        )
        hold(pg, LOCK)
    except AlreadyRunning:
        _, since, name = holder(pg, LOCK) or (0, "", "")
        pg.close()
        pid, _, host = (name or "").removeprefix("aclue scheduler ").partition("@")
        who = f"process {pid} on {host} since {since}" if host else "another session"
        raise AlreadyRunning(
            f"{who} schedules on Dagster's storage {plain.database} already; end it first, or look only: aclue ui --read-only"
        ) from None
    return pg
