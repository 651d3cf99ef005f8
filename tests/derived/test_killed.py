"""A backfill killed with -9 at ten random moments: running it again ends like an undisturbed run, bookkeeping apart."""

import os
import random
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from aclue_pipeline.postgres import Database, query, script
from tests.support.shop import Shop

BACKFILL = """
import os, sys
from datetime import date
from pathlib import Path
from aclue_pipeline import derived
from aclue_pipeline.catalog import Catalog
from aclue_pipeline.postgres import Database

catalog = Catalog.load(Path(os.environ["SHOP"]))
db = Database(os.environ["SHOP_URL"])
derived.ensure_tables(db, catalog)
print("begin", flush=True)
derived.replace_days(db, catalog, catalog.table("sales"), date(2025, 1, 1), date(2025, 12, 31))
"""


def start(shop: Shop, db: Database) -> "subprocess.Popen[str]":
    environment = os.environ | {"SHOP": str(shop.root), "SHOP_URL": db.url}
    process = subprocess.Popen([sys.executable, "-c", BACKFILL], env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begin\n"
    return process


def outcome(db: Database) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    with db.begin() as connection:
        return (
            query(connection, "select day, shop, orders, amount from analytics.sales order by 1, 2"),
            query(connection, "select table_name, day, code_version, rows from pipeline.days order by 1, 2"),
        )


@pytest.mark.database
@pytest.mark.slow
def test_a_backfill_killed_at_random_moments_ends_like_an_undisturbed_one(shop: Shop, shop_db: Database) -> None:
    with shop_db.begin() as connection:
        script(
            connection,
            """insert into public.orders select n, timestamptz '2025-01-01' + n * interval '10 minutes', 'shop ' || n % 17, n % 997 / 100.0
               from generate_series(0, 52559) as n""",
        )
    process = start(shop, shop_db)
    began = time.monotonic()
    assert process.wait(60) == 0
    took = time.monotonic() - began
    undisturbed = outcome(shop_db)
    chance = random.Random(13)
    halfway = 0
    for _ in range(10):
        with shop_db.begin() as connection:
            script(connection, "truncate analytics.sales, pipeline.days")
        process = start(shop, shop_db)
        time.sleep(chance.uniform(0, took))
        process.send_signal(signal.SIGKILL)
        process.wait(60)
        halfway += 0 < len(outcome(shop_db)[1]) < len(undisturbed[1])
        assert start(shop, shop_db).wait(60) == 0
        assert outcome(shop_db) == undisturbed
    assert halfway, "no kill came in the middle: the moments prove nothing"
