"""What was meant by what was recorded: verdicts of clicks, views and swipes counted once, sessions with their orphans.

A second opinion on sql/staging, by scanning forwards over lists; written from the rules, not from the SQL."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tests.oracles.events import NOT_SET, Click, Events, Session, Swipe, View, said

REPEAT = timedelta(seconds=2)
PATIENCE = 100

#: Browsers and machines as people tell them apart.
AGENTS: dict[str | None, bool] = {
    None: False,
    "": False,
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X)": False,
    "Mozilla/5.0 (Linux; Android 11; CUBOT NOTE 20)": False,
    "AclueApp/3.2 (iOS)": False,
    "Mozilla/5.0 (compatible; Googlebot/2.1)": True,
    "Mozilla/5.0 HeadlessChrome/120.0": True,
    "facebookexternalhit/1.1 (+http://www.facebook.com/)": True,
    "curl/8.5.0": True,
    "python-requests/2.31": True,
    "Baiduspider": True,
}


def person(user_id: UUID | None, anonymous_id: str | None, session_id: str) -> str:
    return str(user_id) if user_id else anonymous_id or session_id


def is_machine(click: Click) -> bool:
    return AGENTS[click.user_agent]


def verdicts(clicks: Iterable[Click]) -> dict[UUID, str]:
    """valid, duplicate, bot or no_date for every click."""
    judged: dict[UUID, str] = {}
    chains: dict[tuple[str, UUID], list[tuple[datetime, UUID]]] = defaultdict(list)
    for click in clicks:
        if click.at is None:
            judged[click.id] = "no_date"
        elif is_machine(click):
            judged[click.id] = "bot"
        elif click.product_id is None:
            judged[click.id] = "valid"
        else:
            chains[person(click.user_id, click.anonymous_id, click.session_id), click.product_id].append(
                (click.at, click.id)
            )
    for chain in chains.values():
        judged.update(_chain(sorted(chain)))
    return judged


def _chain(clicks: list[tuple[datetime, UUID]]) -> dict[UUID, str]:
    """One person's clicks on one product, in time order."""
    judged: dict[UUID, str] = {}
    kept: datetime | None = None
    before: datetime | None = None
    without_pause = 0
    for at, click in clicks:
        without_pause = without_pause + 1 if before is not None and at - before <= REPEAT else 1
        if (kept is not None and at - kept <= REPEAT) or without_pause > PATIENCE:
            judged[click] = "duplicate"
        else:
            judged[click], kept = "valid", at
        before = at
    return judged


def views_once(views: Iterable[View]) -> list[View]:
    """Each event once: of those delivered again the smallest id; undated ones cannot be told apart."""
    first: dict[Any, View] = {}
    for view in sorted(views, key=lambda v: v.id):
        what = (view.at, view.product_id, view.session_id, view.user_id, view.kind, view.source, view.position)
        first.setdefault(what if view.at is not None else view.id, view)
    return list(first.values())


def was_followed(view: View, events: Events, judged: dict[UUID, str]) -> bool:
    """Whether an affiliate click on the same product in the same session came then or later, or the app says so."""
    return bool(view.is_flagged) or any(
        judged[click.id] == "valid"
        and click.session_id == view.session_id
        and click.product_id == view.product_id
        and click.at is not None
        and view.at is not None
        and click.at >= view.at
        for click in events.clicks
    )


def swipes_once(swipes: Iterable[Swipe]) -> list[Swipe]:
    first: dict[Any, Swipe] = {}
    for swipe in sorted(swipes, key=lambda s: s.id):
        told_apart = swipe.at is None or (swipe.user_id is None and swipe.round_id is None)
        what = (swipe.at, swipe.user_id, swipe.product_id, swipe.round_id, swipe.direction)
        first.setdefault(swipe.id if told_apart else what, swipe)
    return list(first.values())


def active_until(session: Session) -> datetime | None:
    """Said, else last active, else begun and lasted, else begun half an hour ago."""
    if session.ended_at is not None:
        return session.ended_at
    if session.last_activity_at is not None:
        return max(session.last_activity_at, session.started_at or session.last_activity_at)
    if session.started_at is None:
        return None
    lasted = 30 * 60 if session.duration_seconds is None else session.duration_seconds
    return session.started_at + timedelta(seconds=lasted)


def session_of(swipe: Swipe, sessions: Iterable[Session]) -> str | None:
    """The session of its user that had begun and not ended; of several the one begun last, then the last by name."""
    if swipe.user_id is None or swipe.at is None:
        return None
    around = []
    for session in sessions:
        until = active_until(session)
        if session.user_id == swipe.user_id and session.started_at is not None and until is not None:
            if session.started_at <= swipe.at <= until:
                around.append((session.started_at, session.session_id))
    return max(around)[1] if around else None


@dataclass(frozen=True)
class Orphan:
    """A session that is known only from its events, by the first of them."""

    session_id: str
    started_at: datetime
    user_id: UUID | None
    device_type: str = NOT_SET


def orphans(events: Events) -> list[Orphan]:
    """At the same instant a view comes before a click, then the smaller id; machines' clicks begin nothing."""
    recorded = {session.session_id for session in events.sessions}
    seen: dict[str, list[tuple[datetime, int, UUID, View | Click]]] = defaultdict(list)
    for view in events.views:
        if view.at is not None:
            seen[view.session_id].append((view.at, 0, view.id, view))
    for click in events.clicks:
        if click.at is not None and not is_machine(click):
            seen[click.session_id].append((click.at, 1, click.id, click))
    found = []
    for name, heard in seen.items():
        if name not in recorded:
            at, _, _, event = min(heard, key=lambda one: one[:3])
            found.append(Orphan(name, at, event.user_id, said(event.device_type)))
    return found


def machine_sessions(events: Events) -> set[str]:
    """Sessions with at least one machine's click, dated or not."""
    return {click.session_id for click in events.clicks if is_machine(click)}
