"""What is remembered of alerts: pipeline.alerts, and, while the app's database cannot be used, a file in the data directory."""

import json
import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from aclue_pipeline.alerts.alert import SEVERITIES
from aclue_pipeline.alerts.decide import State, Told
from aclue_pipeline.derived.statement import is_there
from aclue_pipeline.errors import FileUnusable
from aclue_pipeline.postgres import driver, query

_LOG = logging.getLogger(__name__)

#: What another release may have written raises.
_UNREADABLE = (ValueError, TypeError, LookupError, AttributeError)

_SAVE = sa.text("""
insert into pipeline.alerts as a (key, source, severity, sentence, remedy, began_at, ended_at, returns, told)
values (:key, :source, :severity, :sentence, :remedy, :began_at, :ended_at, :returns, cast(:told as jsonb))
on conflict (key) do update
set (source, severity, sentence, remedy, began_at, ended_at, returns, told, acknowledged_at, acknowledged_by)
    = (excluded.source, excluded.severity, excluded.sentence, excluded.remedy, excluded.began_at, excluded.ended_at,
       excluded.returns, excluded.told, case when a.began_at = excluded.began_at then a.acknowledged_at end,
       case when a.began_at = excluded.began_at then a.acknowledged_by end)
""")


def load(connection: sa.Connection) -> dict[str, State]:
    """Every state; none where the table is not there yet."""
    if not is_there(driver(connection), "pipeline.alerts"):
        return {}
    return {row["key"]: _state(row) for row in query(connection, "table pipeline.alerts")}


def save(connection: sa.Connection, states: Mapping[str, State]) -> None:
    """Write what a sweep knows of these, delete what it no longer keeps; what people said of them meanwhile stays."""
    gone = "delete from pipeline.alerts where key <> all(:keys) and coalesce(silenced_until < now(), true)"
    query(connection, gone, keys=list(states))
    if states:
        write(connection, states.values())


def write(connection: sa.Connection, states: Iterable[State]) -> None:
    connection.execute(_SAVE, [{**vars(state), "told": json.dumps(_plain(state.told))} for state in states])


def judged_at(connection: sa.Connection) -> dict[str, datetime]:
    """When each source was last asked."""
    return {row["source"]: row["judged_at"] for row in query(connection, "table pipeline.alert_sources")}


def note_judged(connection: sa.Connection, sources: Iterable[str], now: datetime) -> None:
    rows = [{"source": source, "at": now} for source in sources]
    if rows:
        connection.execute(
            sa.text(
                "insert into pipeline.alert_sources values (:source, :at) on conflict (source) do update set judged_at = excluded.judged_at"
            ),
            rows,
        )


# --- while the database cannot be used --------------------------------------------------------------------------------


def read_file(path: Path) -> dict[str, State]:
    """What was remembered beside the database; none where there is no such file. One that cannot be read is set aside, and logged:
    another release may have written it, or somebody else."""
    try:
        return {row["key"]: _state(row) for row in json.loads(path.read_text(encoding="utf-8"))}
    except FileNotFoundError:
        return {}
    except (OSError, *_UNREADABLE) as error:
        aside = path.with_suffix(".unreadable")
        with suppress(OSError):
            path.replace(aside)
        _LOG.warning("%s cannot be read (%s) and was set aside as %s", path.name, type(error).__name__, aside.name)
        return {}


def write_file(path: Path, states: Iterable[State]) -> None:
    rows = [{**vars(state), "told": _plain(state.told)} for state in states]
    beside = path.with_suffix(".new")
    try:
        beside.write_text(json.dumps(rows, default=datetime.isoformat))
        beside.replace(path)
    except OSError as error:
        raise FileUnusable(f"{path}: {error.strerror}, so that what is told is not remembered") from None


def _plain(told: Mapping[str, Told]) -> dict[str, list[str]]:
    return {target: [one.severity, one.at.isoformat()] for target, one in told.items()}


def _state(row: Mapping[str, Any]) -> State:
    """Of a row of this release or another: what this one does not know is left out, and told again. Raises where it is no such row."""
    known: dict[str, Any] = {
        name: row[name] and _time(row[name]) if name in _TIMES else row[name] for name in _FIELDS & row.keys()
    }
    known |= {
        "severity": _severity(row["severity"]),
        "began_at": _time(row["began_at"]),
        "told": _told(row.get("told")),
    }
    return State(**known)


def _told(said: object) -> dict[str, Told]:
    told = {}
    for target, one in said.items() if isinstance(said, Mapping) else ():
        with suppress(*_UNREADABLE):
            word, at = one
            told[target] = Told(_severity(word), _time(at))
    return told


_FIELDS = {field.name for field in fields(State)}
_TIMES = {name for name in _FIELDS if name.endswith(("_at", "_until"))}


def _time(said: str | datetime) -> datetime:
    return said if isinstance(said, datetime) else datetime.fromisoformat(said).astimezone(UTC)


def _severity(word: str) -> str:
    return word if word in SEVERITIES else SEVERITIES[-1]
