"""What is open, and how late money comes, against plain Python on random worlds around today; and that all tables of money say the same."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aclue_pipeline import derived
from aclue_pipeline.postgres import Database
from aclue_pipeline.settings import get_settings
from tests.oracles import revenue
from tests.oracles.facts import facts
from tests.support.catalogs import CATALOG
from tests.worlds import FEW, ZONE, change, load, local_days, repeated, rows_of, times_of, worlds

pytestmark = pytest.mark.database

DAY = timedelta(days=1)
NOW = datetime.now(UTC)

#: Midnights around which a sale becomes older than its bucket, and one ahead of now.
AGES = [NOW.replace(hour=0, minute=0, second=0, microsecond=0) - DAY * days for days in (-3, 0, 30, 31, 60, 61, 90, 91)]


@pytest.fixture(scope="module", autouse=True)
def tables(world_db: Database) -> None:
    derived.ensure_tables(world_db, CATALOG, "revenue")


@pytest.fixture
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("ACLUE_TIMEZONE", request.param)
    get_settings.cache_clear()
    yield request.param
    get_settings.cache_clear()


def found(db: Database, name: str) -> revenue.Table:
    table = CATALOG.table(name)
    values = [column.name for column in table.columns if not column.bookkeeping and column.name not in table.grain]
    return {
        tuple(row[column] for column in table.grain): {column: row[column] for column in values}
        for row in rows_of(db, table.key)
    }


def today(db: Database, zone: str = ZONE) -> date:
    return local_days(db, [datetime.now(UTC)], zone).popitem()[1]


@pytest.mark.parametrize(
    "zone",
    ["Europe/London", *(pytest.param(far, marks=pytest.mark.slow) for far in ("Pacific/Auckland", "America/Havana"))],
    indirect=True,
)
def test_what_is_open_at_which_age_is_what_plain_python_counts(world_db: Database, zone: str) -> None:
    @FEW
    @given(worlds(*AGES))
    def agrees(world: Any) -> None:
        load(world_db, world)
        days = local_days(world_db, times_of(world), zone)
        assert found(world_db, "commission_open") == revenue.commission_open(facts(world), days, today(world_db, zone))

    agrees()


# --- how late it comes ------------------------------------------------------------------------------------------------

#: The first midnight of a month two months ago, and when the syncs around it are taken to have been.
MONTH = (NOW.replace(day=1, hour=0, minute=0, second=0, microsecond=0) - DAY * 40).replace(day=1)
SYNCED = [MONTH, MONTH + timedelta(hours=30), MONTH + timedelta(hours=100)]


@st.composite
def told(draw: st.DrawFn) -> list[Any]:
    """A world as three syncs find it: clicks come late, and sales later, some of them reported for a repeat."""
    world = draw(worlds(MONTH, MONTH, MONTH - 2 * DAY, MONTH - 40 * DAY))
    for click in world["clicks"][::2]:
        click |= {"is_converted": True, "user_agent": None}
    if world["clicks"]:
        world["clicks"].append(draw(repeated(draw(st.sampled_from(world["clicks"])))) | {"is_converted": True})
    stages = st.integers(0, 2)
    comes = {click["id"]: draw(stages) for click in world["clicks"]}
    sells = {click["id"]: max(draw(stages), comes[click["id"]]) for click in world["clicks"]}
    unsold = {"is_converted": False, "conversion_timestamp": None, "actual_commission": None}
    return [
        world
        | {
            "clicks": [
                click if sells[click["id"]] <= stage else click | unsold
                for click in world["clicks"]
                if comes[click["id"]] <= stage
            ]
        }
        for stage in range(3)
    ]


def seen(stages: list[Any]) -> dict[Any, tuple[datetime, datetime | None]]:
    """When each click was first seen, and when a sale of it that was not there before."""
    found: dict[Any, tuple[datetime, datetime | None]] = {}
    sold: dict[Any, bool] = {}
    for at, world in zip(SYNCED, stages, strict=True):
        for click in world["clicks"]:
            is_new = click["id"] in found and click["is_converted"] is True and not sold[click["id"]]
            found[click["id"]] = (found[click["id"]][0], at) if is_new else found.get(click["id"], (at, None))
            sold[click["id"]] = click["is_converted"] is True
    return found


def sync_at(db: Database, stages: list[Any]) -> None:
    """The facts of the stages, as if each had been synced at its time."""
    for n, world in enumerate(stages):
        (change if n else load)(db, world)
        with db.psycopg() as pg:
            for column in ("first_seen_at", "reported_at"):
                pg.execute(
                    f"update staging.click_facts set {column} = %s where {column} > now() - interval '1 hour'",
                    [SYNCED[n]],
                )


def over(db: Database, months: set[date]) -> dict[tuple[date, int], bool]:
    """Whether so many days have passed since a month was over, at the midnight of today."""
    asked = """
        select m::date, d, (now() at time zone %(zone)s)::date::timestamp at time zone %(zone)s
            >= (m + interval '1 month') at time zone %(zone)s + d * interval '24 hours'
        from unnest(%(months)s::timestamp[]) as m, generate_series(0, 90) as d"""
    with db.psycopg() as pg:
        return {
            (month, day): is_over for month, day, is_over in pg.execute(asked, {"zone": ZONE, "months": sorted(months)})
        }


@pytest.mark.parametrize("times", [12, pytest.param(150, marks=pytest.mark.slow)])
def test_how_late_sales_come_and_are_reported_is_what_plain_python_counts(world_db: Database, times: int) -> None:
    @settings(FEW, max_examples=times)
    @given(told())
    def agrees(stages: list[Any]) -> None:
        sync_at(world_db, stages)
        days = local_days(world_db, times_of(stages[-1]))
        derived.replace_whole(world_db, CATALOG, CATALOG.table("conversion_lag"))
        is_over = over(world_db, {day.replace(day=1) for day in days.values()})
        wanted = revenue.conversion_lag(facts(stages[-1]), days, seen(stages), is_over)
        assert found(world_db, "conversion_lag") == wanted

    agrees()
