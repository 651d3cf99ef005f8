"""A report as CJ would export it on the demo's sales, for `aclue revenue import`: with corrections, a sale of which the app knows
nothing, sales that are missing or paid otherwise, and a line that cannot be read."""

import csv
import hashlib
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from aclue_pipeline.postgres import Database, query

NETWORK: Final = "commission_junction"
HEADERS: Final = (
    *(
        "Commission ID",
        "Event Date",
        "Posting Date",
        "Action Status",
        "Original",
        "Correction Reason",
        "Order ID",
        "SID",
    ),
    *("Sale Amount", "Publisher Commission", "Currency"),
)
DAYS: Final = 120  # that it reaches back
LEFT_OUT, PAID_OTHERWISE, RETURNED_IN_PART = 40, 25, 8  # one sale in so many

_SALES: Final = """
select id::text, order_id, conversion_timestamp as sold_at, expected_commission as expected, actual_commission as actual
from public.affiliate_clicks
where affiliate_network = :network and is_converted and order_id is not null and expected_commission is not null
  and conversion_timestamp > (select max(conversion_timestamp) from public.affiliate_clicks) - make_interval(days => :days)
order by conversion_timestamp, id
"""


def write_report(db: Database, folder: Path) -> Path | None:
    """The report of the sales as they stand, always the same while they stand so; None where there is none."""
    with db.begin() as connection:
        sales = query(connection, _SALES, network=NETWORK, days=DAYS)
    if not sales:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{NETWORK}_{sales[-1]['sold_at']:%Y-%m-%d}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADERS)
        for sale in sales:
            writer.writerows(_lines(sale))
        last = sales[-1]["sold_at"]
        writer.writerow(_line("unknown", last, "locked", "NOT-OURS-1", "", Decimal("2.40")))
        writer.writerow(_line("unreadable", last, "locked", "NOT-OURS-2", "", "to be agreed"))
    return path


def _lines(sale: dict[str, Any]) -> list[tuple[Any, ...]]:
    """What the network says of a sale; one that was taken back, or of which something came back, is paid first,
    and corrected by a line of its own."""
    chance = _number(sale["id"])
    if chance % LEFT_OUT == 0:
        return []
    amount = sale["actual"] or sale["expected"]
    if chance % PAID_OTHERWISE == 0:
        amount += Decimal("0.25")
    status = "new" if sale["actual"] is None else "locked"
    lines = [_line(sale["id"], sale["sold_at"], status, sale["order_id"], sale["id"], amount)]
    if sale["actual"] == 0 or chance % RETURNED_IN_PART == 1:
        back = amount if sale["actual"] == 0 else round(amount / 2, 2)
        lines.append(_line(f"{sale['id']} again", sale["sold_at"], status, sale["order_id"], sale["id"], -back))
    return lines


def _line(of: str, at: Any, status: str, order: str, click: str, amount: Any) -> tuple[Any, ...]:
    is_money = isinstance(amount, Decimal)
    is_correction = is_money and amount < 0
    said = amount if not is_money else f"(£{-amount:,.2f})" if is_correction else f"£{amount:,.2f}"
    sale = f"£{abs(amount) * 20:,.2f}" if is_money else ""
    reason = "RETURNED_MERCHANDISE" if is_correction else ""
    days = at.strftime("%Y-%m-%dT%H:%M:%S%z"), (at + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S%z")
    sale = f"({sale})" if is_correction else sale
    original = "false" if is_correction else "true"
    return (_number(of), *days, status, original, reason, order, click, sale, said, "GBP")


def _number(text: str) -> int:
    """A number that is the same for the same text."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:10], 16)
