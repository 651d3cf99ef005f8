"""The family of processes behind `aclue ui`: code server, webserver, daemon. They start together, come back when one dies,
and end together: runs are cancelled first, and nobody is left behind. What they serve is not decided here.

Why not `dagster dev`: it starts a code server each for webserver and daemon (10.6 s to the first answer against 4.2 s here,
two cores), dies with its daemon, leaves runs and code servers alive when it ends, and cannot be ended by SIGTERM where a
shell started it in the background."""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from aclue_pipeline.errors import ServerFailed
from aclue_pipeline.settings import LOCATION

MODULE = "aclue_pipeline.definitions"
LOGS = "ui-logs"  # not `logs`: Dagster takes that for its telemetry's and deletes it

GRACE_SECONDS = 30.0  # for runs to end by themselves once they are cancelled
_EXIT_SECONDS = 5.0  # for a process to end after SIGTERM
_START_SECONDS = 120.0
_POLL_SECONDS = 0.1
_STEADY_SECONDS = 20.0  # a member that lived this long did start
_MAX_FALSE_STARTS = 5

_UNFINISHED = ["QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING"]


@dataclass
class Member:
    """One process with a process group of its own, so that its children can be found when it is gone."""

    name: str
    command: list[str]
    log: Path
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    false_starts: int = 0

    def start(self, environment: Mapping[str, str]) -> None:
        self.started = time.monotonic()
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True, preexec_fn=_end_with_parent,
            )  # fmt: skip

    @property
    def died(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def signal(self, number: int) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):  # it has ended by itself
                os.killpg(self.process.pid, number)

    @property
    def gone(self) -> bool:
        """Whether nobody of its group is left."""
        if self.process is None:
            return True
        self.process.poll()  # reaps the leader, which would count as a member for ever
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return True
        return False

    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines() if self.log.exists() else []
        return lines[-1].strip() if lines else "it left no log"


@dataclass
class Family:
    """`run()` starts everybody, calls `ready(url)` once the UI answers, and returns when a signal has ended the whole.

    `environment` is the members' whole environment; `home` holds the logs. Runs get `grace` seconds to end.
    """

    home: Path
    port: int
    environment: Mapping[str, str]
    read_only: bool = False
    grace: float = GRACE_SECONDS
    say: Callable[[str], None] = print
    ready: Callable[[str], None] = print
    _signals: list[int] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def run(self) -> None:
        """Raises ServerFailed where a member dies again and again; the others are ended then, too."""
        # A handler of our own, whatever was inherited: a shell starts background jobs with SIGINT ignored, which
        # would pass through us to Dagster, and Dagster makes SIGTERM behave like SIGINT.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._received)
        private = Path(tempfile.mkdtemp(prefix="aclue-ui-"))  # short and 0700: a socket's path has at most 107 bytes
        members = self._members(private)
        try:
            self._serve(members, private / "code.sock")
        finally:
            self._end(members)
            shutil.rmtree(private, ignore_errors=True)

    def _received(self, number: int, _frame: FrameType | None) -> None:
        self._signals.append(number)

    def _members(self, private: Path) -> dict[str, Member]:
        code_socket, workspace = private / "code.sock", private / "workspace.yaml"
        workspace.write_text(f"load_from: [{{grpc_server: {{socket: {code_socket}, location_name: {LOCATION}}}}}]\n")
        logs = self.home / LOGS
        logs.mkdir(parents=True, exist_ok=True)
        serve = ["-m", MODULE, "-a", "defs", "--location-name", LOCATION, "--socket", str(code_socket)]
        look = ["-w", str(workspace)]
        web = ["--host", "127.0.0.1", "--port", str(self.port), *(["--read-only"] if self.read_only else [])]
        commands = {
            "code-server": ["dagster", "code-server", "start", *serve],
            "webserver": ["aclue_pipeline.cli.guard", "--workspace", str(workspace), *web],
            "daemon": ["dagster._daemon", "run", *look],
        }
        for name in commands:
            (logs / f"{name}.log").write_bytes(b"")
        return {
            name: Member(name, [sys.executable, "-m", *command], logs / f"{name}.log")
            for name, command in commands.items()
        }

    def _serve(self, members: dict[str, Member], code_socket: Path) -> None:
        members["code-server"].start(self.environment)
        # Everybody imports Dagster for seconds; but who looks for the code before it is served logs a stack trace.
        self._until(members, lambda: _answers(code_socket))
        members["webserver"].start(self.environment)
        self._until(members, self._is_loaded)
        if not self._signals:
            members["daemon"].start(self.environment)  # last, since nobody waits for it
            self.ready(self.url)
        while not self._signals:
            self._restart_the_dead(members)
            time.sleep(_POLL_SECONDS)

    def _until(self, members: dict[str, Member], done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not self._signals and not done():
            self._restart_the_dead(members)
            if time.monotonic() > deadline:
                raise ServerFailed(
                    f"the UI does not answer after {_START_SECONDS:.0f} s; its logs are in {self.home / LOGS}"
                )
            time.sleep(_POLL_SECONDS)

    def _restart_the_dead(self, members: dict[str, Member]) -> None:
        """Whoever died comes back, unless it keeps dying."""
        for member in members.values():
            if not member.died:
                continue
            member.false_starts = 1 + (
                member.false_starts if time.monotonic() - member.started < _STEADY_SECONDS else 0
            )
            if member.false_starts >= _MAX_FALSE_STARTS:
                raise ServerFailed(f"the {member.name} keeps dying: {member.last_words()} (its log is {member.log})")
            self.say(f"the {member.name} died; starting it again")
            _end_group(member)
            member.start(self.environment)

    # --- the end

    def _end(self, members: dict[str, Member]) -> None:
        _end_group(members["daemon"])  # first: it would start what is queued
        if not members["webserver"].died and members["webserver"].process is not None:
            self._cancel_runs()
        for member in members.values():
            member.signal(signal.SIGTERM)
        for member in members.values():
            _end_group(member)

    def _cancel_runs(self) -> None:
        """Ask every unfinished run to end; after the grace, or a second signal, record it as cancelled all the same."""
        impatient = len(self._signals) + 1
        try:
            runs = self._unfinished_runs()
            if not runs:
                return
            self.say(f"cancelling {len(runs)} run{'s' if len(runs) > 1 else ''} (up to {self.grace:.0f} s)")
            self._terminate(runs, "SAFE_TERMINATE")
            deadline = time.monotonic() + self.grace
            while (runs := self._unfinished_runs()) and time.monotonic() < deadline and len(self._signals) < impatient:
                time.sleep(_POLL_SECONDS)
            if runs:
                self._terminate(runs, "MARK_AS_CANCELED_IMMEDIATELY")
        except (OSError, ValueError, KeyError, TypeError) as error:
            self.say(f"the webserver no longer answers ({error}); runs are ended by signal")

    def _unfinished_runs(self) -> list[str]:
        answer = self._ask(
            "query($s: [RunStatus!]) { runsOrError(filter: {statuses: $s}) { ... on Runs { results { runId } } } }",
            s=_UNFINISHED,
        )
        return [run["runId"] for run in answer["runsOrError"]["results"]]

    def _terminate(self, runs: list[str], policy: str) -> None:
        self._ask(
            "mutation($r: [String!]!, $p: TerminateRunPolicy) { terminateRuns(runIds: $r, terminatePolicy: $p) { __typename } }",
            r=runs,
            p=policy,
        )

    # --- the webserver's answers

    def _is_loaded(self) -> bool:
        """Whether the UI shows our definitions, or, where they cannot be loaded, the reason (which is then said here, too)."""
        try:
            entries = self._ask(
                """{ workspaceOrError { ... on Workspace { locationEntries { loadStatus locationOrLoadError {
                       __typename ... on PythonError { message } } } } } }"""
            )["workspaceOrError"]["locationEntries"]
        except (OSError, ValueError, KeyError, TypeError):
            return False
        loaded = [entry["locationOrLoadError"] for entry in entries if entry["loadStatus"] == "LOADED"]
        for location in loaded:
            if location and location["__typename"] == "PythonError":
                self.say(f"the definitions do not load: {location['message'].strip().splitlines()[0]}")
        return bool(loaded)

    def _ask(self, query: str, **variables: Any) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as response:
            answer: dict[str, Any] = json.load(response)["data"]
        return answer


def free_port(wanted: int) -> int:
    """`wanted`, or the next port that nobody listens on. Raises ServerFailed where a hundred are taken."""
    for port in range(wanted, min(wanted + 100, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):  # somebody has it: that is what is asked
                probe.bind(("127.0.0.1", port))
                return port
    raise ServerFailed(f"no port from {wanted} on is free; name another with --port or ACLUE_UI_PORT")


def holder(port: int) -> str:
    """Who listens on the port, as far as this user may know."""
    for one in psutil.net_connections("tcp"):
        if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port and one.pid:
            with contextlib.suppress(psutil.Error):
                return f"{psutil.Process(one.pid).name()} (process {one.pid})"
    return "somebody else"


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


def _end_group(member: Member) -> None:
    member.signal(signal.SIGTERM)
    deadline = time.monotonic() + _EXIT_SECONDS
    while not member.gone:
        if time.monotonic() > deadline:
            member.signal(signal.SIGKILL)
        time.sleep(0.05)


def _end_with_parent() -> None:
    """In the child: should the supervisor be killed outright, the kernel (Linux) ends the child as well."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # 1 = PR_SET_PDEATHSIG
