"""What the app recorded, as plain records: the rows of the source tables that the oracles judge. Nothing is decided here."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")
NOT_SET = "(not set)"


@dataclass(frozen=True)
class Product:
    id: UUID
    currency: str | None


@dataclass(frozen=True)
class Click:
    id: UUID
    at: datetime | None
    user_id: UUID | None = None
    anonymous_id: str | None = None
    session_id: str = "s1"
    product_id: UUID | None = None
    user_agent: str | None = None
    affiliate_network: str = "awin"
    source_page: str = "/gifts"
    device_type: str | None = None
    is_converted: bool | None = False
    converted_at: datetime | None = None
    expected: Decimal | None = None
    actual: Decimal | None = None
    order_id: str | None = None


@dataclass(frozen=True)
class View:
    id: UUID
    at: datetime | None
    product_id: UUID
    user_id: UUID | None = None
    session_id: str = "s1"
    kind: str | None = "impression"
    source: str | None = None
    position: int | None = None
    is_flagged: bool | None = False
    device_type: str | None = None


@dataclass(frozen=True)
class Session:
    session_id: str
    started_at: datetime | None
    user_id: UUID | None = None
    anonymous_id: str | None = None
    ended_at: datetime | None = None
    last_activity_at: datetime | None = None
    duration_seconds: int | None = None
    landing_page: str = "/"
    device_type: str | None = None
    utm_source: str | None = None


@dataclass(frozen=True)
class Swipe:
    id: UUID
    at: datetime | None
    user_id: UUID | None = None
    round_id: UUID | None = None
    product_id: UUID | None = None
    direction: str = "right"


@dataclass(frozen=True)
class Events:
    """Everything that was recorded."""

    clicks: tuple[Click, ...] = ()
    views: tuple[View, ...] = ()
    sessions: tuple[Session, ...] = ()
    swipes: tuple[Swipe, ...] = ()
    products: tuple[Product, ...] = field(default=())

    def with_click(self, click: Click) -> "Events":
        """The same, that click changed."""
        return replace(self, clicks=tuple(click if c.id == click.id else c for c in self.clicks))

    def days(self) -> tuple[date, date]:
        """First and last London day on which anything happened."""
        times: Iterable[datetime | None] = [
            *(c.at for c in self.clicks),
            *(c.converted_at for c in self.clicks),
            *(v.at for v in self.views),
            *(s.started_at for s in self.sessions),
        ]
        found = [day_of(at) for at in times if at is not None] or [date(2026, 3, 1)]
        return min(found), max(found)


def day_of(at: datetime) -> date:
    """The calendar day on a clock in London."""
    return at.astimezone(LONDON).date()


def said(value: Any) -> str:
    """A dimension's value, NULL and '' being the same."""
    return str(value) if value not in (None, "") else NOT_SET
