"""Small random worlds: users, products and every event with all that the tables allow (NULLs, machines, repeats, ties, times and amounts
that cannot be, texts of any length, days on which the clocks change), and the database they are loaded into. What is true of a world,
tests/oracles/ says."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from psycopg import sql

from aclue_pipeline import derived
from aclue_pipeline.checks import of_file
from aclue_pipeline.derived import facts
from aclue_pipeline.postgres import Database, Pg, identifier
from aclue_pipeline.postgres.server import EmbeddedServer
from aclue_pipeline.settings import get_settings
from tests.conftest import Databases
from tests.oracles.facts import AGENTS, usable
from tests.support.catalogs import CATALOG

ZONE = "Europe/London"
USERS = [uuid.UUID(int=n) for n in (1, 2)]
PRODUCTS = [{"id": uuid.UUID(int=10 + n), "currency": code} for n, code in enumerate(("GBP", " eur", None))]
SESSIONS = ["s1", "s2", "s3"]
RECOMMENDATIONS = [uuid.UUID(int=20 + n) for n in range(3)]

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
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)

TABLES = {
    "recommendations": "public.recommendations",
    "feedback": "public.recommendation_feedback",
    "clicks": "public.affiliate_clicks",
    "sessions": "public.session_analytics",
    "views": "public.product_views",
    "swipes": "public.swipe_interactions",
}

#: What the facts and what is published of them remember of the world before.
_REMEMBERED = """
select format('%I.%I', schemaname, tablename) from pg_tables
where schemaname = 'history' or schemaname = 'staging' or schemaname = 'analytics'
    or schemaname = 'pipeline' and tablename not in ('tables', 'secrets', 'settings')
"""

#: As long as clients may make it, in characters of four bytes.
HOSTILE = "\N{SLOT MACHINE}" * 2671


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
visitors = st.sampled_from([None, "", "a1", "a2"])
agents = st.sampled_from([None, None, None, *AGENTS])
money = st.one_of(
    st.none(),
    st.integers(0, 999).map(lambda pence: Decimal(pence) / 100),
    st.integers(0, 999).map(lambda pence: Decimal(pence) / 100),
    st.just(Decimal("NaN")),
)
#: A dimension of an event: mostly plain, now and then cut in the middle of a character.
texts = st.sampled_from([None, "", "google", "google", "mail", "x" * 199 + "é", HOSTILE])


def sometimes(times: st.SearchStrategy[datetime]) -> st.SearchStrategy[Any]:
    """A time as a row may have it: now and then none, or one that cannot be."""
    never = st.sampled_from(
        [None, None, "infinity", "-infinity", datetime(1999, 12, 31, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)]
    )
    return st.one_of(never, times, times, times)


@st.composite
def clicks(draw: st.DrawFn, times: st.SearchStrategy[datetime]) -> dict[str, Any]:
    """A click; with what our own constraints refuse but a table made by hand may hold (money without a conversion)."""
    at = draw(sometimes(times))
    later = draw(st.sampled_from([None, timedelta(0), timedelta(seconds=1), timedelta(days=1), timedelta(days=-1)]))
    sold_at = None if later is None else (at if usable(at) else draw(times)) + later
    return {
        "id": draw(st.uuids()),
        "user_id": draw(maybe_users),
        "anonymous_id": draw(visitors),
        "product_id": draw(st.sampled_from([None, *(product["id"] for product in PRODUCTS)])),
        "session_id": draw(sessions),
        "click_timestamp": at,
        "source_page": draw(st.sampled_from(["search", "discover", "", HOSTILE])),
        "device_type": draw(st.sampled_from([None, "mobile"])),
        "affiliate_network": draw(st.sampled_from(["awin", "amazon", ""])),
        "affiliate_url": "https://shop.example/",
        "expected_commission": draw(money),
        "is_converted": draw(st.sampled_from([True, False, None])),
        "conversion_timestamp": draw(st.sampled_from([sold_at, sold_at, sold_at, "infinity"])),
        "actual_commission": draw(money),
        "order_id": draw(st.sampled_from([None, "", "o1", "o2"])),
        "user_agent": draw(agents),
        "utm_source": draw(texts),
        "utm_medium": draw(st.sampled_from([None, "cpc"])),
        "utm_campaign": draw(st.sampled_from([None, "", "spring"])),
    }


@st.composite
def repeated(draw: st.DrawFn, click: dict[str, Any]) -> dict[str, Any]:
    """The click once more by the same person, at most a little later; perhaps on another page, perhaps with money of its own."""
    at, later = click["click_timestamp"], draw(st.sampled_from([0, 1, 2, 2.000001, 3]))
    return click | {
        "id": draw(st.uuids()),
        "click_timestamp": at + timedelta(seconds=later) if isinstance(at, datetime) else at,
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
        "view_timestamp": draw(sometimes(times)),
        "view_source": draw(st.sampled_from([None, "search", HOSTILE])),
        "view_position": draw(st.sampled_from([None, 1, 2])),
        "interaction_type": draw(st.sampled_from([None, "impression", "impression", "detail_view", "share"])),
        "has_clicked_affiliate": draw(st.sampled_from([None, False, False, True])),
        "has_saved": draw(st.sampled_from([None, False, False, True])),
        "device_type": draw(st.sampled_from([None, "", "tablet"])),
        "recommendation_id": draw(st.sampled_from([None, *RECOMMENDATIONS, RECOMMENDATIONS[0]])),
    }


@st.composite
def recommendations_of(draw: st.DrawFn, name: uuid.UUID, times: st.SearchStrategy[datetime]) -> dict[str, Any]:
    confidence = ["0", "0.0999", "0.1", "0.45", "0.9", "1", "1.5", "-0.2", "NaN"]
    return {
        "id": name,
        "user_id": draw(maybe_users),
        "product_id": PRODUCTS[0]["id"],
        "created_at": draw(sometimes(times)),
        "algorithm_version": draw(st.sampled_from([None, "", "v1", "v1", HOSTILE])),
        "rank_position": draw(st.sampled_from([None, 1, 1, 2])),
        "confidence_score": draw(st.one_of(st.none(), st.sampled_from(confidence).map(Decimal))),
        "is_clicked": draw(st.sampled_from([None, False, True])),
        "is_purchased": draw(st.sampled_from([None, False, True])),
    }


@st.composite
def reactions(draw: st.DrawFn, recommendation: uuid.UUID, times: st.SearchStrategy[datetime]) -> dict[str, Any]:
    return {
        "id": draw(st.uuids()),
        "recommendation_id": recommendation,
        "user_id": USERS[0],
        "product_id": PRODUCTS[0]["id"],
        "feedback_value": draw(st.sampled_from(["-1", "0", "0.5", "0.5", "NaN"]).map(Decimal)),
        "is_validated": draw(st.sampled_from([None, True, False])),
        "model_version": "v1",
        "created_at": draw(sometimes(times)),
    }


@st.composite
def swipes(draw: st.DrawFn, times: st.SearchStrategy[datetime]) -> dict[str, Any]:
    return {
        "id": draw(st.uuids()),
        "user_id": draw(maybe_users),
        "product_id": PRODUCTS[0]["id"],
        "swipe_direction": draw(st.sampled_from(["left", "right", "up", "down"])),
        "swipe_timestamp": draw(sometimes(times)),
    }


@st.composite
def sessions_of(draw: st.DrawFn, name: str, times: st.SearchStrategy[datetime]) -> dict[str, Any]:
    begun = draw(sometimes(times))
    lasts = draw(st.sampled_from([None, timedelta(0), timedelta(seconds=3), timedelta(hours=1)]))
    return {
        "session_id": name,
        "user_id": draw(maybe_users),
        "anonymous_id": draw(visitors),
        "started_at": begun,
        "ended_at": begun + lasts if usable(begun) and lasts is not None else None,
        "last_activity_at": draw(st.one_of(st.none(), times)),
        "duration_seconds": draw(st.sampled_from([None, 0, 5, 86_400, 86_401])),
        "products_viewed": draw(st.sampled_from([None, 0, 3])),
        "total_swipes": draw(st.sampled_from([None, 0, 1])),
        "affiliate_clicks": draw(st.sampled_from([None, 0, 2])),
        "has_converted": draw(st.sampled_from([None, False, True])),
        "is_bounce": draw(st.sampled_from([None, False, True])),
        "landing_page": draw(st.sampled_from(["/", "", "https://shop.example/gifts?token=1#top", HOSTILE])),
        "device_type": draw(st.sampled_from([None, "", "mobile"])),
        "has_registered": draw(st.sampled_from([None, False, True, True])),
        "registration_timestamp": draw(sometimes(times)),
        "utm_source": draw(texts),
        "utm_medium": draw(st.sampled_from([None, "cpc"])),
        "utm_campaign": draw(st.sampled_from([None, "", "spring"])),
    }


@st.composite
def worlds(draw: st.DrawFn, *anchors: datetime) -> dict[str, list[dict[str, Any]]]:
    """A whole world around the anchors, else around one change of the clocks; some sessions have a row, some are known from their
    events only; some events are delivered twice."""
    times = near(*(anchors or _SEASONS[draw(st.sampled_from([SPRING, AUTUMN]))]))
    made = [
        draw(recommendations_of(name, times)) for name in draw(st.lists(st.sampled_from(RECOMMENDATIONS), unique=True))
    ]
    rows = st.lists(sessions, unique=True).flatmap(lambda names: st.tuples(*(sessions_of(n, times) for n in names)))
    world = {
        "products": PRODUCTS,
        "recommendations": made,
        "feedback": [draw(reactions(one["id"], times)) for one in made for _ in range(draw(st.integers(0, 2)))],
        "clicks": draw(st.lists(clicks(times), max_size=8)),
        "sessions": list(draw(rows)),
        "views": draw(st.lists(views(times), max_size=8)),
        "swipes": draw(st.lists(swipes(times), max_size=6)),
    }
    for view in world["views"]:
        if view["recommendation_id"] not in [one["id"] for one in made]:
            view["recommendation_id"] = None
    if world["views"] and draw(st.booleans()):
        again = {"id": draw(st.uuids()), "has_clicked_affiliate": draw(st.booleans())}
        world["views"].append(draw(st.sampled_from(world["views"])) | again)
    if world["swipes"] and draw(st.booleans()):
        world["swipes"].append(draw(st.sampled_from(world["swipes"])) | {"id": draw(st.uuids())})
    if world["clicks"] and draw(st.booleans()):
        world["clicks"].append(draw(repeated(draw(st.sampled_from(world["clicks"])))))
    return world


@st.composite
def journeys(draw: st.DrawFn, *anchors: datetime) -> dict[str, list[dict[str, Any]]]:
    """Worlds in which sessions get far: one user, every event close by, people only."""
    world = draw(worlds(*(anchors or _SEASONS[AUTUMN][:1])))
    for session in world["sessions"]:
        session |= {"user_id": USERS[0], "ended_at": None, "last_activity_at": None, "duration_seconds": None}
    for swipe in world["swipes"]:
        swipe["user_id"] = USERS[0]
    for view in world["views"]:
        view["interaction_type"] = "detail_view"
    for click in world["clicks"]:
        click |= {"user_agent": None, "is_converted": True, "user_id": None, "anonymous_id": str(click["id"])}
    return world


@st.composite
def recommending(draw: st.DrawFn) -> dict[str, list[dict[str, Any]]]:
    """Worlds in which people are shown what was recommended, and click: around two instants 25 hours apart, few sessions and products."""
    times = near(_SEASONS[AUTUMN][0], _SEASONS[AUTUMN][2])
    world = draw(worlds(_SEASONS[AUTUMN][0], _SEASONS[AUTUMN][2]))
    world["recommendations"] = [
        draw(recommendations_of(name, times)) | {"created_at": draw(times)} for name in RECOMMENDATIONS
    ]
    world["feedback"] = [
        draw(reactions(draw(st.sampled_from(RECOMMENDATIONS)), times)) for _ in range(draw(st.integers(0, 6)))
    ]
    same = st.fixed_dictionaries(
        {"session_id": st.sampled_from(SESSIONS[:2]), "product_id": st.just(PRODUCTS[0]["id"])}
    )
    world["views"] = [
        draw(views(times))
        | draw(same)
        | {"recommendation_id": draw(st.sampled_from(RECOMMENDATIONS)), "view_timestamp": draw(times)}
        for _ in range(draw(st.integers(1, 6)))
    ]
    for view in world["views"]:
        view["has_clicked_affiliate"] = None
    world["clicks"] = [
        draw(clicks(times)) | draw(same) | {"click_timestamp": draw(times), "is_converted": True}
        for _ in range(draw(st.integers(1, 6)))
    ]
    return world


def times_of(world: dict[str, list[dict[str, Any]]]) -> list[datetime]:
    """Every instant that can be meant, in order."""
    rows = [row for kind in TABLES for row in world.get(kind, ())]
    return sorted({value for row in rows for value in row.values() if usable(value) is not None})


def local_days(db: Database, times: Sequence[datetime], zone: str = ZONE) -> dict[datetime, date]:
    """The calendar day of each instant by the server's own zone data, which Python's may differ from."""
    with db.psycopg() as pg:
        asked = "select t, (t at time zone %s)::date from unnest(%s::timestamptz[]) as t"
        return {at.astimezone(UTC): day for at, day in pg.execute(asked, [zone, list(times)])}


def span(days: dict[datetime, date]) -> tuple[date, date]:
    """The days of everything that happened, and one more on either side."""
    found = sorted(days.values()) or [SPRING]
    return found[0] - timedelta(days=1), found[-1] + timedelta(days=1)


@contextmanager
def database_of_worlds(server: EmbeddedServer) -> Iterator[Database]:
    """A deployed database without the constraints that a table made by hand may lack, with users and products."""
    databases = Databases(server)
    db = databases.copy("deployed")
    with databases.admin(db).psycopg() as pg:
        for table in TABLES.values():
            asked = "select conname from pg_constraint where contype = 'c' and conrelid = %s::regclass"
            for (name,) in pg.execute(asked, [table]).fetchall():
                pg.execute(sql.SQL("alter table {} drop constraint {}").format(identifier(table), sql.Identifier(name)))
        # The template may have been filled under the settings of whichever test asked for it first.
        for name in ("timezone", "first_day"):
            value = str(getattr(get_settings(), name))
            pg.execute("update pipeline.settings set value = %s where name = %s", [value, name])
        copy_in(pg, "auth.users", ["id"], [(user,) for user in USERS])
        rows = [(product["id"], "a thing", product["currency"]) for product in PRODUCTS]
        copy_in(pg, "public.products", ["id", "title", "currency"], rows)
    yield db
    databases.close()


def copy_in(pg: Pg, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL("copy {} ({}) from stdin").format(identifier(table), names)
    with pg.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def load(db: Database, world: dict[str, list[dict[str, Any]]]) -> None:
    """Put the world's events in the place of whatever is there, and its facts."""
    with db.psycopg() as pg:
        remembered = [name for (name,) in pg.execute(_REMEMBERED).fetchall()]
        pg.execute("; ".join(f"delete from {name}" for name in remembered))
    change(db, world)


def change(db: Database, world: dict[str, list[dict[str, Any]]]) -> None:
    """Put the world's events in the place of those that are there; the facts go on from there."""
    with db.psycopg() as pg:
        for kind, table in TABLES.items():
            pg.execute(f"delete from {table}")
            if world.get(kind):
                names = list(world[kind][0])
                copy_in(pg, table, names, [[row[name] for name in names] for row in world[kind]])
    sync(db)


def sync(db: Database) -> None:
    facts.sync(db, CATALOG, full=True)


def numbers(db: Database) -> dict[str, int]:
    """The number of each session by its key."""
    with db.psycopg() as pg:
        return dict(pg.execute("select session_key, session_number from pipeline.session_numbers").fetchall())


def rows_of(db: Database, table: str, statement: str = "select * from {}") -> list[dict[str, Any]]:
    from psycopg.rows import dict_row

    with db.psycopg() as pg, pg.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement.format(table)).fetchall()


def build(db: Database, name: str, first: date, last: date, **parameters: Any) -> list[derived.DayResult]:
    """Build the days of the table, and before it those of the daily tables that it reads."""
    for below in CATALOG.with_upstream(CATALOG.table(name)):
        if below.kind == "daily":
            results = derived.replace_days(db, CATALOG, below, derived.span(first, last), parameters=parameters)
    return results


def red(db: Database) -> set[str]:
    """Names of the checks of daily tables that do not hold."""
    judged = [of_file(file).judge(db) for file in CATALOG.checks if CATALOG.table(file.asset).kind == "daily"]
    return {judgement.check for judgement in judged if not judgement.passed}


def published(db: Database, name: str, first: date, last: date, **parameters: Any) -> dict[tuple[Any, ...], Any]:
    """Build the days, and the table's rows by their grain, bookkeeping left out."""
    build(db, name, first, last, **parameters)
    table = CATALOG.table(name)
    values = [column.name for column in table.columns if not column.bookkeeping and column.name not in table.grain]
    return {
        tuple(row[column] for column in table.grain): {column: row[column] for column in values}
        for row in rows_of(db, table.key)
        if first <= row["day"] <= last
    }


def pieces_agree(db: Database, name: str, world: dict[str, list[dict[str, Any]]], size: int) -> bool:
    """Whether building the world's days, `size` at a time, finds nothing to write after they were built all at once."""
    load(db, world)
    first, last = span(local_days(db, times_of(world)))
    build(db, name, first, last)
    piece = size * timedelta(days=1)
    starts = [first + piece * n for n in range((last - first) // piece + 1)]
    again = [build(db, name, begin, min(begin + piece - timedelta(days=1), last)) for begin in starts]
    return not [result for results in again for result in results if result.changed]
