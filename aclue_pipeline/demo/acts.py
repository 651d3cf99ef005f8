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

_REPORT_DAYS = (1.0, 3.0, 7.0)  # after which each network reports a commission, about


def acts(
    draws: Draws, clock: Clock, block: People, visits: pd.DataFrame, cards: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Visits with started and ended, and cards with their acts and all that their visit says; instants in µs (UTC), NEVER where
    it did not happen."""
    visits, cards = _timed(draws, clock, visits, _judged(draws, block, visits, cards))
    return visits, _earned(draws, clock, cards.join(visits.drop(columns="key"), on="visit"))


def _judged(draws: Draws, block: People, visits: pd.DataFrame, cards: pd.DataFrame) -> pd.DataFrame:
    """Adds key, position, likes (the planted truth), seconds, strength, direction and whether it was swiped, opened, clicked."""
    visit, product = cards["visit"].to_numpy(), cards["product"].to_numpy()
    key, kind = visits["key"].to_numpy()[visit], visits["kind"].to_numpy()[visit]
    position = 1 + np.arange(len(visit)) - np.searchsorted(visit, visit)
    thinks, bought = cards["thinks"].to_numpy(), cards["bought"].to_numpy(dtype=bool)
    seconds = 1 + np.floor(draws.exponential("seconds", key, product) * 3.2).clip(0, 60).astype(int) + (thinks > 0)
    strength = np.round(np.sqrt(draws.uniform("strength", key, product)), 2)
    # What a buyer did is known, not simulated.
    sure = np.isin(kind, (ORDER, GUEST))
    wrong = ~sure & (draws.uniform("doubt", key, product) < planted.swipe_doubt(seconds, strength))
    shows = np.where(wrong, -thinks, thinks)
    odd = planted.UP_SHARE * planted.UP_DOUBT / (1 - planted.UP_DOUBT)
    up = draws.uniform("up", key, product) < np.where(thinks > 0, planted.UP_SHARE, np.where(thinks < 0, odd, 0))
    up = np.where(sure, cards["again"], up).astype(bool)
    shows = np.where(up, 1, shows)
    direction = np.select([up, shows > 0, shows < 0], ["up", "right", "left"], "down").astype(object)
    chance = planted.CLICK_AFTER_LIKE / (1 + planted.POSITION_DECAY * (position - 1))
    clicked = bought | (
        draws.uniform("click", key, product) < np.where(kind == BOT, 0.8, np.where(shows > 0, chance, 0.003))
    )
    opened = (kind != BOT) & (clicked | (draws.uniform("open", key, product) < np.where(shows > 0, 0.3, 0.04)))
    return cards.assign(
        key=key,
        position=position,
        likes=block.likes(visits["who"].to_numpy()[visit], product),
        seconds=np.where(kind == BOT, 0, seconds),
        strength=np.where(direction == "down", 0.5, np.round(0.5 + 0.5 * strength * np.where(shows > 0, 1, -1), 2)),
        direction=direction,
        swiped=(kind != BOT) & np.isin(visits["view_source"].to_numpy()[visit], ("swipe", "recommendations")),
        opened=opened,
        clicked=clicked,
    )


def _timed(draws: Draws, clock: Clock, visits: pd.DataFrame, cards: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Lays the cards of a visit behind one another; a visit that ends in an order of the same day ends just before it."""
    visit, key, product = (cards[name].to_numpy() for name in ("visit", "key", "product"))
    length = cards["seconds"].to_numpy() + 1.5 + 3.0 * cards["clicked"].to_numpy()
    total = np.cumsum(length)
    first = np.searchsorted(visit, visit)
    offset = 3 + total - length - (total - length)[first]
    duration = 3 + np.bincount(visit, weights=length, minlength=len(visits))
    own_key, day = visits["key"].to_numpy(), visits["day"].to_numpy()
    order_second = np.nan_to_num(visits["order_second"].to_numpy(float))
    before_order = order_second - duration - 20 - np.floor(200 * draws.uniform("checkout", own_key))
    start = np.where(visits["order_day"].to_numpy() == day, before_order, start_second(draws, own_key))
    started = clock.at(day, start)
    seen = started[visit] + micro(offset)
    swiped = seen + micro(cards["seconds"].to_numpy() + 0.5 + 0.5 * draws.uniform("swipe moment", key, product))
    clicked = swiped + micro(1 + 2 * draws.uniform("click moment", key, product))
    offline = draws.uniform("offline", own_key) < planted.LATE_VISITS
    waits = np.where(offline, (1 + draws.uniform("offline days", own_key)) * DAY, 0).astype(np.int64)
    return (
        visits.assign(started=started, ended=started + micro(duration), waits=waits),
        cards.assign(seen_at=seen, opened_at=seen + 400_000, swiped_at=swiped, clicked_at=clicked),
    )


def _earned(draws: Draws, clock: Clock, cards: pd.DataFrame) -> pd.DataFrame:
    """Adds what the product's link says, the commission expected and the one reported, and when the order was made, and the
    network told of it, reported the commission and took it back."""
    visit, key, product, bought = (cards[name].to_numpy() for name in ("visit", "key", "product", "bought"))
    lines = np.bincount(visit, weights=bought)[visit]
    credited = bought.astype(bool) & (draws.uniform("credited", key) < planted.CREDITED_ORDERS)
    credited &= draws.uniform("credited line", key, product) < np.maximum(lines, 1) ** -0.5
    order_day = np.nan_to_num(cards["order_day"].to_numpy(float)).astype(int)
    ordered = clock.at(order_day, np.nan_to_num(cards["order_second"].to_numpy(float)))
    links = clickable(draws).iloc[product].set_index(cards.index)
    network, expected = links.pop("network").to_numpy(), links.pop("price") * links["commission_rate"]
    late = (network == planted.LATE_NETWORK) & np.isin(order_day, planted.late_month(clock.anchor))
    days = np.where(late, 28, 0.02) + np.where(late, 14, 0.5) * draws.uniform("told", key, product)
    told = ordered + micro(86400 * days)
    delay = np.array(_REPORT_DAYS)[network] * (0.5 + draws.uniform("report", key, product))
    reported = told + micro(86400 * delay)
    taken_back = reported + micro(86400 * (5 + 35 * draws.uniform("taken back after", key, product)))
    sent_back = cards["cancelled"].to_numpy(float)
    back = clock.at(np.nan_to_num(sent_back) // 86400, np.nan_to_num(sent_back) % 86400)
    kept = draws.uniform("taken back", key, product) >= planted.REVERSED_SALES
    return cards.join(links).assign(
        expected_commission=pence(expected),
        earned=pence(links["commission_rate"] * np.nan_to_num(cards["price"].to_numpy(float))),
        affiliate_network=np.array(NETWORKS, dtype=object)[network],
        ordered_at=ordered,
        told_at=np.where(credited, told, NEVER),
        reported_at=np.where(
            credited & (draws.uniform("reports", key, product) >= planted.NEVER_REPORTED), reported, NEVER
        ),
        reversed_at=np.where(
            ~credited | (np.isnan(sent_back) & kept),
            NEVER,
            np.where(np.isnan(sent_back), taken_back, np.maximum(back, told + 1)),
        ),
    )


def pence(amount: pd.Series) -> pd.Series:
    """Rounded to pence, half up: the nudge undoes that 0.285 is stored as slightly less."""
    return (amount + 1e-9).round(2)
