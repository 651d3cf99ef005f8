"""What a visitor did with each card, and when: seen, looked at, swiped, clicked, bought, sent back. Acts of one visit follow one
another, and each act of a card follows the one it needs: a click a view, a conversion a click, a cancellation a conversion."""

from typing import TYPE_CHECKING

from aclue_pipeline.demo import planted
from aclue_pipeline.demo.catalogue import commission_rates, networks
from aclue_pipeline.demo.clock import NEVER, Clock
from aclue_pipeline.demo.draws import Draws
from aclue_pipeline.demo.people import People
from aclue_pipeline.demo.shop import shop
from aclue_pipeline.demo.visits import BOT, GUEST, ORDER, start_second

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_REPORT_DAYS = (1.0, 3.0, 7.0)  # after which each network reports a commission, about


def acts(
    draws: Draws, clock: Clock, block: People, visits: "pd.DataFrame", cards: "pd.DataFrame"
) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Visits with started and ended, and cards with their acts; instants in µs (UTC), NEVER where it did not happen."""
    cards = _judged(draws, block, visits, cards)
    visits, cards = _timed(draws, clock, visits, cards)
    return visits, _earned(draws, clock, visits, cards)


def _judged(draws: Draws, block: People, visits: "pd.DataFrame", cards: "pd.DataFrame") -> "pd.DataFrame":
    """Adds key, position, likes (the planted truth), seconds, strength, direction and whether it was swiped, opened, clicked."""
    import numpy as np

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
        swiped=(kind != BOT) & np.isin(visits["source"].to_numpy()[visit], ("swipe", "recommendations")),
        opened=opened,
        clicked=clicked,
    )


def _timed(
    draws: Draws, clock: Clock, visits: "pd.DataFrame", cards: "pd.DataFrame"
) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Lays the cards of a visit behind one another; a visit that ends in an order of the same day ends just before it."""
    import numpy as np

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
    seen = started[visit] + _micro(offset)
    swiped = seen + _micro(cards["seconds"].to_numpy() + 0.5 + 0.5 * draws.uniform("swipe moment", key, product))
    clicked = swiped + _micro(1 + 2 * draws.uniform("click moment", key, product))
    visits = visits.assign(started=started, ended=started + _micro(duration), duration=np.ceil(duration).astype(int))
    return visits, cards.assign(seen_at=seen, opened_at=seen + 400_000, swiped_at=swiped, clicked_at=clicked)


def _earned(draws: Draws, clock: Clock, visits: "pd.DataFrame", cards: "pd.DataFrame") -> "pd.DataFrame":
    """Adds network, rate, the commission expected and the one reported, and the instants of order, report and cancellation."""
    import numpy as np

    visit, key, product, bought = (cards[name].to_numpy() for name in ("visit", "key", "product", "bought"))
    order_day = np.nan_to_num(visits["order_day"].to_numpy(float))[visit]
    ordered = clock.at(order_day, np.nan_to_num(visits["order_second"].to_numpy(float))[visit])
    network, rate = networks(draws)[product], commission_rates(draws)[product]
    delay = np.array(_REPORT_DAYS)[network] * (0.5 + draws.uniform("report", key, product))
    reported = bought & (draws.uniform("reports", key, product) >= planted.NEVER_REPORTED)
    cancelled = cards["cancelled"].to_numpy(float)
    sent_back = np.nan_to_num(cancelled)
    back_at = clock.at(sent_back // 86400, sent_back % 86400)
    paid = np.nan_to_num(cards["price"].to_numpy(float))
    return cards.assign(
        network=network,
        rate=rate,
        expected=_pence(rate * shop().price[product]),
        earned=_pence(rate * paid),
        ordered_at=np.where(bought, ordered, NEVER),
        reported_at=np.where(reported, ordered + _micro(86400 * delay), NEVER),
        cancelled_at=np.where(np.isnan(cancelled), NEVER, np.maximum(back_at, ordered + 60_000_000)),
    )


def _micro(seconds: "np.ndarray") -> "np.ndarray":
    import numpy as np

    return np.round(np.asarray(seconds) * 1e6).astype(np.int64)


def _pence(amount: "np.ndarray") -> "np.ndarray":
    """Rounded to pence, half up: the nudge undoes that 0.285 is stored as slightly less."""
    import numpy as np

    return np.round(amount + 1e-9, 2)
