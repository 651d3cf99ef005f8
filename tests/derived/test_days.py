"""Replacing days: only what came out different is written, in months, safe to kill and to run twice at once."""

import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aclue_pipeline import derived
from aclue_pipeline.derived.days import DayResult, bounds, days, months
from aclue_pipeline.errors import SqlFileError
from aclue_pipeline.postgres import Database, query, script
from tests.support.shop import Shop

FIRST = date(2026, 3, 1)


def rows(db: Database, columns: str = "day, shop, orders, amount") -> list[dict[str, Any]]:
    with db.begin() as connection:
        return query(connection, f"select {columns} from analytics.sales order by day, shop")


def order(db: Database, *values: tuple[int, str, str, str]) -> None:
    with db.psycopg() as pg:
        pg.cursor().executemany("insert into public.orders (id, at, shop, amount) values (%s, %s, %s, %s)", values)


def rebuild(shop: Shop, db: Database, first: date = FIRST, last: date | None = None) -> list[DayResult]:
    return derived.replace_days(db, shop.catalog, shop.catalog.table("sales"), first, last or first)


@pytest.mark.database
def test_each_day_says_its_rows_whether_it_changed_and_its_headline(shop: Shop, shop_db: Database) -> None:
    order(
        shop_db,
        (1, "2026-03-01 10:00+00", "Ely", "5.40"),
        (2, "2026-03-03 10:00+00", "Ely", "1"),
        (3, "2026-03-03 11:00+00", "", "1"),
    )
    assert rebuild(shop, shop_db, FIRST, date(2026, 3, 3)) == [
        DayResult(date(2026, 3, 1), 1, True, {"orders": (None, 1)}),
        DayResult(date(2026, 3, 2), 0, False, {"orders": (None, None)}),
        DayResult(date(2026, 3, 3), 2, True, {"orders": (None, 2)}),
    ]
    order(shop_db, (4, "2026-03-03 12:00+00", "Ely", "2"))
    assert rebuild(shop, shop_db, FIRST, date(2026, 3, 3))[2] == DayResult(
        date(2026, 3, 3), 2, True, {"orders": (2, 3)}
    )


@pytest.mark.database
def test_a_second_time_writes_nothing(shop: Shop, shop_db: Database) -> None:
    order(shop_db, (1, "2026-03-01 10:00+00", "Ely", "5.40"))
    rebuild(shop, shop_db)
    statement = "select xmin::text, * from analytics.sales", "select xmin::text, * from pipeline.days"
    with shop_db.begin() as connection:
        before = [query(connection, s) for s in statement]
    assert [result.changed for result in rebuild(shop, shop_db)] == [False]
    with shop_db.begin() as connection:
        assert [query(connection, s) for s in statement] == before


@pytest.mark.database
def test_a_day_that_lost_its_last_row_is_emptied(shop: Shop, shop_db: Database) -> None:
    order(shop_db, (1, "2026-03-01 10:00+00", "Ely", "5.40"))
    rebuild(shop, shop_db)
    with shop_db.begin() as connection:
        script(connection, "delete from public.orders")
    assert rebuild(shop, shop_db) == [DayResult(FIRST, 0, True, {"orders": (1, None)})]
    assert rows(shop_db) == []


@pytest.mark.database
def test_days_outside_the_range_are_not_touched(shop: Shop, shop_db: Database) -> None:
    order(shop_db, (1, "2026-03-01 10:00+00", "Ely", "1"), (2, "2026-03-02 10:00+00", "Ely", "1"))
    rebuild(shop, shop_db, FIRST, date(2026, 3, 2))
    with shop_db.begin() as connection:
        script(connection, "update public.orders set amount = 9")
    rebuild(shop, shop_db, date(2026, 3, 2))
    assert [str(row["amount"]) for row in rows(shop_db)] == ["1.00", "9.00"]


@pytest.mark.database
def test_the_days_that_are_missing_are_known(shop: Shop, shop_db: Database) -> None:
    sales = shop.catalog.table("sales")
    rebuild(shop, shop_db, date(2026, 3, 2))
    assert derived.missing_days(shop_db, sales, FIRST, date(2026, 3, 3)) == [FIRST, date(2026, 3, 3)]


@pytest.mark.database
def test_a_run_says_its_name_in_the_rows_it_wrote(shop: Shop, shop_db: Database) -> None:
    order(shop_db, (1, "2026-03-01 10:00+00", "Ely", "1"))
    derived.replace_days(shop_db, shop.catalog, shop.catalog.table("sales"), FIRST, FIRST, run_id="one")
    derived.replace_days(shop_db, shop.catalog, shop.catalog.table("sales"), FIRST, FIRST, run_id="two")
    assert rows(shop_db, "run_id") == [{"run_id": "one"}]


@pytest.mark.database
@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "where o.at >= :range_start and o.at < :range_end",
            "where o.at >= :range_start and o.at < :range_end + interval '1 day'",
            "also yields 2026-03-02",
        ),
        (
            "where o.at >= :range_start and o.at < :range_end",
            "where o.at < :range_end or o.at is null",
            "rows without a day",
        ),
        ("group by 1, 2", "group by 1, 2, o.order_id", r"not one per \(day, shop\): Key"),
        (
            "o.shop as shop, ",
            "nullif(o.shop, 'Ely') as shop, ",
            r"not one per \(day, shop\): null value in column \"shop\"",
        ),
    ],
)
def test_a_select_that_breaks_its_promise_changes_nothing_and_is_told(
    shop: Shop, shop_db: Database, old: str, new: str, told: str
) -> None:
    order(
        shop_db,
        (1, "2026-03-01 10:00+00", "Ely", "1"),
        (2, "2026-03-02 10:00+00", "Ely", "1"),
        (3, "2026-03-01 11:00+00", "Ely", "1"),
    )
    if "null" in new:
        with shop_db.begin() as connection:
            script(connection, "insert into public.orders (id) values (9)")
    shop.change("revenue/sales.sql", old, new)
    with pytest.raises(SqlFileError, match=told):
        rebuild(shop, shop_db)
    assert rows(shop_db) == []


@pytest.mark.database
def test_two_at_once_take_turns_and_end_like_one(shop: Shop, shop_db: Database) -> None:
    order(shop_db, *((n, f"2026-03-{1 + n % 28:02d} 10:00+00", f"shop {n % 7}", "1") for n in range(2000)))
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(3):
                rebuild(shop, shop_db, FIRST, date(2026, 3, 31))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
    assert sum(row["orders"] for row in rows(shop_db)) == 2000


@pytest.mark.database
def test_a_run_killed_in_the_middle_leaves_whole_months(shop: Shop, shop_db: Database) -> None:
    order(shop_db, (1, "2026-03-10 10:00+00", "Ely", "1"), (2, "2026-04-10 10:00+00", "Ely", "1"))

    class Killed(BaseException):
        pass

    def after_march(done: list[DayResult]) -> None:
        raise Killed

    with pytest.raises(Killed):
        derived.replace_days(
            shop_db, shop.catalog, shop.catalog.table("sales"), FIRST, date(2026, 4, 30), progress=after_march
        )
    assert [row["day"] for row in rows(shop_db)] == [date(2026, 3, 10)]
    changed = [result.day for result in rebuild(shop, shop_db, FIRST, date(2026, 4, 30)) if result.changed]
    assert changed == [date(2026, 4, 10)]


@pytest.mark.database
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    moments=st.lists(
        st.tuples(
            st.integers(0, 17 * 24 * 60).map(
                lambda minutes: datetime(2026, 3, 20, tzinfo=UTC) + timedelta(minutes=minutes)
            ),
            st.sampled_from(["a", "b", ""]),
            st.integers(0, 999),
        ),
        max_size=25,
    ),
    cut=st.integers(0, 16),
)
def test_any_cutting_of_a_range_gives_what_one_day_at_a_time_gives(
    shop: Shop, shop_db: Database, moments: list[Any], cut: int
) -> None:
    first, last = date(2026, 3, 20), date(2026, 4, 5)
    with shop_db.begin() as connection:
        script(connection, "truncate public.orders, analytics.sales, pipeline.days")
    order(shop_db, *((n, at.isoformat(), shop, amount / 100) for n, (at, shop, amount) in enumerate(moments)))
    for day in days(first, last):
        rebuild(shop, shop_db, day)
    one_by_one = rows(shop_db)
    with shop_db.begin() as connection:
        script(connection, "truncate analytics.sales, pipeline.days")
    middle = first + timedelta(days=cut)
    results = rebuild(shop, shop_db, first, middle) + (
        rebuild(shop, shop_db, middle + timedelta(days=1), last) if middle < last else []
    )
    assert rows(shop_db) == one_by_one
    assert [result.day for result in results] == list(days(first, last))
    assert sum(result.rows for result in results) == len(one_by_one)


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(0, 800))
def test_months_cover_a_range_once_and_never_cross_a_month(first: date, length: int) -> None:
    last = first + timedelta(days=length)
    cut = list(months(first, last))
    assert [day for begin, end in cut for day in days(begin, end - timedelta(days=1))] == list(days(first, last))
    assert all(
        (begin.year, begin.month) == ((end - timedelta(days=1)).year, (end - timedelta(days=1)).month)
        for begin, end in cut
    )


def test_a_day_of_the_reporting_zone_has_23_and_25_hours_when_clocks_change() -> None:
    hours = []
    for day in (date(2026, 3, 28), date(2026, 3, 29), date(2026, 10, 25)):
        ends = [moment.astimezone(UTC) for moment in bounds(day, day + timedelta(days=1), "Europe/London").values()]
        hours.append((ends[1] - ends[0]) / timedelta(hours=1))
    assert hours == [24, 23, 25]


@pytest.mark.database
def test_a_table_of_kind_whole_is_replaced_whole_and_only_where_it_differs(shop: Shop, shop_db: Database) -> None:
    shop.write(
        "revenue/shops.sql",
        "-- One row per shop.\n-- kind: whole\n-- grain: shop\n-- owner: team:data\nselect\n    o.shop as shop,  -- Its name.\n"
        "    count(*) as orders  -- Orders ever.\nfrom staging.orders o group by 1",
    )
    shops = shop.catalog.table("shops")
    order(shop_db, (1, "2026-03-01 10:00+00", "Ely", "1"), (2, "2026-03-01 10:00+00", "Rye", "1"))
    assert derived.replace_table(shop_db, shop.catalog, shops, run_id="one") == derived.Replaced(2, 2, 0)
    assert not derived.replace_table(shop_db, shop.catalog, shops).changed
    order(shop_db, (3, "2026-03-02 10:00+00", "Ely", "1"))
    assert derived.replace_table(shop_db, shop.catalog, shops, run_id="two") == derived.Replaced(2, 1, 1)
    with shop_db.begin() as connection:
        assert query(connection, "select shop, orders, run_id from analytics.shops order by 1") == [
            {"shop": "Ely", "orders": 2, "run_id": "two"},
            {"shop": "Rye", "orders": 1, "run_id": "one"},
        ]
