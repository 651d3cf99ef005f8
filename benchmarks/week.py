"""A week of operation by a moved clock: Dagster's own daemon, on a storage as production's, fires every schedule, sensor and condition of
seven days, and every run does its work, as the role that `aclue roles` makes for it, on a database on which little happens. What must
hold of the week stands in `holds`.

Moved is Dagster's clock, by which ticks, runs, events, conditions, freshness policies, the purge and the telling of alerts go. The
server's is not: `now()` in SQL, and with it how old the newest row of a source is, what events are usual, when a day says it was
computed. So the week lies in the past and ends yesterday: each day that it builds is over by both clocks. Folders of what runs
printed have this machine's time, and processes are not part of it: runs go on in this one, one after the other."""

import logging
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
import sqlalchemy.pool
from dagster._utils.schedules import schedule_execution_time_iterator

from aclue_pipeline.defs.timetable import RANGE_END, RANGE_START, REBUILD, TIMETABLE
from aclue_pipeline.derived import missing_days, span
from aclue_pipeline.evaluation import throwaway
from aclue_pipeline.postgres import Database, script
from aclue_pipeline.settings import LOCATION, get_settings
from benchmarks import Result
from tests.support import daemon as support
from tests.support.catalogs import CATALOG
from tests.support.pipeline import pipelines_own

DAY = timedelta(days=1)
DAYS = 7

#: ACLUE_HISTORY_DAYS of the week, so that a purge has something to delete.
KEPT = 2

#: Days before the week that were never computed when it begins.
BEFORE = 3

DAILY = [table for table in CATALOG.tables.values() if table.kind == "daily"]

#: What the app writes at noon of which day of the week, as its superuser. The clicks are one of that day and one of now, by which the
#: server's clock says that clicks come.
SOMEBODY = """
insert into auth.users (id) values (gen_random_uuid());
insert into public.products (id, title) values (gen_random_uuid(), 'Soap');
insert into public.session_analytics (session_id, user_id, landing_page) select 'first', id, '/' from auth.users;
insert into public.swipe_interactions (user_id, product_id, swipe_direction)
select u.id, p.id, 'right' from auth.users u, public.products p"""
CLICKS = """
insert into public.affiliate_clicks (session_id, source_page, affiliate_network, affiliate_url, expected_commission, click_timestamp)
select 'other', '/', 'awin', 'https://shop.example', 1.5, at
from unnest(array[timestamptz '{noon}' - interval '1 hour', now()]) as clicked (at)"""
SELLS = """
update public.affiliate_clicks set is_converted = true, conversion_timestamp = timestamptz '{noon}' - interval '1 day',
    actual_commission = 2, order_id = 'o'
where click_timestamp < '{noon}';
insert into public.swipe_interactions (user_id, product_id, swipe_direction)
select user_id, product_id, 'right' from public.swipe_interactions"""
APP: Mapping[int, str] = {1: SOMEBODY, 2: CLICKS, 4: SELLS}

#: The days that this changes after they were published: the click's and the sale's.
LATE = (2, 3)

#: To catch what a step prints takes four processes.
_PRINTS_NOTHING = {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}


class Grown(NamedTuple):
    """The event log: rows, and bytes of these."""

    rows: float
    bytes: float


@dataclass
class Week:
    """`days` are the week's, the last is yesterday."""

    daemon: support.Daemon
    database: Database
    admin: Database
    dagster: Database
    days: list[date]
    #: At the end of each day that was lived.
    grown: list[Grown] = field(default_factory=list)

    def tick(self, day: date, *times: str) -> None:
        """These moments of a day, by the reporting zone's clocks."""
        for at in times:
            self.daemon.tick(_at(day, at))

    def live(self, day: date, *times: str) -> None:
        """A day's moments; at noon the app writes what it does on that day."""
        noon = f"{_at(day, '12:00'):%Y-%m-%d %H:%M}+00"
        self.tick(day, *(at for at in times if at < "12:00"))
        if day in self.days and (writes := APP.get(self.days.index(day))):
            with self.admin.begin() as connection:
                script(connection, writes.format(noon=noon))
        self.tick(day, *(at for at in times if at >= "12:00"))
        self.grown.append(self.events())

    def events(self) -> Grown:
        with self.dagster.psycopg() as pg:
            ((rows, size),) = pg.execute("select count(*), coalesce(sum(pg_column_size(e.*)), 0) from event_logs e")
        return Grown(float(rows), float(size))

    def each(self) -> dict[str, Grown]:
        """What one run of each job wrote in the last two days, in which nothing changed, and which no purge has reached."""
        statement = """select r.pipeline_name, count(e.id) / count(distinct r.run_id), sum(pg_column_size(e.*)) / count(distinct r.run_id)
                       from runs r join event_logs e using (run_id) where r.start_time > %s group by 1"""
        with self.dagster.psycopg() as pg:
            found = pg.execute(statement, [_at(self.days[-2], "00:00").timestamp()]).fetchall()
        return {job: Grown(float(rows), float(size)) for job, rows, size in found}

    def at_rest(self) -> Grown:
        """What the timetable writes in a day on which nothing changes."""
        each = self.each()
        by_job = {entry.job: _times_a_day(entry.cron) for entry in TIMETABLE if entry.job in each}
        return Grown(*(sum(each[job][n] * times for job, times in by_job.items()) for n in (0, 1)))

    def left(self) -> Grown:
        """What is kept for ever of a day that a purge has been through."""
        statement = """select count(*), coalesce(sum(pg_column_size(e.*)), 0) from event_logs e join runs r using (run_id)
                       where r.end_time between %s and %s"""
        day = self.days[-1] - (KEPT + 1) * DAY
        with self.dagster.psycopg() as pg:
            ((rows, size),) = pg.execute(statement, [_at(one, "00:00").timestamp() for one in (day, day + DAY)])
        return Grown(float(rows), float(size))

    def stop(self, schedule: str) -> None:
        """As somebody does under Automation."""
        location = self.daemon.workspace.create_request_context().get_code_location(LOCATION)
        [repository] = location.get_repositories().values()
        one = repository.get_schedule(schedule)
        self.daemon.instance.stop_schedule(one.get_remote_origin_id(), one.selector_id, one)

    def followed(self) -> int:
        """Runs that a condition or a sensor started, and no schedule."""
        return sum("dagster/schedule_name" not in run.tags for run in self.daemon.instance.get_runs())

    def runs(self) -> Counter[str]:
        return Counter(run.job_name for run in self.daemon.instance.get_runs())

    def holds(self) -> None:
        """No run failed and none was twice; no day is missing, each was built once, and once more where it changed later, with a cause.
        Raises AssertionError."""
        runs = self.daemon.instance.get_runs()
        assert [run.job_name for run in runs if not run.is_success] == []
        for asked in ("dagster/run_key", ".dagster/scheduled_execution_time"):
            times = Counter((run.job_name, run.tags[asked]) for run in runs if asked in run.tags)
            assert [key for key, n in times.items() if n > 1] == []
        late = {self.days[n] for n in LATE}
        first, last = self.days[0] - BEFORE * DAY, self.days[-1] - DAY
        assert [table.key for table in DAILY if missing_days(self.database, table, last)] == []
        built = {(table.key, str(day)): 1 + (day in late) for table in DAILY for day in span(first, last)}
        assert self._built() == built
        ranges = [(run.tags[RANGE_START], run.tags[RANGE_END]) for run in runs if run.job_name == REBUILD.job]
        assert len(ranges) == DAYS + 2, "one of the days before, one a night, one of what came late"
        with self.database.psycopg() as pg:
            moved = pg.execute(
                "select day, unnest(causes) from analytics.restatements where day is not null"
            ).fetchall()
        assert {day for day, _ in moved} <= late
        assert "unexplained" not in {cause for _, cause in moved}

    def _built(self) -> dict[tuple[str, str], int]:
        """How often Dagster says that a day of a table was made."""
        statement = """select asset_key, partition, count(*) from event_logs
                       where dagster_event_type = 'ASSET_MATERIALIZATION' and partition is not null group by 1, 2"""
        with self.dagster.psycopg() as pg:
            found = pg.execute(statement).fetchall()
        return {(".".join(dg.AssetKey.from_db_string(key).path), day): n for key, day, n in found}


def _at(day: date, at: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(at), ZoneInfo(get_settings().timezone)).astimezone(UTC)


def _times_a_day(cron: str) -> float:
    """Of four weeks."""
    monday = datetime(2026, 1, 5, tzinfo=UTC)
    ticks = schedule_execution_time_iterator(monday.timestamp(), cron, "UTC")
    return sum(1 for _ in takewhile(lambda at: at < monday + 28 * DAY, ticks)) / 28


@contextmanager
def week(database: Database, admin: Database, dagster: Database, home: Path, **settings: str) -> Iterator[Week]:
    """`dagster`: an empty database. `settings`: more of them, by their names in the environment."""
    yesterday = datetime.now(ZoneInfo(get_settings().timezone)).date() - DAY
    days = list(span(yesterday - (DAYS - 1) * DAY, yesterday))
    environment = {
        "ACLUE_DATABASE_URL": database.url,
        "ACLUE_DAGSTER_URL": dagster.url.replace("postgresql://", "postgresql+psycopg2://"),
        "ACLUE_HOME": str(home),
        "ACLUE_FIRST_DAY": str(days[0] - BEFORE * DAY),
        "ACLUE_AUTOSTART": "1",
        "ACLUE_HISTORY_DAYS": str(KEPT),
        **settings,
    }
    with pytest.MonkeyPatch.context() as here:
        # Two thirds of the time would be connecting: this process keeps its connections, as the webserver does.
        here.setattr(sqlalchemy.pool, "NullPool", sqlalchemy.pool.QueuePool)
        for name, value in environment.items():
            here.setenv(name, value)
        _forget()
        with support.daemon(home, run_launcher=support.AT_ONCE, compute_logs=_PRINTS_NOTHING) as daemon:
            lived = Week(daemon, database, admin, dagster, days)
            # From the first on schedules are due; at the second its tables are there, and the days before are missed.
            lived.tick(days[0], "00:01", "00:07")
            yield lived
    _forget()


def _forget() -> None:
    get_settings.cache_clear()
    support._defs.cache_clear()


def measure(minutes: str = "15") -> list[Result]:
    """Ticks that many minutes apart."""
    logging.disable(logging.INFO)
    step = int(minutes)
    times = [f"{at // 60:02}:{at % 60:02}" for at in range(1, 24 * 60, step)]
    with (
        throwaway.server(throwaway.CARELESS) as server,
        pipelines_own(server) as seen,
        tempfile.TemporaryDirectory() as home,
    ):
        dagster = Database(server.url("dagster"))
        with week(seen.pipeline, seen.admin, dagster, Path(home)) as lived:
            for day in lived.days:
                lived.live(day, *times)
            lived.holds()
            rest, left, each, runs = lived.at_rest(), lived.left(), lived.each(), lived.runs()
            grown = lived.grown
        dagster.close()
    return [
        *(
            Result(
                f"day {n}: {what}",
                [float(value)],
                what,
                f"of the event log at its end; purged is what is older than {KEPT} days",
            )
            for n, day in enumerate(grown, 1)
            for what, value in zip(Grown._fields, day, strict=True)
        ),
        *(
            Result(f"{name}: {what}", [float(value)], what, of)
            for name, pair, of in (
                ("a day at rest", rest, "what each run wrote, as often as the timetable starts it"),
                ("kept for ever of a day", left, "what a purge left of it"),
            )
            for what, value in zip(Grown._fields, pair, strict=True)
        ),
        *(
            Result(f"{job}: rows", [each[job].rows], "rows", f"a run; the log still has {n} of the week's")
            for job, n in sorted(runs.items())
            if job in each
        ),
    ]
