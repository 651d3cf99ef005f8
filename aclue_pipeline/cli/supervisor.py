"""The family of processes behind `aclue ui`: code server, webserver, daemon. They start together, come back when one dies or no longer
answers, and end together: runs are cancelled first, and nobody is left behind. What they serve is not decided here.

Why not `dagster dev`: it starts a code server each for webserver and daemon (10.6 s to the first answer against 4.2 s here,
two cores), dies with its daemon, leaves runs and code servers alive when it ends, and cannot be ended by SIGTERM where a
shell started it in the background."""

import contextlib
import errno
import json
import re
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import psutil

from aclue_pipeline.cli.answers import ask, code_answers, loaded, silent_for
from aclue_pipeline.cli.member import Member
from aclue_pipeline.errors import AclueError, ServerFailed
from aclue_pipeline.settings import LOCATION

MODULE = "aclue_pipeline.definitions"
LOGS = "ui-logs"  # not `logs`: Dagster takes that for its telemetry's and deletes it

GRACE_SECONDS = 30.0  # for runs to end by themselves once they are cancelled
_START_SECONDS = 120.0
_POLL_SECONDS = 0.1
_PRIVATE = "aclue-ui-"
_LOOK_SECONDS, _DOUBT_SECONDS = 10.0, 2.0  # until they are asked again whether they answer, and where one did not
_SILENT_SECONDS = 300.0  # a daemon that has not said for so long that it lives hangs: it does twice a minute
_REFUSALS = 2  # in a row, and who did not answer is replaced
_STEADY_SECONDS = 20.0  # a member that lived this long did start
_MAX_FALSE_STARTS = 5
_MOST_PATIENT_SECONDS = 60.0

#: What a question to the webserver raises that is not answered.
_SILENCE = (OSError, ValueError, KeyError, TypeError)
_RUNNING = ["STARTING", "STARTED", "CANCELING"]


@dataclass
class Family:
    """`run()` starts everybody, calls `ready(url)` once the UI answers, and returns when a signal has ended the whole.

    `environment` is the members' whole environment; `home` holds the logs. Runs get `grace` seconds to end.
    """

    home: Path
    host: str
    port: int
    prefix: str
    environment: Mapping[str, str]
    read_only: bool = False
    grace: float = GRACE_SECONDS
    say: Callable[[str], None] = print
    ready: Callable[[str], None] = print
    _signals: list[int] = field(default_factory=list)
    _forbidden: list[AclueError] = field(default_factory=list)
    _looked: float = 0.0
    _unasked: float = float("-inf")
    _served: bool = False

    @property
    def url(self) -> str:
        """Where this machine reaches it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)
        return f"http://{host}:{self.port}{self.prefix}"

    def run(self) -> None:
        """Raises ServerFailed where a member keeps dying before all is served; the others are ended then, too."""
        # A handler of our own, whatever was inherited: a shell starts background jobs with SIGINT ignored, which
        # would pass through us to Dagster, and Dagster makes SIGTERM behave like SIGINT.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._received)
        private = Path(tempfile.mkdtemp(prefix=_PRIVATE))  # short and 0700: a socket's path has at most 107 bytes
        code_socket = self._known(private / "code.sock")
        members = self._members(private, code_socket)
        try:
            self._serve(members, code_socket)
        finally:
            self._end(members, code_socket)
            shutil.rmtree(private, ignore_errors=True)
        if self._forbidden:
            raise self._forbidden[0]

    def forbid(self, why: AclueError) -> None:
        """From another thread: end, and `run` raises `why`."""
        self._forbidden.append(why)
        self._signals.append(signal.SIGTERM)

    def _received(self, number: int, _frame: FrameType | None) -> None:
        self._signals.append(number)

    def _known(self, served: Path) -> Path:
        """By which path the socket is asked: the same at each start, where it can be, since a run keeps it for whoever asks what became
        of the run. Served it is under another one each time: what a former code server leaves, or still removes, is not ours."""
        link = self.home.resolve() / "ui-code"
        if self.read_only or not re.fullmatch(r"[\w./-]{1,97}", str(link), re.ASCII):  # gRPC takes paths for URLs
            return served
        if link.is_symlink() and link.readlink().name.startswith(_PRIVATE):
            shutil.rmtree(link.readlink(), ignore_errors=True)  # of one that was killed
        link.unlink(missing_ok=True)
        link.symlink_to(served.parent)
        return link / served.name

    def _members(self, private: Path, code_socket: Path) -> dict[str, Member]:
        workspace = private / "workspace.yaml"
        workspace.write_text(f"load_from: [{{grpc_server: {{socket: {code_socket}, location_name: {LOCATION}}}}}]\n")
        logs = self.logs
        logs.mkdir(parents=True, exist_ok=True)
        serve = ["-m", MODULE, "-a", "defs", "--location-name", LOCATION, "--socket", str(private / code_socket.name)]
        look = ["-w", str(workspace)]
        web = ["--host", self.host, "--port", str(self.port), *(["--read-only"] if self.read_only else [])]
        commands = {
            "code-server": ["dagster", "code-server", "start", *serve],
            "webserver": ["aclue_pipeline.cli.guard", *look, *web],
            # The lock that a daemon takes is ours already.
            **({} if self.read_only else {"daemon": ["aclue_pipeline.cli.daemon", "--supervised", "run", *look]}),
        }
        members = {
            name: Member(name, [sys.executable, "-m", *command], logs / f"{name}.log")
            for name, command in commands.items()
        }
        for member in members.values():
            member.turn_log(longer_than=0)
        return members

    @property
    def logs(self) -> Path:
        return self.home / (f"{LOGS}-read-only" if self.read_only else LOGS)

    def _serve(self, members: dict[str, Member], code_socket: Path) -> None:
        members["code-server"].start(self.environment)
        # Everybody imports Dagster for seconds; but who looks for the code before it is served logs a stack trace.
        self._until(members, lambda: _listens(code_socket))
        members["webserver"].start(self.environment)
        self._until(members, self._is_loaded)
        if not self._signals:
            if not self.read_only:
                members["daemon"].start(self.environment)  # last, since nobody waits for it
            self._served = True
            self.ready(self.url)
        while not self._signals:
            self._restart_the_dead(members)
            self._look(members, code_socket)
            time.sleep(_POLL_SECONDS)

    def _until(self, members: dict[str, Member], done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not self._signals and not done():
            self._restart_the_dead(members)
            if time.monotonic() > deadline:
                raise ServerFailed(f"the UI does not answer after {_START_SECONDS:.0f} s; its logs are in {self.logs}")
            time.sleep(_POLL_SECONDS)

    def _restart_the_dead(self, members: dict[str, Member]) -> None:
        """Whoever died comes back: ever more slowly where it keeps dying, or not at all where that is so from the start."""
        for member in members.values():
            if member.died and time.monotonic() >= member.due:
                self._replace(member, "died")

    def _replace(self, member: Member, why: str) -> None:
        member.false_starts = 1 + (member.false_starts if time.monotonic() - member.started < _STEADY_SECONDS else 0)
        if self._served:  # what keeps it from starting, such as a database that is down, may pass
            member.due = time.monotonic() + min(2.0**member.false_starts, _MOST_PATIENT_SECONDS)
        elif member.false_starts >= _MAX_FALSE_STARTS:
            raise ServerFailed(f"the {member.name} keeps dying: {member.last_words()} (its log is {member.log})")
        again = f" ({member.last_words()})" if member.false_starts > 1 else ""
        self.say(f"the {member.name} {why}; starting it again{again}")
        member.kill()
        member.start(self.environment)

    def _look(self, members: dict[str, Member], code_socket: Path) -> None:
        """A process that lives may be deaf, or have lost the child that knew the answers (to the kernel, when memory ran out)."""
        doubt = any(member.refusals for member in members.values())
        if time.monotonic() - self._looked < (_DOUBT_SECONDS if doubt else _LOOK_SECONDS):
            return
        answers = {
            "code-server": lambda: code_answers(code_socket),
            "webserver": self._lists_assets,
            "daemon": self._daemon_lives,
        }
        for name, member in members.items():
            member.turn_log()
            if answers[name]():
                member.refusals, member.answered = 0, True
            elif member.answered or time.monotonic() - member.started > _START_SECONDS:
                member.refusals += 1
                if member.refusals >= _REFUSALS:
                    self._replace(member, "no longer answers")
        self._looked = time.monotonic()

    def _lists_assets(self) -> bool:
        try:
            return loaded(self.url)[0]
        except _SILENCE:
            return False

    def _daemon_lives(self) -> bool:
        try:
            return min(silent_for(self.url), time.monotonic() - self._unasked) < _SILENT_SECONDS
        except _SILENCE:  # who cannot be asked does not make it hang; nor could it say that it lives
            self._unasked = time.monotonic()
            return True

    def _is_loaded(self) -> bool:
        """Whether the UI shows our definitions, or, where they cannot be loaded, the reason (which is then said here, too)."""
        try:
            done, why, _ = loaded(self.url)
        except _SILENCE:
            return False
        if why:
            self.say(f"the definitions do not load: {why}")
        return done

    # --- the end

    def _end(self, members: dict[str, Member], code_socket: Path) -> None:
        if "daemon" in members:
            members["daemon"].end()  # first: it would start what is queued
            if not members["webserver"].died and members["webserver"].process is not None:
                self._cancel_runs(members["code-server"], code_socket)
        for member in members.values():
            member.signal(signal.SIGTERM)
        for member in members.values():
            member.end()

    def _cancel_runs(self, code_server: Member, code_socket: Path) -> None:
        """Ask every run of ours to end; after the grace, or a second signal, record it as cancelled all the same."""
        impatient = len(self._signals) + 1
        try:
            runs = self._our_runs(code_socket)
            if not runs:
                return
            self.say(f"cancelling {len(runs)} run{'s' if len(runs) > 1 else ''} (up to {self.grace:.0f} s)")
            self._terminate(runs, "SAFE_TERMINATE")
            code_server.signal_former(signal.SIGTERM)
            deadline = time.monotonic() + self.grace
            while (
                (runs := self._our_runs(code_socket)) and time.monotonic() < deadline and len(self._signals) < impatient
            ):
                time.sleep(_POLL_SECONDS)
            if runs:
                self._terminate(runs, "MARK_AS_CANCELED_IMMEDIATELY")
        except _SILENCE as error:
            self.say(f"the webserver no longer answers ({error}); runs are ended by signal")

    def _our_runs(self, code_socket: Path) -> list[str]:
        """Those of our code server, by the tag that the launcher gives them, and what is queued, unless another one schedules it.
        Others are somebody else's, such as a command's in another shell."""
        launched = {"key": ".dagster/grpc_info", "value": json.dumps({"host": "localhost", "socket": str(code_socket)})}
        filters = [{"statuses": _RUNNING, "tags": [launched]}]
        if not self._forbidden:
            filters.append({"statuses": ["QUEUED"]})
        found = [
            ask(
                self.url,
                "query($f: RunsFilter!) { runsOrError(filter: $f) { ... on Runs { results { runId } } } }",
                f=one,
            )
            for one in filters
        ]
        return [run["runId"] for answer in found for run in answer["runsOrError"]["results"]]

    def _terminate(self, runs: list[str], policy: str) -> None:
        ask(
            self.url,
            "mutation($r: [String!]!, $p: TerminateRunPolicy) { terminateRuns(runIds: $r, terminatePolicy: $p) { __typename } }",
            r=runs,
            p=policy,
        )


def free_port(wanted: int, host: str = "127.0.0.1") -> int:
    """`wanted`, or the next port that nobody listens on. Raises ServerFailed where a hundred are taken, or `host` is elsewhere."""
    for port in range(wanted, min(wanted + 100, 65536)):
        try:
            [(family, *_, address), *_] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
                return port
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise ServerFailed(
                    f"nothing can listen on {host}: {error.strerror}; is it an address of this machine?"
                ) from None
    raise ServerFailed(f"no port from {wanted} on is free; name another with --port or ACLUE_UI_PORT")


def holder(port: int) -> str:
    """Who listens on the port, as far as this user may know."""
    for one in psutil.net_connections("tcp"):
        if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port and one.pid:
            with contextlib.suppress(psutil.Error):
                return f"{psutil.Process(one.pid).name()} (process {one.pid})"
    return "somebody else"


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True
