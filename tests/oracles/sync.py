"""What the facts must be, by a memory of its own: shown the rows of the source at each sync, row by row, it keeps what was first judged.

Numbers are random, so that only who shares one may be compared."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from tests.oracles.facts import TOLD, told_by_the_app

Row = dict[str, Any]

NOT_SET = "(not set)"
CAMPAIGN = ("utm_source", "utm_medium", "utm_campaign")
PLACED = ("affiliate_network", "source_page", "device_type", *CAMPAIGN)

#: User agents as the sequences have them, and whether they are machines'.
AGENTS = {
    None: False,
    "": False,
    "Mozilla/5.0 (X11)": False,
    "okhttp/4.12 (+https://bot.example)": False,
    "Googlebot/2.1": True,
    "curl/8.5": True,
    "erased": False,
    "erased bot": True,
}


def usable(at: datetime | None) -> datetime | None:
    if at is None or not datetime(2000, 1, 1, tzinfo=UTC) <= at < datetime(2100, 1, 1, tzinfo=UTC):
        return None
    return at


def amount(said: Decimal | None) -> Decimal | None:
    return said if said is not None and said.is_finite() else None


def dimension(said: str | None) -> str:
    return said.encode()[:200].decode(errors="ignore") if said else NOT_SET


def path(address: str) -> str:
    return dimension(re.sub(r"[?#].*$", "", re.sub(r"^[A-Za-z]+://[^/?#]*", "", address)))


def key(name: str) -> str:
    if len(name.encode()) <= 200 and not name.startswith("#"):
        return name
    return "#" + hashlib.sha256(name.encode()).hexdigest()


def session_key(name: str) -> str:
    is_key = re.fullmatch("sha256:[0-9a-f]{64}", name)
    return name if is_key else "sha256:" + hashlib.sha256(name.encode()).hexdigest()


def identity_of(user: Any, visitor: str | None, session: str) -> str | None:
    if user is not None:
        return f"u:{user}"
    return f"a:{key(visitor)}" if visitor else f"s:{session_key(session)}" if session else None


@dataclass
class Memory:
    """All that was ever seen. `sync` is shown the source as it stands; `since` is None where everything is looked at."""

    products: dict[Any, Row] = field(default_factory=dict)
    clicks: dict[Any, Row] = field(default_factory=dict)
    sessions: dict[str, Row] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    person: dict[int, int] = field(default_factory=dict)
    seen_with: dict[str, set[Any]] = field(default_factory=lambda: defaultdict(set))
    numbers: Iterable[int] = field(default_factory=count)

    def sync(self, source: Mapping[str, list[Row]], since: datetime | None, rejudge: bool = False) -> None:
        full = since is None

        def new(row: Row, clock: str = "updated_at") -> bool:
            return full or (row[clock] is not None and row[clock] >= since)

        currencies = {
            product["id"]: dimension((product["currency"] or "").strip().upper()) for product in source["products"]
        }
        for product, currency in currencies.items():
            self.products.setdefault(product, {"currency": currency})["is_gone"] = False
        self._stand_in(source["erasures"])
        clicks = [row for row in source["clicks"] if new(row)]
        fresh = {row["id"] for row in clicks} - set(self.clicks)
        for row in clicks:
            self._read_click(row, currencies, rejudge)
        # A session of which a row was cleared and another was not goes by two names, its own and its key; of two rows the
        # cleared one tells.
        of_keys = sorted(source["sessions"], key=lambda row: row["session_id"] == session_key(row["session_id"]))
        rows = {session_key(row["session_id"]): row for row in of_keys}
        touched = {row["session_id"] for row in (*clicks, *filter(new, source["sessions"]))}
        touched |= {view["session_id"] for view in source["views"] if new(view, "created_at")}
        touched = {session_key(name) for name in touched}
        for row in (*clicks, *(rows[name] for name in touched if name in rows)):
            if row["anonymous_id"] and row["user_id"]:
                self._number(identity_of(row["user_id"], None, ""))
                self._number(identity_of(None, row["anonymous_id"], ""))
                self.seen_with[f"a:{key(row['anonymous_id'])}"].add(f"u:{row['user_id']}")
        views: dict[str, list[Row]] = defaultdict(list)
        for view in source["views"]:
            if usable(view["view_timestamp"]) is not None:
                views[session_key(view["session_id"])].append(view)
        for name in touched:
            self._read_session(name, rows.get(name), views[name])
        self._stitch()
        self._judge(fresh)
        self._first_visits()
        if full:
            self._miss(source, currencies)

    # --- who --------------------------------------------------------------------------------------------------------

    def _number(self, identity: str | None) -> int | None:
        if identity is None:
            return None
        if identity not in self.names:
            number = next(iter(self.numbers))
            self.names[identity] = self.person[number] = number
        return self.names[identity]

    def _stand_in(self, erasures: list[Row]) -> None:
        """What stands for an erased person in rows that were not read before is that person, as long as anything is known of them."""
        for row in erasures:
            user, token = f"u:{row['user_id']}", f"a:{row['token']}"
            if user in self.names and token not in self.names:
                self.person[self._number(token)] = self.person[self.names[user]]

    def _stitch(self) -> None:
        """A visitor ever seen with one user is that user; seen with several it is nobody's, for good."""
        for visitor, users in self.seen_with.items():
            own = self.names[visitor]
            self.person[own] = self.names[next(iter(users))] if len(users) == 1 else own
        for row in (*self.clicks.values(), *self.sessions.values()):
            row["person"] = self.person.get(row["identity"])

    # --- clicks -----------------------------------------------------------------------------------------------------

    def _read_click(self, row: Row, currencies: Mapping[Any, str], rejudge: bool) -> None:
        known = self.clicks.get(row["id"])
        judged_now = known is None or (rejudge and not (row["user_agent"] or "erased").startswith("erased"))
        fact = {
            **{name: dimension(row[name]) for name in PLACED},
            "clicked_at": usable(row["click_timestamp"]),
            "product_id": row["product_id"],
            "session": session_key(row["session_id"]),
            "is_converted": row["is_converted"] is True,
            "converted_at": usable(row["conversion_timestamp"]),
            "expected_commission": amount(row["expected_commission"]),
            "actual_commission": amount(row["actual_commission"]),
            "order": row["order_id"] or (known and known["order"]) or None,
            "is_gone": False,
            "currency": known["currency"] if known else currencies.get(row["product_id"], NOT_SET),
            "is_machine": AGENTS[row["user_agent"]] if judged_now else known["is_machine"],
            "is_reported": known is not None
            and (known["is_reported"] or (row["is_converted"] is True and not known["is_converted"])),
        }
        if known is None or row["user_id"] is not None:
            fact["identity"] = self._number(identity_of(row["user_id"], row["anonymous_id"], row["session_id"]))
        self.clicks[row["id"]] = (known or {}) | fact

    def _judge(self, fresh: set[Any]) -> None:
        families: dict[Any, list[Any]] = defaultdict(list)
        for name, click in self.clicks.items():
            undated, machine = click["clicked_at"] is None, click["is_machine"]
            click |= {"verdict": "no_date" if undated else "machine" if machine else "valid", "kept": None}
            click |= {"counted_as_converted": False, "counted_converted_at": None, "counted_commission": None}
            if click["verdict"] == "valid":
                alone = click["person"] is None or click["product_id"] is None
                families[name if alone else (click["person"], click["product_id"])].append(name)
        for family in families.values():
            kept = None
            for name in sorted(family, key=lambda one: (self.clicks[one]["clicked_at"], str(one))):
                click = self.clicks[name]
                if kept is None or click["clicked_at"] > self.clicks[kept]["clicked_at"] + timedelta(seconds=2):
                    kept = name
                else:
                    click |= {"verdict": "repeat", "kept": kept}
                    if name in fresh:
                        click["currency"] = self.clicks[kept]["currency"]
                self._inherit(self.clicks[kept], click)

    @staticmethod
    def _inherit(kept: Row, click: Row) -> None:
        if click["is_converted"]:
            kept["counted_as_converted"] = True
            times = [at for at in (kept["counted_converted_at"], click["converted_at"]) if at is not None]
            kept["counted_converted_at"] = min(times, default=None)
        if click["actual_commission"] is not None:
            kept["counted_commission"] = (kept["counted_commission"] or 0) + click["actual_commission"]

    # --- sessions ---------------------------------------------------------------------------------------------------

    def _read_session(self, name: str, row: Row | None, views: list[Row]) -> None:
        known = self.sessions.get(name)
        clicks = [(id, click) for id, click in self.clicks.items() if click["session"] == name]
        people = [(id, click) for id, click in clicks if click["clicked_at"] and not click["is_machine"]]
        if row is not None:
            fact = self._recorded(
                row, known, [view["view_timestamp"] for view in views] + [one["clicked_at"] for _, one in people]
            )
        elif known is not None and not known["is_orphan"]:
            fact = known
        elif views or people:
            fact = self._orphan(name, known, views, people)
        elif known is not None:
            fact = known
        else:
            return
        fact["is_machine"] = any(click["is_machine"] for _, click in clicks)
        self.sessions[name] = fact

    def _recorded(self, row: Row, known: Row | None, events: list[datetime]) -> Row:
        if known is not None and known["is_orphan"]:
            known = None  # Its row says it all, and better than its events did.
        begun, user = usable(row["started_at"]), row["user_id"]
        early = [at for at in events if begun is not None and begun - timedelta(minutes=5) <= at < begun]
        if known is not None and begun is not None and known["started_at"] == begun:
            early.append(known["landed_at"])
        landed = min([begun, *early]) if begun is not None else None
        registered = usable(row["registration_timestamp"]) if row["has_registered"] else None
        newcomer = user is None or (registered is not None and landed is not None and registered >= landed)
        lost_its_user = user is None and known is not None and known["is_signed_in"]
        return {
            "identity": known["identity"]
            if known is not None and user is None
            else self._number(identity_of(user, row["anonymous_id"], row["session_id"])),
            "landed_at": landed,
            "started_at": begun,
            "active_until": usable(_active_until(row)),
            "landing_page": path(row["landing_page"]),
            **{column: dimension(row[column]) for column in ("device_type", *CAMPAIGN)},
            "is_signed_in": user is not None or lost_its_user,
            "is_newcomer": known["is_newcomer"] if lost_its_user else newcomer,
            "registered_at": registered,
            "has_converted": bool(row["has_converted"]),
            **told_by_the_app(row),
            "is_orphan": False,
            "is_gone": False,
        }

    def _orphan(self, name: str, known: Row | None, views: list[Row], clicks: list[tuple[Any, Row]]) -> Row:
        events = [(view["view_timestamp"], 1, dimension(view["device_type"])) for view in views]
        events += [(click["clicked_at"], 2, click["device_type"]) for _, click in clicks]
        first, _, device = min(events)
        if known is not None and known["landed_at"] < first:
            first, device = known["landed_at"], known["device_type"]
        user = min((str(view["user_id"]) for view in views if view["user_id"] is not None), default=None)
        named = [
            (click["clicked_at"], str(id), click["identity"]) for id, click in clicks if click["identity"] is not None
        ]
        if user is not None:
            identity = self._number(f"u:{user}")
        elif known is not None and known["is_signed_in"]:
            identity = known["identity"]
        elif named:
            identity = min(named)[2]
        else:
            identity = known["identity"] if known else self._number(identity_of(None, None, name))
        is_signed_in = user is not None or bool(known and known["is_signed_in"])
        return {
            "identity": identity,
            "landed_at": first,
            "started_at": None,
            "active_until": first + timedelta(minutes=30),
            "landing_page": NOT_SET,
            "device_type": device,
            **dict.fromkeys(CAMPAIGN, NOT_SET),
            "is_signed_in": is_signed_in,
            "is_newcomer": not is_signed_in,
            "registered_at": None,
            "has_converted": False,
            **dict.fromkeys(TOLD),
            "is_orphan": True,
            "is_gone": False,
        }

    def _first_visits(self) -> None:
        landed: dict[Any, list[datetime]] = defaultdict(list)
        for session in self.sessions.values():
            if session["landed_at"] is not None:
                landed[session["person"]].append(session["landed_at"])
        for session in self.sessions.values():
            at, whose = session["landed_at"], session["person"]
            session["is_first_visit"] = at is not None and whose is not None and at == min(landed[whose])

    # --- what is gone -----------------------------------------------------------------------------------------------

    def _miss(self, source: Mapping[str, list[Row]], products: Iterable[Any]) -> None:
        for name, click in self.clicks.items():
            click["is_gone"] = name not in {row["id"] for row in source["clicks"]}
        there = {session_key(row["session_id"]) for row in source["sessions"]}
        for name, session in self.sessions.items():
            session["is_gone"] = not session["is_orphan"] and name not in there
        for name, product in self.products.items():
            product["is_gone"] = name not in products
        users = {f"u:{row['id']}" for row in source["users"]}
        for user in [name for name in self.names if name.startswith("u:") and name not in users]:
            number = self.names[user]
            for name in [name for name, own in self.names.items() if self.person[own] == number]:
                del self.names[name]
                self.seen_with.pop(name, None)


def _active_until(row: Row) -> datetime | None:
    ended, begun, last = (usable(row[name]) for name in ("ended_at", "started_at", "last_activity_at"))
    lasted = row["duration_seconds"]
    if ended is not None:
        return ended
    if last is not None:
        return last if begun is None else max(last, begun)
    return None if begun is None else begun + timedelta(seconds=1800 if lasted is None else lasted)
