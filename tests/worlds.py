"""Small random worlds: users, products and every event with all that the tables allow (NULLs, machines, repeats, ties, days on
which the clocks change), and the database they are loaded into. What is true of a world, tests/oracles/ says."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from psycopg import sql

from aclue_pipeline import derived
from aclue_pipeline.postgres import Database
from aclue_pipeline.postgres.server import EmbeddedServer
from tests.conftest import Databases
from tests.support.catalogs import CATALOG

ZONE = "Europe/London"
USERS = [uuid.UUID(int=n) for n in (1, 2)]
PRODUCTS = [{"id": uuid.UUID(int=10 + n), "currency": code} for n, code in enumerate(("GBP", " eur", None))]
SESSIONS = ["s1", "s2", "s3"]

#: London's clocks go forward on 29 March 2026 (a day of 23 hours) and back on 25 October (25 hours).
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)

#: Instants at which the days of 23 and of 25 hours begin, turn and end; events fall within seconds of them, so that they meet.
_SEASONS = {
    SPRING: (
        datetime(2026, 3, 29, 0, 0, tzinfo=UTC),
        datetime(2026, 3, 29, 1, 0, tzinfo=UTC),
        datetime(2026, 3, 29, 23, 0, tzinfo=UTC),
    ),
    AUTUMN: (
        datetime(2026, 10, 24, 23, 0, tzinfo=UTC),
        datetime(2026, 10, 25, 1, 0, tzinfo=UTC),
        datetime(2026, 10, 26, 0, 0, tzinfo=UTC),
    ),
}

#: A few runs of each property: what random worlds find, they find in the first hundred, or in the nightly thousands.
FEW = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)

TABLES = {
    "clicks": "public.affiliate_clicks",
    "sessions": "public.session_analytics",
    "views": "public.product_views",
    "swipes": "public.swipe_interactions",
}


def near(*anchors: datetime) -> st.SearchStrategy[datetime]:
    """Instants in half seconds around an anchor, now and then a microsecond off."""
    return st.builds(
        lambda anchor, halves, off: anchor + timedelta(milliseconds=500 * halves, microseconds=off),
        st.sampled_from(anchors),
        st.integers(-6, 12),
        st.sampled_from([0, 0, 0, 1, -1]),
    )


maybe_users = st.sampled_from([None, *USERS])
sessions = st.sampled_from(SESSIONS)
money = st.one_of(st.none(), st.integers(0, 999).map(lambda pence: Decimal(pence) / 100))
agents = st.sampled_from([None, None, "", "Mozilla/5.0 (X11)", "Mozilla/5.0 (CUBOT X)", "Googlebot/2.1", "curl/8.5"])


@st.composite
def clicks(draw: st.DrawFn, times: st.SearchStrategy[datetime]) -> dict[str, Any]:
    """A click; with what our own constraints refuse but a table made by hand may hold (money without a conversion)."""
    at = draw(st.one_of(st.none(), times, times, times))
    converted = draw(st.sampled_from([True, False, None]))
    later = draw(st.sampled_from([None, timedelta(0), timedelta(seconds=1), timedelta(days=1), timedelta(days=-1)]))
    return {
        "id": draw(st.uuids()),
        "user_id": draw(maybe_users),
        "anonymous_id": draw(st.sampled_from([None, "", "a1"])),
        "product_id": draw(st.sampled_from([None, *(product["id"] for product in PRODUCTS)])),
        "session_id": draw(sessions),
        "click_timestamp": at,
        "source_page": draw(st.sampled_from(["search", "discover", ""])),
        "device_type": draw(st.sampled_from([None, "mobile"])),
        "affiliate_network": draw(st.sampled_from(["awin", "amazon", ""])),
        "affiliate_url": "https://shop.example/",
        "expected_commission": draw(money),
        "is_converted": converted,
        "conversion_timestamp": None if later is None else (at or draw(times)) + later,
        "actual_commission": draw(money),
        "order_id": draw(st.sampled_from([None, "", "o1", "o2"])),
        "user_agent": draw(agents),
    }


@st.composite
def repeated(draw: st.DrawFn, click: dict[str, Any]) -> dict[str, Any]:
    """The click once more by the same person, at most a little later; perhaps on another page, perhaps with money of its own."""
    at, later = click["click_timestamp"], draw(st.sampled_from([0, 1, 2, 2.000001, 3]))
    return click | {
        "id": draw(st.uuids()),
        "click_timestamp": None if at is None else at + timedelta(seconds=later),
        "source_page": draw(st.sampled_from(["search", "discover"])),
        "actual_commission": draw(money),
    }


@st.composite
def views(draw: st.DrawFn, times: st.SearchStrategy[datetime]) -> dict[str, Any]:
    return {
        "id": draw(st.uuids()),
        "product_id": draw(st.sampled_from([product["id"] for product in PRODUCTS])),
        "user_id": draw(st.sampled_from([None, USERS[0]])),
        "session_id": draw(sessions),
        "view_timestamp": draw(st.one_of(st.none(), times, times, times)),
        "view_source": draw(st.sampled_from([None, "search"])),
        "view_position": draw(st.sampled_from([None, 1, 2])),
        "interaction_type": draw(st.sampled_from([None, "impression", "impression", "detail_view", "share"])),
        "has_clicked_affiliate": draw(st.sampled_from([None, False, False, True])),
        "device_type": draw(st.sampled_from([None, "", "tablet"])),
    }


@st.composite
def swipes(draw: st.DrawFn, times: st.SearchStrategy[datetime]) -> dict[str, Any]:
    return {
        "id": draw(st.uuids()),
        "user_id": draw(maybe_users),
        "product_id": PRODUCTS[0]["id"],
        "swipe_direction": draw(st.sampled_from(["left", "right", "up", "down"])),
        "swipe_timestamp": draw(st.one_of(st.none(), times, times, times)),
    }


@st.composite
def sessions_of(draw: st.DrawFn, name: str, times: st.SearchStrategy[datetime]) -> dict[str, Any]:
    begun = draw(st.one_of(st.none(), times, times, times))
    lasts = draw(st.sampled_from([None, timedelta(0), timedelta(seconds=3), timedelta(hours=1)]))
    return {
        "session_id": name,
        "user_id": draw(maybe_users),
        "anonymous_id": draw(st.sampled_from([None, "", "a1"])),
        "started_at": begun,
        "ended_at": begun + lasts if begun is not None and lasts is not None else None,
        "last_activity_at": draw(st.one_of(st.none(), times)),
        "duration_seconds": draw(st.sampled_from([None, 0, 5])),
        "landing_page": draw(st.sampled_from(["/", ""])),
        "device_type": draw(st.sampled_from([None, "", "mobile"])),
        "utm_source": draw(st.sampled_from([None, "", "google"])),
    }


@st.composite
def worlds(draw: st.DrawFn, *anchors: datetime) -> dict[str, list[dict[str, Any]]]:
    """A whole world around the anchors, else around one change of the clocks; some sessions have a row, some are known from their
    events only; some events are delivered twice."""
    times = near(*(anchors or _SEASONS[draw(st.sampled_from([SPRING, AUTUMN]))]))
    rows = st.lists(sessions, unique=True).flatmap(lambda names: st.tuples(*(sessions_of(n, times) for n in names)))
    world = {
        "products": PRODUCTS,
        "clicks": draw(st.lists(clicks(times), max_size=8)),
        "sessions": list(draw(rows)),
        "views": draw(st.lists(views(times), max_size=8)),
        "swipes": draw(st.lists(swipes(times), max_size=6)),
    }
    for kind in ("views", "swipes"):
        if world[kind] and draw(st.booleans()):
            world[kind].append({**draw(st.sampled_from(world[kind])), "id": draw(st.uuids())})
    if world["clicks"] and draw(st.booleans()):
        world["clicks"].append(draw(repeated(draw(st.sampled_from(world["clicks"])))))
    return world


def span(world: dict[str, list[dict[str, Any]]]) -> tuple[date, date]:
    """The days of everything that happened in the world, and one more on either side."""
    rows = [row for kind in TABLES for row in world[kind]]
    times = [value for row in rows for value in row.values() if isinstance(value, datetime)]
    found = sorted(at.astimezone(ZoneInfo(ZONE)).date() for at in times) or [SPRING]
    return found[0] - timedelta(days=1), found[-1] + timedelta(days=1)


@contextmanager
def database_of_worlds(server: EmbeddedServer) -> Iterator[Database]:
    """A deployed database without the constraints that a table made by hand may lack, with users and products."""
    databases = Databases(server)
    db = databases.copy("deployed")
    with databases.admin(db).psycopg() as pg:
        pg.execute("alter table public.affiliate_clicks drop constraint affiliate_clicks_converted_has_time")
        pg.execute("alter table public.affiliate_clicks drop constraint affiliate_clicks_commission_is_converted")
        copy_in(pg, "auth.users", ["id"], [(user,) for user in USERS])
        rows = [(product["id"], "a thing", product["currency"]) for product in PRODUCTS]
        copy_in(pg, "public.products", ["id", "title", "currency"], rows)
    yield db
    databases.close()


def copy_in(pg: psycopg.Connection[Any], table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL("copy {} ({}) from stdin").format(sql.Identifier(*table.split(".")), names)
    with pg.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def load(db: Database, world: dict[str, list[dict[str, Any]]]) -> None:
    """Put the world's events in the place of whatever is there."""
    with db.psycopg() as pg:
        for kind, table in TABLES.items():
            pg.execute(f"delete from {table}")
            if world.get(kind):
                names = list(world[kind][0])
                copy_in(pg, table, names, [[row[name] for name in names] for row in world[kind]])


def rows_of(db: Database, table: str, statement: str) -> list[dict[str, Any]]:
    from psycopg.rows import dict_row

    with db.psycopg() as pg, pg.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement.format(table)).fetchall()


def pieces_agree(db: Database, name: str, world: dict[str, list[dict[str, Any]]], size: int) -> bool:
    """Whether rebuilding the world's days, `size` at a time, finds nothing to write after they were rebuilt all at once."""
    load(db, world)
    first, last = span(world)
    table = CATALOG.table(name)
    derived.replace_days(db, CATALOG, table, first, last)
    piece = size * timedelta(days=1)
    starts = [first + piece * n for n in range((last - first) // piece + 1)]
    again = [
        derived.replace_days(db, CATALOG, table, begin, min(begin + piece - timedelta(days=1), last))
        for begin in starts
    ]
    return not [result for results in again for result in results if result.changed]


def published(db: Database, name: str, first: date, last: date, **parameters: Any) -> dict[tuple[Any, ...], Any]:
    """Compute the days, and the table's rows by their grain, bookkeeping left out."""
    table = CATALOG.table(name)
    derived.replace_days(db, CATALOG, table, first, last, parameters=parameters)
    found = rows_of(db, table.key, "select * from {}")
    values = [column.name for column in table.columns if not column.bookkeeping and column.name not in table.grain]
    return {
        tuple(row[name] for name in table.grain): {name: row[name] for name in values}
        for row in found
        if first <= row["day"] <= last
    }
