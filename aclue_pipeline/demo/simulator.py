"""The simulator: one seed and one anchor give the rows of every table, as frames, without touching a database.

A row depends on the seed, its person and its day alone: a smaller load is a part of a larger one, and a later one only adds
rows and lets the old ones go on (a click of last week converts)."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

from aclue_pipeline.demo.acts import acts
from aclue_pipeline.demo.catalogue import categories, products
from aclue_pipeline.demo.clock import Clock, stamps
from aclue_pipeline.demo.draws import Draws
from aclue_pipeline.demo.feedback_rows import recommendation_feedback
from aclue_pipeline.demo.people import People, people, users
from aclue_pipeline.demo.rows import (
    Acts,
    affiliate_clicks,
    product_views,
    recommendations,
    swipe_interactions,
    swipe_sessions,
)
from aclue_pipeline.demo.session_rows import session_analytics
from aclue_pipeline.demo.shop import anchor_for
from aclue_pipeline.demo.visitors import dressed
from aclue_pipeline.demo.visits import join_key, start_second, visits

if TYPE_CHECKING:
    import pandas as pd

SEED: Final = 20111209
USERS: Final = 929  # the customers whose order lines are known
FIRST_DAY: Final = -400  # days before the anchor: the real year, and the weeks in which its first purchases began
UNSETTLED_DAYS: Final = 85  # from a visit to the last change of its rows: order, report, cancellation

#: The event tables in the order in which they may be written (each refers to those before it).
EVENTS: Final = {
    "public.swipe_sessions": swipe_sessions,
    "public.swipe_interactions": swipe_interactions,
    "public.recommendations": recommendations,
    "public.session_analytics": session_analytics,
    "public.product_views": product_views,
    "public.affiliate_clicks": affiliate_clicks,
    "public.recommendation_feedback": recommendation_feedback,
}


@dataclass(frozen=True)
class Batch:
    """Rows of some people and days: `new` ones, and those that were known before but `changed` (by their id)."""

    new: "dict[str, pd.DataFrame]"
    changed: "dict[str, pd.DataFrame]"


def simulate(
    anchor: date, seed: int = SEED, users: int = USERS, days: int | None = None, until: date | None = None
) -> "dict[str, pd.DataFrame]":
    """Rows by table of the first `users` people on the `days` up to `until` (the anchor, unless said), as known at its end.

    `anchor`: the day to which the last real day moves (whole weeks: a Friday). Money is GBP, times are UTC.
    """
    simulator = Simulator(anchor, seed)
    last = simulator.clock.day(until or anchor)
    first = FIRST_DAY if days is None else last - days + 1
    block = simulator.people(0, users)
    fixed = {
        "public.categories": categories(),
        "public.products": products(simulator.draws, "a"),
        "auth.users": simulator.users(block),
    }
    return fixed | simulator.batch(block, first, last).new


class Simulator:
    """Makes batches for one anchor and one seed."""

    def __init__(self, anchor: date, seed: int) -> None:
        if anchor != anchor_for(anchor) and (anchor - anchor_for(anchor)).days % 7:
            raise ValueError(f"{anchor} is not a whole number of weeks after the last real day")
        self.draws, self.clock = Draws(seed), Clock(anchor)

    def people(self, first: int, last: int) -> People:
        """People number first to last − 1."""
        return people(self.draws, first, last)

    def users(self, block: People) -> "pd.DataFrame":
        """Their rows of auth.users: registered two seconds into the visit in which they joined."""
        started = start_second(self.draws, join_key(self.draws, block))
        return _utc(users(block, stamps(self.clock.at(block.joined, started + 2))))

    def batch(
        self, block: People, first: int, last: int, known_until: int | None = None, now: int | None = None
    ) -> Batch:
        """What the database does not have yet of the visits on days first to last, as known at the end of day `now` (`last`).

        `known_until`: the last day whose end the database knows already; None for visits it knows nothing of.
        """
        now_at = self._end(last if now is None else now)
        looked_at = acts(self.draws, self.clock, block, *self._visits(block, first, last))
        everything = Acts(self.draws, *looked_at, now_at)
        before = -1 if known_until is None else self._end(known_until)
        new, changed = {}, {}
        for name, rows in EVENTS.items():
            table = rows(everything)
            arrived, moved = table.pop("_arrived").to_numpy(), table.pop("_changed").to_numpy()
            new[name] = _utc(table[(arrived <= now_at) & (arrived > before)])
            changed[name] = _utc(table[(arrived <= before) & (moved > before)])
        return Batch(new, changed)

    def _visits(self, block: People, first: int, last: int) -> "tuple[pd.DataFrame, pd.DataFrame]":
        found = visits(self.draws, block, first, last)
        return dressed(self.draws, block, found.visits), found.cards

    def _end(self, day: int) -> int:
        from datetime import timedelta

        return self.clock.end_of(self.clock.anchor + timedelta(days=day))


def _utc(table: "pd.DataFrame") -> "pd.DataFrame":
    """Time stamps say their zone, so that no session's setting can move them."""
    times = table.select_dtypes("datetime").columns
    return table.reset_index(drop=True).assign(
        **{name: table[name].dt.tz_localize("UTC").reset_index(drop=True) for name in times}
    )
