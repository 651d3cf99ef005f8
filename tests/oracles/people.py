"""Who was here, who came back and what cohorts brought, counted by hand from the facts of a world: grain → the other columns."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.oracles.facts import Facts, Row
from tests.oracles.revenue import Days, Table

WEEK = timedelta(days=7)
FIRST_DAY = date(2024, 1, 1)


def events_of(facts: Facts, days: Days) -> list[Row]:
    """Every dated session and click since the first day, with its day."""
    found = [
        {
            "person": session["person"],
            "at": session["landed_at"],
            "place": 0,
            "is_machine": session["is_machine"],
            "is_signed_in": session["is_signed_in"],
            "campaign": (session["utm_source"], session["utm_campaign"]),
        }
        for session in facts.sessions.values()
    ]
    found += [
        {
            "person": click["person"],
            "at": click["at"],
            "place": 1,
            "is_machine": click["is_machine"],
            "is_converted": click["counted_as_converted"],
            "campaign": (click["utm_source"], click["utm_campaign"]),
        }
        for click in facts.clicks
    ]
    dated = [event | {"day": days[event["at"]]} for event in found if event["at"] is not None]
    return [event for event in dated if event["day"] >= FIRST_DAY]


def firsts(events: Iterable[Row]) -> dict[Any, Row]:
    """The first event of each person that is no machine's."""
    first: dict[Any, Row] = {}
    for event in events:
        if not event["is_machine"] and event["person"] is not None:
            known = first.setdefault(event["person"], event)
            first[event["person"]] = min(known, event, key=_in_time)
    return first


def _in_time(event: Row) -> tuple[datetime, int, list[bytes]]:
    return event["at"], event["place"], [text.encode() for text in event["campaign"]]


def week_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


def month_of(day: date) -> date:
    return day.replace(day=1)


def next_month(month: date) -> date:
    return month_of(month + timedelta(days=31))


#: Period → first day of the one that a day is in, first day of the one after.
PERIODS = {
    "day": (lambda day: day, lambda start: start + timedelta(days=1)),
    "week": (week_of, lambda start: start + WEEK),
    "month": (month_of, next_month),
}


def people_active(facts: Facts, days: Days, last: date) -> Table:
    """Of all periods that end on the last day at the latest."""
    events = events_of(facts, days)
    first = firsts(events)
    table: Table = {}
    for period, (start_of, after) in PERIODS.items():
        starts: dict[date, list[Row]] = defaultdict(list)
        for event in events:
            starts[start_of(event["day"])].append(event)
        for start, here in starts.items():
            if (day := after(start) - timedelta(days=1)) <= last:
                table[day, period] = {"period_start": start, **_people(here, first, start)}
    return table


def _people(here: list[Row], first: dict[Any, Row], start: date) -> Row:
    by_person: dict[Any, list[Row]] = defaultdict(list)
    for event in here:
        by_person[event["person"]].append(event)
    nobody = by_person.pop(None, [])
    people = {
        person: real for person, all_of in by_person.items() if (real := [e for e in all_of if not e["is_machine"]])
    }
    new = sum(first[person]["day"] >= start for person in people)
    return {
        "people": len(people),
        "first_time": new,
        "returned": len(people) - new,
        "signed_in": sum(any(event.get("is_signed_in") for event in of) for of in people.values()),
        "with_click": sum(any(event["place"] for event in of) for of in people.values()),
        "with_conversion": sum(any(event.get("is_converted") for event in of) for of in people.values()),
        "machines": len(by_person) - len(people),
        "clicks_of_nobody": sum(event["place"] and not event["is_machine"] for event in nobody),
    }


def retention_weekly(facts: Facts, days: Days, today: date) -> Table:
    this_week = week_of(today)
    events = [event for event in events_of(facts, days) if event["day"] < this_week]
    seen: dict[Any, set[date]] = defaultdict(set)
    for event in events:
        if not event["is_machine"]:
            seen[event["person"]].add(week_of(event["day"]))
    brought: dict[date, dict[tuple[str, str], list[Any]]] = defaultdict(lambda: defaultdict(list))
    for person, event in firsts(events).items():
        brought[week_of(event["day"])][event["campaign"]].append(person)
    table: Table = {}
    for cohort, campaigns in brought.items():
        for campaign, people in _folded(campaigns).items():
            for since in range(min((this_week - cohort) // WEEK, 52) + 1):
                week = cohort + since * WEEK
                is_over = week < this_week
                table[cohort, since, *campaign] = {
                    "people": len(people),
                    "active": sum(week in seen[one] for one in people) if is_over else None,
                    "active_or_later": sum(max(seen[one]) >= week for one in people) if is_over else None,
                }
    return table


def _folded(campaigns: dict[tuple[str, str], list[Any]]) -> dict[tuple[str, str], list[Any]]:
    """The fifty largest of at least five people; all others together."""
    ranked = sorted(campaigns, key=lambda one: (-len(campaigns[one]), [text.encode() for text in one]))
    folded: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for place, campaign in enumerate(ranked):
        is_named = place < 50 and len(campaigns[campaign]) >= 5
        folded[campaign if is_named else ("(other)", "(other)")] += campaigns[campaign]
    return folded


def cohort_value_monthly(facts: Facts, days: Days, today: date) -> Table:
    this_month = month_of(today)
    events = [event for event in events_of(facts, days) if event["day"] < this_month]
    cohort_of = {person: month_of(event["day"]) for person, event in firsts(events).items()}
    clicks = [
        click
        for click in facts.clicks
        if click["verdict"] == "valid" and click["person"] is not None and FIRST_DAY <= days[click["at"]] < this_month
    ]
    table: Table = {}
    for cohort, people in Counter(cohort_of.values()).items():
        for currency in {click["currency"] for click in clicks}:
            of_cohort = [c for c in clicks if c["currency"] == currency and cohort_of[c["person"]] == cohort]
            month, since = cohort, 0
            while month <= this_month:
                then = [click for click in of_cohort if month_of(days[click["at"]]) == month]
                until = [click for click in of_cohort if month_of(days[click["at"]]) <= month]
                told = _earned(then, until) if month < this_month else dict.fromkeys(_earned([], []))
                table[cohort, since, currency] = {"people": people, **told}
                month, since = next_month(month), since + 1
    return table


def _earned(then: list[Row], until: list[Row]) -> Row:
    return {
        "converting": len({click["person"] for click in then if click["counted_as_converted"]}),
        "converting_to_date": len({click["person"] for click in until if click["counted_as_converted"]}),
        "commission": sum((click["counted"] or 0 for click in then), Decimal(0)),
        "commission_to_date": sum((click["counted"] or 0 for click in until), Decimal(0)),
        "conversions_without_amount": sum(c["counted_as_converted"] and c["counted"] is None for c in then),
    }
