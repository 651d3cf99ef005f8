"""The three daily tables of revenue, counted by hand: lists of rows as sql/revenue publishes them."""

from collections import defaultdict
from decimal import Decimal
from typing import Any
from uuid import UUID

from tests.oracles.events import NOT_SET, Click, Events, View, day_of, said
from tests.oracles.numbers import rate, total, wilson
from tests.oracles.staging import person, verdicts, views_once, was_followed

Row = dict[str, Any]


def currency_of(events: Events, product_id: UUID | None) -> str:
    """The product's, in capitals."""
    known = {product.id: product.currency for product in events.products}
    return said((known.get(product_id) or "").strip().upper()) if product_id else NOT_SET


def earned(clicks: list[Click]) -> Decimal | None:
    """What was reported: 0 where nothing converted, unknown where something did and nobody has said how much."""
    reported = total(click.actual for click in clicks)
    return Decimal(0) if reported is None and not any(click.is_converted for click in clicks) else reported


def revenue_daily(events: Events) -> list[Row]:
    judged = verdicts(events.clicks)
    cells: dict[tuple[Any, ...], list[Click]] = defaultdict(list)
    for c in events.clicks:
        if c.at is not None:
            page, device = said(c.source_page), said(c.device_type)
            cells[
                day_of(c.at), currency_of(events, c.product_id), said(c.affiliate_network), page, device
            ].append(c)
    rows = []
    for (day, currency, network, page, device), clicks in cells.items():
        valid = [c for c in clicks if judged[c.id] == "valid"]
        rejected = total(c.actual for c in clicks if judged[c.id] != "valid") or Decimal(0)
        counted = sum(judged[c.id] != "duplicate" for c in clicks)
        if not counted and not rejected:
            continue
        conversions = sum(bool(c.is_converted) for c in valid)
        low, high = wilson(conversions, len(valid))
        rows.append(
            {
                "day": day,
                "currency": currency,
                "affiliate_network": network,
                "source_page": page,
                "device_type": device,
                "clicks": counted,
                "valid_clicks": len(valid),
                "people": len({person(c.user_id, c.anonymous_id, c.session_id) for c in valid}),
                "conversions": conversions,
                "conversion_rate": rate(conversions, len(valid)),
                "conversion_rate_low": low,
                "conversion_rate_high": high,
                "expected_commission": total(c.expected for c in valid),
                "actual_commission": earned(valid),
                "commission_on_rejected_clicks": rejected,
                "epc": rate(earned(valid), len(valid)),
            }
        )
    return rows


def commission_daily(events: Events) -> list[Row]:
    cells: dict[tuple[Any, ...], list[Click]] = defaultdict(list)
    for c in events.clicks:
        if c.converted_at is not None and (c.is_converted or c.actual is not None):
            cells[day_of(c.converted_at), currency_of(events, c.product_id), said(c.affiliate_network)].append(c)
    rows = []
    for (day, currency, network), clicks in cells.items():
        sales = [c for c in clicks if c.is_converted]
        rows.append(
            {
                "day": day,
                "currency": currency,
                "affiliate_network": network,
                "conversions": len(sales),
                "orders": len({c.order_id or c.id for c in sales}),
                "expected_commission": total(c.expected for c in clicks),
                "actual_commission": total(c.actual for c in clicks),
                "variance": total(
                    c.actual - c.expected for c in clicks if c.actual is not None and c.expected is not None
                ),
            }
        )
    return rows


def product_revenue_daily(events: Events) -> list[Row]:
    judged = verdicts(events.clicks)
    seen: dict[tuple[Any, ...], list[View]] = defaultdict(list)
    clicked: dict[tuple[Any, ...], list[Click]] = defaultdict(list)
    for v in views_once(events.views):
        if v.at is not None and v.kind in ("impression", "detail_view"):
            seen[day_of(v.at), currency_of(events, v.product_id), str(v.product_id)].append(v)
    for c in events.clicks:
        if c.at is not None and judged[c.id] == "valid":
            clicked[day_of(c.at), currency_of(events, c.product_id), said(c.product_id)].append(c)
    rows = []
    for key in seen.keys() | clicked.keys():
        shown = [v for v in seen[key] if v.kind == "impression"]
        followed = sum(was_followed(v, events, judged) for v in shown)
        low, high = wilson(followed, len(shown))
        rows.append(
            {
                "day": key[0],
                "currency": key[1],
                "product_id": key[2],
                "impressions": len(shown),
                "clicked_impressions": followed,
                "ctr": rate(followed, len(shown)),
                "ctr_low": low,
                "ctr_high": high,
                "detail_views": len(seen[key]) - len(shown),
                "affiliate_clicks": len(clicked[key]),
                "conversions": sum(bool(c.is_converted) for c in clicked[key]),
                "actual_commission": earned(clicked[key]),
            }
        )
    return rows
