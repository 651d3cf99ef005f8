"""A crowd: some ninety people who come back over half a year, so that bounds, medians and returning people mean something."""

import random
import uuid
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.worlds import PRODUCTS

NETWORKS = ("awin", "amazon", "commission_junction", "")
DEVICES = ("mobile", "desktop", "tablet", None)
CAMPAIGNS = ("spring", "sale", None)


def crowd(dice: random.Random, now: datetime, people: int = 90) -> dict[str, list[dict[str, Any]]]:
    """Events up to now: each person has a taste for buying that stays, some have many sessions, a few are machines or nobody."""
    world: dict[str, list[dict[str, Any]]] = {
        "products": PRODUCTS,
        "clicks": [],
        "sessions": [],
        "views": [],
        "swipes": [],
    }
    for person in range(people):
        buys, device = dice.choice([0, 0.1, 0.9]), dice.choice(DEVICES)
        for visit in range(dice.choice([1, 1, 2, 3, 12])):
            name = f"{person}/{visit}"
            begun = now - timedelta(seconds=dice.randrange(180 * 86_400))
            _visit(world, dice, name, None if person == 1 else f"p{person}", begun, device, buys)
    return world


def _visit(
    world: dict[str, list[dict[str, Any]]],
    dice: random.Random,
    name: str,
    anonymous: str | None,
    begun: datetime,
    device: str | None,
    buys: float,
) -> None:
    place = {"device_type": device, "utm_source": dice.choice(["news", "mail", None]), "utm_medium": None}
    place |= {"utm_campaign": dice.choice(CAMPAIGNS)}
    session = {"session_id": name, "user_id": None, "anonymous_id": anonymous, "started_at": begun, **place}
    session |= {"ended_at": None, "last_activity_at": None, "duration_seconds": None}
    session |= {"landing_page": dice.choice(["/", "/gifts"]), "has_registered": False, "registration_timestamp": None}
    session |= dict.fromkeys(("products_viewed", "total_swipes", "affiliate_clicks", "has_converted", "is_bounce"))
    if dice.random() < 0.9:
        world["sessions"].append(session)
    at = begun
    for _ in range(dice.randrange(4)):
        at += timedelta(seconds=dice.randrange(1, 4_000))
        product = dice.choice([PRODUCTS[0], *PRODUCTS])["id"]
        view = {"id": _id(dice), "product_id": product, "user_id": None, "session_id": name, "view_timestamp": at}
        view |= {"view_source": None, "view_position": None, "interaction_type": "detail_view"}
        world["views"].append(view | {"has_clicked_affiliate": None, "device_type": device})
        if dice.random() < 0.6:
            world["clicks"].append(_click(dice, name, anonymous, product, at, place, dice.random() < buys))


def _click(
    dice: random.Random,
    name: str,
    anonymous: str | None,
    product: Any,
    at: datetime,
    place: dict[str, Any],
    is_sold: bool,
) -> dict[str, Any]:
    # The person without a name is nobody in a click that belongs to no session either.
    click = {"id": _id(dice), "user_id": None, "anonymous_id": anonymous, "product_id": product}
    click |= {
        "session_id": name if anonymous else "",
        "click_timestamp": at,
        "source_page": dice.choice(["search", "discover"]),
    }
    click |= {"affiliate_network": dice.choice(NETWORKS), "affiliate_url": "https://shop.example/", "order_id": None}
    click |= {"expected_commission": dice.choice([None, Decimal("0.50")]), "is_converted": is_sold, **place}
    click |= {
        "conversion_timestamp": at
        + timedelta(seconds=dice.choice([-9, 0, dice.randrange(90_000), dice.randrange(90_000)]))
        if is_sold
        else None
    }
    click |= {
        "actual_commission": dice.choice([None, Decimal(0), Decimal(dice.randrange(1, 900)) / 100]) if is_sold else None
    }
    return click | {"user_agent": dice.choice([None, None, None, "curl/8.5"])}


def _id(dice: random.Random) -> uuid.UUID:
    return uuid.UUID(int=dice.getrandbits(128))
