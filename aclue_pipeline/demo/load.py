"""Loads the demo by bulk copy and remembers what is loaded: anchor, seed, people and days, in the schema `demo`. What is there
already stays where it is: a later load adds the missing days, more people or earlier days, lets the open clicks convert, and
deletes what the app has deleted since."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

import pandas as pd
import psycopg
import sqlalchemy as sa
from psycopg import sql

from aclue_pipeline.demo.clock import ZONE
from aclue_pipeline.demo.planted import DEPARTURE_DAY
from aclue_pipeline.demo.shop import anchor_for
from aclue_pipeline.demo.simulator import EVENTS, FIRST_DAY, KEPT, SEED, UNSETTLED_DAYS, USERS, Simulator
from aclue_pipeline.errors import RowsExist, SchemaIncomplete
from aclue_pipeline.postgres import Database, app, query, script
from aclue_pipeline.postgres.copy import copy_frame

Progress = Callable[[str], None]

#: Raised when the same seed gives other rows: what another simulator began, this one cannot go on with.
SIMULATOR: Final = 2
_PEOPLE_DAYS: Final = 400_000  # of one batch: what bounds the memory, whatever the size of the load
_STATE: Final = """
select pg_advisory_xact_lock(hashtextextended('aclue:demo', 0));
create schema if not exists demo;
create table if not exists demo.loaded (
    anchor date not null,
    seed bigint not null,
    users integer not null,
    first_day date not null,
    last_day date not null,
    loaded_at timestamptz not null default now(),
    simulator integer not null default 1
);
alter table demo.loaded add column if not exists simulator integer not null default 1;
create table if not exists demo.broken (what text primary key, undo jsonb not null, broken_at timestamptz not null default now());
comment on schema demo is 'What the demo knows about itself: what was loaded and what was broken on purpose.';
comment on table demo.loaded is 'One row: which people and days are loaded, from which anchor and seed.';
comment on table demo.broken is 'One row per thing that was broken on purpose, with what undoes it.';
"""
#: What the server changes of a row that is there.
_MUTABLE: Final = {
    "public.affiliate_clicks": ("is_converted", "conversion_timestamp", "actual_commission", "order_id"),
    "public.session_analytics": ("has_converted", "conversion_timestamp", "conversion_value"),
    "public.recommendations": ("is_clicked", "clicked_at", "is_purchased", "purchased_at"),
}


@dataclass(frozen=True)
class Loaded:
    """What a database holds: the people numbered below `users`, their visits from first_day to last_day, both included."""

    anchor: date  # the day to which the last real day has moved
    seed: int
    users: int
    first_day: date
    last_day: date
    simulator: int = SIMULATOR


class Piece(NamedTuple):
    """Part of a load: people × days, counted from the anchor; `known_until` as in Simulator.batch."""

    people: range
    first: int
    last: int
    known_until: int | None = None


def load(
    db: Database,
    users: int | None = None,
    days: int | None = None,
    seed: int | None = None,
    today: date | None = None,
    until: date | None = None,
    progress: Progress = lambda line: None,
) -> dict[str, int]:
    """Bring the demo's rows up to yesterday, in one transaction; the number of rows added (and changed) by table, {} for none.

    `users`: people, the real customers first (default: those whose order lines are known). `days`: how many days back from
    yesterday (default: the real year). Neither takes away what is loaded. `until`: stop at the end of that earlier day.
    Raises RowsExist where the app's tables hold rows that are not the demo's, or another seed's;
    SchemaIncomplete where the event tables are not deployed.
    """
    today = today or datetime.now(ZONE).date()
    with db.begin() as connection:
        _prepare(connection)
        had = loaded(connection)
    wanted = _wanted(had, users, days, seed, today, until or today - timedelta(days=1))
    if had == wanted:
        return {}
    with db.psycopg() as pg:
        broken = pg.execute("select string_agg(what, ', ') from demo.broken").fetchone()
        if broken and broken[0]:
            raise RowsExist(f"the demo is broken on purpose ({broken[0]}); run aclue demo reset, then load again")
        return _write(pg, had, wanted, progress)


def install(database: Database, admin_url: Callable[[], str], say: Progress) -> None:
    """The stand-in for the app's tables where there are none."""
    with database.begin() as connection:
        there = query(connection, "select to_regclass('public.products') is not null as there")[0]["there"]
    if not there:
        say("the app's own tables, as Supabase would have them")
        app.install(admin_url(), "a")


def loaded(connection: sa.Connection) -> Loaded | None:
    """What the demo has loaded into this database; None for nothing."""
    if not query(connection, "select to_regclass('demo.loaded') is not null as there")[0]["there"]:
        return None
    rows = query(
        connection,
        """select anchor, seed, users, first_day, last_day, coalesce((to_jsonb(l) ->> 'simulator')::integer, 1) as simulator
           from demo.loaded as l""",
    )
    return Loaded(**rows[0]) if rows else None


def _prepare(connection: sa.Connection) -> None:
    missing = query(
        connection,
        "select t from unnest(cast(:tables as text[])) as t where to_regclass(t) is null",
        tables=list(EVENTS),
    )
    if missing:
        raise SchemaIncomplete(
            f"{missing[0]['t']} is missing: deploy the schema (aclue --demo deploy), then load again"
        )
    script(connection, _STATE)
    if loaded(connection) is None and query(connection, "select from public.products limit 1"):
        raise RowsExist("public.products holds rows that are not the demo's; load it into a database of its own")


def _wanted(
    had: Loaded | None, users: int | None, days: int | None, seed: int | None, today: date, until: date
) -> Loaded:
    first = today - timedelta(days=days) if days else None
    if had is None:
        anchor = anchor_for(today)
        first = first or anchor + timedelta(days=FIRST_DAY)
        return Loaded(anchor, SEED if seed is None else seed, users or USERS, first, until)
    if had.simulator != SIMULATOR:
        raise RowsExist(
            "the demo was loaded by another version of the simulator; load it anew (in the checkout: make clean)"
        )
    if seed not in (None, had.seed):
        raise RowsExist(f"the demo is loaded with seed {had.seed}; another seed needs another database")
    return replace(
        had,
        users=max(had.users, users or 0),
        first_day=min(had.first_day, first or had.first_day),
        last_day=max(had.last_day, until),
    )


def _pieces(had: Loaded | None, wanted: Loaded) -> Iterator[Piece]:
    """What `wanted` has beyond `had`: later days of the people that are there, earlier ones, and people who are new; in blocks of
    people whose rows fit into memory."""
    first, last = ((day - wanted.anchor).days for day in (wanted.first_day, wanted.last_day))
    whole = [Piece(range(had.users if had else 0, wanted.users), first, last)]
    if had is not None:
        since, until = ((day - wanted.anchor).days for day in (had.first_day, had.last_day))
        whole.append(Piece(range(had.users), first, since - 1))
        if until < last:
            whole.append(Piece(range(had.users), max(since, until - UNSETTLED_DAYS), last, until))
    for people, begin, end, known_until in whole:
        size = max(50, _PEOPLE_DAYS // max(1, end - begin + 1))
        for start in range(people.start, people.stop, size) if begin <= end else ():
            yield Piece(range(start, min(start + size, people.stop)), begin, end, known_until)


def _write(pg: psycopg.Connection[Any], had: Loaded | None, wanted: Loaded, progress: Progress) -> dict[str, int]:
    pg.execute("select pg_advisory_xact_lock(hashtextextended('aclue:demo', 0))")
    simulator, now = Simulator(wanted.anchor, wanted.seed), (wanted.last_day - wanted.anchor).days
    count: Counter[str] = Counter()
    if had is None:
        count.update({table: _copy(pg, table, rows) for table, rows in simulator.fixed(now).items()})
    for numbers, first, last, known_until in _pieces(had, wanted):
        people = simulator.people(numbers.start, numbers.stop)
        if had is None or numbers.start >= had.users:
            count["auth.users"] += _copy(pg, "auth.users", simulator.users(people, now))
        batch = simulator.batch(people, first, last, known_until, now)
        for table, new in batch.new.items():
            if (
                had is not None
            ):  # What reaches the database now changed now: whoever looks for changed rows finds it so.
                new = new.drop(columns="updated_at", errors="ignore")
            count[table] += _copy(pg, table, new) + _update(pg, table, batch.changed[table])
        progress(f"people {numbers.start} to {numbers.stop - 1}: {sum(count.values()):,} rows so far")
    if now >= DEPARTURE_DAY:
        _depart(pg, simulator)
    pg.execute("delete from demo.loaded")
    pg.execute(
        "insert into demo.loaded (anchor, seed, users, first_day, last_day, simulator) values (%s, %s, %s, %s, %s, %s)",
        astuple(wanted),
    )
    pg.execute("analyze " + ", ".join(["public.products", *EVENTS]))  # else the first jobs plan for empty tables
    return {table: rows for table, rows in count.items() if rows}


def _depart(pg: psycopg.Connection[Any], simulator: Simulator) -> None:
    """Delete the account and the product, and clear what would still tell whose the rows are that stay of the account."""
    mine = sql.SQL("select array_agg(id) from {} where user_id = %s or anonymous_id = any(%s)")
    values = (simulator.departing["auth.users"], simulator.erased_ids)
    found = {
        table: pg.execute(mine.format(_named(table)), values).fetchone() for table, cleared in KEPT.items() if cleared
    }
    for table, gone in simulator.departing.items():
        pg.execute(sql.SQL("delete from {} where id = %s").format(_named(table)), (gone,))
    for table, ids in found.items():
        setting = sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(column)) for column in KEPT[table])
        statement = sql.SQL("update {} set {} where id = any(%s)").format(_named(table), setting)
        pg.execute(statement, [*(simulator.cleared[column] for column in KEPT[table]), ids and ids[0]])


def _named(table: str) -> sql.Identifier:
    return sql.Identifier(*table.split("."))


def _copy(pg: psycopg.Connection[Any], table: str, rows: pd.DataFrame) -> int:
    """The columns that the table has: the two catalogue shapes differ in some."""
    if rows.empty:
        return 0
    has = pg.execute(sql.SQL("select * from {} limit 0").format(_named(table))).description or []
    return copy_frame(pg, table, rows[[column.name for column in has if column.name in rows]])


def _update(pg: psycopg.Connection[Any], table: str, rows: pd.DataFrame) -> int:
    """Changes in place, as an app's server would: the table's trigger tells when."""
    if table not in _MUTABLE or rows.empty:
        return 0
    fields = sql.SQL(", ").join(map(sql.Identifier, ("id", *_MUTABLE[table])))
    pg.execute(
        sql.SQL("create temporary table demo_changed on commit drop as select {} from {} where false").format(
            fields, _named(table)
        )
    )
    copy_frame(pg, "demo_changed", rows[["id", *_MUTABLE[table]]])
    setting = sql.SQL(", ").join(sql.SQL("{0} = c.{0}").format(sql.Identifier(name)) for name in _MUTABLE[table])
    done = pg.execute(
        sql.SQL("update {} as t set {} from demo_changed as c where t.id = c.id").format(_named(table), setting)
    )
    pg.execute("drop table demo_changed")
    return done.rowcount
