"""What is remembered of alerts: pipeline.alerts, and, while the app's database cannot be used, a file in the data directory."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from aclue_pipeline.alerts.decide import State, Told
from aclue_pipeline.postgres import query

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
    if not query(connection, "select where to_regclass('pipeline.alerts') is not null"):
        return {}
    return {
        row["key"]: State(**{**row, "told": _told(row["told"])}) for row in query(connection, "table pipeline.alerts")
    }


def save(connection: sa.Connection, states: Mapping[str, State]) -> None:
    """Write what a sweep knows of these, delete what it no longer keeps; what people said of them meanwhile stays."""
    gone = "delete from pipeline.alerts where key <> all(:keys) and coalesce(silenced_until < now(), true)"
    query(connection, gone, keys=list(states))
    if states:
        connection.execute(
            _SAVE, [{**vars(state), "told": json.dumps(_plain(state.told))} for state in states.values()]
        )


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
    """What was remembered beside the database; none where there is no such file, or it was cut short."""
    try:
        rows = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    times = ("began_at", "ended_at")
    return {
        row["key"]: State(
            **{
                **row,
                **{name: row[name] and datetime.fromisoformat(row[name]) for name in times},
                "told": _told(row["told"]),
            }
        )
        for row in rows
    }


def write_file(path: Path, states: Iterable[State]) -> None:
    rows = [{**vars(state), "told": _plain(state.told)} for state in states]
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(rows, default=datetime.isoformat))
    beside.replace(path)


def _plain(told: Mapping[str, Told]) -> dict[str, list[str]]:
    return {target: [one.severity, one.at.isoformat()] for target, one in told.items()}


def _told(plain: Mapping[str, Any]) -> dict[str, Told]:
    return {target: Told(severity, datetime.fromisoformat(at)) for target, (severity, at) in plain.items()}
