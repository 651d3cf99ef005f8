"""What the report functions say, counted by hand: the cell → the other columns. Bounds come from the people one by one, by
the formulas of the books and not by sums of squares."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any

from tests.oracles.facts import NOT_SET, Facts, Row
from tests.oracles.funnel import PATHS
from tests.oracles.numbers import MILLIONTH, PRECISE, Z, rate, total, wilson
from tests.oracles.revenue import Days, Table, earned, without_amount

Cell = tuple[tuple[str, Any], ...]
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Asked:
    """A call of a report function, the time at which it is made, and what it knows of networks and of Student's t."""

    first: date
    last: date
    by: tuple[str, ...]
    now: datetime
    windows: Mapping[str, int]
    t: Callable[[int], Decimal]
    begins: date

    def groups(self, rows: Iterable[Row]) -> dict[Cell, list[Row]]:
        """The rows of the range by cell, each with its `day`."""
        cells: dict[Cell, list[Row]] = defaultdict(list)
        for row in rows:
            if max(self.first, self.begins) <= row["day"] <= self.last:
                cells[tuple(sorted((name, _value(row, name)) for name in self.by))].append(row)
        return cells if self.by else {(): cells[()]}

    def is_over(self, click: Row) -> bool:
        return bool(click["at"] + self.windows[click["affiliate_network"]] * 24 * HOUR < self.now)


def _value(row: Row, name: str) -> Any:
    day: date = row["day"]
    if name == "week":
        day -= timedelta(days=day.weekday())
    if name == "month":
        day = day.replace(day=1)
    return day.isoformat() if name in ("day", "week", "month") else row[name]


def bounds(pairs: Sequence[tuple[int, int]], t: Callable[[int], Decimal]) -> tuple[Any, Any, Any]:
    """(design effect, low, high) of n / d, from the (n, d) of each person."""
    pairs = [(n, d) for n, d in pairs if d]
    n, d = sum(n for n, _ in pairs), sum(d for _, d in pairs)
    if not d:
        return None, None, None
    with localcontext(PRECISE):
        alike = Decimal(sum(of * of for _, of in pairs)) / d
        if len(pairs) == 1 or n in (0, d):
            effect = max(Decimal(1), alike)
        else:
            p = Decimal(n) / d
            between = sum((Decimal(some) - p * of) ** 2 for some, of in pairs) / _seen([of for _, of in pairs])
            plain = max(Decimal(1), between / (d * p * (1 - p)))
            telling = min(sum(some > 0 for some, _ in pairs), sum(some < of for some, of in pairs))
            wide = plain * (t(max(1, int(min(telling, d / alike - 1)))) / Z) ** 2
            effect = max(plain, min(wide, alike))
        effect = effect.quantize(MILLIONTH)
        return effect, *wilson(n / effect, d / effect)


def _seen(cases: Sequence[int]) -> Decimal:
    """The share of the variance between people that shows: each is compared with a rate of which he made his part."""
    parts = [Decimal(of) / sum(cases) for of in cases]
    shown = sum(of**2 * (1 - 2 * part + sum(p**2 for p in parts)) for of, part in zip(cases, parts, strict=True))
    return shown / sum(of**2 for of in cases)


def quantile(values: Sequence[float], share: float) -> Decimal | None:
    """Between the two values nearest to that share of the way, to the thousandth."""
    if not values:
        return None
    ordered = sorted(values)
    at = share * (len(ordered) - 1)
    below = int(at)
    above = min(below + 1, len(ordered) - 1)
    return Decimal(repr(ordered[below] + (ordered[above] - ordered[below]) * (at - below)))


# --- revenue ----------------------------------------------------------------------------------------------------------


def revenue(facts: Facts, products: Iterable[Row], days: Days, asked: Asked) -> Table:
    said = {product["id"]: product for product in products}
    clicks = [
        click
        | {"day": days[click["at"]], "product_id": str(click["product_id"] or NOT_SET)}
        | {name: said.get(click["product_id"], {}).get(name) or NOT_SET for name in ("brand", "category")}
        for click in facts.clicks
        if click["verdict"] == "valid"
    ]
    return {cell: _revenue(of, asked) for cell, of in asked.groups(clicks).items()}


def _revenue(clicks: list[Row], asked: Asked) -> Row:
    over = [click for click in clicks if asked.is_over(click)]
    sold = [click for click in over if click["counted_as_converted"]]
    each = list(_by_person(over).values())
    effect, low, high = bounds([(sum(c["counted_as_converted"] for c in of), len(of)) for of in each], asked.t)
    currencies = {click["currency"] for click in clicks}
    one = currencies.pop() if len(currencies) == 1 else None
    took = [
        (click["counted_converted_at"] - click["at"]).total_seconds()
        for click in sold
        if click["counted_converted_at"] is not None and click["counted_converted_at"] >= click["at"]
    ]
    epc_low, epc_high = _epc_bounds(each, asked.t) if one else (None, None)
    # Of no click there is no money either, in whatever currency.
    return {
        "clicks": len(clicks),
        "conversions": sum(click["counted_as_converted"] for click in clicks),
        "people": len(_people(clicks)),
        "converting_people": len(_people(c for c in clicks if c["counted_as_converted"])),
        "is_mature": len(over) == len(clicks),
        "n": len(sold),
        "d": len(over),
        "rate": rate(len(sold), len(over)),
        "low": low,
        "high": high,
        "design_effect": effect,
        "currency": one,
        "expected_commission": total(click["expected"] for click in clicks) if one else None,
        "actual_commission": earned(clicks) if one else None,
        "conversions_without_amount": without_amount(clicks),
        "epc": rate(earned(over), len(over)) if one else None,
        "epc_low": epc_low,
        "epc_high": epc_high,
        "open_clicks": len(clicks) - len(over),
        "timed_conversions": len(took),
        "median_seconds": quantile(took, 0.5),
        "p90_seconds": quantile(took, 0.9),
    }


def _epc_bounds(each: Sequence[list[Row]], t: Callable[[int], Decimal]) -> tuple[Any, Any]:
    with localcontext(PRECISE):
        pairs = [(total(c["counted"] for c in of) or Decimal(0), len(of)) for of in each]
        earning, d = sum(y != 0 for y, _ in pairs), sum(of for _, of in pairs)
        if len(pairs) < 30 or sum(y for y, _ in pairs) <= 0:
            return None, None
        mean = sum(y for y, _ in pairs) / d
        variance = sum((y - mean * of) ** 2 for y, of in pairs) / _seen([of for _, of in pairs]) / d**2
        heads = Decimal(d * d) / sum(of * of for _, of in pairs)
        ratio = (t(max(1, int(min(earning, heads - 1)))) * variance.sqrt() / mean).exp()
        return (mean / ratio).quantize(MILLIONTH), (mean * ratio).quantize(MILLIONTH)


def _by_person(rows: Iterable[Row]) -> dict[Any, list[Row]]:
    """Whom nothing names is each time somebody else."""
    found: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["person"] or ("nobody", row["id"])].append(row)
    return found


def _people(rows: Iterable[Row]) -> set[Any]:
    return {row["person"] for row in rows} - {None}


# --- the funnel -------------------------------------------------------------------------------------------------------


def funnel(steps: Table, sessions: Mapping[int, Row], window_days: int, path: str, asked: Asked) -> Table:
    """From the sessions' steps, which are counted on their own; `sessions` by their numbers."""
    rows = [
        row | {name: sessions[number][name] for name in ("person", "is_signed_in")} | {"day": day}
        for (day, number, on), row in steps.items()
        if on == path and not row["is_machine"] and not row["is_orphan"]
    ]
    window = window_days * 24 * HOUR
    return {
        (*cell, ("step", step)): {"step_name": name, **_step(step, of, window, asked)}
        for cell, of in asked.groups(rows).items()
        if of
        for step, name in enumerate(PATHS[path], start=1)
    }


def _step(step: int, rows: list[Row], window: timedelta, asked: Asked) -> Row:
    reached = [row for row in rows if row[f"step_{step}_at"] is not None]
    over = [row for row in rows if row["step_1_at"] + window < asked.now]
    people: dict[Any, list[Row]] = defaultdict(list)
    for row in over:
        people[row["person"]].append(row)

    def count(of: Iterable[Row], which: int) -> int:
        return sum(row[f"step_{which}_at"] is not None for row in of)

    n, landed = count(over, step), len(over)
    first: Row = {"d": None, "rate": None, "low": None, "high": None, "design_effect": None}
    first |= {"overall_low": rate(n, landed), "overall_high": rate(n, landed)}
    if step > 1:
        before = count(over, step - 1)
        effect, low, high = bounds([(count(of, step), count(of, step - 1)) for of in people.values()], asked.t)
        _, all_low, all_high = bounds([(count(of, step), len(of)) for of in people.values()], asked.t)
        first = {"d": before, "rate": rate(n, before), "low": low, "high": high, "design_effect": effect}
        first |= {"overall_low": all_low, "overall_high": all_high}
    there = [row for row in over if row[f"step_{step}_at"] is not None]
    took = [(row[f"step_{step}_at"] - row[f"step_{max(step - 1, 1)}_at"]).total_seconds() for row in there]
    in_all = [(row[f"step_{step}_at"] - row["step_1_at"]).total_seconds() for row in there]
    return first | {
        "sessions": len(reached),
        "people": len(_people(reached)),
        "is_mature": len(over) == len(rows),
        "n": n,
        "overall_rate": rate(n, landed),
        "median_seconds": quantile(took, 0.5),
        "p90_seconds": quantile(took, 0.9),
        "median_seconds_from_landing": quantile(in_all, 0.5),
        "p90_seconds_from_landing": quantile(in_all, 0.9),
    }


# --- people -----------------------------------------------------------------------------------------------------------


def people(facts: Facts, days: Days, today: date, asked: Asked) -> Table:
    """Whoever has a session or a click of a person."""
    acts = [
        {**row, "at": row["landed_at"], "what": "session"}
        for row in facts.sessions.values()
        if row["landed_at"] is not None and not row["is_machine"]
    ]
    acts += [{**row, "what": row["verdict"]} for row in facts.clicks if row["verdict"] in ("valid", "repeat")]
    begun: dict[Any, datetime] = {}
    for act in acts:
        act["day"] = days[act["at"]]
    acts = [act for act in acts if act["day"] >= asked.begins]
    for act in acts:
        begun[act["person"]] = min(act["at"], begun.get(act["person"], datetime(9999, 1, 1, tzinfo=UTC)))
    return {cell: _active(of, begun, today, asked) for cell, of in asked.groups(acts).items()}


def _active(acts: list[Row], begun: Mapping[Any, datetime], today: date, asked: Asked) -> Row:
    clicks = [act for act in acts if act["what"] == "valid"]
    sold = [click for click in clicks if click["counted_as_converted"]]
    everybody, came = _people(acts), [act for act in acts if act["what"] == "session"]
    new = {act["person"] for act in acts if act["at"] == begun[act["person"]]} - {None}
    buyers = _people(sold)
    clicked = [act for act in acts if act["what"] != "session"]
    last = max((act["day"] for act in acts), default=asked.last)
    is_mature = last < today and all(asked.is_over(click) for click in clicked)
    low, high = wilson(len(buyers), len(everybody)) if is_mature else (None, None)
    currencies = {click["currency"] for click in clicked}
    one = currencies.pop() if len(currencies) == 1 else None
    visits: dict[Any, int] = defaultdict(int)
    for act in came:
        visits[act["person"]] += 1
    return {
        "people": len(everybody),
        "first_time": len(new),
        "returning_people": len(everybody - new),
        "people_with_session": len(_people(came)),
        "people_with_click": len(_people(clicks)),
        "converting_people": len(buyers),
        "is_mature": is_mature,
        "n": len(buyers) if is_mature else None,
        "d": len(everybody) if is_mature else None,
        "rate": rate(len(buyers), len(everybody)) if is_mature else None,
        "low": low,
        "high": high,
        "sessions": len(came),
        "clicks": len(clicks),
        "conversions": len(sold),
        "currency": one,
        "commission": earned(clicks) if one or not clicks else None,
        "median_sessions": quantile([*visits.values()], 0.5),
        "p90_sessions": quantile([*visits.values()], 0.9),
    }
