"""Code server, webservers and daemon as the chart's commands start them in the image, on an instance as the chart writes it, and
Debian's nginx in front by the recipe."""

import base64
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
import yaml
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from aclue_pipeline.errors import AlreadyRunning
from aclue_pipeline.postgres.server import EmbeddedServer
from tests.deploy import chart
from tests.deploy.test_files import DEPLOY, tool
from tests.ui.conftest import free_port

pytestmark = [pytest.mark.database, pytest.mark.slow]

HOST = "pipeline.example.com"
UNVERIFIED = ssl._create_unverified_context()
LOADED = "{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus } } } version }"
ASSETS = "{ assetNodes { description } }"
LAUNCH = 'mutation { deletePipelineRun(runId: "none") { __typename } }'


class Stack(NamedTuple):
    """Ports of what runs, and the environment and folder to start more."""

    web: int
    looking: int
    nginx: int
    environment: dict[str, str]
    folder: Path


@pytest.fixture(scope="module")
def stack(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("image")
    code_port, web, looking, nginx = (free_port() for _ in range(4))
    environment = _image(folder, server)
    given = chart.values()
    given["dagsterWebserver"]["workspace"]["servers"][0] |= {"host": "127.0.0.1", "port": code_port}
    given["dagster-user-deployments"]["deployments"][0]["port"] = code_port
    (folder / "workspace.yaml").write_text(yaml.safe_dump(chart.workspace(given)))
    storage = psycopg.conninfo.conninfo_to_dict(server.url("chart_storage"))
    given["postgresql"] |= {
        "postgresqlHost": storage["host"], "postgresqlUsername": storage["user"], "postgresqlDatabase": storage["dbname"],
        "postgresqlParams": {}, "service": {"port": int(storage["port"])},
    }  # fmt: skip
    environment["DAGSTER_PG_PASSWORD"] = storage["password"]
    (folder / "home" / "dagster.yaml").write_text(yaml.safe_dump(chart.instance(given)))

    def shell(command: str) -> list[str]:
        return ["bash", "-c", command.replace(chart.WORKSPACE, str(folder / "workspace.yaml"))]

    def listening(port: int, read_only: bool = False) -> list[str]:
        served = given["dagsterWebserver"] | {"service": {"port": port}}
        return shell(chart.webserver(given | {"dagsterWebserver": served}, read_only))

    server.drop_database("chart_storage")
    server.create_database("chart_storage")
    commands = [
        (chart.code(given), "/pipeline"), (shell(chart.daemon()), "/pipeline"),
        (listening(web), "/pipeline"), (listening(looking, read_only=True), "/numbers"),
        ([tool("nginx"), "-p", str(folder), "-c", _nginx(folder, web, looking, nginx), "-g", "daemon off;"], ""),
    ]  # fmt: skip
    environment["ACLUE_DATABASE_URL"] = server.url("postgres")  # named, and asked nothing: no run starts
    said = (folder / "said").open("w")
    started = [
        subprocess.Popen(
            command, env=environment | {"ACLUE_UI_PREFIX": prefix}, cwd=folder, stdout=said, stderr=said, start_new_session=True
        )
        for command, prefix in commands
    ]  # fmt: skip
    try:
        # The code server answers, with nothing, before it has loaded anything.
        _until(lambda: _ask(web, "/pipeline", ASSETS)["assetNodes"] and _ask(looking, "/numbers", ASSETS)["assetNodes"])
        yield Stack(web, looking, nginx, environment, folder)
    finally:
        for process in started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in started:
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    server.drop_database("chart_storage")


def _image(folder: Path, server: EmbeddedServer) -> dict[str, str]:
    """The environment of the image, its names first in PATH, with this Python for the image's."""
    (folder / "names").mkdir()
    for name in (DEPLOY / "bin").iterdir():
        copy = folder / "names" / name.name
        copy.write_text(name.read_text().replace("/opt/aclue/bin/python", sys.executable))
        copy.chmod(0o755)
    (folder / "home").mkdir(mode=0o700)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ACLUE_", "DAGSTER_", "PG"))}
    return kept | {
        "PATH": f"{folder / 'names'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "ACLUE_HOME": str(folder / "home"), "DAGSTER_HOME": str(folder / "home"), "HOME": "/",
        "ACLUE_UI_HOSTS": HOST,
    }  # fmt: skip


def _nginx(folder: Path, web: int, looking: int, port: int) -> str:
    """The recipe with ports, files and certificate of its own, as nginx.conf includes it."""
    run = [tool("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={HOST}"]
    subprocess.run(
        [*run, "-keyout", folder / "aclue.key", "-out", folder / "aclue.crt"], check=True, capture_output=True
    )
    for who in ("operators", "analysts"):
        hashed = subprocess.run(
            ["openssl", "passwd", "-6", f"{who}' word"], check=True, capture_output=True, text=True
        ).stdout
        (folder / f"aclue.{who}").write_text(f"{who}:{hashed}")
    recipe = (DEPLOY / "nginx" / "aclue.conf").read_text()
    for ours, theirs in (
        ("/etc/nginx/", f"{folder}/"),
        (":3000", f":{web}"),
        (":3100", f":{looking}"),
        ("listen 443", f"listen 127.0.0.1:{port}"),
    ):
        assert ours in recipe
        recipe = recipe.replace(ours, theirs)
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user} pid {folder}/nginx.pid; error_log {folder}/nginx.log; events {{}} http {{ access_log off; {temporary}\n{recipe}\n}}"
    )
    return str(folder / "nginx.conf")


def _until(done: Any) -> None:
    end = time.monotonic() + 120
    while True:
        with suppress(OSError, ValueError, KeyError, TypeError, IndexError):
            if done():
                return
        assert time.monotonic() < end
        time.sleep(0.2)


def _get(url: str, data: bytes | None = None, **headers: str) -> tuple[int, str]:
    asked = urllib.request.Request(url, data, {name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(asked, timeout=30, context=UNVERIFIED) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")


def _ask(port: int, prefix: str, query: str, **headers: str) -> dict[str, Any]:
    body = json.dumps({"query": query}).encode()
    status, said = _get(f"http://127.0.0.1:{port}{prefix}/graphql", body, content_type="application/json", **headers)
    assert status == 200, said
    return json.loads(said)["data"]


def _login(who: str) -> str:
    return "Basic " + base64.b64encode(f"{who}:{who}' word".encode()).decode()


def test_the_charts_commands_are_ours_and_answer_its_probes(stack: Stack) -> None:
    [entry] = _ask(stack.web, "/pipeline", LOADED)["workspaceOrError"]["locationEntries"]
    assert entry == {"name": "aclue_pipeline", "loadStatus": "LOADED"}
    probe = chart.values()["dagsterWebserver"]["readinessProbe"]["httpGet"]
    headers = {one["name"]: one["value"] for one in probe["httpHeaders"]}
    url = f"http://127.0.0.1:{stack.web}/pipeline{probe['path']}"
    assert _get(url, **headers)[0] == 200
    assert _get(url, Host="10.1.2.3:3000")[0] == 421, "the guard, to which a probe without Host is a stranger"


def test_links_that_the_code_server_makes_lead_under_the_path(stack: Stack) -> None:
    said = json.dumps(_ask(stack.web, "/pipeline", ASSETS))
    links = re.findall(r"\]\((/[^/)]+/[^/)#?]+)", said)
    assert "/pipeline/atlas" in links
    assert {link.split("/")[1] for link in links} == {"pipeline"}


def test_a_second_daemon_is_refused_by_the_first_ones_lock(stack: Stack) -> None:
    second = subprocess.run(
        ["bash", "-c", chart.daemon().replace(chart.WORKSPACE, str(stack.folder / "workspace.yaml"))],
        env=stack.environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert second.returncode == AlreadyRunning.exit_code, second.stderr
    assert "schedules on Dagster's storage chart_storage already" in second.stderr


def test_behind_nginx_nobody_comes_in_without_a_password_and_the_guard_holds(stack: Stack) -> None:
    at, me = f"https://127.0.0.1:{stack.nginx}", f"{HOST}:{stack.nginx}"
    assert _get(f"{at}/pipeline/", Host=me)[0] == 401
    assert _get(f"{at}/numbers/", Host=me, Authorization=_login("operators"))[0] == 401, (
        "analysts have a file of their own"
    )
    assert _get(f"{at}/pipeline/", Host=me, Authorization=_login("analysts"))[0] == 401
    status, page = _get(f"{at}/pipeline/", Host=me, Authorization=_login("operators"))
    assert status == 200
    [script] = re.findall(r'src="(/pipeline/[^"]+\.js)"', page)[:1]
    assert _get(f"{at}{script}", Host=me, Authorization=_login("operators"))[0] == 200
    assert _get(f"{at}/pipeline/", Host="evil.example", Authorization=_login("operators"))[0] == 421
    body = json.dumps({"query": LAUNCH}).encode()
    post = {"Host": me, "Authorization": _login("operators"), "Content_Type": "application/json"}
    assert _get(f"{at}/pipeline/graphql", body, **post, Origin="https://evil.example")[0] == 403
    assert "RunNotFoundError" in _get(f"{at}/pipeline/graphql", body, **post, Origin=f"https://{me}")[1]


def test_analysts_look_and_change_nothing(stack: Stack) -> None:
    at, me = f"https://127.0.0.1:{stack.nginx}", f"{HOST}:{stack.nginx}"
    headers = {"Host": me, "Authorization": _login("analysts"), "Content_Type": "application/json"}
    said = _get(f"{at}/numbers/graphql", json.dumps({"query": LAUNCH}).encode(), **headers)
    assert "UnauthorizedError" in said[1], said
    assert "/numbers/" in _get(f"{at}/numbers/", **headers)[1]


def test_websockets_come_through_nginx_for_the_uis_own_pages(stack: Stack) -> None:
    def opened(origin: str, **headers: str) -> Any:
        return connect(
            f"wss://{HOST}:{stack.nginx}/pipeline/graphql", sock=socket.create_connection(("127.0.0.1", stack.nginx)),
            origin=origin, ssl=UNVERIFIED, subprotocols=["graphql-ws"], additional_headers=headers,  # type: ignore[arg-type, list-item]
        )  # fmt: skip

    with opened(f"https://{HOST}:{stack.nginx}", Authorization=_login("operators")) as opened_one:
        opened_one.send(json.dumps({"type": "connection_init"}))
        assert json.loads(opened_one.recv(10))["type"] == "connection_ack"
    for origin, headers, status in (
        ("https://evil.example", {"Authorization": _login("operators")}, 403),
        (f"https://{HOST}:{stack.nginx}", {}, 401),
    ):
        with pytest.raises(InvalidStatus) as refused:
            opened(origin, **headers)
        assert refused.value.response.status_code == status
