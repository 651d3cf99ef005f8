"""commission_reconciliation by hand: every click in its bucket, every line with the click whose sale it reports, month by month."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from tests.oracles.facts import Row
from tests.oracles.numbers import total

CENT = Decimal("0.01")


def latest(reports: Sequence[Sequence[Row]]) -> list[Row]:
    """Of each transaction the line of the last report that tells of it; reports in the order of their imports."""
    lines: dict[str, Row] = {}
    for report in reports:
        lines |= {line["id"]: line for line in report}
    return list(lines.values())


def commission_reconciliation(
    clicks: Sequence[Row], lines: Sequence[Row], days: Mapping[datetime, date]
) -> dict[tuple[Any, ...], Row]:
    """`lines`: id, network, currency, status, commission, order, click, day; those that count."""
    sales: dict[tuple[str, str, Any], list[Row]] = defaultdict(list)
    without: list[tuple[str, Row]] = []
    for line in lines:
        own = [click for click in clicks if click["affiliate_network"] == line["network"]]
        met = [click for click in own if line["order"] and click["order"] == line["order"]]
        met += [click for click in own if click["id"] == line["click"]]
        in_currency = [click for click in met if click["currency"] == line["currency"]]
        if in_currency:
            sales[_sale(in_currency[0])].append(line)
        elif met:
            without.append(("report in another currency", line))
        else:
            known = line["order"] or line["click"]
            without.append(("only in report" if known else "report without order", line))
    cells: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for click in clicks:
        month = None if click["at"] is None else days[click["at"]].replace(day=1)
        reported = sales.get(_sale(click), [])
        together = [one for one in clicks if _sale(one) == _sale(click)]
        first = min(together, key=lambda one: (not one["is_converted"], one["at"] is None, one["at"], str(one["id"])))
        held = total(one["actual"] for one in together)
        cell = (month, click["currency"], click["affiliate_network"], _bucket(click), _agrees(held, reported))
        stand_here = reported if first is click else []
        cells[cell].append({"clicks": 1, "expected": click["expected"], "actual": click["actual"], "lines": stand_here})
    for bucket, line in without:
        cell = (line["day"].replace(day=1), line["currency"], line["network"], bucket, "only in report")
        cells[cell].append({"clicks": 0, "expected": None, "actual": None, "lines": [line]})
    return {cell: _summed(rows) for cell, rows in cells.items()}


def _sale(click: Row) -> tuple[str, str, Any]:
    return click["affiliate_network"], click["currency"], click["order"] or click["id"]


def worth(line: Row) -> Decimal:
    return Decimal(0) if line["status"] == "declined" else line["commission"]


def _agrees(held: Decimal | None, lines: Sequence[Row]) -> str:
    if not lines:
        return "in no report"
    if held is None:
        return "reported first"
    return "as reported" if abs(held - sum(map(worth, lines))) <= CENT else "reported otherwise"


def _bucket(click: Row) -> str:
    expected, actual = click["expected"], click["actual"]
    if not click["is_converted"]:
        signs = (click["order"], click["converted_at"], actual)
        return "not converted" if signs == (None, None, None) else "inconsistent"
    if actual is None:
        return "no actual yet"
    if actual == 0 and expected != 0:
        return "actual 0"
    if expected is None:
        return "expected missing"
    if abs(actual - expected) <= CENT:
        return "actual = expected"
    return "actual < expected" if actual < expected else "actual > expected"


def _summed(rows: Sequence[Row]) -> Row:
    lines = [line for row in rows for line in row["lines"]]
    return {
        "clicks": sum(row["clicks"] for row in rows),
        "report_lines": len(lines),
        "expected_commission": total(row["expected"] for row in rows),
        "actual_commission": total(row["actual"] for row in rows),
        "reported_commission": total(map(worth, lines)),
        "reported_open": total(worth(line) for line in lines if line["status"] == "open"),
    }
