"""What Dagster's own database no longer needs. It keeps every event of every run for ever, two thirds of them about looks that found
nothing. What an asset, a check or a partition is like now stays, whatever its age."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aclue_pipeline.postgres import Database

_BATCH = 10_000
_RUNS = 500

_ENDED = """status in ('SUCCESS', 'FAILURE', 'CANCELED')
    and to_timestamp(coalesce(end_time, extract(epoch from update_timestamp))) < %(before)s"""

#: What each check said last, also where a later run was ended before it said anything.
_SAID = """select max(id) from asset_check_executions group by asset_key, check_name
    union select max(id) from asset_check_executions where execution_status <> 'PLANNED' group by asset_key, check_name"""

#: Of runs that only look, all of it, unless it is the last that was seen of a source or said by a check.
_LOOKS = f"""
select run_id from runs where pipeline_name = any(%(looks)s) and {_ENDED}
    and run_id not in (
        select run_id from event_logs
        where id in (select max(id) from event_logs where dagster_event_type = 'ASSET_OBSERVATION' group by asset_key)
        union
        select run_id from asset_check_executions
        where id in ({_SAID})
    )
limit {_RUNS}"""  # noqa: S608
_OF_RUNS = (
    "delete from asset_event_tags where event_id in (select id from event_logs where run_id = any(%(runs)s))",
    "delete from event_logs where run_id = any(%(runs)s)",
    "delete from asset_check_executions where run_id = any(%(runs)s)",
    "delete from run_tags where run_id = any(%(runs)s)",
    "delete from runs where run_id = any(%(runs)s)",
)

#: Of all other runs the events that say nothing of an asset or freshness, and what a check has said since in another run.
_STEPS = f"""
delete from event_logs where id in (
    select e.id from event_logs as e join (select run_id from runs where {_ENDED}) as r using (run_id)
    where e.dagster_event_type is null
        or e.dagster_event_type not like all (array['ASSET\\_%%', 'FRESHNESS\\_%%'])
        or (e.dagster_event_type like 'ASSET\\_CHECK\\_%%'
            and run_id not in (select run_id from asset_check_executions where id in ({_SAID})))
    limit {_BATCH}
)"""  # noqa: S608

_CHECKS = f"""
delete from asset_check_executions where id in (
    select c.id from asset_check_executions as c join (select run_id from runs where {_ENDED}) as r using (run_id)
    where c.id not in ({_SAID})
    limit {_BATCH}
)"""  # noqa: S608

#: The last tick of each schedule and sensor is what the next one is reckoned from.
_TICKS = f"""
delete from job_ticks where id in (
    select id from job_ticks where timestamp < %(before)s and id not in (select max(id) from job_ticks group by selector_id)
    limit {_BATCH}
)"""  # noqa: S608
_EVALUATIONS = f"""
delete from asset_daemon_asset_evaluations where id in (
    select id from asset_daemon_asset_evaluations where create_timestamp < %(before)s limit {_BATCH}
)"""  # noqa: S608


@dataclass(frozen=True)
class Purged:
    """Rows that went: events, runs that only looked, ticks (with evaluations of conditions)."""

    events: int
    runs: int
    ticks: int


def purge(dagster: Database, before: datetime, looks: Sequence[str]) -> Purged:
    """Delete from Dagster's database what runs that ended before then left, and nobody's state rests on: batch after batch, each a
    transaction of its own. `looks`: jobs whose runs only look at something."""
    at = {"before": before, "looks": list(looks)}
    runs = looked = 0
    while gone := _looks(dagster, at):
        runs, looked = runs + gone[0], looked + gone[1]
    events = looked + _deleted(dagster, _STEPS, at)
    _deleted(dagster, _CHECKS, at)
    ticks = _deleted(dagster, _TICKS, at) + _deleted(dagster, _EVALUATIONS, at)
    return Purged(events, runs, ticks)


def _looks(dagster: Database, at: dict[str, Any]) -> tuple[int, int] | None:
    """One batch of runs and their events; None where there is none."""
    with dagster.psycopg() as pg:
        runs = [run for (run,) in pg.execute(_LOOKS, at)]
        counts = [pg.execute(statement, {"runs": runs}).rowcount for statement in _OF_RUNS]
    return (len(runs), counts[1]) if runs else None


def _deleted(dagster: Database, statement: str, at: dict[str, Any]) -> int:
    """How many rows, batch by batch, each in a transaction of its own."""
    rows = 0
    while True:
        with dagster.psycopg() as pg:
            gone = pg.execute(statement, at).rowcount
        if not gone:
            return rows
        rows += gone
