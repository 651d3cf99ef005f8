"""Attribution against plain Python on random worlds: every model and dimension, to the penny and to the millionth of a sale."""

import random
import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql

from aclue_pipeline import derived
from aclue_pipeline.derived.statement import filled
from aclue_pipeline.postgres import Database
from tests.oracles import attribution
from tests.oracles.facts import Facts, Row, facts
from tests.support.catalogs import CATALOG
from tests.worlds import (
    FEW,
    PRODUCTS,
    USERS,
    ZONE,
    build,
    change,
    copy_in,
    load,
    local_days,
    published,
    span,
    times_of,
    worlds,
)

pytestmark = pytest.mark.database

NAME = "attribution_daily"


@st.composite
def long_worlds(draw: st.DrawFn) -> dict[str, list[Row]]:
    """Worlds of few people whose visits and clicks lie up to forty days apart; most of the clicks sell."""
    world = draw(worlds())
    ages = st.sampled_from(
        [timedelta(0), timedelta(hours=719), timedelta(hours=720), timedelta(hours=721), timedelta(days=9)]
    )
    for row in (*world["clicks"], *world["sessions"]):
        clock = "click_timestamp" if "click_timestamp" in row else "started_at"
        if isinstance(row[clock], datetime) and row[clock].year == 2026:
            row[clock] -= draw(ages)
        if "is_converted" in row:
            row["is_converted"] = draw(st.sampled_from([True, True, True, None]))
        if draw(st.booleans()):
            row["user_id"] = USERS[0]
    return world


@FEW
@given(st.one_of(worlds(), long_worlds()))
def test_every_sale_is_shared_as_plain_python_shares_it(world_db: Database, world: Any) -> None:
    load(world_db, world)
    days = local_days(world_db, times_of(world))
    assert published(world_db, NAME, *span(days)) == attribution.attribution_daily(facts(world), days)


# --- many sales -----------------------------------------------------------------------------------------------------------

NOON = datetime(2026, 10, 25, 12, tzinfo=UTC)
PAGES = ["search", "discover", "(not set)", "é", "🎰", "a b"]
SOURCES = ["google", "mail", "(not set)", "(not set)", "Zeitung"]
MONEY = [None, "0", "0.01", "0.02", "1.99", "7.125", "10.00", "-0.05", "123456789.01"]


def invented(sales: int, seed: int = 18) -> Facts:
    """Facts of so many sales, of people with up to a dozen touches in forty-five days, half a day apart or exactly at the window's ends,
    and of one person with more than a hundred within thirty days."""
    draw = random.Random(seed)

    def at(upto: int) -> datetime:
        off = draw.choice([0, 0, 0, 1, -1]) * timedelta(microseconds=1)
        return NOON - draw.randrange(upto) * timedelta(hours=12) + off

    clicks, visits = list[Row](), dict[str, Row]()
    for n in range(sales):
        sold_at, whose = at(6), draw.choice([None, n, n, n // 3]) if draw.random() > 150 / sales else 7
        for _ in range(1 + draw.randrange(4)):
            click = {
                "id": uuid.UUID(int=draw.getrandbits(128)),
                "at": at(90),
                "person": whose,
                "verdict": "valid",
                "currency": "-",
            }
            click |= {"source_page": draw.choice(PAGES), "affiliate_network": draw.choice(PAGES), "counted": None}
            clicks.append(click | {"counted_converted_at": None})
        money = draw.choice(MONEY)
        clicks[-1] |= {
            "currency": f"c{n}",
            "counted_converted_at": sold_at,
            "counted": None if money is None else Decimal(money),
        }
        for _ in range(draw.randrange(4)):
            visit = {
                "person": whose,
                "landed_at": at(90),
                "is_machine": draw.random() < 0.1,
                "is_orphan": draw.random() < 0.1,
            }
            visits[str(len(visits))] = visit | {name: draw.choice(SOURCES) for name in attribution.CAMPAIGN}
    return Facts(clicks, visits, [])


def put(db: Database, judged: Facts, *, analyze: bool = True) -> None:
    """These facts in the place of those that are there."""
    load(db, {})
    clicks = {
        "click_id": "id", "clicked_at": "at", "person_number": "person", "counted_commission": "counted", "verdict": "verdict",
        **dict.fromkeys(("converted_at", "counted_converted_at"), "counted_converted_at"),
        **{name: name for name in (*attribution.CLICK, "currency", "is_converted")}, "counted_as_converted": "is_converted",
        **dict.fromkeys(("device_type", *attribution.CAMPAIGN, "rule_version"), "none"),
        **dict.fromkeys(("first_seen_at", "changed_at"), "now"),
    }  # fmt: skip
    visits = {
        "session_number": "number", "person_number": "person",
        **{name: name for name in ("landed_at", "is_machine", "is_orphan", *attribution.CAMPAIGN)},
        **dict.fromkeys(("landing_page", "device_type"), "none"), **dict.fromkeys(("first_seen_at", "changed_at"), "now"),
        **dict.fromkeys(("is_signed_in", "is_newcomer", "has_converted", "is_first_visit"), "is_orphan"),
    }  # fmt: skip
    same = {"none": "-", "now": NOON}
    with db.psycopg() as pg:
        for table, columns, rows in (
            (
                "staging.click_facts",
                clicks,
                ({**c, "is_converted": bool(c["counted_converted_at"])} for c in judged.clicks),
            ),
            ("staging.session_facts", visits, ({**v, "number": n} for n, v in judged.sessions.items())),
        ):
            copy_in(pg, table, list(columns), ([(row | same)[of] for of in columns.values()] for row in rows))
        if analyze:
            pg.execute("analyze staging.click_facts, staging.session_facts")


def days_of(db: Database, judged: Facts) -> tuple[dict[datetime, date], date, date]:
    days = local_days(db, [click["counted_converted_at"] for click in judged.clicks if click["counted_converted_at"]])
    return days, min(days.values()), max(days.values())


@pytest.mark.slow
def test_a_thousand_sales_are_shared_one_by_one_as_plain_python_shares_them(world_db: Database) -> None:
    judged = invented(1000)
    put(world_db, judged)
    days, *range_of_days = days_of(world_db, judged)
    assert published(world_db, NAME, *range_of_days) == attribution.attribution_daily(judged, days)


def test_days_one_by_one_are_those_of_the_whole_range_and_a_second_run_writes_nothing(world_db: Database) -> None:
    judged = invented(60)
    put(world_db, judged)
    _, first, last = days_of(world_db, judged)
    build(world_db, NAME, first, last)
    for day in derived.span(first, last):
        assert not [result for result in build(world_db, NAME, day, day) if result.changed]


@pytest.mark.slow
def test_of_a_hundred_thousand_sales_every_model_shares_each_to_the_penny(world_db: Database) -> None:
    judged = invented(100_000)
    put(world_db, judged)
    _, first, last = days_of(world_db, judged)
    table = CATALOG.table(NAME)
    with world_db.psycopg() as pg:
        begin, end = pg.execute(
            "select analytics.day_start(%s, %s), analytics.day_start(%s + 1, %s)", [first, ZONE, last, ZONE]
        ).fetchone()
        # Every sale has a currency of its own.
        select = filled(pg, table.sql, {"range_start": begin, "range_end": end})
        shared = pg.execute(sql.SQL(SHARED).format(select)).fetchall()
    sales = {click["currency"]: click["counted"] for click in judged.clicks if click["counted_converted_at"]}
    assert shared == [
        (
            dimension,
            model,
            len(sales),
            True,
            sum(m is None for m in sales.values()),
            sum(m or 0 for m in sales.values()),
        )
        for dimension in sorted((*attribution.CLICK, *attribution.CAMPAIGN))
        for model in sorted(attribution.MODELS)
    ]


#: Of each dimension and model: sales, whether each is shared exactly, those without an amount, and all their commission.
SHARED = """
    select s.dimension, s.model, count(*), bool_and(s.conversions = 1 and s.commission is not distinct from c.counted_commission),
        sum(s.conversions_without_amount), sum(coalesce(s.commission, 0))
    from (
        select
            a.currency, a.dimension, a.model, sum(a.conversions) as conversions, sum(a.commission) as commission,
            sum(a.conversions_without_amount) as conversions_without_amount
        from ({}) as a group by 1, 2, 3
    ) as s
    join staging.click_facts as c on c.currency = s.currency and c.counted_converted_at is not null
    group by 1, 2 order by 1, 2
"""


def work(db: Database, sales: int, people: int) -> int:
    """Rows that all steps of the plan put out or throw away, of so many sales and visits, to a planner who knows nothing."""
    clicks, visits = list[Row](), dict[str, Row]()
    for n in range(sales):
        at = NOON - timedelta(seconds=200 * n)
        of = {
            "person": n % people,
            "at": at,
            "counted_converted_at": at,
            "verdict": "valid",
            "currency": "GBP",
            "counted": Decimal("1.01"),
        }
        clicks.append(of | {"id": uuid.UUID(int=n), "source_page": PAGES[n % 3], "affiliate_network": PAGES[n % 2]})
        of = {"person": n % people, "landed_at": at, "is_machine": False, "is_orphan": False}
        visits[str(n)] = of | dict.fromkeys(attribution.CAMPAIGN, SOURCES[n % 2])
    put(db, Facts([], {}, []))
    put(db, Facts(clicks, visits, []), analyze=False)
    with db.psycopg() as pg:
        bounds = {"range_start": NOON - timedelta(days=6), "range_end": NOON + timedelta(days=1)}
        select = filled(pg, CATALOG.table(NAME).sql, bounds)
        [[[plan]]] = pg.execute(sql.SQL("explain (analyze, timing off, format json) {}").format(select)).fetchall()
    steps, total = [plan["Plan"]], 0.0
    for step in steps:
        steps += step.get("Plans", [])
        own = sum(value for name, value in step.items() if name == "Actual Rows" or name.startswith("Rows Removed"))
        total += own * step["Actual Loops"]
    return round(total)


@pytest.mark.parametrize("people", [1, 200])
def test_four_times_the_sales_are_not_sixteen_times_the_work_also_of_one_person(
    world_db: Database, people: int
) -> None:
    assert work(world_db, 800, people) / work(world_db, 200, people) < 6


# --- which days a change reaches ------------------------------------------------------------------------------------------


def visit(name: str, at: str, source: str | None = None, user: Any = USERS[0], visitor: str | None = None) -> Row:
    said = {"session_id": name, "started_at": f"2026-{at}", "landing_page": "/", "utm_source": source}
    return said | {"user_id": user, "anonymous_id": visitor}


def click(n: int, at: str, page: str, sold_at: str | None = None, paid: str | None = None) -> Row:
    said = {
        "id": uuid.UUID(int=100 + n),
        "session_id": "s",
        "user_id": USERS[0],
        "product_id": PRODUCTS[0]["id"],
        "source_page": page,
    }
    said |= {"click_timestamp": f"2026-{at}", "affiliate_network": "awin", "affiliate_url": "https://shop.example/"}
    sold = {
        "is_converted": sold_at is not None,
        "conversion_timestamp": sold_at and f"2026-{sold_at}",
        "actual_commission": paid,
    }
    return said | sold


VISITS = [
    visit("s1", "10-12 12:00+00", "news"),
    visit("s2", "10-20 12:00+00"),
    visit("s3", "11-01 12:00+00", "mail", None, "a1"),
]
CLICKS = [
    click(0, "10-02 12:00+00", "search"),
    click(1, "10-20 13:00+00", "discover", "10-25 12:00+00", "1.00"),
    click(2, "11-10 12:00+00", "discover", "11-10 13:00+00", "2.00"),
    click(3, "12-20 12:00+00", "search", "12-20 13:00+00", "3.00"),
]
OCTOBER, NOVEMBER = date(2026, 10, 25), date(2026, 11, 10)


@pytest.mark.parametrize(
    ("what", "kind", "row", "reached"),
    [
        ("a campaign said otherwise", "sessions", VISITS[0] | {"utm_source": "mail"}, {OCTOBER, NOVEMBER}),
        ("a session that began later", "sessions", VISITS[1] | {"started_at": "2026-10-21 12:00+00"}, {OCTOBER, NOVEMBER}),
        ("a late session", "sessions", visit("s4", "10-26 12:00+00", "mail"), {NOVEMBER}),
        ("a visitor who turns out to be that user", "sessions", VISITS[2] | {"user_id": USERS[0]}, {NOVEMBER}),
        ("a late click", "clicks", click(4, "10-12 12:00+00", "search"), {OCTOBER, NOVEMBER}),
        ("a page said otherwise", "clicks", CLICKS[0] | {"source_page": "home"}, {OCTOBER}),
        ("a late sale", "clicks", CLICKS[0] | {"is_converted": True, "conversion_timestamp": "2026-10-03 12:00+00"}, {date(2026, 10, 3)}),
        ("an amount", "clicks", CLICKS[1] | {"actual_commission": "0"}, {OCTOBER}),
        ("a session that was deleted", "sessions", None, set()),
    ],
)  # fmt: skip
def test_a_changed_touch_reaches_the_sales_of_its_person_within_thirty_days_and_no_other_day(
    world_db: Database, what: str, kind: str, row: Row | None, reached: set[date]
) -> None:
    world = {"sessions": VISITS, "clicks": CLICKS}
    load(world_db, world)
    days = date(2026, 10, 1), date(2026, 12, 21)
    build(world_db, NAME, *days)
    name = "session_id" if kind == "sessions" else "id"
    kept = [one for one in world[kind] if row is not None and one[name] != row[name]]
    change(world_db, world | {kind: [*kept, *([row] if row else [])]})
    with world_db.psycopg() as pg:
        dirty = {
            day for (day,) in pg.execute("select day from pipeline.dirty where table_name = %s", [f"analytics.{NAME}"])
        }
    assert dirty == reached, what
    assert {result.day for result in build(world_db, NAME, *days) if result.changed} == reached, what
