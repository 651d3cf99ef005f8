"""Verdicts of clicks: no date, then machine, then repeat within two seconds of a click that was kept."""

import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

Row = dict[str, Any]

TWO_SECONDS = timedelta(seconds=2)
LONGEST_RUN = 100

_WORDS = ("bot", "crawl", "spider", "http", "headless")
_PROGRAMS = re.compile("curl|wget|python|java/|go-|libwww|apache|scrapy|node|axios|phantom")


def is_machine(agent: str | None) -> bool:
    if agent is None:
        return False
    said = agent.lower()
    named = any(word in said for word in _WORDS) and "cubot" not in said
    return named or (not agent.startswith("Mozilla/") and _PROGRAMS.match(said) is not None)


def person(row: Row) -> str:
    return str(row["user_id"] or row.get("anonymous_id") or row["session_id"])


def verdicts(clicks: Iterable[Row]) -> dict[Any, str]:
    """Click id → valid, duplicate, bot or no_date."""
    found: dict[Any, str] = {}
    actors: dict[tuple[str, Any], list[Row]] = defaultdict(list)
    for click in clicks:
        if click["click_timestamp"] is None:
            found[click["id"]] = "no_date"
        elif is_machine(click["user_agent"]):
            found[click["id"]] = "bot"
        elif click["product_id"] is None:
            found[click["id"]] = "valid"
        else:
            actors[person(click), click["product_id"]].append(click)
    for own in actors.values():
        found |= _of_one(sorted(own, key=lambda click: (click["click_timestamp"], str(click["id"]))))
    return found


def _of_one(clicks: list[Row]) -> dict[Any, str]:
    found: dict[Any, str] = {}
    kept = before = None
    run = 0
    for click in clicks:
        at = click["click_timestamp"]
        run = run + 1 if before is not None and at - before <= TWO_SECONDS else 1
        repeated = (kept is not None and at - kept <= TWO_SECONDS) or run > LONGEST_RUN
        found[click["id"]] = "duplicate" if repeated else "valid"
        if not repeated:
            kept = at
        before = at
    return found
