"""A visit as one row of session_analytics, with the counters a browser would have sent: nearly always right."""

from typing import TYPE_CHECKING, Any, Final

from aclue_pipeline.demo import planted
from aclue_pipeline.demo.clock import NEVER, stamps
from aclue_pipeline.demo.draws import where_said
from aclue_pipeline.demo.rows import Acts, frame
from aclue_pipeline.demo.visits import BOT, JOIN

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_PAGES_KEPT: Final = 12  # of the page sequence
_CITIES: Final = ("London", "Manchester", "Birmingham", "Leeds", "Glasgow", "Bristol", "Cardiff", "Belfast")


def session_analytics(acts: Acts) -> "pd.DataFrame":
    """One row per visit of a person; a few visits have none, and of a few the counters are wrong."""
    import numpy as np

    draws, now = acts.draws, acts.now
    key = acts.visits["key"].to_numpy()
    written = (acts.visits["kind"] != BOT) & (draws.uniform("no row", key) >= planted.SESSIONS_WITHOUT_ROW)
    tally = _tally(acts)[written]
    visits, key = acts.visits[written], key[written]
    wrong = draws.uniform("miscounted", key) < planted.SESSIONS_MISCOUNTED
    started, ended = visits["started"].to_numpy(), visits["ended"].to_numpy()
    ordered = acts.past(np.where(tally["bought"] > 0, tally["ordered_at"], NEVER))
    joining = (visits["kind"] == JOIN).to_numpy()
    city = np.array(_CITIES, dtype=object)[draws.choice("city", (8, 2, 2, 1, 1, 1, 1, 1), visits["person"])]
    engagement = 1 - np.exp(-(tally["seen"] + 3 * tally["swiped"]) / 30)
    ended_or_ordered = np.maximum(ended, np.where(ordered - ended < 1_800_000_000, ordered, ended))
    return frame({
        "id": draws.uuids("session row", key),
        **{name: visits[name].to_numpy() for name in ("session_id", "user_id", "anonymous_id")},
        "started_at": stamps(started),
        "ended_at": stamps(ended_or_ordered),
        "duration_seconds": (ended_or_ordered - started) // 1_000_000,
        "last_activity_at": stamps(ended_or_ordered),
        "landing_page": visits["landing_page"].to_numpy(),
        "exit_page": np.where(tally["opened"] > 0, "/product", visits["landing_page"]),
        "pages_viewed": 1 + tally["opened"].to_numpy(),
        "page_sequence": _page_sequences(visits, tally),
        "total_clicks": tally["opened"] + tally["clicked"],
        "total_swipes": tally["swiped"].to_numpy(),
        "products_viewed": tally["seen"] + wrong,
        "recommendations_viewed": np.where(visits["source"] == "recommendations", tally["seen"], 0),
        "affiliate_clicks": np.where(wrong, 0, tally["clicked"]),
        "has_registered": joining,
        "registration_timestamp": stamps(np.where(joining, started + 2_000_000, NEVER)),
        "has_converted": (ordered != NEVER) & ~wrong,
        "conversion_timestamp": stamps(np.where(wrong, NEVER, ordered)),
        "conversion_value": np.where((ordered != NEVER) & ~wrong, tally["value"].round(2), np.nan),
        **{name: visits[name].to_numpy() for name in ("device_type", "browser", "operating_system", "screen_resolution", "country_code")},
        "city": where_said((visits["country_code"] == "GB").to_numpy(), city),
        "timezone": "Europe/London",
        **{name: visits[name].to_numpy() for name in ("referrer_url", "utm_source", "utm_medium", "utm_campaign")},
        "is_bounce": (tally["seen"] == 0).to_numpy(),
        "is_active": False,
        "session_quality_score": np.round(0.7 * engagement + 0.3 * (tally["clicked"] > 0), 2),
        "engagement_score": np.round(engagement, 2),
        "created_at": stamps(started),
        "updated_at": stamps(acts.latest(np.minimum(ended_or_ordered, now), ordered)),
        "_arrived": started,
        "_changed": acts.latest(started, ordered),
    })  # fmt: skip


def _tally(acts: Acts) -> "pd.DataFrame":
    """Counts by visit, and what was spent when."""
    import numpy as np
    import pandas as pd

    cards, size = acts.cards, len(acts.visits)
    visit = cards["visit"].to_numpy()

    def count(weights: Any) -> "np.ndarray":
        return np.bincount(visit, weights=np.asarray(weights, dtype=float), minlength=size)

    tally = pd.DataFrame(
        {name: count(cards[name]).astype(int) for name in ("swiped", "opened", "clicked", "bought")},
        index=acts.visits.index,
    )
    ordered = np.full(size, NEVER)
    np.minimum.at(ordered, visit, cards["ordered_at"].to_numpy())
    return tally.assign(
        seen=count(np.ones(len(cards))).astype(int),
        ordered_at=ordered,
        value=count(cards["price"].where(cards["bought"], 0)),
    )


def _page_sequences(visits: "pd.DataFrame", tally: "pd.DataFrame") -> "np.ndarray":
    """The landing page and a page per product opened, as array literals; long ones cut."""
    import numpy as np

    tails = np.array([",/product" * n for n in range(_PAGES_KEPT)], dtype=object)
    return (
        "{" + visits["landing_page"].to_numpy() + tails[np.minimum(tally["opened"].to_numpy(), _PAGES_KEPT - 1)] + "}"
    )
