"""A larger world at random, as tests/worlds.py has small ones: some seventy people over nine weeks who come by campaigns, return, sign
in, look, click and buy, machines between them; and three clicks on 12 March 2026 of which something is learnt later."""

import random
import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from tests.worlds import PRODUCTS

Row = dict[str, Any]
World = dict[str, list[Row]]

MARCH = datetime(2026, 3, 12, 12, tzinfo=UTC)
DAYS = 66
USERS = [uuid.UUID(int=1000 + n) for n in range(70)]
CAMPAIGNS = ((None, None, None), ("google", "cpc", "spring"), ("mail", "newsletter", "gifts"))
#: Of each day a few times as many people come first as of any other, so that campaigns bring enough in one week.
COHORTS = (64, 63, 62, 55, 54, 48, 47, 40, 20, 9)


def world(rng: random.Random, today: date) -> World:
    made: World = {"products": PRODUCTS, "clicks": [], "sessions": [], "views": [], "swipes": []}
    for n, user in enumerate(USERS):
        _live(rng, made, n, user, today)
    made["clicks"] += _march()
    return made


def known_later(before: World) -> World:
    """One of the clicks of 12 March is sold, one is reversed in part, a third is delivered only now."""
    sold, reversed_ = _march()
    sold |= {
        "is_converted": True,
        "conversion_timestamp": MARCH + timedelta(days=3),
        "actual_commission": Decimal("2.50"),
    }
    reversed_ |= {"actual_commission": Decimal("2.00")}
    late = _click(MARCH, "m3", 2, source_page="late")
    others = [click for click in before["clicks"] if not click["session_id"].startswith("m")]
    return before | {"clicks": [*others, sold, reversed_, late]}


def _march() -> list[Row]:
    sale = {
        "is_converted": True,
        "conversion_timestamp": MARCH + timedelta(days=1),
        "actual_commission": Decimal("3.00"),
    }
    open_click = _click(MARCH, "m1", 0, source_page="sold later")
    return [open_click, _click(MARCH, "m2", 1, source_page="reversed") | sale]


def _live(rng: random.Random, made: World, n: int, user: uuid.UUID, today: date) -> None:
    """Everything that one person does: the first visits anonymous where they sign in only later, or never."""
    first = rng.choice(COHORTS)
    campaign, device, likes = rng.choice(CAMPAIGNS), rng.choice(["mobile", "desktop", "desktop", None]), rng.random()
    signs_in = rng.choice([0, 0, 1, 99])
    returns = sorted(
        {0, *(rng.randint(1, DAYS) for _ in range(rng.randint(0, 4))), *rng.sample([7, 8, 14], rng.randint(0, 2))}
    )
    for visit, after in enumerate(day for day in returns if day < first):
        at = datetime.combine(today - timedelta(days=first - after), time(rng.randint(8, 20)), UTC)
        at += timedelta(seconds=rng.randint(0, 3000), microseconds=n)
        who = {"user_id": user if visit >= signs_in else None, "anonymous_id": f"v{n}"}
        utm = dict(
            zip(
                ("utm_source", "utm_medium", "utm_campaign"),
                campaign if visit == 0 else rng.choice(CAMPAIGNS),
                strict=True,
            )
        )
        said = {**who, **utm, "session_id": f"s{n}-{visit}", "device_type": device}
        made["sessions"].append(_session(at, said, rng.choice(["/", "/gifts", "https://shop.example/sale?from=mail"])))
        _look(rng, made, at, said, likes)


def _look(rng: random.Random, made: World, at: datetime, said: Row, likes: float) -> None:
    is_machine = rng.random() < 0.05
    for _ in range(rng.randint(0, 5)):
        product = rng.choice(PRODUCTS)["id"]
        at += timedelta(seconds=rng.randint(5, 60))
        place = {"view_source": rng.choice(["search", "recommendations"]), "view_position": rng.choice([None, 1, 2, 3])}
        seen = {name: said[name] for name in ("session_id", "device_type", "user_id")} | place | {"product_id": product}
        made["views"].append(_view(rng, at, "impression", seen))
        if rng.random() < 0.5:
            at += timedelta(seconds=rng.randint(1, 20))
            made["views"].append(_view(rng, at, "detail_view", seen))
        if rng.random() < 0.4:
            at += timedelta(seconds=rng.randint(1, 20))
            made["clicks"] += _clicks(rng, at, said, product, likes, is_machine)


def _clicks(
    rng: random.Random, at: datetime, said: Row, product: uuid.UUID, likes: float, is_machine: bool
) -> list[Row]:
    """A click that perhaps sold, and now and then the same once more, a second later."""
    sold_at = at + timedelta(hours=rng.choice([0, 2, 30, 80, 500]), minutes=7)
    is_sold = rng.random() < likes and sold_at < datetime.now(UTC)
    penny = Decimal(rng.randint(1, 900)) / 100
    click = (
        _click(at, said["session_id"], 0, source_page=rng.choice(["search", "detail", "gifts"]))
        | said
        | {
            "product_id": product,
            "affiliate_network": rng.choice(["awin", "amazon", "commission_junction"]),
            "expected_commission": rng.choice([None, penny, penny * 2]),
            "user_agent": "curl/8.5" if is_machine else None,
            "is_converted": is_sold,
            "conversion_timestamp": sold_at if is_sold else None,
            "actual_commission": rng.choice([None, penny, penny]) if is_sold else None,
        }
    )
    again = click | {"id": uuid.UUID(int=rng.getrandbits(128)), "click_timestamp": at + timedelta(seconds=1)}
    return [click | {"id": uuid.UUID(int=rng.getrandbits(128))}, *([again] if rng.random() < 0.1 else [])]


def _click(at: datetime, session: str, product: int, **columns: Any) -> Row:
    return {
        "id": uuid.uuid5(uuid.NAMESPACE_OID, session),
        "user_id": None,
        "anonymous_id": session,
        "product_id": PRODUCTS[product]["id"],
        "session_id": session,
        "click_timestamp": at,
        "device_type": None,
        "affiliate_network": "awin",
        "affiliate_url": "https://shop.example/",
        "expected_commission": None,
        "is_converted": False,
        "conversion_timestamp": None,
        "actual_commission": None,
        "order_id": None,
        "user_agent": None,
        **dict.fromkeys(("utm_source", "utm_medium", "utm_campaign")),
        **columns,
    }


def _session(at: datetime, said: Row, landing_page: str) -> Row:
    nothing = (
        "ended_at",
        "duration_seconds",
        "products_viewed",
        "total_swipes",
        "affiliate_clicks",
        "has_converted",
        "is_bounce",
    )
    registered = dict.fromkeys(("has_registered", "registration_timestamp", *nothing))
    return {
        **said,
        **registered,
        "started_at": at,
        "last_activity_at": at + timedelta(hours=1),
        "landing_page": landing_page,
    }


def _view(rng: random.Random, at: datetime, kind: str, seen: Row) -> Row:
    flags = {"has_clicked_affiliate": rng.choice([None, False, False, True]), "has_saved": None}
    return {**seen, **flags, "id": uuid.UUID(int=rng.getrandbits(128)), "view_timestamp": at, "interaction_type": kind}
