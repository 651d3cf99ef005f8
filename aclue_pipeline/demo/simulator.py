"""The simulator: one seed and one anchor give the rows of every table, as frames, without touching a database.

A row depends on the seed, its person and its day alone: a smaller load is a part of a larger one, and a later one only adds
rows and lets the old ones go on (a click of last week converts). What the app has deleted by then is gone: one account, one product."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import pandas as pd

from aclue_pipeline.demo import planted, tables
from aclue_pipeline.demo.acts import acts
from aclue_pipeline.demo.catalogue import categories, deleted_product, products
from aclue_pipeline.demo.clock import Clock, stamps
from aclue_pipeline.demo.draws import Draws
from aclue_pipeline.demo.people import People, people, user_ids, users
from aclue_pipeline.demo.shop import anchor_for
from aclue_pipeline.demo.visitors import browser_ids, dressed
from aclue_pipeline.demo.visits import JOIN, start_second, visit_key, visits

SEED: Final = 20111209
USERS: Final = 929  # the customers whose order lines are known
FIRST_DAY: Final = -400  # days before the anchor: the real year, and the weeks in which its first purchases began
UNSETTLED_DAYS: Final = 155  # from a visit to the last change of its rows: order, late month, report, reversal

#: The event tables in the order in which they may be written (each refers to those before it).
EVENTS: Final = {
    f"public.{rows.__name__}": rows
    for rows in (
        tables.swipe_sessions,
        tables.swipe_interactions,
        tables.recommendations,
        tables.session_analytics,
        tables.product_views,
        tables.affiliate_clicks,
        tables.recommendation_feedback,
    )
}
#: Of a deleted account these stay, as nobody's, each with its columns that are cleared, since they identify the person.
KEPT: Final = {
    "public.session_analytics": ("anonymous_id",),
    "public.product_views": (),
    "public.affiliate_clicks": ("anonymous_id", "user_agent", "ip_address"),
}


@dataclass(frozen=True)
class Batch:
    """Rows of some people and days: `new` ones, and those that were known before but `changed` (by their id)."""

    new: dict[str, pd.DataFrame]
    changed: dict[str, pd.DataFrame]


class Simulator:
    """Makes batches for one anchor and one seed."""

    def __init__(self, anchor: date, seed: int) -> None:
        if (anchor - anchor_for(anchor)).days % 7:
            raise ValueError(f"{anchor} is not a whole number of weeks after the last real day")
        self.draws, self.clock = Draws(seed), Clock(anchor)
        #: What the app deletes on the day of the departures: table → id.
        self.departing = {
            "auth.users": str(user_ids(np.array([planted.ERASED_PERSON]))[0]),
            "public.products": deleted_product(self.draws),
        }
        #: What the deleted account's browser was known by, and what stands in its place in all rows: they go on being one person's.
        self.erased_ids = browser_ids(self.draws, planted.ERASED_PERSON).tolist()
        token = str(self.draws.names("erased-", "erased", planted.ERASED_PERSON)[0])
        self.cleared = {"anonymous_id": token, "user_agent": "erased", "ip_address": None}

    def people(self, first: int, last: int) -> People:
        """People number first to last − 1."""
        return people(self.draws, first, last)

    def users(self, block: People, now: int) -> pd.DataFrame:
        """Their rows of auth.users: registered two seconds into the visit in which they joined."""
        started = start_second(self.draws, visit_key(self.draws, JOIN, block.numbers, block.joined))
        return self._staying("auth.users", _utc(users(block, stamps(self.clock.at(block.joined, started + 2)))), now)

    def fixed(self, now: int) -> dict[str, pd.DataFrame]:
        """The catalogue's rows at the end of day `now`."""
        return {
            "public.categories": categories(),
            "public.products": self._staying("public.products", products(self.draws), now),
        }

    def batch(
        self, block: People, first: int, last: int, known_until: int | None = None, now: int | None = None
    ) -> Batch:
        """What the database does not have yet of the visits on days first to last, as known at the end of day `now` (`last`).

        `known_until`: the last day whose end the database knows already; None for visits it knows nothing of.
        """
        now = last if now is None else now
        now_at, before = self._end(now), -1 if known_until is None else self._end(known_until)
        found, cards = visits(self.draws, block, first, last)
        everything = tables.Acts(
            self.draws, *acts(self.draws, self.clock, block, dressed(self.draws, block, found), cards), now_at
        )
        new, changed = {}, {}
        for name, rows in EVENTS.items():
            table = rows(everything)
            if now >= planted.DEPARTURE_DAY:
                table = self._after_departures(name, table)
            arrived, moved = table.pop("_arrived").to_numpy(), table.pop("_changed").to_numpy()
            new[name] = _utc(table[(arrived <= now_at) & (arrived > before)])
            changed[name] = _utc(table[(arrived <= before) & (moved > before)])
        return Batch(new, changed)

    def _staying(self, table: str, rows: pd.DataFrame, now: int) -> pd.DataFrame:
        return rows if now < planted.DEPARTURE_DAY else rows[rows["id"] != self.departing[table]].reset_index(drop=True)

    def _after_departures(self, name: str, table: pd.DataFrame) -> pd.DataFrame:
        """What the foreign keys leave: nothing of the product; of the account's events those that stay, without the account."""
        if "product_id" in table:
            table = table[table["product_id"] != self.departing["public.products"]]
        erased = table["user_id"] == self.departing["auth.users"]
        if name not in KEPT:
            return table[~erased]
        table = table[~erased | (table["_arrived"] <= self._end(planted.DEPARTURE_DAY - 1))].copy()
        table.loc[erased, [column for column in ("user_id", "recommendation_id") if column in table]] = None
        cleared = erased | table["anonymous_id"].isin(self.erased_ids) if KEPT[name] else erased
        for column in KEPT[name]:
            table.loc[cleared, column] = self.cleared[column]
        return table

    def _end(self, day: int) -> int:
        return self.clock.end_of(self.clock.anchor + timedelta(days=day))


def _utc(table: pd.DataFrame) -> pd.DataFrame:
    """Time stamps say their zone, so that no session's setting can move them."""
    table = table.reset_index(drop=True)
    times = {str(name): table[name].dt.tz_localize("UTC") for name in table.select_dtypes("datetime")}
    return table.assign(**times)
