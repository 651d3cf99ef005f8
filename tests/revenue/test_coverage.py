"""Whether 95 % bounds hold 95 times of 100: many shops whose true rate is known, in which a person's own rate persists for weeks, asked by
analytics.revenue all at once."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import numpy as np
import pytest

from aclue_pipeline.postgres.server import EmbeddedServer
from tests.worlds import copy_in, database_of_worlds

pytestmark = [pytest.mark.database, pytest.mark.slow]

SHOPS = 400
RATE, ALIKE, WEEKS = 0.1, 1.0, 3
#: Days asked for, people of a shop, clicks of each a day.
RANGES = [(1, 250, 1.0), (7, 150, 0.5), (90, 70, 0.15)]
FIRST = datetime(2026, 2, 2, 12, tzinfo=UTC)
COLUMNS = ["click_id", "clicked_at", "person_number", "currency", "affiliate_network", "source_page", "device_type"]
COLUMNS += ["utm_source", "utm_medium", "utm_campaign", "verdict", "is_converted", "counted_as_converted"]
COLUMNS += ["counted_converted_at", "counted_commission", "first_seen_at", "changed_at", "rule_version"]
COVERED = """
    select count(*), avg((low <= {rate} and {rate} <= high)::int) as held,
        avg((analytics.wilson_low(n, d) <= {rate} and {rate} <= analytics.wilson_high(n, d))::int) as held_plain,
        avg((epc_low <= 5 * {rate} and 5 * {rate} <= epc_high)::int) as held_epc
    from analytics.revenue(%s, %s, '{{utm_campaign}}')"""


def shop(
    dice: np.random.Generator, number: int, ids: Iterator[int], days: int, people: int, clicks: float
) -> list[Any]:
    """Clicks of people who differ in how much they click and how often they buy; the latter is drawn anew after three weeks."""
    rows = []
    pace = clicks * dice.lognormal(-0.5, 1.0, people)
    for begin in range(0, days, 7 * WEEKS):
        lasts = min(7 * WEEKS, days - begin)
        rates = dice.beta(RATE * ALIKE, (1 - RATE) * ALIKE, people)
        for person, (rate, some) in enumerate(zip(rates, dice.poisson(pace * lasts), strict=True)):
            for sold, day in zip(dice.random(some) < rate, dice.integers(begin, begin + lasts, some), strict=True):
                at = FIRST + timedelta(days=int(day))
                earned = [at, int(dice.integers(1, 10))] if sold else [None, None]
                places = ["GBP", "awin", *["-"] * 4, f"shop {number}"]
                row = [f"{next(ids):032x}", at, number * people + person, *places, "valid", sold, sold, *earned]
                rows.append([bool(v) if isinstance(v, np.bool_) else v for v in row] + [at, at, "-"])
    return rows


@pytest.mark.parametrize(("days", "people", "clicks"), RANGES)
def test_bounds_hold_95_times_of_100(server: EmbeddedServer, days: int, people: int, clicks: float) -> None:
    dice, ids = np.random.default_rng(days), count(1)
    with database_of_worlds(server) as db:
        rows = (row for number in range(SHOPS) for row in shop(dice, number, ids, days, people, clicks))
        with db.psycopg() as pg:
            copy_in(pg, "staging.click_facts", COLUMNS, rows)
            asked = COVERED.format(rate=RATE)
            first = FIRST.date()
            row = pg.execute(asked, [first, first + timedelta(days=days - 1)]).fetchone()
    shops, held, held_plain, held_epc = row or ()
    assert shops == SHOPS
    assert 0.93 <= held <= 0.97, (held, held_plain, held_epc)
    assert held_plain < (0.9 if days == 1 else 0.75), "the shops are such as need it"
    assert 0.92 <= held_epc <= 0.98, held_epc
