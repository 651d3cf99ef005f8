"""Loads the demo by bulk copy and remembers what is loaded: anchor, seed, people and days, in the schema `demo`. What is there
already stays where it is: a later load adds the missing days, more people or earlier days, lets the open clicks convert, and
deletes what the app has deleted since."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
import sqlalchemy as sa
from psycopg import sql

from aclue_pipeline.demo.breaks import broken
from aclue_pipeline.demo.catalogue import deleted_product
from aclue_pipeline.demo.clock import ZONE, stamps
from aclue_pipeline.demo.people import user_ids
from aclue_pipeline.demo.planted import DEPARTURE_DAY, ERASED_PERSON
from aclue_pipeline.demo.shop import anchor_for
from aclue_pipeline.demo.simulator import FIRST_DAY, SEED, UNSETTLED_DAYS, USERS, Simulator
from aclue_pipeline.demo.tables import EVENTS
from aclue_pipeline.demo.visitors import browser_ids
from aclue_pipeline.derived.statement import is_there
from aclue_pipeline.errors import RowsExist, SchemaIncomplete
from aclue_pipeline.postgres import Database, Pg, app, driver, identifier, query, script
from aclue_pipeline.postgres.copy import copy_frame

Progress = Callable[[str], None]
Piece = tuple[range, int, int, int | None]

#: Raised when the same seed gives other rows: what another simulator began, this one cannot go on with.
SIMULATOR: Final = 3
TABLES: Final = ("public.categories", "public.products", "auth.users", *EVENTS)
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
    simulator integer not null
);
create table if not exists demo.broken (what text primary key, undo jsonb not null, broken_at timestamptz not null default now());
comment on schema demo is 'What the demo knows about itself: what was loaded, and what was broken on purpose with what undoes it.';
"""
#: What the server changes of a row that is there.
_MUTABLE: Final = {
    "public.affiliate_clicks": ("is_converted", "conversion_timestamp", "actual_commission", "order_id"),
    "public.session_analytics": ("has_converted", "conversion_timestamp", "conversion_value"),
    "public.recommendations": ("is_clicked", "clicked_at", "is_purchased", "purchased_at"),
}
#: What stays of a deleted account, as nobody's.
_STAYING: Final = ("public.session_analytics", "public.product_views", "public.affiliate_clicks")
#: What the app does as it deletes an account and a product: of the account's rows those that stay are cleared of what would identify
#: the person, and go on being one person's; none is added. The rest is done by the foreign keys.
_DEPARTURES: Final = (
    "update public.session_analytics set anonymous_id = %(token)s where user_id = %(user)s or anonymous_id = any(%(browser)s)",
    """update public.affiliate_clicks set anonymous_id = %(token)s, user_agent = 'erased', ip_address = null
       where user_id = %(user)s or anonymous_id = any(%(browser)s)""",
    "delete from public.session_analytics where user_id = %(user)s and created_at > %(moment)s",
    "delete from public.product_views where user_id = %(user)s and created_at > %(moment)s",
    "delete from public.affiliate_clicks where user_id = %(user)s and created_at > %(moment)s",
    "delete from auth.users where id = %(user)s",
    "delete from public.products where id = %(product)s",
)


class Loaded(NamedTuple):
    """What a database holds: the people numbered below `users`, their visits from first_day to last_day, both included."""

    anchor: date  # the day to which the last real day has moved
    seed: int
    users: int
    first_day: date
    last_day: date
    simulator: int = 1  # as in the first version's table, which does not say

    def __str__(self) -> str:
        return f"{self.users} people, {self.first_day} to {self.last_day}"


def load(
    db: Database,
    users: int | None = None,
    days: int | None = None,
    seed: int | None = None,
    today: date | None = None,
    until: date | None = None,
    progress: Progress = lambda line: None,
) -> dict[str, int]:
    """Bring the demo's rows up to yesterday, in one transaction; the number of rows added by table, {} where nothing is missing.

    `users`: people, the real customers first (default: those whose order lines are known). `days`: how many days back from
    yesterday (default: the real year). Neither takes away what is loaded. `until`: stop at the end of that earlier day.
    Raises RowsExist where the app's tables hold rows that are not the demo's, or another seed's;
    SchemaIncomplete where the event tables are not deployed.
    """
    today = today or datetime.now(ZONE).date()
    with db.begin() as connection:
        _prepare(connection)
        had, wrong = loaded(connection), broken(connection)
    wanted = _wanted(had, users, days, seed, today, until or today - timedelta(days=1))
    if had == wanted:
        return {}
    if wrong:
        raise RowsExist(f"the demo is broken on purpose ({', '.join(wrong)}); run aclue demo reset, then load again")
    with db.psycopg() as pg:
        return _write(pg, had, wanted, progress)


def install(database: Database, admin_url: Callable[[], str], say: Progress) -> None:
    """The stand-in for the app's tables where there are none."""
    with database.begin() as connection:
        there = is_there(driver(connection), "public.products")
    if not there:
        say("the app's own tables, as Supabase would have them")
        app.install(admin_url(), "a")


def loaded(connection: sa.Connection) -> Loaded | None:
    """What the demo has loaded into this database; None for nothing."""
    if not is_there(driver(connection), "demo.loaded"):
        return None
    rows = query(connection, "select * from demo.loaded")
    return Loaded(**{name: rows[0][name] for name in Loaded._fields if name in rows[0]}) if rows else None


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
        return Loaded(anchor, SEED if seed is None else seed, users or USERS, first, until, SIMULATOR)
    if had.simulator != SIMULATOR:
        raise RowsExist(
            "the demo was loaded by another version of the simulator; load it anew (in the checkout: make clean)"
        )
    if seed not in (None, had.seed):
        raise RowsExist(f"the demo is loaded with seed {had.seed}; another seed needs another database")
    return had._replace(
        users=max(had.users, users or 0),
        first_day=min(had.first_day, first or had.first_day),
        last_day=max(had.last_day, until),
    )


def _pieces(had: Loaded | None, wanted: Loaded) -> Iterator[Piece]:
    """What `wanted` has beyond `had`, as people × days counted from the anchor and what is known of them (as in Simulator.events):
    people who are new, earlier days of the others, and later ones; in blocks of people whose rows fit into memory."""
    first, last = ((day - wanted.anchor).days for day in (wanted.first_day, wanted.last_day))
    whole: list[Piece] = [(range(had.users if had else 0, wanted.users), first, last, None)]
    if had is not None:
        since, until = ((day - wanted.anchor).days for day in (had.first_day, had.last_day))
        whole.append((range(had.users), first, since - 1, None))
        if until < last:
            whole.append((range(had.users), max(since, until - UNSETTLED_DAYS), last, until))
    for people, begin, end, known_until in whole:
        size = max(50, _PEOPLE_DAYS // max(1, end - begin + 1))
        for start in range(people.start, people.stop, size) if begin <= end else ():
            yield range(start, min(start + size, people.stop)), begin, end, known_until


def _write(pg: Pg, had: Loaded | None, wanted: Loaded, progress: Progress) -> dict[str, int]:
    pg.execute("select pg_advisory_xact_lock(hashtextextended('aclue:demo', 0))")
    simulator, now = Simulator(wanted.anchor, wanted.seed), (wanted.last_day - wanted.anchor).days
    before, rows, gone = _counts(pg), 0, _gone(simulator)
    for table, frame in simulator.catalogue().items():
        _merge(pg, table, frame)
    for numbers, first, last, known_until in _pieces(had, wanted):
        people = simulator.people(numbers.start, numbers.stop)
        _merge(pg, "auth.users", simulator.users(people))
        for table, frame in simulator.events(people, first, last, known_until, now).items():
            if had:  # What reaches the database now changed now: whoever looks for changed rows finds it so.
                frame = frame.drop(columns="updated_at", errors="ignore")
            if known_until is not None and known_until >= DEPARTURE_DAY:
                frame = _without(gone, table, frame)
            rows += len(frame)
            (_copy if known_until is None else _merge)(pg, table, frame)
        progress(f"people {numbers.start} to {numbers.stop - 1}: {rows:,} rows so far")
    if now >= DEPARTURE_DAY:
        for statement in _DEPARTURES:
            pg.execute(statement, gone)
    pg.execute("delete from demo.loaded")
    pg.execute(
        "insert into demo.loaded (anchor, seed, users, first_day, last_day, simulator) values (%s, %s, %s, %s, %s, %s)",
        wanted,
    )
    pg.execute("analyze " + ", ".join(["public.products", *EVENTS]))  # else the first jobs plan for empty tables
    return {table: rows - before[table] for table, rows in _counts(pg).items() if rows > before[table]}


def _gone(simulator: Simulator) -> dict[str, Any]:
    """The account and the product that the app deletes, what the person's browser was known by and is called since, and the moment."""
    return {
        "user": user_ids(np.array([ERASED_PERSON]))[0],
        "product": deleted_product(simulator.draws),
        "browser": browser_ids(simulator.draws, ERASED_PERSON).tolist(),
        "token": simulator.draws.names("erased-", "erased", ERASED_PERSON)[0],
        "moment": stamps([simulator.clock.end_of(DEPARTURE_DAY - 1)])[0].to_pydatetime(),
    }


def _without(gone: dict[str, Any], table: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Nothing comes back of what was gone already."""
    if "product_id" in rows:
        rows = rows[rows["product_id"] != gone["product"]]
    there = rows["created_at"] <= gone["moment"] if table in _STAYING else False
    return rows[(rows["user_id"] != gone["user"]) | there]


def _counts(pg: Pg) -> dict[str, int]:
    counts = sql.SQL(" union all ").join(
        sql.SQL("select {}, count(*) from {}").format(table, identifier(table)) for table in TABLES
    )
    return dict(pg.execute(counts).fetchall())


def _copy(pg: Pg, table: str, rows: pd.DataFrame) -> None:
    """The columns that the table has: the two catalogue shapes differ in some."""
    has = pg.execute(sql.SQL("select * from {} limit 0").format(identifier(table))).description or []
    if len(rows):
        copy_frame(pg, table, rows[[column.name for column in has if column.name in rows]])


def _merge(pg: Pg, table: str, rows: pd.DataFrame) -> None:
    """Rows that may be there already; changes in place, as an app's server would: the table's trigger tells when."""
    pg.execute(
        sql.SQL("create temporary table merged (like {} including defaults) on commit drop").format(identifier(table))
    )
    _copy(pg, "merged", rows)
    setting = sql.SQL(", ").join(
        sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in _MUTABLE.get(table, ())
    )
    doing = sql.SQL("update set {}").format(setting) if table in _MUTABLE else sql.SQL("nothing")
    insert = sql.SQL("insert into {} select * from merged on conflict (id) do {}")
    pg.execute(insert.format(identifier(table), doing))
    pg.execute("drop table merged")
