"""A database for one module of tests, filled anew with the events of each example; and its tables read back as rows."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from psycopg import sql
from psycopg.rows import dict_row

from aclue_pipeline import catalog
from aclue_pipeline.catalog.days import DayResult
from aclue_pipeline.postgres import Database
from aclue_pipeline.postgres.server import EmbeddedServer
from tests.conftest import Databases
from tests.oracles.draw import PRODUCTS, ROUND, USERS
from tests.oracles.events import Click, Events

COLUMNS: dict[str, dict[str, str]] = {
    "affiliate_clicks": {
        "id": "id", "click_timestamp": "at", "user_id": "user_id", "anonymous_id": "anonymous_id", "session_id": "session_id",
        "product_id": "product_id", "user_agent": "user_agent", "affiliate_network": "affiliate_network",
        "source_page": "source_page", "device_type": "device_type", "is_converted": "is_converted",
        "conversion_timestamp": "converted_at", "expected_commission": "expected", "actual_commission": "actual",
        "order_id": "order_id",
    },
    "product_views": {
        "id": "id", "view_timestamp": "at", "product_id": "product_id", "user_id": "user_id", "session_id": "session_id",
        "interaction_type": "kind", "view_source": "source", "view_position": "position",
        "has_clicked_affiliate": "is_flagged", "device_type": "device_type",
    },
    "session_analytics": {
        "session_id": "session_id", "started_at": "started_at", "user_id": "user_id", "anonymous_id": "anonymous_id",
        "ended_at": "ended_at", "last_activity_at": "last_activity_at", "duration_seconds": "duration_seconds",
        "landing_page": "landing_page", "device_type": "device_type", "utm_source": "utm_source",
    },
    "swipe_interactions": {
        "id": "id", "swipe_timestamp": "at", "user_id": "user_id", "session_id": "round_id", "product_id": "product_id",
        "swipe_direction": "direction",
    },
}  # fmt: skip
#: Columns that must be given and that no oracle looks at.
FILLED = {"affiliate_clicks": {"affiliate_url": "https://shop.example/"}}
#: Our deployment refuses these rows; tables that were deployed by hand may hold them, and must be counted right too.
UNCHECKED = ("affiliate_clicks_converted_has_time", "affiliate_clicks_commission_is_converted")


class Source:
    """The source tables, to be filled, and the derived ones, to be rebuilt and read."""

    def __init__(self, db: Database, admin: Database) -> None:
        self.db = db
        self.rebuilt: set[str] = set()
        with admin.psycopg() as pg:
            pg.cursor().executemany("insert into auth.users (id) values (%s)", [[user] for user in USERS])
            pg.execute("insert into public.swipe_sessions (id) values (%s)", [ROUND])
            pg.cursor().executemany(
                "insert into public.products (id, title, currency) values (%s, 'a gift', %s)",
                [[product.id, product.currency] for product in PRODUCTS],
            )
            for name in UNCHECKED:
                pg.execute(sql.SQL("alter table public.affiliate_clicks drop constraint {}").format(sql.Identifier(name)))

    def fill(self, events: Events) -> None:
        """These events and no others; nothing has been computed from them."""
        rows = {
            "affiliate_clicks": events.clicks,
            "product_views": events.views,
            "session_analytics": events.sessions,
            "swipe_interactions": events.swipes,
        }
        with self.db.psycopg() as pg:
            for table, records in rows.items():
                pg.execute(sql.SQL("delete from public.{}").format(sql.Identifier(table)))
                columns, filled = COLUMNS[table], FILLED.get(table, {})
                insert = sql.SQL("insert into public.{} ({}) values ({})").format(
                    sql.Identifier(table),
                    sql.SQL(", ").join(map(sql.Identifier, [*columns, *filled])),
                    sql.SQL(", ").join([sql.Placeholder()] * (len(columns) + len(filled))),
                )
                pg.cursor().executemany(
                    insert, [[*(getattr(one, name) for name in columns.values()), *filled.values()] for one in records]
                )
            for name in self.rebuilt:
                pg.execute(sql.SQL("delete from {}").format(sql.Identifier(*name.split("."))))
            pg.execute("delete from pipeline.days")

    def convert(self, click: Click) -> None:
        """The network reports what became of the click."""
        with self.db.psycopg() as pg:
            pg.execute(
                """update public.affiliate_clicks
                   set is_converted = %s, conversion_timestamp = %s, actual_commission = %s where id = %s""",
                [click.is_converted, click.converted_at, click.actual, click.id],
            )

    def rebuild(self, name: str, first: date, last: date) -> list[DayResult]:
        table = catalog.table(name)
        self.rebuilt.add(table.key)
        return catalog.replace_days(self.db, table, first, last)

    def changed(self, name: str, first: date, last: date) -> set[date]:
        """The days that came out different when the range was computed anew."""
        return {result.day for result in self.rebuild(name, first, last) if result.changed}

    def rows(self, name: str) -> list[dict[str, Any]]:
        """All rows of a table, without the bookkeeping columns."""
        table = catalog.table(name)
        columns = [column.name for column in table.columns if not column.bookkeeping]
        with self.db.psycopg() as pg, pg.cursor(row_factory=dict_row) as cursor:
            select = sql.SQL("select {} from {}").format(
                sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(table.schema, table.name)
            )
            return ordered(cursor.execute(select).fetchall(), name)

    def written(self, name: str) -> list[Any]:
        """Which transaction wrote each row: the same before and after where nothing was written."""
        table = catalog.table(name)
        with self.db.psycopg() as pg:
            select = sql.SQL("select xmin::text, ctid::text from {} order by 2")
            return pg.execute(select.format(sql.Identifier(table.schema, table.name))).fetchall()


def ordered(rows: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """By the table's grain, so that lists can be compared."""
    grain = catalog.table(name).grain
    return sorted(rows, key=lambda row: [str(row[column]) for column in grain])


@pytest.fixture(scope="module")
def source(server: EmbeddedServer) -> Iterator[Source]:
    """One database for all the tests of a module: each example fills it anew."""
    databases = Databases(server)
    db = databases.copy("deployed")
    yield Source(db, databases.admin(db))
    databases.close()
