"""The embedded server: it survives the process, starts once however often it is asked, and needs no root and no user of its own."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg
import pytest

from aclue_pipeline.errors import ServerFailed
from aclue_pipeline.postgres.server import SUPERUSER, EmbeddedServer

pytestmark = pytest.mark.database


@pytest.fixture
def own_server(tmp_path: Path, server: EmbeddedServer):
    own = EmbeddedServer(tmp_path / "home", server._pg_bin, {"fsync": "off"})
    yield own
    own.stop()


START = """
import sys; from pathlib import Path
from aclue_pipeline.postgres.server import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]), Path(sys.argv[2]), {"fsync": "off"}); server.start(); print(server.url())
"""


def test_it_goes_on_when_the_process_that_started_it_has_ended(own_server: EmbeddedServer) -> None:
    done = subprocess.run(
        [sys.executable, "-c", START, own_server._home, own_server.bin], capture_output=True, text=True, check=True
    )
    with psycopg.connect(done.stdout.strip()) as connection:
        assert connection.execute("select current_database()").fetchone() == ("aclue",)


def test_two_starts_at_once_give_one_server(own_server: EmbeddedServer) -> None:
    command = [sys.executable, "-c", START, own_server._home, own_server.bin]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    urls = {process.communicate(timeout=60)[0].strip() for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert len(urls) == 1


def test_a_server_killed_outright_starts_again_with_its_rows(own_server: EmbeddedServer) -> None:
    own_server.start()
    with psycopg.connect(own_server.url()) as connection:
        connection.execute("create table kept (x int); insert into kept values (7)")
        connection.commit()
    pid = int((own_server.data / "postmaster.pid").read_text().splitlines()[0])
    os.kill(pid, signal.SIGKILL)
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    own_server.start()
    with psycopg.connect(own_server.url()) as connection:
        assert connection.execute("select x from kept").fetchone() == (7,)


def test_an_initialisation_killed_half_way_is_done_anew(own_server: EmbeddedServer) -> None:
    half = own_server.root / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18")
    own_server.start()
    assert own_server.status()["running"]


def test_the_deployer_is_no_superuser_and_passwords_are_private(server: EmbeddedServer) -> None:
    with psycopg.connect(server.url()) as connection:
        rights = connection.execute(
            "select rolsuper, rolcreatedb, rolcreaterole, rolbypassrls from pg_roles where rolname = current_user"
        ).fetchone()
    assert rights == (False, True, True, True)
    assert (server.root / "passwords").stat().st_mode & 0o077 == 0


def test_sessions_of_strangers_without_a_password_are_refused(server: EmbeddedServer) -> None:
    url = server.url().replace(server._secret["postgres"], "guessed")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url)


def test_pg_stat_statements_can_be_made(server: EmbeddedServer) -> None:
    with psycopg.connect(server.url("postgres", SUPERUSER)) as connection:
        connection.execute("create extension if not exists pg_stat_statements")
        assert connection.execute("select count(*) >= 0 from pg_stat_statements").fetchone() == (True,)


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root, to become somebody else")
@pytest.mark.slow
@pytest.mark.parametrize(
    "uid",
    [65534, 12345, 0],
    ids=["ordinary", "without a name", "root without nobody"],
)
def test_whoever_starts_it_has_a_server(server: EmbeddedServer, tmp_path: Path, uid: int) -> None:
    home = Path(subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True).stdout.strip())
    names = tmp_path / "passwd"
    names.write_text(re.sub("(?m)^nobody:.*\n", "", Path("/etc/passwd").read_text()))
    become = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    if uid == 0:
        become = ["unshare", "-m", "sh", "-c", f'mount --bind {names} /etc/passwd && exec "$@"', "sh"]
    if subprocess.run([*become, sys.executable, "-c", "import psycopg"], capture_output=True, cwd="/").returncode:
        pytest.skip("this interpreter lies where only root can read it, or nothing may be mounted here")
    try:
        shutil.chown(home, uid, uid)
        command = [*become, sys.executable, "-c", START, home, server.bin]
        done = subprocess.run(command, capture_output=True, text=True, cwd="/")
        assert done.returncode == 0, done.stderr
        with psycopg.connect(done.stdout.strip()) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
    finally:
        EmbeddedServer(home, server._pg_bin).stop()
        shutil.rmtree(home, ignore_errors=True)


def test_no_statistics_of_statements_hold_a_password(server: EmbeddedServer) -> None:
    with psycopg.connect(server.url("postgres", SUPERUSER), autocommit=True) as connection:
        connection.execute("create extension if not exists pg_stat_statements")
        said = connection.execute("select query from pg_stat_statements where query ilike '%alter role \"postgres\"%'")
        assert said.fetchall() == []


def test_a_folder_without_binaries_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServerFailed, match="ACLUE_PG_BIN"):
        EmbeddedServer(tmp_path, tmp_path).start()
