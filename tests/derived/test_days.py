"""Replacing days: only what came out different is written, in months, safe to kill and to run twice at once."""

import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aclue_pipeline import derived
from aclue_pipeline.derived.days import DayResult
from aclue_pipeline.derived.needed import span, spans
from aclue_pipeline.errors import DaysFailed, SqlFileError
from aclue_pipeline.postgres import Database, query
from aclue_pipeline.settings import Settings
from tests.support.shop import Shop, order
from tests.support.statements import run

FIRST = date(2026, 3, 1)


def rows(db: Database, columns: str = "day, shop, orders, amount") -> list[dict[str, Any]]:
    with db.begin() as connection:
        return query(connection, f"select {columns} from analytics.sales order by day, shop")


def rebuild(shop: Shop, db: Database, first: date = FIRST, last: date | None = None) -> list[DayResult]:
    return derived.replace_days(db, shop.catalog, shop.catalog.table("sales"), span(first, last or first))


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
        date(2026, 3, 3), 2, True, {"orders": (2, 3)}, restated=1
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
    run(shop_db, "delete from public.orders")
    assert rebuild(shop, shop_db) == [DayResult(FIRST, 0, True, {"orders": (1, None)}, restated=1)]
    assert rows(shop_db) == []


@pytest.mark.database
def test_days_outside_the_range_are_not_touched(shop: Shop, shop_db: Database) -> None:
    order(shop_db, (1, "2026-03-01 10:00+00", "Ely", "1"), (2, "2026-03-02 10:00+00", "Ely", "1"))
    rebuild(shop, shop_db, FIRST, date(2026, 3, 2))
    run(shop_db, "update public.orders set amount = 9")
    rebuild(shop, shop_db, date(2026, 3, 2))
    assert [str(row["amount"]) for row in rows(shop_db)] == ["1.00", "9.00"]


@pytest.mark.database
def test_days_that_are_missing_dirty_or_of_another_version_are_needed_whatever_their_age(
    shop: Shop, shop_db: Database
) -> None:
    def needed() -> list[date]:
        return derived.needed(shop_db, shop.catalog, shop.catalog.table("sales"), FIRST, date(2026, 3, 4))

    assert needed() == list(span(FIRST, date(2026, 3, 4)))
    rebuild(shop, shop_db, FIRST, date(2026, 3, 3))
    assert needed() == [date(2026, 3, 4)]
    run(
        shop_db,
        "insert into pipeline.dirty (table_name, day, cause) values ('analytics.sales', '2026-03-02', 'amount')",
    )
    assert needed() == [date(2026, 3, 2), date(2026, 3, 4)]
    rebuild(shop, shop_db, FIRST, date(2026, 3, 4))
    assert needed() == []
    shop.change("revenue/sales.sql", "count(*) as orders", "count(*) + 0 as orders")
    assert needed() == list(span(FIRST, date(2026, 3, 4)))


@pytest.mark.database
def test_a_version_depends_on_what_is_upstream_and_on_the_settings_that_are_read(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version() -> str:
        return shop.catalog.version(shop.catalog.table("sales"), Settings())

    before = version()
    shop.change("staging/orders.sql", "-- When it came", "-- When  it  came")
    monkeypatch.setenv("ACLUE_HALF_LIFE_DAYS", "90")  # which sales does not read
    assert version() == before
    shop.change("staging/orders.sql", "o.amount as amount", "o.amount + 0 as amount")
    definition, setting = (pair == other for pair, other in zip(version().split("-"), before.split("-"), strict=True))
    assert (definition, setting) == (False, True)
    before = version()
    monkeypatch.setenv("ACLUE_TIMEZONE", "Europe/Berlin")
    definition, setting = (pair == other for pair, other in zip(version().split("-"), before.split("-"), strict=True))
    assert (definition, setting) == (True, False)


@pytest.mark.database
def test_a_run_says_its_name_in_the_rows_it_wrote(shop: Shop, shop_db: Database) -> None:
    order(shop_db, (1, "2026-03-01 10:00+00", "Ely", "1"))
    derived.replace_days(shop_db, shop.catalog, shop.catalog.table("sales"), [FIRST], run_id="one")
    derived.replace_days(shop_db, shop.catalog, shop.catalog.table("sales"), [FIRST], run_id="two")
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
            r"not one per \(day, shop\): column \"shop\" of .* contains null",
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
        run(shop_db, "insert into public.orders (id) values (9)")
    shop.change("revenue/sales.sql", old, new)
    with pytest.raises((SqlFileError, DaysFailed), match=told):
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
            shop_db, shop.catalog, shop.catalog.table("sales"), span(FIRST, date(2026, 4, 30)), progress=after_march
        )
    assert [row["day"] for row in rows(shop_db)] == [date(2026, 3, 10)]
    changed = [result.day for result in rebuild(shop, shop_db, FIRST, date(2026, 4, 30)) if result.changed]
    assert changed == [date(2026, 4, 10)]


@pytest.mark.slow
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
    run(shop_db, "truncate public.orders, analytics.sales, pipeline.days")
    order(shop_db, *((n, at.isoformat(), shop, amount / 100) for n, (at, shop, amount) in enumerate(moments)))
    for day in span(first, last):
        rebuild(shop, shop_db, day)
    one_by_one = rows(shop_db)
    run(shop_db, "truncate analytics.sales, pipeline.days")
    middle = first + timedelta(days=cut)
    results = rebuild(shop, shop_db, first, middle) + (
        rebuild(shop, shop_db, middle + timedelta(days=1), last) if middle < last else []
    )
    assert rows(shop_db) == one_by_one
    assert [result.day for result in results] == list(span(first, last))
    assert sum(result.rows for result in results) == len(one_by_one)


@given(st.sets(st.dates(date(2025, 12, 1), date(2026, 3, 31))))
def test_stretches_cover_the_days_once_have_no_gaps_and_cross_no_month(some: set[date]) -> None:
    cut = [list(span(begin, end - timedelta(days=1))) for begin, end in spans(some)]
    assert [day for stretch in cut for day in stretch] == sorted(some)
    assert all(len({(day.year, day.month) for day in stretch}) == 1 for stretch in cut)


@pytest.mark.database
def test_a_day_of_the_reporting_zone_has_23_and_25_hours_when_clocks_change(shop: Shop, shop_db: Database) -> None:
    run(
        shop_db,
        """insert into public.orders select n, timestamptz '2026-01-01 00:30+00' + n * interval '1 hour', 'Ely', 1
               from generate_series(0, 364 * 24) as n""",
    )
    for day in (date(2026, 3, 28), date(2026, 3, 29), date(2026, 10, 25)):
        rebuild(shop, shop_db, day)
    assert [row["orders"] for row in rows(shop_db)] == [24, 23, 25]


@pytest.mark.database
@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("sum(o.amount) as amount", "sum(10 / (o.amount - 13)) as amount", "division by zero"),
        ("o.shop as shop", "o.shop || case o.amount when 13 then (select string_agg(md5(n::text), '') from generate_series(1, 200) n)"
         " else '' end as shop", "index row (size|requires)"),
        ("o.shop as shop", "nullif(o.shop, case o.amount when 13 then o.shop end) as shop", r"not one per \(day, shop\)"),
    ],
)  # fmt: skip
def test_a_day_that_cannot_be_computed_is_named_and_stops_no_other(
    shop: Shop, shop_db: Database, old: str, new: str, why: str
) -> None:
    first, last = date(2026, 2, 1), date(2026, 4, 30)
    order(shop_db, *((n, f"{day} 10:00+00", "Ely", "1") for n, day in enumerate(span(first, last))))
    order(shop_db, (1000, "2026-03-17 10:00+00", "Rye", "13"))
    shop.change("revenue/sales.sql", old, new)
    done: list[date] = []
    with pytest.raises(
        DaysFailed, match=rf"^analytics\.sales 2026-03-17: .*{why}.*; every other day is done$"
    ) as failure:
        derived.replace_days(
            shop_db, shop.catalog, shop.catalog.table("sales"), span(first, last),
            progress=lambda results: done.extend(result.day for result in results),
        )  # fmt: skip
    others = [day for day in span(first, last) if day != date(2026, 3, 17)]
    assert [row["day"] for row in rows(shop_db)] == done == others
    assert [result.day for result in failure.value.results["analytics.sales"]] == others
    assert derived.needed(shop_db, shop.catalog, shop.catalog.table("sales"), first, last) == [date(2026, 3, 17)]


@pytest.mark.database
def test_a_day_that_failed_is_left_alone_in_what_is_made_of_the_table(shop: Shop, shop_db: Database) -> None:
    shop.change("revenue/sales.sql", "sum(o.amount) as amount", "sum(10 / (o.amount - 13)) as amount")
    shop.write(
        "revenue/takings.sql",
        "-- One row per day.\n-- kind: daily\n-- grain: day\n-- clock: at\n-- owner: team:finance\n"
        "select s.day as day,  -- Day.\n    sum(s.orders) as orders  -- Orders.\nfrom analytics.sales s\n"
        "where s.day >= :range_start::date and s.day < :range_end::date group by 1",
    )
    order(shop_db, (1, "2026-03-01 10:00+00", "Ely", "1"), (2, "2026-03-02 10:00+00", "Ely", "13"))
    tables = shop.catalog.room("revenue", "daily")
    with pytest.raises(DaysFailed):
        derived.rebuild(shop_db, shop.catalog, tables, span(FIRST, date(2026, 3, 2)))
    takings = shop.catalog.table("takings")
    assert derived.needed(shop_db, shop.catalog, takings, FIRST, date(2026, 3, 2)) == [date(2026, 3, 2)]


@pytest.mark.database
def test_a_table_of_kind_whole_is_replaced_whole_and_only_where_it_differs(shop: Shop, shop_db: Database) -> None:
    shop.write(
        "revenue/shops.sql",
        "-- One row per shop.\n-- kind: whole\n-- grain: shop\n-- owner: team:data\nselect\n    o.shop as shop,  -- Its name.\n"
        "    count(*) as orders  -- Orders ever.\nfrom staging.orders o group by 1",
    )
    shops = shop.catalog.table("shops")
    order(shop_db, (1, "2026-03-01 10:00+00", "Ely", "1"), (2, "2026-03-01 10:00+00", "Rye", "1"))
    assert derived.replace_whole(shop_db, shop.catalog, shops, run_id="one") == derived.Replaced(2, 2, 0)
    assert not derived.replace_whole(shop_db, shop.catalog, shops).changed
    order(shop_db, (3, "2026-03-02 10:00+00", "Ely", "1"))
    assert derived.replace_whole(shop_db, shop.catalog, shops, run_id="two") == derived.Replaced(2, 1, 1, restated=1)
    with shop_db.begin() as connection:
        assert query(connection, "select shop, orders, run_id from analytics.shops order by 1") == [
            {"shop": "Ely", "orders": 2, "run_id": "two"},
            {"shop": "Rye", "orders": 1, "run_id": "one"},
        ]
