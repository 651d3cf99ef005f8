"""Every path goes exactly as far as ClickHouse's windowFunnel(…, 'strict_once') says, on ten thousand random histories full of ties."""

import random
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aclue_pipeline.postgres import Database
from aclue_pipeline.postgres.server import EmbeddedServer
from tests.conftest import Databases
from tests.oracles.facts import facts
from tests.oracles.funnel import PATHS, events_of
from tests.worlds import PRODUCTS, copy_in, load, numbers, published

chdb = pytest.importorskip("chdb", reason="pip install chdb (530 MB) brings ClickHouse into this process")

pytestmark = [pytest.mark.database, pytest.mark.slow, pytest.mark.timeout(900)]

HISTORIES = 10_500
FIRST = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
WINDOW = timedelta(days=1)


def history(number: int, dice: random.Random) -> dict[str, list[dict[str, Any]]]:
    """One session, its events on a few instants around the landing and the end of the window, so that many fall together."""
    name, user = f"h{number}", uuid.UUID(int=10_000 + number)
    landed = FIRST + timedelta(seconds=3 * number)
    grid = [timedelta(seconds=n) for n in (-1, 0, 0, 1, 2, 3)] + [WINDOW, WINDOW + timedelta(microseconds=1)]

    def at() -> datetime:
        return landed + dice.choice(grid)

    registered = dice.choice([None, at(), at()])
    event = {"product_id": PRODUCTS[0]["id"], "session_id": name, "user_id": None}
    click = {
        **event,
        **{"source_page": "search", "affiliate_network": "awin", "affiliate_url": "https://shop.example/"},
        **dict.fromkeys(("user_agent", "device_type", "utm_source", "utm_medium", "utm_campaign", "order_id")),
        **dict.fromkeys(("expected_commission", "actual_commission")),
    }
    return {
        "sessions": [
            {
                "session_id": name,
                "user_id": dice.choice([user, user, None]),
                "anonymous_id": None,
                "started_at": landed,
                "ended_at": landed + 2 * WINDOW,
                "last_activity_at": None,
                "duration_seconds": None,
                "landing_page": "/",
                "device_type": None,
                "has_registered": registered is not None,
                "registration_timestamp": registered,
                **dict.fromkeys(("utm_source", "utm_medium", "utm_campaign")),
            }
        ],
        "views": [
            event
            | {
                "id": uuid.UUID(int=dice.getrandbits(128)),
                "view_timestamp": max(at(), landed),
                "interaction_type": "detail_view",
            }
            | dict.fromkeys(("view_source", "view_position", "has_clicked_affiliate", "device_type"))
            for _ in range(dice.randint(0, 3))
        ],
        "swipes": [
            {"id": uuid.UUID(int=dice.getrandbits(128)), "user_id": user, "product_id": PRODUCTS[0]["id"]}
            | {"swipe_direction": "left", "swipe_timestamp": at()}
            for _ in range(dice.randint(0, 3))
        ],
        "clicks": [
            click
            | {
                "id": uuid.UUID(int=dice.getrandbits(128)),
                "anonymous_id": f"{name}-{n}",
                "click_timestamp": max(at(), landed),
            }
            | {"is_converted": dice.random() < 0.7, "conversion_timestamp": at()}
            for n in range(dice.randint(0, 3))
        ],
    }


def levels(events: dict[str, dict[str, list[datetime]]], steps: tuple[str, ...], file: Path) -> dict[str, int]:
    """windowFunnel over each session's events, as steps 1, 2, … in microseconds."""
    lines = [
        f"{name}\t{(at - FIRST + WINDOW) // timedelta(microseconds=1)}\t{step}\n"
        for name, of in events.items()
        for step, kind in enumerate(steps, start=1)
        for at in of[kind]
    ]
    file.write_text("".join(lines))
    conditions = ", ".join(f"step = {step}" for step in range(1, len(steps) + 1))
    asked = f"""
        select name, windowFunnel({WINDOW // timedelta(microseconds=1)}, 'strict_once')(at, {conditions})
        from file('{file}', TSV, 'name String, at UInt64, step UInt8') group by name"""
    pairs = (line.split("\t") for line in str(chdb.query(asked, "TSV")).splitlines())
    return {name: int(level) for name, level in pairs}


def test_every_path_goes_as_far_as_window_funnel(world_db: Database, server: EmbeddedServer, tmp_path: Path) -> None:
    dice = random.Random(16)
    histories = [history(number, dice) for number in range(HISTORIES)]
    with Databases(server).admin(world_db).psycopg() as pg:
        copy_in(pg, "auth.users", ["id"], [(uuid.UUID(int=10_000 + number),) for number in range(HISTORIES)])
    load(world_db, {kind: [row for one in histories for row in one[kind]] for kind in histories[0]})
    number_of = numbers(world_db)
    events = {}
    for number, one in enumerate(histories):
        world = one | {"products": PRODUCTS}
        events[f"h{number}"] = events_of(f"h{number}", world, facts(world), number_of)
    day = FIRST.date()
    found = published(world_db, "session_steps", day, day + timedelta(days=1), funnel_window_days=1)
    reached = {key[1:]: sum(row[f"step_{n}_at"] is not None for n in range(1, 6)) for key, row in found.items()}
    for path, steps in PATHS.items():
        ours = {name: reached[number_of[name], path] for name in events if (number_of[name], path) in reached}
        assert ours == {name: level for name, level in levels(events, steps, tmp_path / path).items() if name in ours}
        assert len(set(ours.values())) == len(steps), "every depth occurs"
    assert sum(path == "all" for _, path in reached) == HISTORIES
