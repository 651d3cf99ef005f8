"""The guard in front of the webserver. Each attack is made twice: on `dagster-webserver` as it comes, where it must work (or it
would prove nothing), and on the UI, where it must change nothing and be told why in one line."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from http.client import HTTPConnection
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

import pytest

from aclue_pipeline.errors import SettingsError
from aclue_pipeline.settings import get_settings

from .conftest import START_SECONDS, Ui, free_port

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="looks into /proc")

JSON = {"Content-Type": "application/json"}
LIMITS = "{ instance { concurrencyLimits { concurrencyKey } } }"


@pytest.fixture(scope="module")
def plain(ui: Ui, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    """Dagster's webserver without the guard, on the same storage and the same code server."""
    command = next(command for command in ui.family().values() if "cli.guard" in command)
    workspace = re.search(r"\S+/workspace\.yaml", command).group()
    lines = (ui.home / "environment").read_text().splitlines()
    environment = {**os.environ, **{name: value.strip("'") for name, value in (line.split("=", 1) for line in lines)}}
    port = free_port()
    with (tmp_path_factory.mktemp("plain") / "log").open("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "dagster_webserver", "-w", workspace, "-h", "127.0.0.1", "-p", str(port)],
            env=environment, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            found = Ui(ui.home, ui.database, ui.process, ui.output, f"http://127.0.0.1:{port}")
            deadline = time.monotonic() + START_SECONDS
            while True:
                with suppress(OSError):
                    found.ask("{ version }")
                    break
                assert process.poll() is None, Path(log.name).read_text()
                assert time.monotonic() < deadline, Path(log.name).read_text()
                time.sleep(0.2)
            yield found
        finally:
            process.terminate()
            process.wait(30)


def send(ui: Ui, method: str, target: str, headers: dict[str, str] | None = None, body: str = "") -> tuple[int, str]:
    """Status and text of exactly this request: urllib would normalise the target and the Host."""
    address = urlsplit(ui.url)
    connection = HTTPConnection(address.hostname, address.port, timeout=60)
    connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
    headers = {"Host": address.netloc, **(headers or {})}
    if body:
        headers["Content-Length"] = str(len(body.encode()))
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders(body.encode() if body else None)
    if headers.get("Upgrade") == "websocket":
        connection.sock.settimeout(20)
        line = connection.sock.makefile("rb").readline().decode()  # what follows is frames, or the refusal
        connection.close()
        return int(line.split()[1]), line
    response = connection.getresponse()
    text = response.read().decode(errors="replace")
    connection.close()
    return response.status, text


def mutation(key: str, name: str = "") -> str:
    """One that is cheap and leaves a mark: the limit of a pool that nobody uses."""
    return f'mutation {name} {{ setConcurrencyLimit(concurrencyKey: "{key}", limit: 1) }}'


def by_get(document: str, path: str = "/graphql", **more: str) -> str:
    return f"{path}?{urlencode({'query': document, **more}, quote_via=quote)}"


def limits(ui: Ui) -> set[str]:
    return {limit["concurrencyKey"] for limit in ui.ask(LIMITS)["instance"]["concurrencyLimits"]}


def posted(key: str, **headers: str) -> tuple[str, str, dict[str, str], str]:
    return "POST", "/graphql", {**JSON, **headers}, json.dumps({"query": mutation(key)})


# What a request is, given the key of its mark: method, target, headers, body; and the status that refuses it.
ATTACKS = {
    "a mutation by GET": (405, lambda key: ("GET", by_get(mutation(key)), {}, "")),
    "a picture in a page of the UI": (
        405,
        lambda key: ("GET", by_get(mutation(key)), {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "image"}, ""),
    ),
    "a mutation behind a query": (
        405,
        lambda key: ("GET", by_get(f"query A {{ version }} {mutation(key, 'B')}", operationName="B"), {}, ""),
    ),
    "the last of two documents": (405, lambda key: ("GET", f"{by_get('{ version }')}&query={quote(mutation(key))}", {}, "")),
    "a comment before it": (405, lambda key: ("GET", by_get(f"#query {{\n,,{mutation(key)}"), {}, "")),
    "a path that only looks like another": (405, lambda key: ("GET", by_get(mutation(key), "/%67raphql%0A"), {}, "")),
    "a rebound name": (421, lambda key: posted(key, Host="rebound.example:3000")),
    "an origin on another host": (403, lambda key: posted(key, Origin="http://attacker.example")),
    "an origin on another port": (403, lambda key: posted(key, Origin="http://127.0.0.1:1")),
    "an origin that hides": (403, lambda key: posted(key, Origin="null")),
    "a cross-site fetch": (403, lambda key: posted(key, **{"Sec-Fetch-Site": "cross-site"})),
    "a same-site fetch": (403, lambda key: posted(key, **{"Sec-Fetch-Site": "same-site"})),
    "a cross-site form": (
        403,
        lambda key: posted(
            key, **{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
        ),
    ),
    "text that says JSON": (415, lambda key: posted(key, **{"Content-Type": "text/plain; application/json"})),
    "a form": (
        415,
        lambda key: ("POST", by_get(mutation(key)), {"Content-Type": "application/x-www-form-urlencoded"}, "a=b"),
    ),
    "a form with a file": (
        415,
        lambda key: ("POST", by_get(mutation(key)), {"Content-Type": "multipart/form-data; boundary=x"}, "--x--"),
    ),
    "plain text": (415, lambda key: ("POST", by_get(mutation(key)), {"Content-Type": "text/plain"}, "x")),
    "no type at all": (415, lambda key: ("POST", by_get(mutation(key)), {}, "x")),
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_that_works_on_the_plain_webserver_changes_nothing_here(ui: Ui, plain: Ui, attack: str) -> None:
    status, request = ATTACKS[attack]
    key = attack.replace(" ", "-")
    answer, text = send(ui, *request(key))
    assert (answer, key in limits(ui)) == (status, False), text
    assert re.fullmatch(r"[^\n]+: [^\n]+\n", text), "one line: what was wrong, what to do"
    assert send(plain, *request(key))[0] == 200
    assert key in limits(ui), "the attack does not even work without the guard"


@pytest.mark.slow
def test_no_run_is_started_or_ended_by_get(ui: Ui, plain: Ui) -> None:
    mine = '{ runsOrError(filter: {tags: [{key: "by", value: "attacker"}]}) { ... on Runs { results { runId } } } }'
    launch = by_get(
        """mutation { launchRun(executionParams: {
             selector: {repositoryLocationName: "aclue_pipeline", repositoryName: "__repository__", jobName: "observe"},
             executionMetadata: {tags: [{key: "by", value: "attacker"}]}}) { __typename } }"""
    )
    assert send(ui, "GET", launch)[0] == 405
    assert ui.ask(mine)["runsOrError"]["results"] == []
    with ui.database.psycopg() as pg:
        pg.execute("lock table public.products in access exclusive mode")  # the run waits for it and does not end
        assert send(plain, "GET", launch)[0] == 200
        [run] = ui.ask(mine)["runsOrError"]["results"]
        ui.until(run["runId"], {"STARTED"})
        end = by_get(f'mutation {{ terminateRuns(runIds: ["{run["runId"]}"]) {{ __typename }} }}')
        assert send(ui, "GET", end)[0] == 405
        assert ui.status(run["runId"]) == "STARTED"
        assert send(plain, "GET", end)[0] == 200
        ui.until(run["runId"], {"CANCELED"})


@pytest.mark.parametrize("kind", ["materialization", "observation", "check"])
def test_no_event_of_an_asset_is_forged(ui: Ui, plain: Ui, kind: str) -> None:
    """These routes take everything from the address, and no content type."""
    target = f"/report_asset_{kind}/forged/{kind}?passed=true&check_name=c"
    for status, headers in [(415, {}), (403, {**JSON, "Origin": "http://attacker.example"}), (421, {"Host": "x"})]:
        assert send(ui, "POST", target, headers)[0] == status
    assert send(ui, "GET", target)[1].startswith("<!"), "by GET these addresses are pages of the UI"
    assert send(plain, "POST", target)[0] == 200, "it works without the guard"
    assert send(ui, "POST", target, JSON, "{}")[0] == 200, "a script of ours may"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://attacker.example"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "rebound.example", "Origin": "http://rebound.example"}, 421),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "websocket"}, 403),
    ],
)
def test_no_other_sites_page_listens(ui: Ui, plain: Ui, headers: dict[str, str], status: int) -> None:
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Protocol": "graphql-ws",
    }
    assert send(ui, "GET", "/graphql", upgrade | headers)[0] == status
    assert send(plain, "GET", "/graphql", upgrade | headers)[0] == 101
    assert send(ui, "GET", "/graphql", upgrade | {"Origin": ui.url})[0] == 101
    assert send(ui, "GET", "/graphql", upgrade)[0] == 101, "no browser sends an upgrade without Origin"


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"])
def test_no_other_method_runs_a_mutation(ui: Ui, method: str) -> None:
    assert send(ui, method, by_get(mutation(method)), {"Origin": ui.url})[0] == 405
    assert method not in limits(ui)


@pytest.mark.parametrize("document", ["", "{", "{ version } }", "subscription { x }", "type A { b: C }", "{" * 20_000])
def test_by_get_only_what_is_certainly_a_query_is_answered(ui: Ui, document: str) -> None:
    status, text = send(ui, "GET", by_get(document))
    assert (status, text.count("\n")) == (405, 1)


@pytest.mark.parametrize("target", ["/graphql?extensions=%7B%22persistedQuery%22%3A%7B%7D%7D", "/graphql?id=1"])
def test_there_are_no_persisted_documents(ui: Ui, target: str) -> None:
    assert send(ui, "GET", target)[0] == 400


def test_a_query_by_get_is_answered(ui: Ui) -> None:
    status, text = send(ui, "GET", by_get("query A { ...v } fragment v on Query { version }"))
    assert (status, list(json.loads(text)["data"])) == (200, ["version"])


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:3000", "ui.example.com:443", "Pipeline.example.com"]
)
def test_the_ui_answers_to_its_own_names(ui: Ui, host: str) -> None:
    assert send(ui, "GET", "/server_info", {"Host": host})[0] == 200


@pytest.mark.parametrize(
    "host", ["", "rebound.example", "localhost.rebound.example", "localhost@rebound.example", "0.0.0.0", "127.0.0.1:x"]
)
def test_the_ui_answers_to_no_other_name(ui: Ui, host: str) -> None:
    status, text = send(ui, "GET", "/server_info", {"Host": host})
    assert status == 421
    assert "ACLUE_UI_HOSTS" in text


@pytest.mark.parametrize("value", ["https://ui.example.com", "ui.example.com:443", "*", "a b"])
def test_a_name_that_can_be_no_host_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("ACLUE_UI_HOSTS", f"localhost,{value}")
    get_settings.cache_clear()
    with pytest.raises(SettingsError, match=r"ACLUE_UI_HOSTS: .* is no host name"):
        get_settings()


def test_behind_a_proxy_its_own_page_may_post(ui: Ui) -> None:
    """The proxy speaks TLS and keeps the Host header."""
    headers = {**JSON, "Host": "ui.example.com", "Origin": "https://ui.example.com", "Sec-Fetch-Site": "same-origin"}
    assert send(ui, "POST", "/graphql", headers, '{"query": "{ version }"}')[0] == 200


def test_a_link_from_elsewhere_leads_here_and_a_frame_does_not(ui: Ui) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert send(ui, "GET", "/runs", link)[0] == 200
    assert send(ui, "GET", "/runs", link | {"Sec-Fetch-Dest": "iframe"})[0] == 403
    assert (
        send(ui, "GET", by_get("{ version }"), link | {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"})[0]
        == 403
    )


def test_a_header_that_comes_twice_is_none(ui: Ui) -> None:
    address = urlsplit(ui.url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as raw:
        raw.sendall(f"GET / HTTP/1.1\r\nHost: {address.netloc}\r\nHost: rebound.example\r\n\r\n".encode())
        assert raw.recv(64).split()[1] in {b"400", b"421"}


# --- in a browser -----------------------------------------------------------------------------------------------------

# A page that tries all it can without being allowed to: picture, fetch, form (into a frame), websocket.
ATTACKER = """<!doctype html><title>trying</title><iframe name=f></iframe><script>
const ui = location.hash.slice(1), who = ui.split(":").pop()
const m = kind => `mutation { setConcurrencyLimit(concurrencyKey: "browser-${kind}-${who}", limit: 1) }`
const get = kind => `${ui}/graphql?query=${encodeURIComponent(m(kind))}`
const picture = new Promise(done => { const i = new Image(); i.onload = i.onerror = done; i.src = get("picture") })
const post = fetch(`${ui}/graphql`, { method: "POST", mode: "no-cors", body: JSON.stringify({ query: m("fetch") }),
  headers: { "Content-Type": "text/plain; application/json" } }).catch(() => 0)
const form = new Promise(done => { const f = document.createElement("form"); f.method = "post"; f.action = get("form")
  f.target = "f"; document.body.append(f); document.querySelector("iframe").onload = done; f.submit() })
const socket = new Promise(done => { const s = new WebSocket(ui.replace("http", "ws") + "/graphql", "graphql-ws")
  s.onopen = () => done("open"); s.onerror = () => done("refused") })
Promise.all([socket, picture, post, form]).then(([state]) => { document.title = "tried, socket " + state })
</script>"""


@pytest.mark.browser
def test_a_page_of_another_origin_changes_and_hears_nothing_in_chromium(
    ui: Ui, plain: Ui, page, tmp_path: Path
) -> None:
    (tmp_path / "index.html").write_text(ATTACKER)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        for target, socket_state, worked in [(ui, "refused", set()), (plain, "open", {"picture", "fetch", "form"})]:
            page.goto("about:blank")
            page.goto(f"http://localhost:{server.server_port}/#{target.url}")
            page.wait_for_function("document.title.startsWith('tried')")
            assert page.title() == f"tried, socket {socket_state}"
            port = urlsplit(target.url).port
            assert {key.split("-")[1] for key in limits(ui) if re.fullmatch(rf"browser-\w+-{port}", key)} == worked
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.browser
@pytest.mark.slow
def test_the_page_of_a_run_hears_its_log_by_websocket(ui: Ui, page) -> None:
    heard: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: heard.append(str(frame))))
    run = ui.launch("observe")
    page.goto(f"{ui.url}/runs/{run}")
    page.get_by_text("RUN_SUCCESS").first.wait_for(timeout=60_000)
    assert any("pipelineRunLogs" in frame for frame in heard)
