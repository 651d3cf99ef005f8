"""The people of the demo by number: the shop's real customers first, then invented ones who resemble them. Who they are, what
they like, and which device they hold; what they *do* is in `visits`."""

import json
import uuid
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import pandas as pd

from aclue_pipeline.demo.draws import Draws
from aclue_pipeline.demo.planted import BASE_RATE, PRICE_SENSITIVITY, TASTE_SPREAD, TASTE_WEIGHTS
from aclue_pipeline.demo.shop import REAL_DAYS, SLUGS, shop

_PEOPLE: Final = uuid.UUID("5f1d5a0e-8a52-5d3c-9f43-5c1f0b6e2a10")  # name space of user ids
_EVIDENCE: Final = 4.0  # purchases that weigh as much as the population's taste


@dataclass(frozen=True)
class People:
    """A block of people; every array has one entry (or row) for each."""

    numbers: np.ndarray
    countries: np.ndarray  # ISO 3166 codes
    joined: np.ndarray  # day of registration, relative to the anchor
    order_rate: np.ndarray  # orders a day
    base_rate: np.ndarray  # logit
    category_taste: np.ndarray  # people × categories, logit
    trait_taste: np.ndarray  # people × traits, logit
    sensitivity: np.ndarray  # logit per unit of log relative price

    def likes(self, who: np.ndarray, product: np.ndarray) -> np.ndarray:
        """Probability that person `who` (a position in this block) likes `product`: the planted truth."""
        traits, popularity, relative_price = _met()
        weights = TASTE_WEIGHTS
        logit = self.base_rate[who] + weights["category"] * self.category_taste[who, shop().category[product]]
        logit += weights["traits"] * np.einsum("ij,ij->i", self.trait_taste[who], traits[product])
        logit += weights["popularity"] * popularity[product]
        logit -= weights["price"] * self.sensitivity[who] * relative_price[product]
        return 1 / (1 + np.exp(-logit))


@lru_cache(maxsize=1)
def _met() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What tastes meet in a product: its traits, adding up to 1 (or 0); the z-score of the logarithm of its sales; the logarithm
    of its price against the median of its category."""
    known = shop()
    sales = np.log1p(known.sold)
    price = pd.Series(np.log(np.maximum(known.price, 0.01)))
    relative = price - price.groupby(known.category).transform("median")
    traits = known.traits / np.maximum(known.traits.sum(axis=1, keepdims=True), 1)
    return traits, (sales - sales.mean()) / sales.std(), relative.to_numpy()


def people(draws: Draws, first: int, last: int) -> People:
    """The people numbered first to last − 1."""
    known = shop()
    numbers, customers = np.arange(first, last), len(known.customers)
    real = numbers < customers
    twins = np.where(real, numbers, (draws.uniform("twin", numbers) * customers).astype(int))
    twin = known.customers.iloc[twins]  # the real customer each is, or resembles
    invented_day = -np.floor(draws.uniform("joined", numbers) * (REAL_DAYS - 30)).astype(int) - 30
    hesitation = 1 + (draws.exponential("hesitation", numbers) * 2).astype(int) % 7
    return People(
        numbers=numbers,
        countries=twin["country"].to_numpy(),
        joined=np.where(real, twin["first_day"], invented_day) - hesitation,
        order_rate=twin["orders"].to_numpy() / REAL_DAYS,
        base_rate=BASE_RATE[0] + BASE_RATE[1] * draws.normal("base rate", numbers),
        category_taste=_taste(draws, "category", numbers, twins, np.eye(len(SLUGS))[known.category]),
        trait_taste=_taste(draws, "traits", numbers, twins, known.traits),
        sensitivity=PRICE_SENSITIVITY[0] + PRICE_SENSITIVITY[1] * draws.normal("sensitivity", numbers),
    )


def _taste(draws: Draws, what: str, numbers: np.ndarray, twins: np.ndarray, products: np.ndarray) -> np.ndarray:
    """How much more often than everybody each one's twin bought of what the products have (products × features): log ratios,
    shrunk to 0; and what nothing real says anything about."""
    known = shop()
    lines = known.lines[known.lines["customer"] >= 0]
    bought = np.zeros((len(known.customers), products.shape[1]))
    np.add.at(bought, lines["customer"].to_numpy(), products[lines["product"]])
    share = (bought.sum(axis=0) + 1) / (bought.sum() + bought.shape[1])
    own = (bought[twins] + _EVIDENCE * share) / (bought[twins].sum(axis=1, keepdims=True) + _EVIDENCE)
    noise = TASTE_SPREAD * draws.normal(what, numbers[:, None], np.arange(len(share))[None, :])
    return np.clip(np.log(own / share), -2, 2) + noise


def names(numbers: np.ndarray) -> list[str]:
    """A name for each person: the customer number of a real one, an invented number above all of those."""
    customers = shop().customers["number"].to_numpy()
    return [str(customers[n]) if n < len(customers) else str(100_000 + n) for n in numbers]


def user_ids(numbers: np.ndarray) -> np.ndarray:
    """The user id of each person: uuid5 of the name."""
    return np.array([str(uuid.uuid5(_PEOPLE, name)) for name in names(numbers)], dtype=object)


def users(block: People, moment: pd.DatetimeIndex) -> pd.DataFrame:
    """Rows of auth.users; `moment` is when each registered. The addresses are nobody's (example.com)."""
    return pd.DataFrame({
        "id": user_ids(block.numbers),
        "aud": "authenticated",
        "role": "authenticated",
        "email": [f"customer{name}@example.com" for name in names(block.numbers)],
        "raw_user_meta_data": [json.dumps({"country": country}) for country in block.countries],
        "created_at": moment,
        "updated_at": moment,
    })  # fmt: skip
