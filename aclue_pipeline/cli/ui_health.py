"""Whether the UI does what it is there for, asked from outside: a scheduler that is dead looks like a quiet night from within.
Neither Dagster nor pandas is imported, so that it may be asked every half minute."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg

from aclue_pipeline.checks import Judgement
from aclue_pipeline.cli.answers import ask, loaded
from aclue_pipeline.errors import AclueError
from aclue_pipeline.postgres import Database

_BEAT_SECONDS = 120  # a daemon says that it lives every half minute
_LATE_SECONDS = 300  # a tick is taken within seconds, after an outage within a minute
_SENSOR_SECONDS = 600  # a sensor may be slow
_LEFT_OVER_SECONDS = 86_400  # of a daemon that was configured once, and is no more

_SCHEDULES = """query($due: Float!) {
  workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError { ... on RepositoryLocation { repositories {
    schedules { name potentialTickTimestamps(startTimestamp: $due, lowerLimit: 1, upperLimit: 1) scheduleState { ...state } }
    sensors { name minIntervalSeconds sensorState { ...state } }
  } } } } } }
}
fragment state on InstigationState { selectorId status ticks(limit: 1) { timestamp status error { message } } }"""


def examine(url: str, storage: str) -> Iterator[Judgement]:
    """What the UI at `url` and the storage say, whatever became of the other: storage, daemons, location, schedules and sensors."""
    database, started = Database(storage), {}
    try:
        with database.psycopg() as pg:
            beats = dict(
                pg.execute("select daemon_type, (body::json->>'timestamp')::float8 from daemon_heartbeats").fetchall()
            )
            started = dict(
                pg.execute(
                    "select selector_id, (instigator_body::json->'job_specific_data'->>'start_timestamp')::float8 from instigators"
                ).fetchall()
            )
        yield _judged("storage", database.label, "", "answers")
        yield _daemons(beats)
    except psycopg.errors.UndefinedTable:
        yield _judged("storage", database.label, "Dagster has never started on it", "", "start it: aclue ui")
    except AclueError as error:
        yield _judged("storage", database.label, str(error), "", "start the server that ACLUE_DAGSTER_URL names")
    finally:
        database.close()
    yield from _served(url, lambda: _location(url), "location")
    yield from _served(url, lambda: _ticks(url, started), "schedules")


def _judged(check: str, of: str, wrong: str, right: str, remedy: str = "") -> Judgement:
    return Judgement(check, of, "failed" if wrong else "passed", "error", wrong or right, remedy=remedy)


def _served(url: str, look: Callable[[], Judgement], check: str) -> Iterator[Judgement]:
    try:
        yield look()
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield _judged(
            check,
            url,
            f"no answer from {url} ({error})",
            "",
            "start it: aclue ui; its logs are in ui-logs of ACLUE_HOME",
        )


def _daemons(beats: dict[str, float]) -> Judgement:
    age = {name: time.time() - at for name, at in beats.items()}
    if not age or min(age.values()) > _BEAT_SECONDS:
        last = f"since {_ago(min(age.values()))}" if age else "and never did"
        return _judged(
            "daemons", "daemon", f"nothing is scheduled: no daemon says that it lives {last}", "", "start it: aclue ui"
        )
    silent = sorted(name for name, seconds in age.items() if _BEAT_SECONDS < seconds < _LEFT_OVER_SECONDS)
    wrong = f"the daemon lives, but not its part {', '.join(silent)}" if silent else ""
    return _judged("daemons", "daemon", wrong, f"{len(age)} parts live", "start it again; its log says why")


def _location(url: str) -> Judgement:
    done, why, assets = loaded(url)
    wrong = f"the definitions do not load: {why}" if why else "" if done and assets else "no definitions are loaded"
    return _judged(
        "location", url, wrong, f"{assets} assets are listed at {url}", "the log of the code server says why"
    )


def _ticks(url: str, started: dict[str, float | None]) -> Judgement:
    """Each schedule's last tick against its cron, each sensor's against its interval."""
    now, late, failed, running = time.time(), [], [], 0
    answer = ask(url, _SCHEDULES, due=now - _LATE_SECONDS)
    for of, state, due in _due(answer, now):
        if state["status"] != "RUNNING":
            continue
        running += 1
        tick: dict[str, Any] = (state["ticks"] or [{}])[0]
        seen = max(tick.get("timestamp", 0), started.get(state["selectorId"]) or 0)
        if seen and due > seen:
            late.append(f"{of} (due {_ago(now - due)} ago)")
        if tick.get("status") == "FAILURE":
            failed.append(f"{of} ({((tick['error'] or {}).get('message') or 'no message').strip().splitlines()[0]})")
    wrong = [f"the scheduler did not do: {', '.join(late)}"] * bool(late) + [
        f"the last tick failed: {', '.join(failed)}"
    ] * bool(failed)
    right = (
        f"{running} schedules and sensors run, none is late"
        if running
        else "no schedule runs: switch them on under Automation"
    )
    return _judged("schedules", "schedules", "; ".join(wrong), right, "the log of the daemon says why")


def _due(answer: dict[str, Any], now: float) -> Iterator[tuple[str, dict[str, Any], float]]:
    """Name, state, and when the last tick was due that must have been taken by now."""
    for entry in answer["workspaceOrError"]["locationEntries"]:
        for repository in (entry["locationOrLoadError"] or {}).get("repositories", ()):
            for one in repository["schedules"]:
                yield one["name"], one["scheduleState"], one["potentialTickTimestamps"][0]
            for one in repository["sensors"]:
                yield one["name"], one["sensorState"], now - one["minIntervalSeconds"] - _SENSOR_SECONDS


def _ago(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.0f} h"
    )
