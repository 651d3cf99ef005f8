"""What a visitor did with each card, and when: seen, looked at, swiped, clicked, bought, sent back. Acts of one visit follow one
another, and each act of a card follows the one it needs: a click a view, a conversion a click, a reversal a conversion."""

import numpy as np
import pandas as pd

from aclue_pipeline.demo import planted
from aclue_pipeline.demo.catalogue import NETWORKS, clickable
from aclue_pipeline.demo.clock import DAY, NEVER, Clock, micro
from aclue_pipeline.demo.draws import Draws
from aclue_pipeline.demo.people import People
from aclue_pipeline.demo.visits import BOT, GUEST, ORDER, start_second

_REPORT_DAYS = np.array([1.0, 3.0, 7.0])  # after which each network reports a commission, about


def acts(
    draws: Draws, clock: Clock, block: People, visits: pd.DataFrame, cards: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Visits with started and ended, and cards with their acts and all that their visit says; instants in µs (UTC), NEVER where
    it did not happen."""
    cards = _judged(draws, block, cards.join(visits, on="visit"))
    visits = _timed(draws, clock, visits, cards)
    return visits, _earned(draws, clock, _told(draws, cards.join(visits[["started", "ended", "waits"]], on="visit")))


def _judged(draws: Draws, block: People, cards: pd.DataFrame) -> pd.DataFrame:
    """Adds position, likes (the planted truth), seconds, strength, direction and whether it was swiped, opened, clicked; `length`
    and `offset` are the seconds that it took, and after which of its visit it was seen."""
    one, bot = (cards["key"], cards["product"]), cards["kind"] == BOT
    position = 1 + cards.groupby("visit").cumcount()
    thinks = cards["thinks"]
    seconds = 1 + np.floor(draws.exponential("seconds", *one) * 3.2).clip(0, 60).astype(int) + (thinks > 0)
    strength = np.round(np.sqrt(draws.uniform("strength", *one)), 2)
    # What a buyer did is known, not simulated.
    sure = cards["kind"].isin((ORDER, GUEST))
    wrong = ~sure & (draws.uniform("doubt", *one) < planted.swipe_doubt(seconds, strength))
    odd = planted.UP_SHARE * planted.UP_DOUBT / (1 - planted.UP_DOUBT)
    up = draws.uniform("up", *one) < np.select([thinks > 0, thinks < 0], [planted.UP_SHARE, odd])
    up = np.where(sure, cards["again"], up).astype(bool)
    shows = np.where(up, 1, np.where(wrong, -thinks, thinks))
    direction = np.select([up, shows > 0, shows < 0], ["up", "right", "left"], "down").astype(object)
    chance = planted.CLICK_AFTER_LIKE / (1 + planted.POSITION_DECAY * (position - 1))
    clicked = cards["bought"] | (draws.uniform("click", *one) < np.select([bot, shows > 0], [0.8, chance], 0.003))
    shown = np.where(bot, 0, seconds)
    length = pd.Series(shown + 1.5 + 3.0 * clicked)
    before = length.cumsum() - length
    return cards.assign(
        position=position,
        likes=block.likes(cards["who"].to_numpy(), cards["product"].to_numpy()),
        seconds=shown,
        strength=np.where(direction == "down", 0.5, np.round(0.5 + 0.5 * strength * np.where(shows > 0, 1, -1), 2)),
        direction=direction,
        swiped=~bot & cards["view_source"].isin(("swipe", "recommendations")),
        opened=~bot & (clicked | (draws.uniform("open", *one) < np.where(shows > 0, 0.3, 0.04))),
        clicked=clicked,
        length=length,
        offset=3 + before - before.groupby(cards["visit"]).transform("first"),
    )


def _timed(draws: Draws, clock: Clock, visits: pd.DataFrame, cards: pd.DataFrame) -> pd.DataFrame:
    """Lays the cards of a visit behind one another; a visit that ends in an order of the same day ends just before it."""
    duration = 3 + np.bincount(cards["visit"], weights=cards["length"], minlength=len(visits))
    key = visits["key"].to_numpy()
    before_order = visits["order_second"] - duration - 20 - np.floor(200 * draws.uniform("checkout", key))
    start = np.where(visits["order_day"] == visits["day"], before_order, start_second(draws, key))
    started = clock.at(visits["day"], start)
    offline = draws.uniform("offline", key) < planted.LATE_VISITS
    waits = np.where(offline, (1 + draws.uniform("offline days", key)) * DAY, 0).astype(np.int64)
    return visits.assign(started=started, ended=started + micro(duration), waits=waits)


def _told(draws: Draws, cards: pd.DataFrame) -> pd.DataFrame:
    """Adds the instants of a card's acts."""
    one = cards["key"], cards["product"]
    seen = cards["started"] + micro(cards["offset"])
    swiped = seen + micro(cards["seconds"] + 0.5 + 0.5 * draws.uniform("swipe moment", *one))
    clicked = swiped + micro(1 + 2 * draws.uniform("click moment", *one))
    return cards.assign(seen_at=seen, opened_at=seen + 400_000, swiped_at=swiped, clicked_at=clicked)


def _earned(draws: Draws, clock: Clock, cards: pd.DataFrame) -> pd.DataFrame:
    """Adds what the product's link says, the commission expected and the one reported, and when the order was made, and the
    network told of it, reported the commission and took it back."""
    one, product = (cards["key"], cards["product"]), cards["product"].to_numpy()
    lines = cards.groupby("visit")["bought"].transform("sum")
    credited = cards["bought"] & (draws.uniform("credited", cards["key"]) < planted.CREDITED_ORDERS)
    credited &= draws.uniform("credited line", *one) < np.maximum(lines, 1) ** -0.5
    order_day = cards["order_day"].fillna(0).astype(int)
    ordered = clock.at(order_day, cards["order_second"].fillna(0))
    links = clickable(draws).iloc[product].set_index(cards.index)
    network, expected = links.pop("network").to_numpy(), links.pop("price") * links["commission_rate"]
    late = (network == planted.LATE_NETWORK) & order_day.isin(planted.late_month(clock.anchor))
    days = np.where(late, 28, 0.02) + np.where(late, 14, 0.5) * draws.uniform("told", *one)
    told = ordered + micro(86400 * days)
    reported = told + micro(86400 * _REPORT_DAYS[network] * (0.5 + draws.uniform("report", *one)))
    taken_back = reported + micro(86400 * (5 + 35 * draws.uniform("taken back after", *one)))
    sent_back, back = cards["cancelled"].notna(), cards["cancelled"].fillna(0).astype(float)
    reversed_at = np.where(sent_back, np.maximum(clock.at(back // 86400, back % 86400), told + 1), taken_back)
    reversed_ = credited & (sent_back | (draws.uniform("taken back", *one) < planted.REVERSED_SALES))
    reports = credited & (draws.uniform("reports", *one) >= planted.NEVER_REPORTED)
    return cards.join(links).assign(
        expected_commission=pence(expected),
        earned=pence(links["commission_rate"] * cards["price"].fillna(0).astype(float)),
        affiliate_network=np.array(NETWORKS, dtype=object)[network],
        ordered_at=ordered,
        told_at=np.where(credited, told, NEVER),
        reported_at=np.where(reports, reported, NEVER),
        reversed_at=np.where(reversed_, reversed_at, NEVER),
    )


def pence(amount: pd.Series) -> pd.Series:
    """Rounded to pence, half up: the nudge undoes that 0.285 is stored as slightly less."""
    return (amount + 1e-9).round(2)
