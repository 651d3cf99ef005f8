"""What the processes behind the UI answer, asked without importing Dagster: the webserver by GraphQL, the code server by gRPC."""

import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import grpc

PATIENCE_SECONDS = 10.0


def ask(url: str, query: str, **variables: Any) -> dict[str, Any]:
    """The webserver's answer. Raises OSError where there is none, ValueError, KeyError or TypeError where it is no answer."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(f"{url}/graphql", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as response:
        answer: dict[str, Any] = json.load(response)["data"]
    return answer


def code_answers(socket: Path) -> bool:
    """Whether the code server lists its definitions, or says why it has none: its own parent answers for a dead one, by an error."""
    with grpc.insecure_channel(f"unix:{socket}") as channel:
        try:
            channel.unary_unary("/api.DagsterApi/ListRepositories")(b"", timeout=PATIENCE_SECONDS)
        except grpc.RpcError:
            return False
    return True


#: Every location, with the reason where its definitions do not load, and how many assets it lists.
LOCATIONS = """{ assetNodes { id } workspaceOrError { ... on Workspace { locationEntries { name loadStatus locationOrLoadError {
    __typename ... on PythonError { message } } } } } }"""


def loaded(url: str) -> tuple[bool, str, int]:
    """Whether the UI shows our definitions, or why they do not load; and how many assets it lists. Raises as `ask`."""
    answer = ask(url, LOCATIONS)
    for entry in answer["workspaceOrError"]["locationEntries"]:
        location = entry["locationOrLoadError"]
        if entry["loadStatus"] != "LOADED" or location is None:
            return False, "", 0
        if location["__typename"] == "PythonError":
            return True, location["message"].strip().splitlines()[0], 0
    return True, "", len(answer["assetNodes"])


def silent_for(url: str) -> float:
    """For how many seconds the daemon's most silent part has not said that it lives. Raises as `ask`."""
    answer = ask(url, "{ instance { daemonHealth { allDaemonStatuses { required lastHeartbeatTime } } } }")
    parts = answer["instance"]["daemonHealth"]["allDaemonStatuses"]
    return time.time() - min(part["lastHeartbeatTime"] or 0 for part in parts if part["required"])
