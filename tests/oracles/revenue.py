"""The three daily tables of revenue, counted by hand: grain → the other columns, as they are published."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

from tests.oracles.clicks import Row, person, verdicts
from tests.oracles.numbers import day, rate, said, total, wilson
from tests.oracles.views import followed, kept_views

World = dict[str, list[Row]]
Table = dict[tuple[Any, ...], Row]


def currency_of(world: World, product_id: Any) -> str:
    """The product's, in capitals."""
    known = {product["id"]: product["currency"] for product in world["products"]}
    return said((known.get(product_id) or "").strip().upper())


def earned(clicks: list[Row]) -> Decimal | None:
    """What was reported: 0 where nothing converted, unknown where something did and nobody has said how much."""
    reported = total(click["actual_commission"] for click in clicks)
    nothing = reported is None and not any(click["is_converted"] for click in clicks)
    return Decimal(0) if nothing else reported


def revenue_daily(world: World, zone: str) -> Table:
    verdict = verdicts(world["clicks"])
    cells: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for click in world["clicks"]:
        if click["click_timestamp"] is not None:
            where = [said(click[name]) for name in ("affiliate_network", "source_page", "device_type")]
            cells[day(click["click_timestamp"], zone), currency_of(world, click["product_id"]), *where].append(click)
    table = {key: _revenue(clicks, verdict) for key, clicks in cells.items()}
    return {key: row for key, row in table.items() if row["clicks"] or row["commission_on_rejected_clicks"]}


def _revenue(clicks: list[Row], verdict: dict[Any, str]) -> Row:
    valid = [click for click in clicks if verdict[click["id"]] == "valid"]
    rejected = [click["actual_commission"] for click in clicks if verdict[click["id"]] != "valid"]
    conversions = sum(bool(click["is_converted"]) for click in valid)
    low, high = wilson(conversions, len(valid))
    return {
        "clicks": sum(verdict[click["id"]] != "duplicate" for click in clicks),
        "valid_clicks": len(valid),
        "people": len({person(click) for click in valid}),
        "conversions": conversions,
        "conversion_rate": rate(conversions, len(valid)),
        "conversion_rate_low": low,
        "conversion_rate_high": high,
        "expected_commission": total(click["expected_commission"] for click in valid),
        "actual_commission": earned(valid),
        "commission_on_rejected_clicks": total(rejected) or Decimal(0),
        "epc": rate(earned(valid), len(valid)),
    }


def commission_daily(world: World, zone: str) -> Table:
    cells: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for click in world["clicks"]:
        at = click["conversion_timestamp"]
        if at is not None and (click["is_converted"] or click["actual_commission"] is not None):
            currency = currency_of(world, click["product_id"])
            cells[day(at, zone), currency, said(click["affiliate_network"])].append(click)
    return {key: _commission(clicks) for key, clicks in cells.items()}


def _commission(clicks: list[Row]) -> Row:
    sales = [click for click in clicks if click["is_converted"]]
    amounts = [(click["actual_commission"], click["expected_commission"]) for click in clicks]
    return {
        "conversions": len(sales),
        "orders": len({click["order_id"] or click["id"] for click in sales}),
        "expected_commission": total(expected for _, expected in amounts),
        "actual_commission": total(actual for actual, _ in amounts),
        "variance": total(
            actual - expected for actual, expected in amounts if actual is not None and expected is not None
        ),
    }


def product_revenue_daily(world: World, zone: str) -> Table:
    verdict = verdicts(world["clicks"])
    seen: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    clicked: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for view in kept_views(world["views"]):
        at, product = view["view_timestamp"], view["product_id"]
        if at is not None and view["interaction_type"] in ("impression", "detail_view"):
            seen[day(at, zone), currency_of(world, product), str(product)].append(view)
    for click in world["clicks"]:
        at, product = click["click_timestamp"], click["product_id"]
        if verdict[click["id"]] == "valid":
            clicked[day(at, zone), currency_of(world, product), said(product)].append(click)
    return {key: _product(seen[key], clicked[key], world, verdict) for key in seen.keys() | clicked.keys()}


def _product(views: list[Row], clicks: list[Row], world: World, verdict: dict[Any, str]) -> Row:
    shown = [view for view in views if view["interaction_type"] == "impression"]
    return {
        **impressions(shown, world, verdict),
        "detail_views": len(views) - len(shown),
        "affiliate_clicks": len(clicks),
        "conversions": sum(bool(click["is_converted"]) for click in clicks),
        "actual_commission": earned(clicks),
    }


def impressions(shown: list[Row], world: World, verdict: dict[Any, str]) -> Row:
    """How many there were, and how many an affiliate click followed."""
    clicked = sum(followed(view, world, verdict) for view in shown)
    low, high = wilson(clicked, len(shown))
    return {
        "impressions": len(shown),
        "clicked_impressions": clicked,
        "ctr": rate(clicked, len(shown)),
        "ctr_low": low,
        "ctr_high": high,
    }
