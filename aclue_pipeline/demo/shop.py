"""The gift shop as arrays: its products, its customers and what they really bought, moved by whole weeks to the anchor.
Real, and only real: what customers saw, liked or clicked is drawn in `visits`."""

import zlib
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

import numpy as np
import pandas as pd

from aclue_pipeline.demo.pack import read
from aclue_pipeline.demo.vocabulary import CATEGORIES, COLOURS, COUNTRIES, STYLES, Reading, read_title

LAST_REAL_DAY: Final = date(2011, 12, 9)
REAL_DAYS: Final = 374  # 2010-12-01 to 2011-12-09, both included
MONTHS: Final = 12


def anchor_for(today: date) -> date:
    """The day to which the last real day moves: the same weekday, within the seven days before `today`."""
    return today - timedelta(days=(today - LAST_REAL_DAY).days % 7 or 7)


@dataclass(frozen=True)
class Shop:
    """Products by number (`codes` is sorted), customers by number (those with known lines first, then by a stable shuffle)."""

    codes: np.ndarray
    titles: np.ndarray
    readings: tuple[Reading, ...]
    price_min: np.ndarray  # GBP
    price_max: np.ndarray
    category: np.ndarray  # position in CATEGORIES
    traits: np.ndarray  # products × (styles, colours), 0 or 1
    popularity: np.ndarray  # months × products: cumulative share of what is sold in that month of the year
    customers: np.ndarray  # customer numbers as text
    countries: np.ndarray  # ISO 3166 codes
    first_day: np.ndarray  # days since the last real day (≤ 0) of each customer's first order
    order_rate: np.ndarray  # orders a day
    orders: pd.DataFrame  # customer, invoice, day (≤ 0), minute (−1: not known)
    #: customer (−1: guest), invoice, day, minute, product, price, cancelled_day (NaN: never), cancelled_minute, again
    lines: pd.DataFrame

    @property
    def price(self) -> np.ndarray:
        """The price a click expects to earn from: the middle of the range, in GBP, rounded to pence."""
        return np.round((self.price_min + self.price_max) / 2 + 1e-9, 2)


@lru_cache(maxsize=1)
def shop() -> Shop:
    """The packed data, read once a process (about half a second)."""
    tables = read()
    products = tables["products"].sort_values("StockCode", ignore_index=True)
    readings = tuple(read_title(title) for title in products["Description"])
    customers = _customers(tables)
    lines = _lines(tables["lines"], customers, products["StockCode"])
    orders = _orders(tables["orders"], lines, customers)
    first = orders.groupby("customer")["day"].min().reindex(range(len(customers)))
    counts = orders.groupby("customer").size().reindex(range(len(customers)), fill_value=0)
    countries = tables["lines"].drop_duplicates("CustomerID").set_index("CustomerID")["Country"].map(COUNTRIES)
    return Shop(
        codes=products["StockCode"].to_numpy(),
        titles=products["Description"].to_numpy(),
        readings=readings,
        price_min=products["PriceMin"].to_numpy(float),
        price_max=products["PriceMax"].to_numpy(float),
        category=np.array([list(CATEGORIES).index(reading.category) for reading in readings]),
        traits=_traits(readings),
        popularity=_popularity(lines, len(products)),
        customers=customers.to_numpy(),
        countries=countries.reindex(pd.Index(customers)).fillna("GB").to_numpy(),
        first_day=first.to_numpy().astype(int),
        order_rate=counts.to_numpy() / REAL_DAYS,
        orders=orders,
        lines=lines,
    )


def _customers(tables: dict[str, pd.DataFrame]) -> pd.Series:
    known = tables["lines"]["CustomerID"].dropna().unique()
    numbers = pd.Series(pd.unique(pd.concat([pd.Series(known), tables["orders"]["CustomerID"]])), name="number")
    order = pd.DataFrame(
        {"later": ~numbers.isin(known), "shuffle": [zlib.crc32(number.encode()) for number in numbers]}
    )
    return numbers.iloc[order.sort_values(["later", "shuffle"]).index].reset_index(drop=True)


def _lines(lines: pd.DataFrame, customers: pd.Series, codes: pd.Series) -> pd.DataFrame:
    """Purchases in order of time; a line that was sent back is its purchase, cancelled."""
    numbers = pd.Series(customers.index, index=customers)
    at = lines["InvoiceDate"]
    table = pd.DataFrame({
        "customer": lines["CustomerID"].map(numbers).fillna(-1).astype(int),
        "invoice": lines["InvoiceNo"],
        "day": (at.dt.normalize() - pd.Timestamp(LAST_REAL_DAY)).dt.days,
        "minute": at.dt.hour * 60 + at.dt.minute,
        "product": lines["StockCode"].map(pd.Series(codes.index, index=codes)).astype(int),
        "price": lines["UnitPrice"],
        "back": lines["Quantity"] < 0,
    })  # fmt: skip
    bought = table[~table["back"]].drop(columns="back").reset_index(drop=True)
    bought["cancelled_day"], bought["cancelled_minute"] = np.nan, 0
    when = bought["day"] * 1440 + bought["minute"]
    unseen = []
    for line in table[table["back"]].drop(columns="back").to_dict("records"):
        back = {"cancelled_day": line["day"], "cancelled_minute": line["minute"]}
        same = (bought["customer"] == line["customer"]) & (bought["product"] == line["product"])
        same &= bought["cancelled_day"].isna() & (when < line["day"] * 1440 + line["minute"])
        if same.any():
            bought.loc[same[same].index[-1], list(back)] = list(back.values())
        else:
            # The sample does not hold the purchase: some days before, under the cancelled invoice's number.
            number = line["invoice"][1:]
            unseen.append(line | {"invoice": number, "day": line["day"] - 3 - int(number) % 17} | back)
    bought = pd.concat([bought, pd.DataFrame(unseen)], ignore_index=True)
    bought = bought.sort_values(["day", "minute", "invoice", "product"], ignore_index=True)
    bought["again"] = bought.duplicated(["customer", "product"]) & (bought["customer"] >= 0)
    return bought


def _orders(orders: pd.DataFrame, lines: pd.DataFrame, customers: pd.Series) -> pd.DataFrame:
    """Every order of a known customer: those with lines at their minute, those that are only a date at none."""
    numbers = pd.Series(customers.index, index=customers)
    dated = pd.DataFrame({
        "customer": orders["CustomerID"].map(numbers),
        "invoice": orders["InvoiceNo"],
        "day": (orders["InvoiceDate"] - pd.Timestamp(LAST_REAL_DAY)).dt.days,
        "minute": -1,
    })  # fmt: skip
    whole = lines.loc[lines["customer"] >= 0, ["customer", "invoice", "day", "minute"]].drop_duplicates("invoice")
    both = pd.concat([whole, dated[~dated["invoice"].isin(whole["invoice"])]], ignore_index=True)
    return both.sort_values(["customer", "day", "minute", "invoice"], ignore_index=True)


def _traits(readings: tuple[Reading, ...]) -> np.ndarray:
    columns = {name: number for number, name in enumerate([*STYLES, *COLOURS])}
    traits = np.zeros((len(readings), len(columns)))
    for row, reading in enumerate(readings):
        traits[row, [columns[name] for name in reading.styles + reading.colours]] = 1
    return traits


def _popularity(lines: pd.DataFrame, products: int) -> np.ndarray:
    """Shares by month of the year, each month's own sales mixed with the whole year's, never 0."""
    month = (np.datetime64(LAST_REAL_DAY) + lines["day"].to_numpy()).astype("datetime64[M]").astype(int) % MONTHS
    monthly = np.zeros((MONTHS, products))
    np.add.at(monthly, (month, lines["product"].to_numpy()), 1)
    yearly = np.sqrt(monthly.sum(axis=0)) + 0.2
    shares = 0.6 * yearly / yearly.sum() + 0.4 * monthly / np.maximum(monthly.sum(axis=1, keepdims=True), 1)
    return np.cumsum(shares / shares.sum(axis=1, keepdims=True), axis=1)
