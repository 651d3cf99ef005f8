"""How long a person waits for a first answer: the command's help, the definitions, the UI's GraphQL, the demo once it is there."""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from benchmarks import Result

ACLUE = Path(sys.executable).parent / "aclue"
RUNS = 5


def _seconds(command: list[str | Path], environment: Mapping[str, str] | None = None) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def _ui_answers() -> float:
    """From the command to the first GraphQL answer that lists the assets, on a data directory of its own."""
    port = 39123
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {"ACLUE_HOME": home, "ACLUE_UI_PORT": str(port)}
        subprocess.run([ACLUE, "db", "start"], check=True, env=environment, stdout=subprocess.DEVNULL)
        start = time.perf_counter()
        ui = subprocess.Popen(
            [ACLUE, "--demo", "ui"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            while not _assets(port):
                if ui.poll() is not None or time.perf_counter() - start > 120:
                    raise RuntimeError("the UI did not come up")
                time.sleep(0.1)
            return time.perf_counter() - start
        finally:
            ui.terminate()
            ui.wait()
            subprocess.run([ACLUE, "db", "stop"], check=True, env=environment, stdout=subprocess.DEVNULL)


def _assets(port: int) -> int:
    body = json.dumps({"query": "{ assetNodes { id } }"}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/graphql", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return len(json.load(answer)["data"]["assetNodes"])
    except (urllib.error.URLError, OSError):
        return 0


def _demo() -> list[float]:
    """The whole demo on a data directory of its own, the first time and then again."""
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {"ACLUE_HOME": home}
        try:
            return [_seconds([ACLUE, "demo", "--no-ui"], environment) for _ in range(4)]
        finally:
            subprocess.run([ACLUE, "db", "stop"], check=True, env=environment, stdout=subprocess.DEVNULL)


def measure() -> list[Result]:
    first, *again = _demo()
    load = "from aclue_pipeline.definitions import build_defs; build_defs().get_repository_def()"
    return [
        Result("aclue --help", [_seconds([ACLUE, "--help"]) for _ in range(RUNS)], "s", "the whole process"),
        Result(
            "definitions", [_seconds([sys.executable, "-c", load]) for _ in range(RUNS)], "s", "import and load all"
        ),
        Result("aclue ui", [_ui_answers() for _ in range(3)], "s", "until GraphQL lists the assets"),
        Result("aclue demo --no-ui, the first time", [first], "s", "packages are there"),
        Result("aclue demo --no-ui, again", again, "s", "nothing new"),
    ]
