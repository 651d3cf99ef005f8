"""The facts of a world, judged by hand and all at once: what every click is taken for and inherits, whose it was, how sessions landed,
which views are one. What the sync keeps after any number of steps must be this, as long as nothing was deleted."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

Row = dict[str, Any]
World = Mapping[str, list[Row]]

NOT_SET = "(not set)"
TWO_SECONDS = timedelta(seconds=2)
FIVE_MINUTES = timedelta(minutes=5)
CAMPAIGN = ("utm_source", "utm_medium", "utm_campaign")

#: User agents as worlds have them, and whether a machine says so.
AGENTS = {
    None: False,
    "": False,
    "Mozilla/5.0 (X11)": False,
    "Mozilla/5.0 (Linux; Android 12; CUBOT X)": False,
    "okhttp/4.12.0": False,
    "Dalvik/2.1.0 (Linux; U; Android 13)": False,
    "AclueApp/3 CFNetwork/1494 Darwin/23": False,
    "python-httpx/0.27": False,
    "Googlebot/2.1 (+http://www.google.com/bot.html)": True,
    "curl/8.5": True,
    "Mozilla/5.0 HeadlessChrome/126": True,
    "WhatsApp/2.23": True,
}


def usable(at: Any) -> datetime | None:
    """The time, where it can be meant: neither infinite (a word here) nor outside this century."""
    if not isinstance(at, datetime) or not datetime(2000, 1, 1, tzinfo=UTC) <= at < datetime(2100, 1, 1, tzinfo=UTC):
        return None
    return at


def amount(said: Decimal | None) -> Decimal | None:
    return said if said is not None and said.is_finite() else None


def dimension(said: str | None) -> str:
    """NULL and '' being the same; at most 200 bytes, whole characters."""
    return said.encode()[:200].decode(errors="ignore") if said else NOT_SET


def path(address: str | None) -> str:
    """The path of a landing page: no scheme, host, query or fragment."""
    return dimension(re.sub(r"[?#].*$", "", re.sub(r"^[a-z]+://[^/?#]*", "", address or "")))


def key(session: str) -> str:
    return "sha256:" + hashlib.sha256(session.encode()).hexdigest()


@dataclass(frozen=True)
class Facts:
    clicks: list[Row]
    sessions: dict[str, Row]
    views: list[Row]

    def valid(self, session: str) -> list[Row]:
        return [click for click in self.clicks if click["session_id"] == session and click["verdict"] == "valid"]


def facts(world: World) -> Facts:
    people = People(world)
    clicks = _clicks(world, people)
    sessions = _sessions(world, clicks, people)
    return Facts(clicks, sessions, _views(world, clicks, sessions))


class People:
    """An anonymous id seen with exactly one user is that user; with several it stays itself."""

    def __init__(self, world: World) -> None:
        self._seen: dict[str, set[Any]] = defaultdict(set)
        for row in (*world["clicks"], *world["sessions"]):
            if row["anonymous_id"] and row["user_id"]:
                self._seen[row["anonymous_id"]].add(row["user_id"])

    def of(self, user: Any, anonymous: str | None, session: str) -> tuple[str, Any] | None:
        if user is None and anonymous and len(self._seen[anonymous]) == 1:
            [user] = self._seen[anonymous]
        if user is not None:
            return "user", user
        return ("visitor", anonymous) if anonymous else ("session", session) if session else None


def currency_of(world: World, product_id: Any) -> str:
    """The product's, in capitals."""
    known = {product["id"]: product["currency"] for product in world["products"]}
    return dimension((known.get(product_id) or "").strip().upper())


# --- clicks -----------------------------------------------------------------------------------------------------------


def _clicks(world: World, people: People) -> list[Row]:
    clicks = [_click(click, world, people) for click in world["clicks"]]
    families: dict[tuple[Any, Any], list[Row]] = defaultdict(list)
    for click in clicks:
        if click["verdict"] == "valid" and click["product_id"] is not None and click["person"] is not None:
            families[click["person"], click["product_id"]].append(click)
    for family in families.values():
        _judge(sorted(family, key=lambda click: (click["at"], str(click["id"]))))
    return clicks


def _click(click: Row, world: World, people: People) -> Row:
    at, is_machine = usable(click["click_timestamp"]), AGENTS[click["user_agent"]]
    names = ("affiliate_network", "source_page", "device_type", *CAMPAIGN)
    made: Row = {
        **{name: dimension(click[name]) for name in names},
        "id": click["id"],
        "at": at,
        "product_id": click["product_id"],
        "session_id": click["session_id"],
        "person": people.of(click["user_id"], click["anonymous_id"], click["session_id"]),
        "currency": currency_of(world, click["product_id"]),
        "is_machine": is_machine,
        "verdict": "no_date" if at is None else "machine" if is_machine else "valid",
        "kept": None,
        "is_converted": click["is_converted"] is True,
        "converted_at": usable(click["conversion_timestamp"]),
        "expected": amount(click["expected_commission"]),
        "actual": amount(click["actual_commission"]),
        "order": click["order_id"] or None,
    }
    is_valid = made["verdict"] == "valid"
    made["counted_as_converted"] = is_valid and made["is_converted"]
    made["counted_converted_at"] = made["converted_at"] if made["counted_as_converted"] else None
    made["counted"] = made["actual"] if is_valid else None
    return made


def _judge(clicks: list[Row]) -> None:
    """In the order of time: one that comes at most two seconds after one kept repeats it, and leaves it what was reported."""
    kept = clicks[0]
    for click in clicks[1:]:
        if click["at"] - kept["at"] > TWO_SECONDS:
            kept = click
            continue
        times = [one["counted_converted_at"] for one in (kept, click) if one["counted_converted_at"] is not None]
        kept["counted_as_converted"] |= click["is_converted"]
        kept["counted_converted_at"] = min(times, default=None)
        if click["actual"] is not None:
            kept["counted"] = (kept["counted"] or Decimal(0)) + click["actual"]
        click |= {"verdict": "repeat", "kept": kept["id"], "counted": None}
        click |= {"counted_as_converted": False, "counted_converted_at": None}


# --- sessions ---------------------------------------------------------------------------------------------------------


def _sessions(world: World, clicks: list[Row], people: People) -> dict[str, Row]:
    events: dict[str, list[tuple[datetime, int, str]]] = defaultdict(list)
    for view in world["views"]:
        if (at := usable(view["view_timestamp"])) is not None:
            events[view["session_id"]].append((at, 1, dimension(view["device_type"])))
    for click in clicks:
        if click["at"] is not None and not click["is_machine"]:
            events[click["session_id"]].append((click["at"], 2, click["device_type"]))
    machines = {click["session_id"] for click in clicks if click["is_machine"]}
    rows = {session["session_id"]: _recorded(session, events, people) for session in world["sessions"]}
    rows |= {name: _orphan(name, of, world, clicks, people) for name, of in events.items() if name not in rows}
    landed: dict[Any, list[datetime]] = defaultdict(list)
    for row in rows.values():
        if row["landed_at"] is not None:
            landed[row["person"]].append(row["landed_at"])
    for name, row in rows.items():
        row["is_machine"] = name in machines
        row["is_first_visit"] = row["landed_at"] is not None and row["landed_at"] == min(landed[row["person"]])
    return rows


def _recorded(session: Row, events: Mapping[str, list[Any]], people: People) -> Row:
    name, user, begun = session["session_id"], session["user_id"], usable(session["started_at"])
    early = [at for at, *_ in events[name] if begun is not None and begun - FIVE_MINUTES <= at < begun]
    landed = min([begun, *early]) if begun is not None else None
    registered = usable(session["registration_timestamp"]) if session["has_registered"] else None
    came_to_be = registered is not None and landed is not None and registered >= landed
    return {
        "person": people.of(user, session["anonymous_id"], name),
        "user": user,
        "landed_at": landed,
        "started_at": begun,
        "active_until": usable(_active_until(session)),
        "landing_page": path(session["landing_page"]),
        **{column: dimension(session[column]) for column in ("device_type", *CAMPAIGN)},
        "is_signed_in": user is not None,
        "is_newcomer": user is None or came_to_be,
        "registered_at": registered,
        "has_converted": bool(session["has_converted"]),
        **told_by_the_app(session),
        "is_orphan": False,
    }


#: What the app itself tells of a session, to be compared with its events.
COUNTED = {"app_products_viewed": "products_viewed", "app_swipes": "total_swipes", "app_clicks": "affiliate_clicks"}
FLAGGED = {"app_registered": "has_registered", "app_bounced": "is_bounce"}
TOLD = ("engaged_seconds", *COUNTED, *FLAGGED, "has_registration_time")


def told_by_the_app(session: Row) -> Row:
    """Its counters and flags as they are, and for how long it says it lasted: up to a day, else that is not known."""
    ended, begun, lasted = usable(session["ended_at"]), usable(session["started_at"]), session["duration_seconds"]
    if lasted is None and ended is not None and begun is not None:
        lasted = (ended - begun) // timedelta(seconds=1)
    return {
        "engaged_seconds": lasted if lasted is not None and 0 <= lasted <= 86400 else None,
        "has_registration_time": usable(session["registration_timestamp"]) is not None,
        **{name: session[column] for name, column in (COUNTED | FLAGGED).items()},
    }


def _active_until(session: Row) -> Any:
    """Its end as said, else when it was last active, else begun and lasted, else half an hour after it began; a time that cannot
    be is none."""
    ended, begun, last = (usable(session[name]) for name in ("ended_at", "started_at", "last_activity_at"))
    lasted = session["duration_seconds"]
    if ended is not None:
        return ended
    if last is not None:
        return last if begun is None else max(last, begun)
    return None if begun is None else begun + timedelta(seconds=1800 if lasted is None else lasted)


def _orphan(name: str, events: list[tuple[datetime, int, str]], world: World, clicks: list[Row], people: People) -> Row:
    first, _, device = min(events)
    users = [
        view["user_id"]
        for view in world["views"]
        if view["session_id"] == name and view["user_id"] is not None and usable(view["view_timestamp"]) is not None
    ]
    user = min(users, key=str, default=None)
    clicked = [click for click in clicks if click["session_id"] == name and click["at"] and not click["is_machine"]]
    known = [click for click in clicked if click["person"] is not None]
    of_click = min(known, key=lambda click: click["at"])["person"] if known else None
    return {
        "person": people.of(user, None, name) if user is not None or of_click is None else of_click,
        "user": None,  # No swipe is made in a session whose start was not recorded.
        "landed_at": first,
        "started_at": None,
        "active_until": first + timedelta(minutes=30),
        "landing_page": NOT_SET,
        "device_type": device,
        **dict.fromkeys(CAMPAIGN, NOT_SET),
        "is_signed_in": user is not None,
        "is_newcomer": user is None,
        "registered_at": None,
        "has_converted": False,
        **dict.fromkeys(TOLD),
        "is_orphan": True,
    }


def session_of(swipe: Row, sessions: Mapping[str, Row], numbers: Mapping[str, int]) -> str | None:
    """The session of its user that had begun and not ended; of several the one begun last, then the greater number."""
    at = usable(swipe["swipe_timestamp"])
    around = [
        (session["started_at"], numbers[key(name)], name)
        for name, session in sessions.items()
        if at is not None and swipe["user_id"] is not None and session["user"] == swipe["user_id"]
        if session["started_at"] is not None and session["active_until"] is not None
        if session["started_at"] <= at <= session["active_until"]
    ]
    return max(around)[2] if around else None


# --- views ------------------------------------------------------------------------------------------------------------


def _views(world: World, clicks: list[Row], sessions: Mapping[str, Row]) -> list[Row]:
    """Delivered again is once, with every flag that any delivery has; a click follows by the flag, or by a valid click."""
    deliveries: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for view in world["views"]:
        at = usable(view["view_timestamp"])
        said = tuple(
            view[n] for n in ("session_id", "product_id", "user_id", "interaction_type", "view_source", "view_position")
        )
        deliveries[at, *said, None if at is not None else view["id"]].append(view)
    kept = []
    for (at, *_), same in deliveries.items():
        view = min(same, key=lambda view: str(view["id"]))
        session = sessions.get(view["session_id"])
        kept.append(
            {
                "id": view["id"],
                "at": at,
                "product_id": view["product_id"],
                "session_id": view["session_id"],
                "kind": view["interaction_type"],
                "view_source": dimension(view["view_source"]),
                "view_position": view["view_position"],
                "is_machine": session is not None and session["is_machine"],
                "is_clicked": any(one["has_clicked_affiliate"] for one in same) or _followed(at, view, clicks),
            }
        )
    return kept


def _followed(at: datetime | None, view: Row, clicks: Iterable[Row]) -> bool:
    return at is not None and any(
        click["verdict"] == "valid"
        and click["session_id"] == view["session_id"]
        and click["product_id"] == view["product_id"]
        and click["at"] >= at
        for click in clicks
    )
