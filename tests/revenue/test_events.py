"""Nine ordinary events that left published numbers silently wrong once: each ends with the right ones, says why they moved, and
leaves what was published before to be read as it was."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from aclue_pipeline import derived
from aclue_pipeline.derived import erasure
from aclue_pipeline.postgres import Database
from aclue_pipeline.postgres.server import EmbeddedServer
from tests.conftest import Databases
from tests.support import published
from tests.support.catalogs import CATALOG
from tests.support.published import CLOSED, YESTERDAY, afresh, as_of, catch_up, live, read, rebuilt, red

pytestmark = pytest.mark.database

DAY = timedelta(days=1)

#: A click that is nobody's repeat and has none, so that what happens to it happens to nothing else.
PLAIN = """
select f.click_id, f.product_id, f.clicked_at, analytics.local_day(f.clicked_at, 'Europe/London') as day,
    analytics.local_day(f.converted_at, 'Europe/London') as sold_on, f.expected_commission, f.actual_commission
from staging.click_facts as f
where f.verdict = 'valid' and f.expected_commission > 0
    and not exists (select from staging.click_facts as r where r.kept_click_id = f.click_id)
"""


@pytest.fixture(scope="module", autouse=True)
def _settings() -> Iterator[None]:
    with published.only_these_days():
        yield


@pytest.fixture
def demo(server: EmbeddedServer, databases: Databases) -> Database:
    return databases.copy("published_demo")


class Event:
    """What was published before an event, and what has to be true after every one, whatever it was."""

    def __init__(self, db: Database) -> None:
        self.db = db
        assert red(db) == {}
        self.before = read(db)
        self.exactly = read(db, without=set())
        [(self.at, self.number)] = self.ask("select clock_timestamp(), max(number) from pipeline.publications")

    def ask(self, statement: str, values: Any = None) -> list[Any]:
        with self.db.psycopg() as pg:
            cursor = pg.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def taken_in(self, *, full: bool = False) -> derived.Synced:
        """The event reaches the tables; all that holds after any event is held to."""
        synced = catch_up(self.db, full=full)
        assert red(self.db) == {}
        assert as_of(self.db, self.at) == self.exactly
        publications = self.ask("select max(number) from pipeline.publications")
        assert rebuilt(self.db) == set(), "a full rebuild found what the event's own did not"
        assert derived.sync(self.db, CATALOG, full=True).days == 0, "a full look found what the sync did not"
        assert self.ask("select max(number) from pipeline.publications") == publications
        assert red(self.db) == {}
        return synced

    def moved(self, table: str) -> dict[str, Decimal]:
        """By how much the restatements say that each number of a table moved in all."""
        rows = self.ask(
            """select column_name, sum(coalesce(after, 0) - coalesce(before, 0)) from analytics.restatements
               where table_name = 'analytics.' || %s and publication > %s group by 1""",
            [table, self.number],
        )
        return {column: by for column, by in rows if by}

    def days(self, table: str) -> set[date]:
        """Days of a table of which numbers were restated."""
        asked = (
            "select distinct day from analytics.restatements where table_name = 'analytics.' || %s and publication > %s"
        )
        return {day for (day,) in self.ask(asked, [table, self.number])}

    def causes_of(self, *tables: str) -> set[tuple[str, ...]]:
        """The causes that restatements name, each set of them once."""
        asked = "select distinct causes from analytics.restatements where publication > %s and split_part(table_name, '.', 2) = any(%s)"
        return {tuple(causes) for (causes,) in self.ask(asked, [self.number, list(tables)])}

    @property
    def causes(self) -> set[tuple[str, ...]]:
        return self.causes_of(*(table.name for table in published.TABLES))

    def closed_months(self) -> list[Any]:
        asked = "select month, currency, affiliate_network, closed from analytics.commission_monthly where month <= %s order by 1, 2, 3"
        return self.ask(asked, [CLOSED])

    def assert_is_as_if_computed_today(self) -> None:
        """The facts remember nothing that a computation on an empty database would not find."""
        after = read(self.db)
        assert after != self.before
        assert live(after) == afresh(self.db)


@pytest.fixture
def event(demo: Database) -> Event:
    return Event(demo)


def _a_click(event: Event, days_ago: int, *, sold: bool) -> Any:
    """The plain click made so long ago at least, nearest to it; of those that led to a sale, the sale's day."""
    when = "converted_at" if sold else "clicked_at"
    begin = YESTERDAY - (days_ago - 1) * DAY
    asked = f"{PLAIN} and f.is_converted = %s and f.{when} < %s order by f.{when} desc, f.click_id limit 1"
    [click] = event.ask(asked, [sold, begin])
    return dict(zip(("id", "product_id", "clicked_at", "day", "sold_on", "expected", "actual"), click, strict=True))


def _sell(event: Event, click: Any, after: timedelta) -> None:
    event.ask(
        """update public.affiliate_clicks set is_converted = true, conversion_timestamp = click_timestamp + %s,
               actual_commission = %s, order_id = 'LATE' where id = %s""",
        [after, Decimal("7.77"), click["id"]],
    )


@pytest.mark.slow
def test_a_conversion_sixty_days_after_its_click_is_found(event: Event) -> None:
    click = _a_click(event, 65, sold=False)
    _sell(event, click, 60 * DAY)
    event.taken_in()
    assert event.causes == {("late conversion",)}
    gained = {"conversions": 1, "actual_commission": Decimal("7.77")}
    assert event.moved("revenue_daily").items() >= {**gained, "converting_people": 1}.items()
    assert event.moved("product_revenue_daily") == gained
    assert event.moved("commission_daily").items() >= {**gained, "orders": 1}.items()
    assert event.days("revenue_daily") == event.days("product_revenue_daily") == {click["day"]}
    sold_on = (click["clicked_at"] + 60 * DAY).astimezone(published.ZONE).date()
    assert event.days("commission_daily") == {sold_on}
    event.assert_is_as_if_computed_today()


@pytest.mark.slow
def test_a_sale_of_sixty_days_ago_that_is_reported_today_is_booked_beside_the_closed_month(event: Event) -> None:
    closed = event.closed_months()
    click = _a_click(event, 60, sold=False)
    _sell(event, click, timedelta(seconds=1))
    event.taken_in()
    assert event.causes == {("late conversion",)}
    assert event.moved("revenue_daily")["actual_commission"] == Decimal("7.77")
    assert event.moved("commission_daily")["actual_commission"] == Decimal("7.77")
    assert event.days("commission_daily") == {click["day"]}
    assert event.closed_months() == closed
    assert event.moved("commission_monthly") == {"adjustments": Decimal("7.77")}
    event.assert_is_as_if_computed_today()


@pytest.mark.slow
def test_an_amount_that_rises_by_ten_pounds_after_fifty_days_is_found(event: Event) -> None:
    click = _a_click(event, 50, sold=True)
    event.ask(
        "update public.affiliate_clicks set actual_commission = coalesce(actual_commission, 0) + 10 where id = %s",
        [click["id"]],
    )
    event.taken_in()
    assert event.causes == {("amount",)}
    for table in ("revenue_daily", "product_revenue_daily", "commission_daily"):
        assert event.moved(table)["actual_commission"] == 10
    assert event.days("revenue_daily") == {click["day"]}
    assert event.days("commission_daily") == {click["sold_on"]}
    assert sum(event.moved("commission_monthly").values()) == 10
    event.assert_is_as_if_computed_today()


@pytest.mark.slow
def test_a_month_that_is_reversed_stays_closed_and_is_taken_off_the_next(event: Event) -> None:
    closed = event.closed_months()
    of_month = "select sum(closed) from analytics.commission_monthly where month = %s"
    [(month,)] = event.ask(of_month, [CLOSED])
    assert month > 0
    event.ask(
        """update public.affiliate_clicks set actual_commission = 0
           where actual_commission > 0 and date_trunc('month', analytics.local_day(conversion_timestamp, 'Europe/London')) = %s""",
        [CLOSED],
    )
    event.taken_in()
    assert event.causes == {("reversal",)}
    for table in ("revenue_daily", "product_revenue_daily", "commission_daily"):
        assert event.moved(table)["actual_commission"] == -month
        assert "conversions" not in event.moved(table)
    assert event.closed_months() == closed
    assert event.moved("commission_monthly") == {"adjustments": -month}
    event.assert_is_as_if_computed_today()


@pytest.mark.slow
def test_five_hundred_late_clicks_are_taken_in_on_their_own_days(event: Event) -> None:
    [(clicks,)] = event.ask(
        """
        with late as (
            insert into public.affiliate_clicks (
                anonymous_id, session_id, product_id, source_page, device_type, affiliate_network, affiliate_url, expected_commission,
                click_timestamp, is_converted, conversion_timestamp, actual_commission, order_id)
            select
                'late ' || n, 'late ' || n %% 300, c.product_id, c.source_page, c.device_type, c.affiliate_network, c.affiliate_url, 1.50,
                t.at, t.is_sold, case when t.is_sold then t.at + interval '1 hour' end, case when t.is_sold then 1.25 end,
                case when t.is_sold then 'LATE-' || n end
            from generate_series(1, 500) as n
            cross join lateral (
                select x.* from public.affiliate_clicks as x where x.product_id is not null order by hashtext(x.id::text || n) limit 1
            ) as c
            cross join lateral (select %(last)s::date - n %% 85 + n * interval '7 seconds' as at, n %% 10 = 0 as is_sold) as t
            returning 1
        )
        select count(*) from late""",
        {"last": YESTERDAY},
    )
    assert clicks == 500
    event.taken_in()
    assert event.causes_of("revenue_daily", "commission_daily", "product_revenue_daily") == {("late click",)}
    assert event.causes == {("late click",), ("late click", "late session")}, "their sessions are known from them alone"
    assert event.moved("revenue_daily").items() >= {"clicks": 500, "valid_clicks": 500, "conversions": 50}.items()
    assert event.moved("revenue_daily")["actual_commission"] == Decimal("62.50")
    assert event.moved("product_revenue_daily")["clicks"] == 500
    assert event.moved("commission_daily").items() >= {"conversions": 50, "orders": 50}.items()
    event.assert_is_as_if_computed_today()


def _assert_nothing_moved(event: Event) -> None:
    """Not a number of any table, not a fact; nothing was published."""
    assert read(event.db) == event.before
    assert read(event.db, without=set()) == event.exactly
    assert event.causes == set()


def _lost(event: Event) -> dict[str, int]:
    """Days by table that are flagged to have lost source rows and keep what was published."""
    return dict(
        event.ask("select split_part(table_name, '.', 2), count(*) from pipeline.days where lost > 0 group by 1")
    )


CLICK_TABLES = {
    "people_active",
    "revenue_daily",
    "commission_daily",
    "commission_monthly",
    "commission_reconciliation",
    "attribution_daily",
}


def _assert_only_lost_rows_show_when_restated(event: Event) -> None:
    """--restate computes lost days from what is left: tables of clicks do not move, those of views and swipes say why they do."""
    moved = {key.removeprefix("analytics.") for key, _ in rebuilt(event.db, restate=True)}
    assert moved, "nothing that was deleted had been published"
    assert not moved & CLICK_TABLES
    assert event.causes == {("deleted source",)}
    assert not {"clicks", "conversions", "conversions_without_amount", "actual_commission"} & set(
        event.moved("product_revenue_daily")
    )
    assert _lost(event) == {}
    assert red(event.db) == {}
    assert as_of(event.db, event.at) == event.exactly


def _delete_products(event: Event, chosen: str, how_many: int) -> None:
    deleted = event.ask(
        f"with gone as (delete from public.products where id in ({chosen}) returning 1) select count(*) from gone"
    )
    assert deleted == [(how_many,)]


BY_COMMISSION = """
select product_id from staging.click_facts where product_id is not null
group by product_id order by sum(actual_commission) desc nulls last, count(*) desc, product_id limit {}
"""


@pytest.mark.slow
def test_the_best_seller_can_be_deleted(event: Event) -> None:
    _delete_products(event, BY_COMMISSION.format(1), 1)
    assert event.taken_in(full=True).gone > 0
    _assert_nothing_moved(event)
    assert set(_lost(event)) == {table.name for table in published.DAILY} - CLICK_TABLES
    _assert_only_lost_rows_show_when_restated(event)


@pytest.mark.slow
def test_two_hundred_products_can_be_deleted(event: Event) -> None:
    _delete_products(event, BY_COMMISSION.format(200), 200)
    assert event.taken_in(full=True).gone >= 200
    _assert_nothing_moved(event)
    assert set(_lost(event)) == {table.name for table in published.DAILY} - CLICK_TABLES
    _assert_only_lost_rows_show_when_restated(event)


@pytest.mark.slow
def test_what_else_happens_on_a_day_that_lost_rows_shows_the_loss_too(event: Event) -> None:
    [(product, day)] = event.ask(
        """select v.product_id, analytics.local_day(v.view_timestamp, 'Europe/London') from public.product_views as v
           where v.interaction_type = 'impression' group by 1, 2 order by count(*) desc, 2, 1 limit 1"""
    )
    [(other,)] = event.ask("select min(id::text) from public.products where id <> %s", [product])
    event.ask("delete from public.products where id = %s", [product])
    catch_up(event.db, full=True)
    _assert_nothing_moved(event)
    event.ask(
        """insert into public.product_views (product_id, session_id, view_timestamp, interaction_type, view_source)
           values (%s, 'another', analytics.day_start(%s, 'Europe/London') + interval '12 hours', 'impression', 'search')""",
        [other, day],
    )
    event.taken_in()
    assert event.days("ctr_by_position_daily") == event.days("product_revenue_daily") == {day}
    assert event.causes_of("ctr_by_position_daily", "product_revenue_daily") == {("deleted source", "late view")}


@pytest.mark.slow
def test_a_day_whose_late_views_are_published_is_kept_when_rows_go(event: Event) -> None:
    """The late views are no reason to compute the day once more, from fewer rows than it was published of."""
    [(product, other, day)] = event.ask(
        """select v.product_id, (select p.id from public.products as p where p.id <> v.product_id order by p.id limit 1),
               analytics.local_day(v.view_timestamp, 'Europe/London')
           from public.product_views as v
           where v.interaction_type = 'impression' and v.view_timestamp < %s group by 1, 3 order by count(*) desc, 3, 1 limit 1""",
        [YESTERDAY - 50 * DAY],
    )
    for n in range(20):
        event.ask(
            """insert into public.product_views (product_id, session_id, view_timestamp, interaction_type, view_source)
               values (%s, 'another', analytics.day_start(%s, 'Europe/London') + %s * interval '20 minutes', 'impression', 'search')""",
            [other, day, n],
        )
    event.taken_in()
    assert event.moved("ctr_by_position_daily") == {"impressions": 20}
    at_its_best = Event(event.db)
    _delete_products(at_its_best, f"select '{product}'::uuid", 1)
    at_its_best.taken_in(full=True)
    _assert_nothing_moved(at_its_best)


@pytest.mark.slow
def test_ten_accounts_can_be_deleted(event: Event) -> None:
    [(deleted,)] = event.ask(
        """with busiest as (
               select u.id from auth.users as u
               join (select user_id, count(*) as n from public.affiliate_clicks group by 1) as c on c.user_id = u.id
               join (select user_id from public.swipe_interactions group by 1) as s on s.user_id = u.id
               order by c.n desc, u.id limit 10
           ), gone as (delete from auth.users where id in (select id from busiest) returning 1)
           select count(*) from gone"""
    )
    assert deleted == 10
    done = erasure.clear(event.db, CATALOG)
    assert done["public.affiliate_clicks"] > 100, "retention has cleared what is older than a month"
    assert event.ask("select count(*) from public.affiliate_clicks where user_id is null and order_id is not null") != [
        (0,)
    ]
    event.taken_in(full=True)
    _assert_nothing_moved(event)
    of_swipes = {"session_steps", "session_funnel_daily", "session_quality_daily"}
    of_recommendations = {"recommendation_performance_daily"}
    assert set(_lost(event)) == of_swipes | of_recommendations, "these go with the account, views stay"
    users = "select from auth.users as a where 'u:' || a.id = n.identity"
    named = f"select from pipeline.person_numbers as n where n.identity like 'u:%' and not exists ({users})"
    assert event.ask(named) == [], "a number that stands for nobody is left"
    _assert_only_lost_rows_show_when_restated(event)
    fresh = afresh(event.db)
    for table in ("revenue_daily", "commission_daily", "product_revenue_daily"):
        assert fresh[table] == event.before[table], "computed from the cleared rows alone"


@pytest.mark.slow
def test_five_hundred_currencies_can_be_corrected(event: Event) -> None:
    clicked = BY_COMMISSION.format(500)
    correct = f"update public.products set currency = 'EUR' where id in ({clicked}) returning 1"
    corrected = event.ask(f"with now as ({correct}) select count(*) from now")
    assert corrected == [(500,)]
    event.taken_in(full=True)
    _assert_nothing_moved(event)
    assert _lost(event) == {}
