"""The simulator: one seed and one anchor give the rows of every table, as frames, without touching a database.

A row depends on the seed, its person and its day alone: a smaller load is a part of a larger one, and a later one only adds
rows and lets the old ones go on (a click of last week converts)."""

from datetime import date
from typing import Final

import pandas as pd

from aclue_pipeline.demo.acts import acts
from aclue_pipeline.demo.catalogue import categories, products
from aclue_pipeline.demo.clock import Clock, stamps
from aclue_pipeline.demo.draws import Draws
from aclue_pipeline.demo.people import People, people, users
from aclue_pipeline.demo.tables import EVENTS, Acts
from aclue_pipeline.demo.visitors import dressed
from aclue_pipeline.demo.visits import JOIN, start_second, visit_key, visits

SEED: Final = 20111209
USERS: Final = 929  # the customers whose order lines are known
FIRST_DAY: Final = -400  # days before the anchor: the real year, and the weeks in which its first purchases began
UNSETTLED_DAYS: Final = 155  # from a visit to the last change of its rows: order, late month, report, reversal


class Simulator:
    """Makes rows for one anchor and one seed."""

    def __init__(self, anchor: date, seed: int) -> None:
        self.draws, self.clock = Draws(seed), Clock(anchor)

    def people(self, first: int, last: int) -> People:
        """People number first to last − 1."""
        return people(self.draws, first, last)

    def users(self, block: People) -> pd.DataFrame:
        """Their rows of auth.users: registered two seconds into the visit in which they joined."""
        started = start_second(self.draws, visit_key(self.draws, JOIN, block.numbers, block.joined))
        return users(block, stamps(self.clock.at(block.joined, started + 2)))

    def catalogue(self) -> dict[str, pd.DataFrame]:
        """The rows of the app's catalogue."""
        return {"public.categories": categories(), "public.products": products(self.draws)}

    def events(
        self, block: People, first: int, last: int, known_until: int | None = None, now: int | None = None
    ) -> dict[str, pd.DataFrame]:
        """The rows of the visits on days first to last, as known at the end of day `now` (`last`): all of them, or those that came
        or changed since the end of day `known_until`."""
        found, cards = visits(self.draws, block, first, last)
        done = acts(self.draws, self.clock, block, dressed(self.draws, block, found), cards)
        since = -1 if known_until is None else self.clock.end_of(known_until)
        known = Acts(self.draws, *done, self.clock.end_of(last if now is None else now), since)
        return {name: rows(known) for name, rows in EVENTS.items()}
