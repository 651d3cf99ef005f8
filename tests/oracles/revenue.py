"""The three daily tables of revenue, counted by hand: grain → the other columns, as they are published."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.oracles.facts import Facts, Row, World, currency_of
from tests.oracles.numbers import rate, total

Days = Mapping[datetime, date]
Table = dict[tuple[Any, ...], Row]

PAGE = ("currency", "affiliate_network", "source_page", "device_type", "utm_source", "utm_medium", "utm_campaign")


def earned(clicks: list[Row]) -> Decimal | None:
    """What was reported: 0 where nothing converted, unknown where something did and nobody has said how much."""
    reported = total(click["counted"] for click in clicks)
    nothing = reported is None and not any(click["counted_as_converted"] for click in clicks)
    return Decimal(0) if nothing else reported


def without_amount(clicks: Iterable[Row]) -> int:
    return sum(click["counted_as_converted"] and click["counted"] is None for click in clicks)


def revenue_daily(facts: Facts, days: Days) -> Table:
    cells: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for click in facts.clicks:
        if click["at"] is not None:
            cells[days[click["at"]], *(click[name] for name in PAGE)].append(click)
    return {cell: _revenue(clicks) for cell, clicks in cells.items()}


def _revenue(clicks: list[Row]) -> Row:
    valid, machines, repeats = (
        [click for click in clicks if click["verdict"] == verdict] for verdict in ("valid", "machine", "repeat")
    )
    sold = [click for click in valid if click["counted_as_converted"]]
    return {
        "clicks": len(valid) + len(machines),
        "valid_clicks": len(valid),
        "machine_clicks": len(machines),
        "repeats": len(repeats),
        "people": len({click["person"] for click in valid} - {None}),
        "converting_people": len({click["person"] for click in sold} - {None}),
        "conversions": len(sold),
        "conversions_without_amount": without_amount(valid),
        "clicks_without_estimate": sum(click["expected"] is None for click in valid),
        "expected_commission": total(click["expected"] for click in valid),
        "expected_of_unconverted": total(click["expected"] for click in valid if not click["counted_as_converted"]),
        "actual_commission": earned(valid),
        "commission_on_rejected_clicks": total(click["actual"] for click in machines) or Decimal(0),
    }


def commission_daily(facts: Facts, days: Days) -> Table:
    cells: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for click in facts.clicks:
        at = click["converted_at"]
        if at is not None and (click["is_converted"] or click["actual"] is not None):
            cells[days[at], click["currency"], click["affiliate_network"]].append(click)
    return {cell: _commission(clicks) for cell, clicks in cells.items()}


def _commission(clicks: list[Row]) -> Row:
    sales = [click for click in clicks if click["is_converted"]]
    both = [click for click in clicks if click["actual"] is not None and click["expected"] is not None]
    return {
        "conversions": len(sales),
        "orders": len({click["order"] or click["id"] for click in sales}),
        "conversions_without_amount": sum(click["actual"] is None for click in sales),
        "amounts_without_conversion": len(clicks) - len(sales),
        "expected_commission": total(click["expected"] for click in clicks),
        "actual_commission": total(click["actual"] for click in clicks),
        "expected_of_open": total(click["expected"] for click in clicks if click["actual"] is None),
        "conversions_compared": len(both),
        "variance": total(click["actual"] - click["expected"] for click in both),
        "absolute_variance": total(abs(click["actual"] - click["expected"]) for click in both),
    }


def product_revenue_daily(world: World, facts: Facts, days: Days) -> Table:
    seen: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    clicked: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for view in facts.views:
        if view["at"] is not None and view["kind"] in ("impression", "detail_view"):
            product = view["product_id"]
            seen[days[view["at"]], currency_of(world, product), str(product)].append(view)
    for click in facts.clicks:
        if click["verdict"] == "valid":
            clicked[days[click["at"]], click["currency"], str(click["product_id"] or "(not set)")].append(click)
    return {cell: _product(seen[cell], clicked[cell]) for cell in seen.keys() | clicked.keys()}


def _product(views: list[Row], clicks: list[Row]) -> Row:
    opened = [view for view in views if view["kind"] == "detail_view"]
    return {
        **impressions([view for view in views if view["kind"] == "impression"]),
        "detail_views": sum(not view["is_machine"] for view in opened),
        "machine_detail_views": sum(view["is_machine"] for view in opened),
        "clicks": len(clicks),
        "conversions": sum(click["counted_as_converted"] for click in clicks),
        "conversions_without_amount": without_amount(clicks),
        "actual_commission": earned(clicks),
    }


def impressions(shown: list[Row]) -> Row:
    """How many there were, how many an affiliate click followed, and machines' apart."""
    people = [view for view in shown if not view["is_machine"]]
    return {
        "impressions": len(people),
        "clicked_impressions": sum(view["is_clicked"] for view in people),
        "machine_impressions": len(shown) - len(people),
    }


def commission_open(facts: Facts, days: Days, today: date) -> Table:
    """Sales by their age today: what is open, and what became of what was expected of the others."""
    cells: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for click in facts.clicks:
        if click["is_converted"] or click["actual"] is not None:
            sold_at = click["converted_at"]
            age = None if sold_at is None else (today - days[sold_at]).days
            cells[click["currency"], click["affiliate_network"], age_of(age)].append(click)
    return {cell: _open(cell, sales) for cell, sales in cells.items()}


def age_of(days: int | None) -> str:
    if days is None:
        return "(no date)"
    return next((name for name, oldest in (("0-30", 30), ("31-60", 60), ("61-90", 90)) if days <= oldest), "90+")


def _open(cell: tuple[Any, ...], sales: list[Row]) -> Row:
    unpaid = [click for click in sales if click["actual"] is None]
    both = [click for click in sales if click["actual"] is not None and click["expected"] is not None]
    expected, actual = (total(click[name] for click in both) for name in ("expected", "actual"))
    _, network, age = cell
    # The youngest sale of 61-90 days may be 61 days old, which is enough for Amazon's 60 and not for the others' 67 and 71.
    is_mature = age == "90+" or (age == "61-90" and network not in ("awin", "commission_junction"))
    return {
        "conversions_open": len(unpaid),
        "open_without_estimate": sum(click["expected"] is None for click in unpaid),
        "expected_open": total(click["expected"] for click in unpaid),
        "conversions_compared": len(both),
        "expected_compared": expected,
        "actual_compared": actual,
        "is_mature": is_mature,
        "realisation": rate(actual, expected) if is_mature and expected else None,
    }


def conversion_lag(
    facts: Facts,
    days: Days,
    seen: Mapping[Any, tuple[datetime, datetime | None]],
    is_over: Mapping[tuple[date, int], bool],
) -> Table:
    """Sales of a month's valid clicks by the days that they took; `seen`: when each click was first seen, and its sale reported."""
    kept_since = min((reported for _, reported in seen.values() if reported is not None), default=None)
    cells: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for click in facts.clicks:
        if click["verdict"] == "valid":
            cells[days[click["at"]].replace(day=1), click["currency"], click["affiliate_network"]].append(click)
    reports: dict[Any, datetime] = {}
    for click in facts.clicks:
        if click["is_converted"]:
            first, reported = seen[click["id"]]
            kept = click["kept"] or click["id"]
            reports[kept] = min(reported or first, reports.get(kept, reported or first))
    return {
        (*cell, day): _lag(clicks, day, is_over[cell[0], day], seen, reports, kept_since)
        for cell, clicks in cells.items()
        for day in range(91)
    }


def _lag(
    clicks: list[Row],
    day: int,
    is_over: bool,
    seen: Mapping[Any, tuple[datetime, datetime | None]],
    reports: Mapping[Any, datetime],
    kept_since: datetime | None,
) -> Row:
    since = timedelta(days=day)
    sold = [click for click in clicks if click["counted_as_converted"]]
    timed = [click for click in sold if click["counted_converted_at"] is not None]
    after = [click for click in timed if click["counted_converted_at"] >= click["at"]]
    within = [click for click in after if click["counted_converted_at"] - click["at"] <= since]
    apart = [click for click in clicks if click not in after]
    followed = [
        click
        for click in clicks
        if kept_since is not None
        and max(kept_since, click["at"]) <= seen[click["id"]][0] < click["at"] + timedelta(days=2)
    ]
    reported = [click for click in followed if click["counted_as_converted"]]
    by_then = [click for click in reported if reports[click["id"]] - click["at"] <= since]
    return {
        "clicks": len(clicks),
        "conversions": len(within) if is_over else None,
        "commission": _sum(within) if is_over else None,
        "conversions_to_date": len(after),
        "commission_to_date": _sum(after),
        "conversions_negative_lag": len(timed) - len(after),
        "conversions_without_time": len(sold) - len(timed),
        "commission_without_lag": _sum(apart),
        "clicks_followed": len(followed),
        "conversions_reported": len(by_then) if is_over and followed else None,
        "commission_reported": _sum(by_then) if is_over and followed else None,
        "conversions_reported_to_date": len(reported) if followed else None,
        "commission_reported_to_date": _sum(reported) if followed else None,
    }


def _sum(clicks: list[Row]) -> Decimal:
    return total(click["counted"] for click in clicks) or Decimal(0)
