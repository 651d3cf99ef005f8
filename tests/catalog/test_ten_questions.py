"""Ten questions that finance and analysts ask, each answered by one query that stands on a table's page: found there by its words, run on a
world at random, and compared with what plain Python counts from the events."""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from aclue_pipeline import derived
from aclue_pipeline.catalog.table import Query
from aclue_pipeline.postgres import Database
from aclue_pipeline.postgres.server import EmbeddedServer
from tests.conftest import Databases
from tests.oracles import attribution, funnel, people, report_functions, revenue
from tests.oracles.facts import Facts, facts, key
from tests.oracles.numbers import rate, total, wilson
from tests.support import years
from tests.support.catalogs import CATALOG
from tests.support.report_functions import asked
from tests.worlds import change, copy_in, database_of_worlds, load, local_days, numbers, times_of

pytestmark = pytest.mark.database

DAY = timedelta(days=1)
TABLES = [table for table in CATALOG.tables.values() if table.kind in ("daily", "whole")]


@dataclass(frozen=True)
class Told:
    """The world as it is known now, and by its facts what can be counted of it."""

    db: Database
    world: years.World
    facts: Facts
    days: dict[datetime, date]
    today: date

    @property
    def now(self) -> date:
        """The day it is to a query: sessions run in UTC."""
        return datetime.now(UTC).date()


@pytest.fixture(scope="module")
def told(server: EmbeddedServer) -> Iterator[Told]:
    """Published, then once more after something was learnt of 12 March."""
    with database_of_worlds(server) as db:
        with Databases(server).admin(db).psycopg() as pg:
            copy_in(pg, "auth.users", ["id"], [(user,) for user in years.USERS])
        today = derived.today(db)
        days = [
            *derived.span(years.MARCH.date(), date(2026, 3, 31)),
            *derived.span(today - years.DAYS * DAY, today - DAY),
        ]
        world = years.world(random.Random(18), today)
        load(db, world)
        derived.rebuild(db, CATALOG, TABLES, days)
        world = years.known_later(world)
        change(db, world)
        derived.rebuild(db, CATALOG, TABLES, [day for day in days if day < date(2026, 4, 1)])
        yield Told(db, world, facts(world), local_days(db, times_of(world)), today)


# --- the answers, by the columns of the query that are asked for ----------------------------------------------------------


def epc_by_network_and_month(told: Told) -> list[tuple[Any, ...]]:
    cells = defaultdict(list)
    for (day, currency, network, *_), row in revenue.revenue_daily(told.facts, told.days).items():
        cells[day.replace(day=1), network, currency].append(row)
    answer = []
    for cell, rows in cells.items():
        clicks, commission = sum(row["valid_clicks"] for row in rows), total(row["actual_commission"] for row in rows)
        answer.append((*cell, clicks, commission, rate(commission, clicks)))
    return answer


def open_commission_by_age(told: Told) -> list[tuple[Any, ...]]:
    cells = defaultdict(list)
    for (currency, _, age), row in revenue.commission_open(told.facts, told.days, told.today).items():
        cells[currency, age].append(row)
    return [
        (*cell, sum(row["conversions_open"] for row in rows), total(row["expected_open"] for row in rows))
        for cell, rows in cells.items()
    ]


def why_12_march_changed(told: Told) -> list[tuple[Any, ...]]:
    """A sale of the first click, a part of the second one's taken back, a third click without a currency."""
    sold, reversed_ = Decimal("2.50"), Decimal("-1.00")
    of_clicks = [
        (["late click"], "(not set)", "valid_clicks", 1),
    ]
    of_both = [
        (["late conversion"], "GBP", "actual_commission", sold),
        (["late conversion"], "GBP", "conversions", 1),
        (["reversal"], "EUR", "actual_commission", reversed_),
        (["late click"], "(not set)", "actual_commission", 0),
        (["late click"], "(not set)", "conversions", 0),
    ]
    tables = {"analytics.revenue_daily": of_both + of_clicks, "analytics.product_revenue_daily": of_both}
    return [(table, *row) for table, rows in tables.items() for row in rows]


def best_position_net_of_mix(told: Told) -> list[tuple[Any, ...]]:
    cells = defaultdict(list)
    for (_, *place), row in funnel.ctr_by_position_daily(told.facts, told.days).items():
        cells[tuple(place)].append(row)
    answer = []
    for place, rows in cells.items():
        sums = {name: sum(row[name] for row in rows) for name in rows[0]}
        if sums["comparable_impressions"] < 50:
            continue
        ctr = rate(sums["clicked_impressions"], sums["impressions"])
        answer.append((*place, sums["impressions"], ctr, rate(sums["comparable_clicks"], sums["expected_clicks"])))
    return answer


def mobile_against_desktop(told: Told) -> list[tuple[Any, ...]]:
    networks = {click["affiliate_network"] for click in told.facts.clicks}
    of = asked(told.db, told.now - 120 * DAY, told.now - 31 * DAY, ("device_type",), networks)
    groups = report_functions.revenue(told.facts, told.world["products"], told.days, of)
    names = ("d", "n", "rate", "low", "high", "design_effect")
    return [
        (device, *(row[name] for name in names))
        for ((_, device),), row in groups.items()
        if device in ("mobile", "desktop")
    ]


def funnel_of_first_visits(told: Told) -> list[tuple[Any, ...]]:
    number_of = numbers(told.db)
    steps = funnel.session_steps(told.world, told.facts, told.days, number_of)
    sessions = {number_of[key(name)]: session for name, session in told.facts.sessions.items()}
    of = asked(told.db, told.now - 120 * DAY, told.now, ("is_first_visit", "landing_page"), set())
    names = ("step_name", "sessions", "n", "d", "rate", "low", "high")
    return [
        (dict(cell)["landing_page"], dict(cell)["step"], *(row[name] for name in names))
        for cell, row in report_functions.funnel(steps, sessions, 30, "all", of).items()
        if dict(cell)["is_first_visit"]
    ]


def week_1_retention(told: Told) -> list[tuple[Any, ...]]:
    cells = defaultdict(list)
    for (_, since, *campaign), row in people.retention_weekly(told.facts, told.days, told.today).items():
        if since == 1 and row["active"] is not None:
            cells[tuple(campaign)].append(row)
    answer = []
    for campaign, rows in cells.items():
        all_of, back = (sum(row[name] for row in rows) for name in ("people", "active"))
        answer.append((*campaign, all_of, back, rate(back, all_of), *wilson(back, all_of)))
    return answer


def value_of_cohorts(told: Told) -> list[tuple[Any, ...]]:
    newest: dict[Any, tuple[int, dict[str, Any]]] = {}
    table = people.cohort_value_monthly(told.facts, told.days, told.today)
    for (cohort, since, currency), row in sorted(table.items()):
        if row["commission"] is not None:
            newest[cohort, currency] = since, row
    return [
        (
            *cell,
            row["people"],
            since,
            row["converting_to_date"],
            row["commission_to_date"],
            rate(row["commission_to_date"], row["people"]),
        )
        for cell, (since, row) in newest.items()
    ]


def weekly_active_people(told: Told) -> list[tuple[Any, ...]]:
    table = people.people_active(told.facts, told.days, told.today - DAY)
    names = ("period_start", "people", "first_time", "returned", "signed_in")
    return [tuple(row[name] for name in names) for (_, period), row in table.items() if period == "week"]


def first_and_last_touch_by_page(told: Told) -> list[tuple[Any, ...]]:
    cells: dict[Any, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for (day, currency, dimension, model, page), row in attribution.attribution_daily(told.facts, told.days).items():
        if dimension == "source_page" and day < told.today:
            cells[page, currency][model].append(row)
    return [
        (
            *cell,
            *(
                total(row[what] for row in of[model])
                for what in ("conversions", "commission")
                for model in ("first", "last")
            ),
        )
        for cell, of in cells.items()
    ]


#: The question, as its table's page has it: the columns of the answer, how plain Python counts it.
QUESTIONS: dict[str, tuple[str, Callable[[Told], list[tuple[Any, ...]]]]] = {
    "EPC by network and month": (
        "month affiliate_network currency valid_clicks commission epc",
        epc_by_network_and_month,
    ),
    "open commission by age": ("currency age sales expected", open_commission_by_age),
    "why did 12 March change": ("table_name causes currency column_name change", why_12_march_changed),
    "best position net of product mix": (
        "view_source view_position impressions ctr net_of_mix",
        best_position_net_of_mix,
    ),
    "mobile against desktop, with uncertainty": (
        "device mature_clicks sold_of_these rate low high design_effect",
        mobile_against_desktop,
    ),
    "the funnel by landing page, of first visits": (
        "landing_page step step_name sessions n d rate low high",
        funnel_of_first_visits,
    ),
    "week-1 retention of a campaign": (
        "utm_source utm_campaign people back_after_a_week retention low high",
        week_1_retention,
    ),
    "revenue per cohort month": (
        "cohort_month currency people months_since converting_to_date commission_to_date per_person",
        value_of_cohorts,
    ),
    "weekly active people": (
        "week people first_time returned signed_in",
        weekly_active_people,
    ),
    "first- and last-touch by page": (
        "page currency first_touch_sales last_touch_sales first_touch_commission last_touch_commission",
        first_and_last_touch_by_page,
    ),
}


def query_for(question: str) -> Query:
    described = (*CATALOG.tables.values(), *CATALOG.functions.values())
    found = [query for one in described for query in one.queries if query.asks == question]
    assert len(found) == 1, f"one page must answer: {question}"
    return found[0]


@pytest.mark.parametrize("question", QUESTIONS)
def test_one_query_of_a_page_answers(told: Told, question: str) -> None:
    names, counted = QUESTIONS[question]
    with told.db.psycopg() as pg:
        cursor = pg.execute(query_for(question).sql.encode())
        columns = [column.name for column in cursor.description or ()]
        rows = [tuple(row[columns.index(name)] for name in names.split()) for row in cursor.fetchall()]
    answer = counted(told)
    assert len(answer) > 1, "nothing is asked of this world"
    rows, answer = sorted(rows, key=repr), sorted(answer, key=repr)
    assert [row for row, counts in zip(rows, answer, strict=False) if not same(row, counts)] == []
    assert len(rows) == len(answer)


def same(row: tuple[Any, ...], counts: tuple[Any, ...]) -> bool:
    """To the millionth, where a root is drawn; what is counted or paid is exact."""
    return all(
        abs(found - wanted) < Decimal("0.000003")
        if isinstance(found, Decimal) and wanted is not None
        else found == wanted
        for found, wanted in zip(row, counts, strict=True)
    )


def test_there_are_ten_questions() -> None:
    assert len(QUESTIONS) == 10
    assert all(query_for(question).sql for question in QUESTIONS)
