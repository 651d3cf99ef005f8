"""A backfill killed with -9 at ten random moments: running it again ends like an undisturbed run, bookkeeping apart."""

import os
import random
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from aclue_pipeline.postgres import Database, query
from tests.support.shop import Shop
from tests.support.statements import run

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
derived.replace_days(db, catalog, catalog.table("sales"), derived.span(date(2025, 1, 1), date(2025, 12, 31)))
"""


def start(shop: Shop, db: Database) -> "subprocess.Popen[str]":
    environment = os.environ | {"SHOP": str(shop.root), "SHOP_URL": db.url}
    process = subprocess.Popen([sys.executable, "-c", BACKFILL], env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begin\n"
    return process


Outcome = tuple[list[dict[str, Any]], ...]


def outcome(db: Database) -> Outcome:
    """What is published and what was before, numbers of publications apart: a killed run may leave gaps in them."""
    with db.begin() as connection:
        return (
            query(connection, "select day, shop, orders, amount from analytics.sales order by 1, 2"),
            query(connection, "select table_name, day, version, rows from pipeline.days order by 1, 2"),
            query(connection, "select day, shop, orders, amount from history.sales order by 1, 2"),
            query(
                connection,
                "select day, cell, column_name, before, after, causes from analytics.restatements order by 1, 2, 3",
            ),
            query(connection, "select * from pipeline.dirty"),
        )


@pytest.mark.database
@pytest.mark.slow
def test_a_rebuild_killed_at_random_moments_ends_like_an_undisturbed_one(shop: Shop, shop_db: Database) -> None:
    run(
        shop_db,
        """insert into public.orders select n, timestamptz '2025-01-01' + n * interval '10 minutes', 'shop ' || n % 17, n % 997 / 100.0
               from generate_series(0, 52559) as n""",
    )
    published = (
        "pipeline.days",
        "pipeline.publications",
        "pipeline.dirty",
        "analytics.sales",
        "history.sales",
        "analytics.restatements",
    )

    def before_the_rebuild() -> None:
        run(shop_db, f"truncate {', '.join(published)}; update public.orders set amount = id % 997 / 100.0")
        assert start(shop, shop_db).wait(60) == 0
        run(
            shop_db,
            """update public.orders set amount = amount + 1 where id % 5 = 0;
                   insert into pipeline.dirty (table_name, day, cause) select table_name, day, 'amount' from pipeline.days""",
        )

    before_the_rebuild()
    process = start(shop, shop_db)
    began = time.monotonic()
    assert process.wait(60) == 0
    took = time.monotonic() - began
    undisturbed = outcome(shop_db)
    assert all(undisturbed[:4])
    chance = random.Random(13)
    halfway = 0
    for _ in range(10):
        before_the_rebuild()
        process = start(shop, shop_db)
        time.sleep(chance.uniform(0, took))
        process.send_signal(signal.SIGKILL)
        process.wait(60)
        halfway += 0 < len(outcome(shop_db)[2]) < len(undisturbed[2])
        assert start(shop, shop_db).wait(60) == 0
        assert outcome(shop_db) == undisturbed
    assert halfway, "no kill came in the middle: the moments prove nothing"
