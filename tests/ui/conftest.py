"""A UI as `aclue ui` starts it, on a real server, once for all tests here; and the system's Chromium."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pytest

from aclue_pipeline.postgres import Database
from aclue_pipeline.postgres.server import SUPERUSER, EmbeddedServer
from tests.libpq import HOSTILE
from tests.support.browser import chromium
from tests.support.catalogs import CATALOG

ACLUE = "from aclue_pipeline.cli import main; main()"
START_SECONDS = 90  # how long a test waits; how quick it must be is a test of its own


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Ui:
    """One `aclue ui` and what it said."""

    home: Path
    database: Database
    process: "subprocess.Popen[str]"
    output: IO[str]
    url: str = ""
    seconds: float = 0.0
    ids: dict[str, Any] = field(default_factory=dict)

    def said(self) -> str:
        return Path(self.output.name).read_text()

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """GraphQL; an error of it is an error of the test."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as response:
            answer = json.load(response)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def launch(self, job: str, config: dict[str, Any] | None = None, tags: dict[str, str] | None = None) -> str:
        """The id of a new run of the job."""
        answer = self.ask(
            """mutation($e: ExecutionParams!) { launchRun(executionParams: $e) {
                 __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }""",
            e={
                "selector": {
                    "repositoryLocationName": "aclue_pipeline",
                    "repositoryName": "__repository__",
                    "jobName": job,
                },
                "runConfigData": config or {},
                "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in (tags or {}).items()]},
            },
        )["launchRun"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return answer["run"]["runId"]

    def status(self, run: str) -> str:
        return self.ask("query($r: ID!) { runOrError(runId: $r) { ... on Run { status } } }", r=run)["runOrError"][
            "status"
        ]

    def until(self, run: str, statuses: set[str], seconds: float = 60) -> str:
        deadline = time.monotonic() + seconds
        while (status := self.status(run)) not in statuses:
            assert time.monotonic() < deadline, f"the run is {status} after {seconds} s"
            time.sleep(0.2)
        return status

    def family(self) -> dict[int, str]:
        """Every process that was started for this data directory: pid → command line."""
        marker = f"ACLUE_HOME={self.home}".encode()
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it ended while we looked
                if marker in (folder / "environ").read_bytes().split(b"\0"):
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        return found


def new_database(server: EmbeddedServer, name: str, deploy: bool = True) -> Database:
    """The app in shape A, with our tables."""
    from aclue_pipeline import derived, schema
    from aclue_pipeline.postgres import app

    server.drop_database(name)
    server.create_database(name)
    app.install(server.url(name, SUPERUSER), shape="a")
    database = Database(server.url(name))
    if deploy:
        schema.deploy(database)
        derived.ensure_tables(database, CATALOG)
    return database


def start(
    server: EmbeddedServer, home: Path, database: Database, storage: str, *arguments: str, again: bool = False
) -> Ui:
    """`aclue ui` in the background of a non-interactive shell, as a Makefile or CI would start it: SIGINT ignored (trap 11)."""
    home.mkdir(parents=True, exist_ok=True)
    if not again:
        server.drop_database(storage)
        server.create_database(storage)
    # Told by ACLUE_HOME, which only this UI's processes have.
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("ACLUE_", "DAGSTER_"))},
        **HOSTILE,  # every test of the UI is one that PG* variables reach none of its processes
        "ACLUE_HOME": str(home),
        "ACLUE_DATABASE_URL": database.url,
        "ACLUE_DAGSTER_URL": server.url(storage).replace("postgresql://", "postgres://"),
        "ACLUE_UI_HOSTS": "ui.example.com, pipeline.example.com",
    }
    output = (home / "said").open("w")
    process = subprocess.Popen(
        [sys.executable, "-c", ACLUE, "ui", *arguments],
        env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, text=True, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )  # fmt: skip
    ui = Ui(home, database, process, output)
    begin = time.monotonic()
    while "http://" not in ui.said():
        if process.poll() is not None or time.monotonic() - begin > START_SECONDS:
            process.terminate()
            process.wait(60)
            raise AssertionError(ui.said())
        time.sleep(0.05)
    ui.seconds = time.monotonic() - begin
    ui.url = next(word for word in ui.said().split() if word.startswith("http://"))
    return ui


@pytest.fixture(scope="session")
def ui(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    database = new_database(server, "ui_app")
    ui = start(server, tmp_path_factory.mktemp("ui") / "home", database, "ui_dagster", "--port", str(free_port()))
    yield ui
    ui.process.terminate()
    ui.process.wait(60)
    database.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    page = browser.new_page(viewport={"width": 1600, "height": 1000})
    page.set_default_timeout(30_000)
    yield page
    page.close()
