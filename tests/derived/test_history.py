"""What was published before is kept: rows that were replaced, by which publication, and why each number moved."""

import threading
import time
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from aclue_pipeline import derived
from aclue_pipeline.errors import NoSuchDay, NothingFound
from aclue_pipeline.postgres import Database, query, script
from aclue_pipeline.postgres.locks import snapshot
from aclue_pipeline.settings import get_settings
from tests.support.shop import Shop, order
from tests.support.statements import ask

pytestmark = pytest.mark.database

FIRST, SECOND = date(2026, 3, 1), date(2026, 3, 2)

MONTHS = """-- One row per month and shop, and one for all shops together.
-- kind: whole
-- grain: month, shop
-- owner: team:finance
select
    date_trunc('month', s.day)::date as month,      -- First day of the month.
    s.shop as shop,                                 -- Shop; NULL for all of them.
    sum(s.orders) as orders                         -- Orders of the month.
from analytics.sales s
group by grouping sets ((1, 2), (1))
"""


def dirty(db: Database, day: date, cause: str, cell: str = "{}") -> None:
    ask(
        db,
        "insert into pipeline.dirty (table_name, day, cause, cell) values ('analytics.sales', :day, :cause, cast(:cell as jsonb))",
        day=day, cause=cause, cell=cell,
    )  # fmt: skip


def rebuild(shop: Shop, db: Database, *days: date, **how: Any) -> list[derived.DayResult]:
    return derived.replace_days(db, shop.catalog, shop.catalog.table("sales"), days or [FIRST], **how)


def moved(db: Database) -> list[tuple[Any, ...]]:
    """What the restatements say: day, shop, column, before, after, causes."""
    rows = ask(
        db,
        """select day, cell ->> 'shop' as shop, column_name, before, after, causes from analytics.restatements
           order by publication, day, shop, column_name""",
    )
    return [tuple(row.values()) for row in rows]


def sales(db: Database, at: object = None) -> dict[tuple[date, str], tuple[int, Decimal]]:
    source = f"history.sales('{at}')" if at else "analytics.sales"
    rows = ask(db, f"select day, shop, orders, amount from {source}")
    return {(row["day"], row["shop"]): (row["orders"], row["amount"]) for row in rows}


def test_only_rows_that_differ_are_replaced_and_what_they_replace_is_kept(shop: Shop, shop_db: Database) -> None:
    order(shop_db, (1, "2026-03-01 10:00+00", "Ely", "5.40"), (2, "2026-03-01 10:00+00", "Rye", "1"))
    rebuild(shop, shop_db, run_id="one")
    order(shop_db, (3, "2026-03-01 11:00+00", "Rye", "2"))
    rebuild(shop, shop_db, run_id="two")
    first, second = ask(shop_db, "select number, table_name, run_id, days, rows from pipeline.publications order by 1")
    assert (first["run_id"], first["days"], first["rows"], second["run_id"], second["rows"]) == ("one", 1, 2, "two", 2)
    assert ask(shop_db, "select shop, orders, run_id, publication from analytics.sales order by 1") == [
        {"shop": "Ely", "orders": 1, "run_id": "one", "publication": first["number"]},
        {"shop": "Rye", "orders": 2, "run_id": "two", "publication": second["number"]},
    ]
    assert ask(shop_db, "select shop, orders, amount, run_id, publication, replaced_by from history.sales") == [
        {
            "shop": "Rye", "orders": 1, "amount": Decimal("1.00"), "run_id": "one",
            "publication": first["number"], "replaced_by": second["number"],
        }
    ]  # fmt: skip


def test_a_day_published_for_the_first_time_restates_nothing_a_later_change_each_of_its_numbers(
    shop: Shop, shop_db: Database
) -> None:
    order(shop_db, (1, "2026-03-01 10:00+00", "Ely", "5.40"))
    assert [result.restated for result in rebuild(shop, shop_db)] == [0]
    assert moved(shop_db) == []
    ask(shop_db, "update public.orders set amount = 6.40")
    order(shop_db, (2, "2026-03-01 11:00+00", "Rye", "1"))
    assert [result.restated for result in rebuild(shop, shop_db)] == [2]
    assert moved(shop_db) == [
        (FIRST, "Ely", "amount", Decimal("5.40"), Decimal("6.40"), ["unexplained"]),
        (FIRST, "Rye", "amount", None, Decimal("1.00"), ["unexplained"]),
        (FIRST, "Rye", "orders", None, 1, ["unexplained"]),
    ]


def test_a_cell_says_the_causes_of_the_facts_behind_it_and_those_of_its_day_where_none_agrees(
    shop: Shop, shop_db: Database
) -> None:
    order(shop_db, *((n, "2026-03-01 10:00+00", name, "1") for n, name in enumerate(("Ely", "Rye", "Ayr"))))
    rebuild(shop, shop_db)
    ask(shop_db, "update public.orders set amount = amount + 1")
    dirty(shop_db, FIRST, "amount", '{"shop": "Ely", "device": "mobile"}')
    dirty(shop_db, FIRST, "reversal", '{"shop": "Ely"}')
    dirty(shop_db, FIRST, "late click", '{"shop": "Rye"}')
    rebuild(shop, shop_db)
    assert {shop: causes for _, shop, _, _, _, causes in moved(shop_db)} == {
        "Ely": ["amount", "reversal"],
        "Rye": ["late click"],
        "Ayr": ["amount", "late click", "reversal"],
    }
    assert ask(shop_db, "select * from pipeline.dirty") == []


def test_what_became_of_a_day_is_summed_of_columns_that_may_be_summed(shop: Shop, shop_db: Database) -> None:
    shop.change(
        "revenue/sales.sql", "-- Orders of the day.", "-- Orders of the day. Not additive: of two shops at once."
    )
    order(shop_db, (1, "2026-03-01 10:00+00", "Ely", "5.40"))
    rebuild(shop, shop_db)
    order(shop_db, (2, "2026-03-01 10:00+00", "Rye", "1.60"))
    rebuild(shop, shop_db)
    (change,) = derived.restated(shop_db, shop.catalog.table("sales"), day=FIRST)
    assert (change["column"], change["before"], change["after"]) == ("amount", 0, Decimal("1.60"))


def test_a_mark_that_comes_while_its_day_is_computed_stays(shop: Shop, shop_db: Database) -> None:
    order(shop_db, (1, "2026-03-01 10:00+00", "Ely", "5.40"))
    rebuild(shop, shop_db)
    dirty(shop_db, FIRST, "amount")
    shop.change("revenue/sales.sql", "from staging.orders o", "from staging.orders o cross join pg_sleep(1.5)")
    derived.ensure_tables(shop_db, shop.catalog)
    thread = threading.Thread(target=rebuild, args=(shop, shop_db))
    thread.start()
    while not ask(shop_db, "select 1 from pg_stat_activity where wait_event = 'PgSleep'"):
        time.sleep(0.02)
    dirty(shop_db, FIRST, "late click")
    thread.join()
    assert ask(shop_db, "select cause from pipeline.dirty") == [{"cause": "late click"}]


def test_any_publication_and_any_time_can_be_read_again(shop: Shop, shop_db: Database) -> None:
    seen = []
    for n in range(4):
        order(shop_db, (n, "2026-03-01 10:00+00", ("Ely", "Rye")[n % 2], "1"))
        if n == 3:
            ask(shop_db, "delete from public.orders where shop = 'Ely'")
        rebuild(shop, shop_db)
        published, now = ask(
            shop_db, "select max(at) as published, clock_timestamp() as now from pipeline.publications"
        )[0].values()
        seen.append((published, now, sales(shop_db)))
    assert len({published for published, _, _ in seen}) == 4
    for published, now, rows in seen:
        assert sales(shop_db, published) == sales(shop_db, now) == rows
    assert sales(shop_db, "2020-01-01") == {}


def test_another_definition_and_another_setting_are_told_apart(
    shop: Shop, shop_db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    order(shop_db, (1, "2026-03-01 23:30+00", "Ely", "5.40"))
    rebuild(shop, shop_db, FIRST, SECOND)
    monkeypatch.setenv("ACLUE_TIMEZONE", "Europe/Berlin")
    get_settings.cache_clear()
    sales_table = shop.catalog.table("sales")
    assert derived.outdated_days(shop_db, shop.catalog, sales_table) == [FIRST, SECOND]
    rebuild(shop, shop_db, FIRST, SECOND)
    assert {(day, tuple(causes)) for day, *_, causes in moved(shop_db)} == {
        (FIRST, ("setting",)),
        (SECOND, ("setting",)),
    }
    assert derived.outdated_days(shop_db, shop.catalog, sales_table) == []
    ask(shop_db, "delete from analytics.restatements")
    shop.change("revenue/sales.sql", "sum(o.amount) as amount", "2 * sum(o.amount) as amount")
    rebuild(shop, shop_db, FIRST, SECOND)
    assert [tuple(causes) for *_, causes in moved(shop_db)] == [("definition",)]


def test_a_day_that_lost_source_rows_keeps_what_was_published_until_something_else_happens(
    shop: Shop, shop_db: Database
) -> None:
    order(shop_db, (1, "2026-03-01 10:00+00", "Ely", "5.40"), (2, "2026-03-01 10:00+00", "Rye", "1"))
    rebuild(shop, shop_db, FIRST, SECOND)
    published = sales(shop_db)
    ask(shop_db, "delete from public.orders where id = 1")
    ask(shop_db, "update pipeline.days set lost = 1 where day = '2026-03-01'")
    sales_table = shop.catalog.table("sales")
    (kept, _) = rebuild(shop, shop_db, FIRST, SECOND)
    assert (kept.changed, kept.lost, kept.rows, kept.headline) == (False, 1, 2, {"orders": (2, 2)})
    assert sales(shop_db) == published
    assert FIRST not in derived.needed(shop_db, shop.catalog, sales_table, FIRST, SECOND)
    shop.change("revenue/sales.sql", "sum(o.amount) as amount", "sum(o.amount) * 1 as amount")
    sales_table = shop.catalog.table("sales")
    assert derived.needed(shop_db, shop.catalog, sales_table, FIRST, SECOND) == [SECOND]
    assert derived.outdated_days(shop_db, shop.catalog, sales_table, lost=True) == [FIRST]
    assert derived.outdated_days(shop_db, shop.catalog, sales_table) == [SECOND]
    dirty(shop_db, FIRST, "late view", '{"shop": "Rye"}')
    assert derived.needed(shop_db, shop.catalog, sales_table, FIRST, SECOND) == [FIRST, SECOND]
    rebuild(shop, shop_db, FIRST, SECOND)
    assert (FIRST, "Ely", "orders", 1, None, ["definition", "deleted source"]) in moved(shop_db)
    assert ask(shop_db, "select sum(lost) as lost from pipeline.days") == [{"lost": 0}]


def test_a_day_that_lost_source_rows_is_computed_again_when_a_person_says_so(shop: Shop, shop_db: Database) -> None:
    order(shop_db, (1, "2026-03-01 10:00+00", "Ely", "5.40"))
    rebuild(shop, shop_db)
    ask(shop_db, "delete from public.orders")
    ask(shop_db, "update pipeline.days set lost = 1")
    assert [result.changed for result in rebuild(shop, shop_db, restate=True)] == [True]
    assert moved(shop_db)[0] == (FIRST, "Ely", "amount", Decimal("5.40"), None, ["deleted source"])


def test_what_a_day_was_computed_from_is_counted_in_its_snapshot(shop: Shop, shop_db: Database) -> None:
    shop.write(
        "revenue/figures/sales.sql",
        "-- Orders of each day.\nselect (o.at at time zone :timezone)::date as day, count(*) as orders from staging.orders o\n"
        "where o.at >= :range_start and o.at < :range_end group by 1",
    )
    order(shop_db, (1, "2026-03-01 10:00+00", "Ely", "5.40"), (2, "2026-03-01 10:00+00", "Rye", "1"))
    rebuild(shop, shop_db, FIRST, SECOND)
    assert ask(shop_db, "select day, figures from pipeline.days order by day") == [
        {"day": FIRST, "figures": {"orders": 2}},
        {"day": SECOND, "figures": None},
    ]


def test_a_whole_table_has_history_and_restatements_without_a_day_and_null_in_its_key(
    shop: Shop, shop_db: Database
) -> None:
    shop.write("revenue/sales_monthly.sql", MONTHS)
    order(shop_db, (1, "2026-03-01 10:00+00", "Ely", "1"), (2, "2026-03-01 10:00+00", "Rye", "1"))
    rebuild(shop, shop_db)
    months = shop.catalog.table("sales_monthly")
    assert derived.replace_whole(shop_db, shop.catalog, months) == derived.Replaced(3, 3, 0)
    assert not derived.replace_whole(shop_db, shop.catalog, months).changed
    first = ask(shop_db, "select max(at) as at from pipeline.publications")[0]["at"]
    order(shop_db, (3, "2026-03-01 11:00+00", "Ely", "1"))
    dirty(shop_db, FIRST, "late click", '{"shop": "Ely"}')
    rebuild(shop, shop_db)
    rebuilt = derived.rebuild(shop_db, shop.catalog, [months])
    assert rebuilt == {"analytics.sales_monthly": derived.Replaced(3, 2, 2, restated=2)}
    assert ask(
        shop_db,
        """select day, cell ->> 'shop' as shop, before, after, causes from analytics.restatements
           where table_name = 'analytics.sales_monthly' order by before""",
    ) == [
        {"day": None, "shop": "Ely", "before": 1, "after": 2, "causes": ["late click"]},
        {"day": None, "shop": None, "before": 2, "after": 3, "causes": ["late click"]},
    ]
    before = ask(shop_db, f"select orders from history.sales_monthly('{first}') order by orders")
    assert [row["orders"] for row in before] == [1, 1, 2]


def test_every_restatement_names_a_cause_be_it_that_none_was_noticed(shop: Shop, shop_db: Database) -> None:
    shop.write("revenue/sales_monthly.sql", MONTHS)
    order(shop_db, (1, "2026-03-01 10:00+00", "Ely", "1"))
    rebuild(shop, shop_db)
    months = shop.catalog.table("sales_monthly")
    derived.replace_whole(shop_db, shop.catalog, months)
    order(shop_db, (2, "2026-03-02 10:00+00", "Ely", "1"))
    rebuild(shop, shop_db, SECOND)
    derived.replace_whole(shop_db, shop.catalog, months)
    assert {tuple(causes) for *_, causes in moved(shop_db)} == {("new day",)}
    ask(shop_db, "delete from analytics.restatements")
    order(shop_db, (3, "2026-03-02 11:00+00", "Ely", "1"))
    rebuild(shop, shop_db, SECOND)
    derived.replace_whole(shop_db, shop.catalog, months)
    assert {(day, *causes) for day, *_, causes in moved(shop_db)} == {(SECOND, "unexplained"), (None, "unexplained")}
    ask(shop_db, "delete from analytics.restatements")
    with derived.whole(shop_db, shop.catalog, months) as (pg, refresh):
        pg.execute("update analytics.sales_monthly set orders = 0")
        refresh("closing")
    assert {tuple(causes) for *_, causes in moved(shop_db)} == {("closing",)}


def test_a_whole_table_that_reads_facts_takes_the_causes_that_were_noted_for_it_else_time_went_on(
    shop: Shop, shop_db: Database
) -> None:
    shop.write(
        "revenue/shops.sql",
        """-- One row per shop: what it ever sold.
-- kind: whole
-- grain: shop
-- reads: order_day
-- owner: team:finance
select
    o.shop as shop,                                 -- The shop.
    count(*) as orders                              -- Orders of the shop. Additive.
from staging.orders o
group by o.shop
""",
    )
    shops = shop.catalog.table("shops")

    def later(cause: str | None, *, days: int = 0) -> set[tuple[Any, ...]]:
        """Ely sold once more, perhaps noted, `days` after the last publication: what the restatement says."""
        ask(shop_db, "delete from analytics.restatements")
        ask(shop_db, "update pipeline.publications set at = at - make_interval(days => :days)", days=days)
        n = ask(shop_db, "select count(*) as n from public.orders")[0]["n"]
        order(shop_db, (n, "2026-03-01 10:00+00", "Ely", "1"))
        if cause:
            ask(
                shop_db,
                """insert into pipeline.dirty (table_name, day, cause, cell)
                   values ('analytics.shops', '2026-03-01', :cause, case :cause when 'new day' then '{}' else '{"shop": "Ely"}' end::jsonb),
                          ('analytics.shops', '2026-03-01', 'reversal', '{"shop": "Rye"}')""",
                cause=cause,
            )
        derived.replace_whole(shop_db, shop.catalog, shops)
        assert ask(shop_db, "select * from pipeline.dirty") == []
        return {(shop, *causes) for _, shop, _, _, _, causes in moved(shop_db)}

    assert later(None) == set(), "published for the first time"
    assert later("late click") == {("Ely", "late click")}
    assert later("late click", days=2) == {("Ely", "late click")}
    assert later("new day") == {("Ely", "new day")}, "events of a day that was not over"
    assert later(None, days=2) == {("Ely", "new day")}
    assert later(None) == {("Ely", "unexplained")}


def test_a_whole_table_waits_for_days_below_it_that_are_being_published(shop: Shop, shop_db: Database) -> None:
    """Else it would say that it was published after days that it had not seen."""
    shop.write("revenue/sales_monthly.sql", MONTHS)
    rebuild(shop, shop_db)
    done = threading.Thread(
        target=derived.replace_whole, args=(Database(shop_db.url), shop.catalog, shop.catalog.table("sales_monthly"))
    )
    with snapshot(shop_db, alone="analytics.sales"):
        done.start()
        done.join(1)
        assert done.is_alive()
    done.join(20)
    assert not done.is_alive()


def test_where_the_grain_changes_the_old_table_stays_whole_and_nothing_reads_across(
    shop: Shop, shop_db: Database
) -> None:
    order(shop_db, (1, "2026-03-01 10:00+00", "Ely", "5.40"))
    rebuild(shop, shop_db)
    order(shop_db, (2, "2026-03-01 10:00+00", "Ely", "1"))
    rebuild(shop, shop_db)
    old = shop.catalog.table("sales").code_version[:8]
    at = ask(shop_db, "select max(at) as at from pipeline.publications")[0]["at"]
    shop.write(
        "revenue/sales.sql",
        "-- One row per day.\n-- kind: daily\n-- grain: day\n-- clock: at\n-- owner: team:finance\n-- headline: orders\n"
        "select (o.at at time zone :timezone)::date as day,  -- Day.\n    count(*) as orders  -- Orders.\n"
        "from staging.orders o where o.at >= :range_start and o.at < :range_end group by 1",
    )
    assert derived.needed(shop_db, shop.catalog, shop.catalog.table("sales"), FIRST, FIRST) == [FIRST]
    assert [result.restated for result in rebuild(shop, shop_db)] == [0]
    assert ask(shop_db, f"select orders, amount from history.sales_{old}") == [{"orders": 2, "amount": Decimal("6.40")}]
    assert ask(shop_db, f"select orders from history.sales_{old}_replaced") == [{"orders": 1}]
    assert ask(shop_db, "select orders from analytics.sales") == [{"orders": 2}]
    with pytest.raises(sa.exc.DBAPIError, match=f"another grain until .* kept in history.sales_{old}"):
        ask(shop_db, f"select from history.sales('{at}')")


def test_a_column_that_is_added_is_added_to_the_history_too(shop: Shop, shop_db: Database) -> None:
    order(shop_db, (1, "2026-03-01 10:00+00", "Ely", "5.40"))
    rebuild(shop, shop_db)
    at = ask(shop_db, "select clock_timestamp() as at")[0]["at"]
    shop.change(
        "revenue/sales.sql", "count(*) as orders,", "max(o.amount) as largest,  -- Largest.\n    count(*) as orders,"
    )
    rebuild(shop, shop_db)
    assert ask(shop_db, f"select orders, largest from history.sales('{at}')") == [{"orders": 1, "largest": None}]
    assert moved(shop_db) == [(FIRST, "Ely", "largest", None, Decimal("5.40"), ["definition"])]


def test_a_day_explains_itself(shop: Shop, shop_db: Database) -> None:
    order(shop_db, (1, "2026-03-01 10:00+00", "Ely", "5.40"), (2, "2026-03-01 10:00+00", "Rye", "1"))
    rebuild(shop, shop_db)
    ask(shop_db, "update public.orders set amount = 7 where id = 1")
    dirty(shop_db, FIRST, "amount", '{"shop": "Ely"}')
    rebuild(shop, shop_db)
    dirty(shop_db, FIRST, "late click")
    said = derived.explain(shop_db, shop.catalog, shop.catalog.table("sales"), FIRST, column="amount")
    assert said["is_current"]
    assert [(row["shop"], row["amount"]) for row in said["values"]] == [("Ely", Decimal(7)), ("Rye", Decimal(1))]
    assert [waiting["cause"] for waiting in said["waiting"]] == ["late click"]
    (change,) = said["restatements"]
    assert (change["column"], change["before"], change["after"], change["causes"]) == (
        "amount", Decimal("5.40"), Decimal("7.00"), ["amount"],
    )  # fmt: skip
    with pytest.raises(NoSuchDay, match="only daily tables have days"):
        derived.explain(shop_db, shop.catalog, replace(shop.catalog.table("sales"), kind="whole"), FIRST)
    with pytest.raises(NothingFound, match="no 2026-03-02 yet: aclue revenue rebuild"):
        derived.explain(shop_db, shop.catalog, shop.catalog.table("sales"), SECOND)


Change = tuple[int, int, int, int]

changes: st.SearchStrategy[list[Change | None]] = st.lists(
    st.one_of(
        # An order: its number, the day and shop it belongs to now, its amount (0: gone). None: rebuild.
        st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 1), st.integers(0, 3)),
        st.none(),
    ),
    max_size=14,
)


@pytest.mark.slow
@examples(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=changes, cuts=st.lists(st.integers(0, 4), min_size=1, max_size=5))
def test_whatever_happens_each_publication_can_be_read_again_and_restatements_add_up(
    shop: Shop, shop_db: Database, changes: list[Change | None], cuts: list[int]
) -> None:
    ask(
        shop_db,
        "truncate public.orders, analytics.sales, history.sales, analytics.restatements, pipeline.days, pipeline.publications",
    )
    table, start = shop.catalog.table("sales"), date(2026, 3, 30)
    days = [start + timedelta(days=n) for n in range(4)]  # two of March, two of April
    first: dict[tuple[date, str], tuple[int, Decimal]] = {}
    built: set[date] = set()
    read: dict[str, dict[tuple[date, str], tuple[int, Decimal]]] = {}

    def note(_: Any = None) -> None:
        at = ask(shop_db, "select coalesce(max(at), '-infinity')::text as at from pipeline.publications")[0]["at"]
        now = sales(shop_db)
        assert read.setdefault(at, now) == now
        fresh = {row["day"] for row in ask(shop_db, "select day from pipeline.days")} - built
        first.update({key: value for key, value in now.items() if key[0] in fresh})
        built.update(fresh)

    for n, change in enumerate([*changes, None]):
        if change is None:
            cut = cuts[n % len(cuts)]
            for some in (days[:cut], days[cut:]):
                derived.replace_days(shop_db, shop.catalog, table, some, progress=note)
            continue
        number, day, name, amount = change
        ask(shop_db, "delete from public.orders where id = :id", id=number)
        if amount:
            order(shop_db, (number, f"{days[day]} 12:00+00", ("Ely", "Rye")[name], str(amount)))
    for at, rows in read.items():
        assert sales(shop_db, at) == rows
    moves = ask(
        shop_db,
        """select day, cell ->> 'shop' as shop, column_name, sum(coalesce(after, 0) - coalesce(before, 0)) as moved
           from analytics.restatements group by 1, 2, 3""",
    )
    now, none = sales(shop_db), (0, Decimal(0))
    for place, column in enumerate(("orders", "amount")):
        said = {(row["day"], row["shop"]): row["moved"] for row in moves if row["column_name"] == column}
        for key in {*now, *first, *said}:
            assert said.get(key, 0) == now.get(key, none)[place] - first.get(key, none)[place]


def test_two_rebuilds_at_once_publish_what_one_would(shop: Shop, shop_db: Database) -> None:
    order(shop_db, *((n, f"2026-03-{1 + n % 28:02d} 10:00+00", f"shop {n % 7}", "1") for n in range(500)))
    march = [FIRST + timedelta(days=n) for n in range(31)]
    rebuild(shop, shop_db, *march)
    ask(shop_db, "update public.orders set amount = 2")
    # Long enough that the second would begin while the first computes.
    shop.change("revenue/sales.sql", "from staging.orders o", "from staging.orders o cross join pg_sleep(0.5)")
    derived.ensure_tables(shop_db, shop.catalog)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            rebuild(shop, shop_db, *march)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
    assert len(ask(shop_db, "select 1 from pipeline.publications")) == 2
    (kept,) = ask(shop_db, "select count(*) as n, count(distinct replaced_by) as by from history.sales")
    assert kept["by"] == 1
    assert kept["n"] == len(sales(shop_db)) == len(moved(shop_db))


def test_the_history_is_described_and_open_to_nobody_by_default(shop_db: Database) -> None:
    with shop_db.begin() as connection:
        silent = query(
            connection,
            """select a.attname from pg_attribute a where a.attrelid = 'history.sales'::regclass and a.attnum > 0
               and col_description(a.attrelid, a.attnum) is null""",
        )
        script(connection, "create role analyst")
        (may,) = query(
            connection, "select has_function_privilege('analyst', 'history.sales(timestamptz)', 'execute') as may"
        )
    assert not silent
    assert not may["may"]
