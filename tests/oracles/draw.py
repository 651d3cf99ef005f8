"""Small sets of events at random: few actors and products, times close to each other and to midnights on which clocks
change, and NULL wherever the source allows it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from hypothesis import strategies as st

from tests.oracles.events import Click, Events, Product, Session, Swipe, View
from tests.oracles.staging import AGENTS

USERS = (UUID(int=0xA11), UUID(int=0xB0B))
ROUND = UUID(int=0x207D)
PRODUCTS = (
    Product(UUID(int=0xCA4D), "GBP"),
    Product(UUID(int=0xB1EE), " eur"),
    Product(UUID(int=0xD0E), None),
)

#: London's midnights: a plain one, both ends of the days of 23 and of 25 hours, and the hour that comes twice.
ANCHORS = tuple(
    datetime.fromisoformat(at).astimezone(UTC)
    for at in (
        "2026-03-01T00:00+00:00",
        "2026-03-29T00:00+00:00",
        "2026-03-30T00:00+01:00",
        "2026-10-25T00:00+01:00",
        "2026-10-25T01:00+00:00",
        "2026-10-26T00:00+00:00",
    )
)
#: Seconds from the anchor. Twos and their neighbours decide what is a repeat.
NEAR = (-3600, -4, -2.000001, -2, -1, -0.000001, 0, 1, 1.5, 2, 2.000001, 3, 3.5, 4, 60, 3600)
LATER = (-1, 0, 1.5, 3600, 86_400, 3 * 86_400, 30 * 86_400, 30 * 86_400 + 0.000001)
AMOUNTS = (None, Decimal("0"), Decimal("0.01"), Decimal("0.10"), Decimal("5.40"), Decimal("19.99"))


def times(anchor: datetime) -> st.SearchStrategy[datetime | None]:
    """Mostly dated, always near the anchor."""
    dated = st.sampled_from(NEAR).map(lambda seconds: anchor + timedelta(seconds=seconds))
    return st.one_of(dated, dated, dated, dated, dated, st.none())


def ids(number: int) -> st.SearchStrategy[UUID]:
    """Distinct for distinct numbers, in an order that has nothing to do with them."""
    return st.integers(0, 7).map(lambda high: UUID(int=(high << 64) + number + 1))


@st.composite
def clicks(draw: st.DrawFn, anchor: datetime, number: int) -> Click:
    at = draw(times(anchor))
    converted = draw(st.sampled_from((True, True, False, None)))
    sold = draw(st.sampled_from((None, *LATER)))
    # The tables of installations made by hand lack the CHECKs: an amount without a sale, a sale without its time.
    odd = draw(st.integers(0, 5)) == 0
    has_sale = bool(converted) or odd
    return Click(
        id=draw(ids(number)),
        at=at,
        user_id=draw(st.sampled_from((None, *USERS))),
        anonymous_id=draw(st.sampled_from((None, "", "anon-1"))),
        session_id=draw(st.sampled_from(("s1", "s2", "s3"))),
        product_id=draw(st.sampled_from((PRODUCTS[0], PRODUCTS[0], *PRODUCTS[1:]))).id if draw(st.booleans()) else None,
        user_agent=draw(st.sampled_from((None, None, None, None, *AGENTS))),
        affiliate_network=draw(st.sampled_from(("awin", "amazon", ""))),
        source_page=draw(st.sampled_from(("/gifts", ""))),
        device_type=draw(st.sampled_from((None, "mobile"))),
        is_converted=converted,
        converted_at=(at or anchor) + timedelta(seconds=sold) if has_sale and sold is not None else None,
        expected=draw(st.sampled_from(AMOUNTS)),
        actual=draw(st.sampled_from(AMOUNTS)) if has_sale else None,
        order_id=draw(st.sampled_from((None, "", "A1", "A2"))),
    )


@st.composite
def views(draw: st.DrawFn, anchor: datetime, number: int) -> View:
    return View(
        id=draw(ids(number)),
        at=draw(times(anchor)),
        product_id=draw(st.sampled_from(PRODUCTS)).id,
        user_id=draw(st.sampled_from((None, USERS[0]))),
        session_id=draw(st.sampled_from(("s1", "s2", "s3"))),
        kind=draw(st.sampled_from(("impression", "impression", "detail_view", "share", None))),
        source=draw(st.sampled_from((None, "search"))),
        position=draw(st.sampled_from((None, 1, 2))),
        is_flagged=draw(st.sampled_from((None, False, False, True))),
        device_type=draw(st.sampled_from((None, "", "tablet"))),
    )


@st.composite
def sessions(draw: st.DrawFn, anchor: datetime, name: str) -> Session:
    started = draw(times(anchor))
    ended = draw(st.sampled_from((None, None, 0, 2, 3600)))
    active = draw(times(anchor))
    return Session(
        session_id=name,
        started_at=started,
        user_id=draw(st.sampled_from((None, *USERS, *USERS))),
        ended_at=started + timedelta(seconds=ended) if started and ended is not None else None,
        last_activity_at=active if draw(st.booleans()) else None,
        duration_seconds=draw(st.sampled_from((None, 0, 3, 3600))),
        landing_page=draw(st.sampled_from(("/", ""))),
        device_type=draw(st.sampled_from((None, "", "mobile"))),
        utm_source=draw(st.sampled_from((None, "", "news"))),
    )


@st.composite
def swipes(draw: st.DrawFn, anchor: datetime, number: int) -> Swipe:
    return Swipe(
        id=draw(ids(number)),
        at=draw(times(anchor)),
        user_id=draw(st.sampled_from((None, *USERS, *USERS))),
        round_id=draw(st.sampled_from((None, ROUND))),
        product_id=draw(st.sampled_from((None, PRODUCTS[0].id))),
        direction=draw(st.sampled_from(("right", "left"))),
    )


@st.composite
def anything(draw: st.DrawFn, most: int = 8) -> Events:
    """Up to `most` events of each kind around one midnight, in up to three sessions."""
    anchor = draw(st.sampled_from(ANCHORS))
    named = draw(st.lists(st.sampled_from(("s1", "s2", "s3")), unique=True))
    return Events(
        clicks=tuple(draw(clicks(anchor, number)) for number in range(draw(st.integers(0, most)))),
        views=tuple(draw(views(anchor, number)) for number in range(draw(st.integers(0, most)))),
        sessions=tuple(draw(sessions(anchor, name)) for name in named),
        swipes=tuple(draw(swipes(anchor, number)) for number in range(draw(st.integers(0, most // 2)))),
        products=PRODUCTS,
    )


@st.composite
def visits(draw: st.DrawFn) -> Events:
    """Sessions in which much happens in a few seconds, so that many go the whole way."""
    anchor = draw(st.sampled_from(ANCHORS))
    step = st.sampled_from((0, 0, 1, 1.5, 2, 3))

    def after(number: int) -> st.SearchStrategy[datetime]:
        return st.tuples(*[step] * number).map(lambda gaps: anchor + timedelta(seconds=sum(gaps)))

    made: dict[str, list[object]] = {"sessions": [], "views": [], "swipes": [], "clicks": []}
    for number, name in enumerate(draw(st.sampled_from((("s1",), ("s1", "s2"), ("s1", "s2", "s3"))))):
        user, started = USERS[number % 2], draw(after(1))
        utm = draw(st.sampled_from((None, "news")))
        made["sessions"].append(
            Session(name, started, user, ended_at=started + timedelta(seconds=draw(st.sampled_from((3, 10, 3600)))), utm_source=utm)
        )
        for n in range(draw(st.integers(1, 3))):
            made["views"].append(
                View(draw(ids(8 * number + n)), draw(after(2)), PRODUCTS[0].id, user, name, "detail_view", position=n + 1)
            )
            made["swipes"].append(Swipe(draw(ids(8 * number + n)), draw(after(3)), user, ROUND, PRODUCTS[n % 3].id))
            clicked = draw(after(4))
            sold = draw(st.sampled_from(LATER))
            made["clicks"].append(
                Click(draw(ids(8 * number + n)), clicked, user, session_id=name, product_id=PRODUCTS[n % 3].id, is_converted=True,
                      converted_at=clicked + timedelta(seconds=sold), user_agent=draw(st.sampled_from((None,) * 12 + ("curl/8.5.0",))))
            )
    return Events(**{kind: tuple(some) for kind, some in made.items()}, products=PRODUCTS)  # type: ignore[arg-type]
