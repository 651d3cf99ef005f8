"""Who came when, with what, and what they were shown: visits, and the cards of each visit with what the visitor thought of them.

A real order is the end of a visit: its lines are cards that were liked and bought, and the other cards are popular products of
those days that the customer did not buy. Orders of which only the date is known buy what the customer bought before. Visits
that end in no order, visitors without an account, bots, and everything after the anchor are drawn. Days count from the anchor
(day 0 is the last real day), minutes and seconds from local midnight."""

import zlib
from typing import Any, Final

import numpy as np
import pandas as pd

from aclue_pipeline.demo import planted
from aclue_pipeline.demo.draws import Draws
from aclue_pipeline.demo.people import People
from aclue_pipeline.demo.shop import LAST_REAL_DAY, month_of, shop

BROWSE, ORDER, JOIN, ANONYMOUS, GUEST, BOT = range(6)  # kinds of visit; ANONYMOUS and later ones have no user
LONGEST_LAG: Final = 44  # days from a click to its order
_HOURS: Final = (1, 2, 4, 6, 8, 9, 10, 9, 8, 8, 8, 9, 10, 9, 7, 5)  # weight of each hour from 7 to 22
_GUEST_HOSTS: Final = 929  # guests' invoices are spread over so many people, so that a small load has its share
_MEAN_CARDS: Final = np.array([4.0, 1.4, 6.0, 2.2, 1.2, 4.0])  # shown beside what is bought, by kind of visit
_SOURCES: Final = np.array(
    ["swipe", "recommendations", "search", "category", "direct", "related", "trending"], dtype=object
)
#: In %, by kind of visit; whoever buys does so from swipes or recommendations.
_SOURCE_SHARES: Final = (
    (45, 25, 10, 10, 0, 6, 4), (65, 35, 0, 0, 0, 0, 0), (100, 0, 0, 0, 0, 0, 0),
    (45, 0, 20, 20, 8, 3, 4), (100, 0, 0, 0, 0, 0, 0), (0, 0, 0, 0, 100, 0, 0),
)  # fmt: skip


def visits(draws: Draws, block: People, first: int, last: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The visits of a block of people on the days first to last, both included, and their cards.

    Visits, in order of (day, key): key, who (position in the block), day, kind, order_day and order_second (NaN without an order),
    invoice, view_source (how its cards were shown). Cards, in the order shown: visit (row of visits), product, thinks (1 likes,
    −1 does not, 0 passes), bought, again (bought before), price (GBP paid), cancelled (seconds since the anchor's midnight; NaN: kept).
    """
    orders = _orders(draws, block, first, last)
    table = pd.concat([orders, _drawn_visits(draws, block, first, last)], ignore_index=True)
    table = table.sort_values(["day", "key"], ignore_index=True)
    edges = np.cumsum(_SOURCE_SHARES, axis=1)[table["kind"], :-1] / 100
    table["view_source"] = _SOURCES[(draws.uniform("source", table["key"])[:, None] >= edges).sum(axis=1)]
    bought = _bought(draws, block, orders)
    bought["visit"] = bought.pop("key").map(pd.Series(table.index, index=table["key"]))
    cards = pd.concat([bought, _shown(draws, block, table)], ignore_index=True).drop_duplicates(["visit", "product"])
    # Also where there are none.
    cards = cards.astype({"visit": int, "product": int, "thinks": int, "bought": bool, "again": bool})
    cards["shuffle"] = draws.bits("position", table["key"].to_numpy()[cards["visit"]], cards["product"])
    return table, cards.sort_values(["visit", "shuffle"], ignore_index=True).drop(columns="shuffle")


# --- visits that end in an order


def _orders(draws: Draws, block: People, first: int, last: int) -> pd.DataFrame:
    """Visits in the range whose order, perhaps on a later day, is real or drawn."""
    orders = pd.concat([_real_orders(block), _drawn_orders(draws, block, first, last + LONGEST_LAG)], ignore_index=True)
    key, minute = orders["key"].to_numpy(), orders.pop("minute")
    at = np.where(minute < 0, 510 + draws.uniform("order minute", key) * 660, minute)
    orders["order_second"] = np.floor(at) * 60 + np.floor(draws.uniform("order second", key) * 60)
    lag = 1 + np.minimum(draws.exponential("lag", key) * 6, 29).astype(int)
    beyond = draws.uniform("beyond window", key) < planted.BEYOND_WINDOW
    lag = np.where(beyond, 31 + (draws.uniform("far lag", key) * 14).astype(int), lag)
    lag = np.where(draws.uniform("later", key) < planted.LATER_ORDERS, lag, 0)
    # Nobody comes before the day after joining; a guest comes and buys.
    lag = np.where(orders["kind"] == GUEST, 0, np.minimum(orders["order_day"] - block.joined[orders["who"]] - 1, lag))
    orders["day"] = orders["order_day"] - lag
    return orders[orders["day"].between(first, last)].reset_index(drop=True)


def _real_orders(block: People) -> pd.DataFrame:
    orders = shop().orders
    key = np.array([zlib.crc32(invoice.encode()) for invoice in orders["invoice"]], dtype=np.int64)
    customer = orders["customer"].to_numpy()
    who = np.where(customer < 0, key % _GUEST_HOSTS, customer) - block.numbers[0]
    kind = np.where(customer < 0, GUEST, ORDER)
    orders = orders.drop(columns="customer").rename(columns={"day": "order_day"}).assign(key=key, who=who, kind=kind)
    return orders[orders["who"].between(0, len(block.numbers) - 1)]


def _drawn_orders(draws: Draws, block: People, first: int, last: int) -> pd.DataFrame:
    """Orders of the days after the real ones; of invented people, of every day. The shop is closed on Saturdays."""
    who, day = _happens(draws, "order", block, first, last, np.minimum(block.order_rate * 7 / 6, 0.4)[:, None])
    real = block.numbers[who] < len(shop().customers)
    open_ = (day + LAST_REAL_DAY.weekday()) % 7 != 5
    kept = (day > block.joined[who]) & open_ & ~(real & (day <= 0))
    who, day = who[kept], day[kept]
    person = block.numbers[who]
    invoice = np.char.add(np.char.add("S", person.astype(str)), np.char.add("-", (day + 10_000).astype(str)))
    key = draws.bits("order key", person, day).astype(np.int64)
    return pd.DataFrame(
        {"key": key, "who": who, "kind": ORDER, "order_day": day, "minute": -1, "invoice": invoice.astype(object)}
    )


def _bought(draws: Draws, block: People, orders: pd.DataFrame) -> pd.DataFrame:
    """The cards that were bought, with the key of their visit."""
    lines = shop().lines.merge(orders[["invoice", "key"]], on="invoice")
    real = lines[["key", "product", "again", "price"]].assign(cancelled=lines["cancelled"] * 60)
    without = orders[~orders["key"].isin(lines["key"])]
    return pd.concat([real, _drawn_lines(draws, block, without)], ignore_index=True).assign(thinks=1, bought=True)


def _drawn_lines(draws: Draws, block: People, orders: pd.DataFrame) -> pd.DataFrame:
    """Lines of orders of which only the date is known: earlier products of the customer, else popular ones to the taste."""
    count = 1 + np.minimum(draws.exponential("lines", orders["key"]) * 1.1, 6).astype(int)
    lines = _repeated(orders.assign(day=orders["order_day"]), count)
    one = lines["key"], lines["nth"]
    earlier, again = _earlier_product(draws, block, lines)
    product = np.where(again, earlier, _to_taste(draws, "bought", block, lines))
    second = lines["day"] * 86400 + lines["order_second"] + 86400 * (2 + 22 * draws.uniform("sent back after", *one))
    sent_back = draws.uniform("sent back", *one) < planted.CANCELLED_ORDERS
    low, high = shop().products[["price_min", "price_max"]].to_numpy()[product].T
    return pd.DataFrame({
        "key": lines["key"], "product": product, "again": again,
        "price": np.round(low + draws.uniform("price", *one) * (high - low), 2),
        # Before the anchor what was sent back is real, or there is none.
        "cancelled": np.where(sent_back & (lines["day"] > 0), np.floor(second), np.nan),
    })  # fmt: skip


def _earlier_product(draws: Draws, block: People, lines: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """One of the lines the customer has before that day; whether there is one and it is taken (3 times of 5)."""
    customer, days, product = (shop().lines[name].to_numpy() for name in ("customer", "day", "product"))
    person = block.numbers[lines["who"]]
    start = np.searchsorted(customer, person)
    count = np.searchsorted(customer * 10_000 + days, person * 10_000 + lines["day"].to_numpy()) - start
    pick = start + (draws.uniform("earlier", lines["key"], lines["nth"]) * np.maximum(count, 1)).astype(int)
    taken = draws.uniform("again", lines["key"], lines["nth"]) < 0.6
    return product[np.minimum(pick, len(product) - 1)], (count > 0) & taken


# --- visits that do not


def _drawn_visits(draws: Draws, block: People, first: int, last: int) -> pd.DataFrame:
    """Visits of their own accord, and those by which people come again, also after one before the range."""
    since = first - planted.LONGEST_RETURN
    days = np.arange(since, last + 1)
    season = np.where(np.isin(month_of(days), (8, 9, 10, 11)), 1.3, 0.9)
    rise = np.where(np.isin(days, planted.CAMPAIGN_DAYS), planted.CAMPAIGN_RISE, 1.0)
    everybody = np.arange(len(block.numbers))[(block.joined >= since) & (block.joined <= last)]
    drawn = [pd.DataFrame({"kind": JOIN, "who": everybody, "day": block.joined[everybody]})]
    for kind, rate in (
        (BROWSE, (0.0045 + 0.29 * block.order_rate)[:, None] * season * rise),
        (ANONYMOUS, 0.0095 * season * rise),
        (BOT, 0.0008 * season),
    ):
        who, day = _happens(draws, f"visit {kind}", block, since, last, rate)
        kept = (day > block.joined[who]) | (kind != BROWSE)
        drawn.append(pd.DataFrame({"kind": kind, "who": who[kept], "day": day[kept]}))
    own = _keyed(draws, block, pd.concat(drawn, ignore_index=True))
    every = pd.concat([own, _returns(draws, block, own)]).drop_duplicates("key")
    return every[every["day"].between(first, last)]


def _returns(draws: Draws, block: People, visits: pd.DataFrame) -> pd.DataFrame:
    """The visits that follow these: signed in after one that was."""
    of_people = visits[visits["kind"] != BOT]
    again = []
    for nth, (chance, mean) in enumerate(planted.RETURNS):
        after = 1 + np.floor(draws.exponential(f"returns after {nth}", of_people["key"]) * mean).astype(int)
        comes = draws.uniform(f"returns {nth}", of_people["key"]) < chance
        later = of_people.assign(kind=of_people["kind"].replace(JOIN, BROWSE), day=of_people["day"] + after)
        again.append(later[comes & (after <= planted.LONGEST_RETURN)])
    return _keyed(draws, block, pd.concat(again, ignore_index=True))


def _keyed(draws: Draws, block: People, visits: pd.DataFrame) -> pd.DataFrame:
    """One visit of a kind, person and day has one key."""
    keys = np.empty(len(visits), dtype=np.int64)
    for kind in visits["kind"].unique():
        of = (visits["kind"] == kind).to_numpy()
        keys[of] = visit_key(draws, kind, block.numbers[visits["who"][of]], visits["day"][of].to_numpy())
    return visits.assign(key=keys)


def visit_key(draws: Draws, kind: int, person: np.ndarray, day: np.ndarray) -> np.ndarray:
    """The key of a person's visit of that kind and day."""
    return draws.bits(f"visit key {kind}", person, day).astype(np.int64)


def _happens(draws: Draws, what: str, block: People, first: int, last: int, rate: Any) -> tuple[np.ndarray, np.ndarray]:
    """The (position, day) pairs on which something with this daily probability happens."""
    days = np.arange(first, last + 1)
    who, nth = np.nonzero(draws.uniform(what, block.numbers[:, None], days[None, :]) < rate)
    return who, days[nth]


# --- cards that were not bought


def _shown(draws: Draws, block: People, table: pd.DataFrame) -> pd.DataFrame:
    """Popular products of those days that were shown beside: disliked, or passed over, by who bought something else."""
    kind, key = table["kind"].to_numpy(), table["key"]
    count = np.minimum(1 + draws.exponential("cards", key) * _MEAN_CARDS[kind], 25).astype(int)
    bounced = np.isin(kind, (BROWSE, ANONYMOUS)) & (draws.uniform("bounce", key) < 0.18)
    cards = _repeated(table, np.where(bounced, 0, count))
    kind, one = cards["kind"].to_numpy(), (cards["key"], cards["nth"])
    # A recommender shows better than chance, and a person alone (kind < ANONYMOUS) can be recommended to.
    recommended = (kind < ANONYMOUS) & (cards["view_source"] == "recommendations")
    product = np.where(recommended, _to_taste(draws, "recommended", block, cards), _popular(draws, "shown", cards))
    likes = draws.uniform("thinks", *one) < block.likes(cards["who"].to_numpy(), product)
    passes = np.isin(kind, (ORDER, GUEST)) | (draws.uniform("passes", *one) < 0.08)
    thinks = np.where(likes, np.where(passes, 0, 1), -1)
    return pd.DataFrame({"visit": cards["row"], "product": product, "thinks": thinks, "bought": False, "again": False})


def start_second(draws: Draws, key: np.ndarray) -> np.ndarray:
    """Local second of the day at which a visit begins that is not bound to an order's time."""
    return (7 + draws.choice("hour", _HOURS, key)) * 3600 + np.floor(draws.uniform("second", key) * 3000)


def _to_taste(draws: Draws, what: str, block: People, cards: pd.DataFrame) -> np.ndarray:
    """Of three popular products the one that the person likes best."""
    three = np.stack([_popular(draws, f"{what} {which}", cards) for which in range(3)])
    likes = np.stack([block.likes(cards["who"].to_numpy(), product) for product in three])
    return np.take_along_axis(three, likes.argmax(axis=0)[None, :], axis=0)[0]


def _popular(draws: Draws, what: str, cards: pd.DataFrame) -> np.ndarray:
    """A product, drawn by what is sold in that month of the year."""
    month, chance = month_of(cards["day"]), draws.uniform(what, cards["key"], cards["nth"])
    edges = shop().popularity[:, :-1]
    upwards = (edges + np.arange(12)[:, None]).ravel()
    return np.searchsorted(upwards, chance + month, side="right") - month * edges.shape[1]


def _repeated(table: pd.DataFrame, count: np.ndarray) -> pd.DataFrame:
    """Each row so many times; `row` tells which it was, and `nth` counts 0, 1, 2 … within each."""
    row = np.repeat(np.arange(len(table)), count)
    return table.iloc[row].reset_index(drop=True).assign(row=row, nth=np.arange(len(row)) - np.searchsorted(row, row))
