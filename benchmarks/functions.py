"""The report functions over a year, each against a query by hand that counts the same cases and distinct people by the same dimension,
without bounds, medians, first visits and maturity."""

import time
from datetime import UTC, datetime
from typing import Any

from aclue_pipeline.postgres import Database, query
from benchmarks import Result, deployed_database, load

SESSIONS = 500_000
RUNS = 5
FIRST = datetime(2025, 1, 1, tzinfo=UTC)
YEAR = {"first": FIRST.date(), "last": datetime(2025, 12, 31, tzinfo=UTC).date()}
#: Function → (how it is called, what is counted by hand).
CALLS = {
    "revenue": (
        "select cell ->> 'device_type' as device, n, d, people from analytics.revenue(:first, :last, array['device_type'])",
        """select device_type as device, count(*) filter (where counted_as_converted) as n, count(*) as d,
               count(distinct person_number) as people
           from staging.click_facts
           where verdict = 'valid' and analytics.local_day(clicked_at, 'Europe/London') between :first and :last group by 1""",
    ),
    "funnel": (
        """select cell ->> 'landing_page' as page, sessions, people
           from analytics.funnel(:first, :last, array['landing_page']) where step = 3""",
        """select s.landing_page as page, count(s.step_3_at) as sessions,
               count(distinct f.person_number) filter (where s.step_3_at is not null) as people
           from analytics.session_steps as s join staging.session_facts as f using (session_number)
           where s.path = 'all' and not s.is_machine and not s.is_orphan and s.day between :first and :last group by 1""",
    ),
    "people": (
        "select cell ->> 'utm_source' as source, sessions, people from analytics.people(:first, :last, array['utm_source'])",
        """select source, count(*) filter (where is_session) as sessions, count(distinct who) as people
           from (
               select utm_source as source, person_number as who, true as is_session from staging.session_facts
               where not is_machine and analytics.local_day(landed_at, 'Europe/London') between :first and :last
               union all
               select utm_source, person_number, false from staging.click_facts
               where verdict in ('valid', 'repeat') and analytics.local_day(clicked_at, 'Europe/London') between :first and :last
           ) as acts group by 1""",
    ),
}


def _seconds(database: Database, asked: str) -> tuple[float, list[dict[str, Any]]]:
    with database.begin() as connection:
        begun = time.perf_counter()
        rows = query(connection, asked, **YEAR)
        return time.perf_counter() - begun, rows


def measure() -> list[Result]:
    results = []
    with deployed_database() as database:
        load(database, "functions_data.sql", first=FIRST, sessions=SESSIONS)
        for name, (call, by_hand) in CALLS.items():
            ratios = []
            for _ in range(RUNS + 1):
                (took, rows), (other, same) = _seconds(database, call), _seconds(database, by_hand)
                assert sorted(map(str, rows)) == sorted(map(str, same))
                ratios.append(took / other)
            of = f"a year of {SESSIONS:,} sessions, {SESSIONS // 10:,} clicks : the same cases and people, counted by hand"
            results.append(Result(f"analytics.{name}", ratios[1:], "ratio", of))
    return results
