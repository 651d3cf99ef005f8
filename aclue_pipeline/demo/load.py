"""Loads the demo by bulk copy and remembers what is loaded: anchor, seed, people and days, in the schema `demo`. What is there
already stays where it is: a later load adds the missing days, more people or earlier days, and lets the open clicks convert."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aclue_pipeline.demo.catalogue import categories, products
from aclue_pipeline.demo.clock import ZONE
from aclue_pipeline.demo.shop import anchor_for
from aclue_pipeline.demo.simulator import EVENTS, FIRST_DAY, SEED, UNSETTLED_DAYS, USERS, Simulator
from aclue_pipeline.errors import RowsExist, SchemaIncomplete
from aclue_pipeline.postgres import Database, query
from aclue_pipeline.postgres.copy import copy_frame

if TYPE_CHECKING:
    import pandas as pd
    import psycopg
    import sqlalchemy as sa

Progress = Callable[[str], None]

_PEOPLE_DAYS: Final = 400_000  # of one batch: what bounds the memory, whatever the size of the load
_STATE: Final = """
create schema if not exists demo;
create table if not exists demo.loaded (
    anchor date not null,
    seed bigint not null,
    users integer not null,
    first_day date not null,
    last_day date not null,
    loaded_at timestamptz not null default now()
);
create table if not exists demo.broken (what text primary key, undo jsonb not null, broken_at timestamptz not null default now());
comment on schema demo is 'What the demo knows about itself: what was loaded and what was broken on purpose.';
comment on table demo.loaded is 'One row: which people and days are loaded, from which anchor and seed.';
comment on table demo.broken is 'One row per thing that was broken on purpose, with what mends it.';
"""


@dataclass(frozen=True)
class Loaded:
    """What a database holds: the people numbered below `users`, their visits from first_day to last_day, both included."""

    anchor: date  # the day to which the last real day has moved
    seed: int
    users: int
    first_day: date
    last_day: date


class Piece(NamedTuple):
    """Part of a load: people × days, counted from the anchor; `known_until` as in Simulator.batch."""

    people: range
    first: int
    last: int
    known_until: int | None


def load(
    db: Database,
    users: int | None = None,
    days: int | None = None,
    seed: int | None = None,
    today: date | None = None,
    progress: Progress = lambda line: None,
) -> dict[str, int]:
    """Bring the demo's rows up to yesterday, in one transaction; the number of rows added (and changed) by table, {} for none.

    `users`: people, the real customers first (default: those whose order lines are known). `days`: how many days back from
    yesterday (default: the real year). Neither takes away what is loaded.
    Raises RowsExist where the app's tables hold rows that are not the demo's, or another seed's;
    SchemaIncomplete where the event tables are not deployed.
    """
    today = today or datetime.now(ZONE).date()
    with db.begin() as connection:
        _prepare(connection)
        had = loaded(connection)
    wanted = _wanted(had, users, days, seed, today)
    if had == wanted:
        return {}
    with db.psycopg() as pg:
        _refuse_while_broken(pg)
        return _write(pg, _shape(db), had, wanted, progress)


def loaded(connection: "sa.Connection") -> Loaded | None:
    """What the demo has loaded into this database; None for nothing."""
    if not query(connection, "select to_regclass('demo.loaded') is not null as there")[0]["there"]:
        return None
    rows = query(connection, "select anchor, seed, users, first_day, last_day from demo.loaded")
    return Loaded(**rows[0]) if rows else None


def _prepare(connection: "sa.Connection") -> None:
    from aclue_pipeline.postgres import script

    missing = query(
        connection,
        "select t from unnest(cast(:tables as text[])) as t where to_regclass(t) is null",
        tables=list(EVENTS),
    )
    if missing:
        raise SchemaIncomplete(
            f"{missing[0]['t']} is missing: deploy the schema (aclue --demo deploy), then load again"
        )
    script(connection, "select pg_advisory_xact_lock(hashtextextended('aclue:demo', 0));" + _STATE)
    if loaded(connection) is None and query(connection, "select from public.products limit 1"):
        raise RowsExist("public.products holds rows that are not the demo's; load it into a database of its own")


def _wanted(had: Loaded | None, users: int | None, days: int | None, seed: int | None, today: date) -> Loaded:
    yesterday = today - timedelta(days=1)
    if had is None:
        anchor = anchor_for(today)
        first = yesterday - timedelta(days=days - 1) if days else anchor + timedelta(days=FIRST_DAY)
        return Loaded(anchor, SEED if seed is None else seed, users or USERS, first, yesterday)
    if seed not in (None, had.seed):
        raise RowsExist(f"the demo is loaded with seed {had.seed}; another seed needs another database")
    last = max(had.last_day, yesterday)
    first = min(had.first_day, last - timedelta(days=days - 1)) if days else had.first_day
    return replace(had, users=max(had.users, users or 0), first_day=first, last_day=last)


def _pieces(had: Loaded | None, wanted: Loaded) -> Iterator[Piece]:
    """What `wanted` has beyond `had`: later days of the people that are there, earlier ones, and people who are new."""

    def number(day: date) -> int:
        return (day - wanted.anchor).days

    first, last = number(wanted.first_day), number(wanted.last_day)
    if had is not None:
        known, since = range(had.users), number(had.first_day)
        if had.last_day < wanted.last_day:
            unsettled = max(since, number(had.last_day) - UNSETTLED_DAYS)
            yield Piece(known, unsettled, last, number(had.last_day))
        if first < since:
            yield Piece(known, first, since - 1, None)
    fresh = range(had.users if had else 0, wanted.users)
    if fresh:
        yield Piece(fresh, first, last, None)


def _blocks(piece: Piece) -> Iterator[range]:
    """The piece's people in blocks whose rows fit into memory."""
    size = max(50, _PEOPLE_DAYS // (piece.last - piece.first + 1))
    for start in range(piece.people.start, piece.people.stop, size):
        yield range(start, min(start + size, piece.people.stop))


def _write(
    pg: "psycopg.Connection[Any]", shape: str, had: Loaded | None, wanted: Loaded, progress: Progress
) -> dict[str, int]:
    pg.execute("select pg_advisory_xact_lock(hashtextextended('aclue:demo', 0))")
    simulator = Simulator(wanted.anchor, wanted.seed)
    count: Counter[str] = Counter()
    if had is None:
        count["public.categories"] = copy_frame(pg, "public.categories", categories())
        count["public.products"] = copy_frame(
            pg, "public.products", products(simulator.draws, "b" if shape == "b" else "a")
        )
    now = (wanted.last_day - wanted.anchor).days
    for piece in _pieces(had, wanted):
        for block in _blocks(piece):
            people = simulator.people(block.start, block.stop)
            if piece.known_until is None and (had is None or block.start >= had.users):
                count["auth.users"] += copy_frame(pg, "auth.users", simulator.users(people))
            batch = simulator.batch(people, piece.first, piece.last, piece.known_until, now)
            for table in EVENTS:
                count[table] += _copy(pg, table, batch.new[table], shape) + _update(pg, table, batch.changed[table])
            progress(f"people {block.start} to {block.stop - 1}: {sum(count.values()):,} rows so far")
    pg.execute("delete from demo.loaded")
    pg.execute(
        "insert into demo.loaded (anchor, seed, users, first_day, last_day) values (%s, %s, %s, %s, %s)",
        (wanted.anchor, wanted.seed, wanted.users, wanted.first_day, wanted.last_day),
    )
    pg.execute("analyze " + ", ".join(["public.products", *EVENTS]))  # else the first jobs plan for empty tables
    return {table: rows for table, rows in count.items() if rows}


def _copy(pg: "psycopg.Connection[Any]", table: str, rows: "pd.DataFrame", shape: str) -> int:
    if shape == "b" and "category_id" in rows:
        rows = rows.drop(columns="category_id")
    return copy_frame(pg, table, rows) if len(rows) else 0


#: What the server changes of a row that is there.
_MUTABLE: Final = {
    "public.affiliate_clicks": ("is_converted", "conversion_timestamp", "actual_commission", "order_id"),
    "public.session_analytics": ("has_converted", "conversion_timestamp", "conversion_value"),
    "public.recommendations": ("is_clicked", "clicked_at", "is_purchased", "purchased_at"),
}


def _update(pg: "psycopg.Connection[Any]", table: str, rows: "pd.DataFrame") -> int:
    """Changes in place, as an app's server would: the table's trigger tells when."""
    from psycopg import sql

    if table not in _MUTABLE or not len(rows):
        return 0
    columns = ("id", *_MUTABLE[table])
    target = sql.Identifier(*table.split("."))
    fields = sql.SQL(", ").join(map(sql.Identifier, columns))
    pg.execute(
        sql.SQL("create temporary table demo_changed on commit drop as select {} from {} where false").format(
            fields, target
        )
    )
    copy_frame(pg, "demo_changed", rows[list(columns)])
    setting = sql.SQL(", ").join(sql.SQL("{0} = c.{0}").format(sql.Identifier(name)) for name in columns[1:])
    done = pg.execute(sql.SQL("update {} as t set {} from demo_changed as c where t.id = c.id").format(target, setting))
    pg.execute("drop table demo_changed")
    return done.rowcount


def _refuse_while_broken(pg: "psycopg.Connection[Any]") -> None:
    broken = pg.execute("select string_agg(what, ', ') from demo.broken").fetchone()
    if broken and broken[0]:
        raise RowsExist(f"the demo is broken on purpose ({broken[0]}); run aclue demo reset, then load again")


def _shape(db: Database) -> str:
    from aclue_pipeline.postgres import app

    with db.begin() as connection:
        return app.shape(connection)
