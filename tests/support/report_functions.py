"""Calls a report function and compares with what plain Python counts."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from psycopg.rows import dict_row

from aclue_pipeline import derived
from aclue_pipeline.postgres import Database
from aclue_pipeline.settings import get_settings
from tests.oracles.report_functions import Asked
from tests.oracles.revenue import Table
from tests.support.catalogs import CATALOG

#: How far a number may be off: what is a median of floating points, what is a root.
NEAR = {
    "seconds": Decimal("0.0011"),
    "sessions": Decimal("0.0011"),
    "low": Decimal("1e-6"),
    "high": Decimal("1e-6"),
    "effect": Decimal("2e-6"),
}
NEAR |= {"epc_low": Decimal("2e-6"), "epc_high": Decimal("2e-6")}


def asked(
    db: Database,
    first: date,
    last: date,
    by: tuple[str, ...],
    networks: set[str],
    zone: str = "Europe/London",
    begins: date = date(2024, 1, 1),
) -> Asked:
    """A call to be made about now; the settings that functions know are set, and the facts are of that first day."""
    with db.psycopg() as pg:
        (read,) = pg.execute("select settings from pipeline.syncs order by sync desc limit 1").fetchone() or ("",)
    if f"first_day={begins}" not in read:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ACLUE_FIRST_DAY", begins.isoformat())
            get_settings.cache_clear()
            derived.sync(db, CATALOG)
        get_settings.cache_clear()
    with db.psycopg() as pg:
        for name, value in (("timezone", zone), ("first_day", begins.isoformat())):
            pg.execute("update pipeline.settings set value = %s where name = %s", [value, name])
        t = dict(pg.execute("select n, analytics.students_t(n) from generate_series(1, 2000) as n").fetchall())
        asked = "select n, analytics.attribution_window(n) from unnest(%s::text[]) as n"
        windows = dict(pg.execute(asked, [sorted(networks)]).fetchall())
    return Asked(first, last, by, datetime.now(UTC), windows, lambda degrees: t[degrees], begins)


def call(db: Database, name: str, of: Asked, *more: Any) -> Table:
    """The function's rows by cell (of the funnel with the step)."""
    values = ", ".join(["%s"] * (3 + len(more)))
    with db.psycopg() as pg, pg.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            f"select * from analytics.{name}({values})", [of.first, of.last, list(of.by), *more]
        ).fetchall()
    table = {}
    for row in rows:
        cell = tuple(sorted(row.pop("cell").items()))
        if "step" in row:
            cell += (("step", row.pop("step")),)
        assert cell not in table
        table[cell] = row
    return table


def differences(found: Table, wanted: Mapping[Any, Mapping[str, Any]]) -> list[str]:
    if found.keys() != wanted.keys():
        return [f"cells: {sorted(map(str, found.keys() ^ wanted.keys()))}"]
    told = []
    for cell, row in wanted.items():
        assert row.keys() == found[cell].keys(), row.keys() ^ found[cell].keys()
        for name, value in row.items():
            has = found[cell][name]
            near = next((by for ending, by in NEAR.items() if name.endswith(ending) or ending in name), Decimal(0))
            if not (has == value or (has is not None and value is not None and near and abs(has - value) <= near)):
                told.append(f"{dict(cell)} {name}: {has}, not {value}")
    return told
