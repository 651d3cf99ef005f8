"""The gift shop: its products, its customers and what they really bought, as NOTICE says it was prepared; days count from the last
real one, which moves by whole weeks to the anchor. Real, and only real: what customers saw, liked or clicked is drawn in `visits`."""

import zipfile
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

LAST_REAL_DAY: Final = date(2011, 12, 9)
REAL_DAYS: Final = 374  # 2010-12-01 to 2011-12-09, both included
#: Slug, name and the slug of the parent (empty at the top), parents first.
CATEGORIES: Final = pd.read_csv(Path(__file__).parent / "categories.csv", keep_default_na=False)
SLUGS: Final = CATEGORIES.loc[CATEGORIES["parent"] != "", "slug"].tolist()  # of the categories that products have
_TRAITS: Final = (
    "vintage", "floral", "country", "romantic", "playful", "glamorous", "folk", "gothic", "british",
    "red", "pink", "blue", "white", "black", "green", "silver", "gold", "cream", "purple", "yellow", "orange", "turquoise", "brown", "grey",
)  # fmt: skip


def anchor_for(today: date) -> date:
    """The day to which the last real day moves: the same weekday, within the seven days before `today`."""
    return today - timedelta(days=(today - LAST_REAL_DAY).days % 7 or 7)


@dataclass(frozen=True)
class Shop:
    """Four tables; products and customers go by their row's number, customers with known lines first."""

    products: pd.DataFrame  # code, title, price_min, price_max (GBP), category (slug), brand; style, colour … as words
    customers: pd.DataFrame  # number, country, first_day (≤ 0) and number of orders
    orders: pd.DataFrame  # customer (−1: guest), invoice, day (≤ 0), minute (−1: not known)
    #: By customer and day: customer, invoice, day, minute, product, price, again (bought before), cancelled (minutes from the last
    #: day's midnight, or NaN).
    lines: pd.DataFrame
    price: np.ndarray  # the price a click expects to earn from: the middle of the range, in GBP, rounded to pence
    sold: np.ndarray  # lines by product
    category: np.ndarray  # position in SLUGS by product
    traits: np.ndarray  # products × (styles, colours), 0 or 1
    popularity: np.ndarray  # months × products: cumulative share of what is sold in that month of the year


@lru_cache(maxsize=1)
def shop() -> Shop:
    """The packaged data, read once a process."""
    texts = dict.fromkeys(("code", "number", "invoice"), str)
    with zipfile.ZipFile(Path(__file__).parent / "online_retail.zip") as archive:
        products, customers, orders, lines = (
            pd.read_csv(archive.open(f"{name}.csv"), dtype=texts, keep_default_na=False, na_values={"cancelled": [""]})
            for name in ("products", "customers", "orders", "lines")
        )
    words = [{*said.split()} for said in products["style"] + " " + products["colour"]]
    return Shop(
        products, customers, orders, lines,
        price=np.round((products["price_min"] + products["price_max"]).to_numpy() / 2 + 1e-9, 2),
        sold=np.bincount(lines["product"], minlength=len(products)),
        category=products["category"].map(SLUGS.index).to_numpy(),
        traits=np.array([[trait in said for trait in _TRAITS] for said in words], dtype=float),
        popularity=_popularity(lines, len(products)),
    )  # fmt: skip


def month_of(day: Any) -> np.ndarray:
    """Month of the year (0 to 11) in which the shop sold what it sells on that day."""
    return (np.datetime64(LAST_REAL_DAY) + np.asarray(day).astype(int)).astype("datetime64[M]").astype(int) % 12


def _popularity(lines: pd.DataFrame, products: int) -> np.ndarray:
    """Shares by month of the year, each month's own sales mixed with the whole year's, never 0."""
    monthly = np.zeros((12, products))
    np.add.at(monthly, (month_of(lines["day"].to_numpy()), lines["product"].to_numpy()), 1)
    yearly = np.sqrt(monthly.sum(axis=0)) + 0.2
    shares = 0.6 * yearly / yearly.sum() + 0.4 * monthly / np.maximum(monthly.sum(axis=1, keepdims=True), 1)
    return np.cumsum(shares / shares.sum(axis=1, keepdims=True), axis=1)
