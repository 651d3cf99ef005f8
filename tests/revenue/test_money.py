"""What is open, and how late money comes, against plain Python on random worlds around today; and that all tables of money say the same."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given

from aclue_pipeline import derived
from aclue_pipeline.postgres import Database
from aclue_pipeline.settings import get_settings
from tests.oracles import revenue
from tests.oracles.facts import facts
from tests.support.catalogs import CATALOG
from tests.worlds import FEW, ZONE, load, local_days, rows_of, times_of, worlds

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


@pytest.mark.parametrize("zone", ["Europe/London", "Pacific/Auckland", "America/Havana"], indirect=True)
def test_what_is_open_at_which_age_is_what_plain_python_counts(world_db: Database, zone: str) -> None:
    @FEW
    @given(worlds(*AGES))
    def agrees(world: Any) -> None:
        load(world_db, world)
        days = local_days(world_db, times_of(world), zone)
        assert found(world_db, "commission_open") == revenue.commission_open(facts(world), days, today(world_db, zone))

    agrees()
