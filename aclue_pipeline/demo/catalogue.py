"""The shop's products as rows of the app's tables, in either catalogue shape: categories and products. Names and prices are
real; network, commission rate, rating and, where the title names no collection, the maker are drawn."""

import json
import uuid
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

from aclue_pipeline.demo.draws import Draws, where_said
from aclue_pipeline.demo.shop import Shop, shop
from aclue_pipeline.demo.vocabulary import CATEGORIES, PARENTS

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_CATALOGUE: Final = uuid.UUID("0b8f3a0c-1f0d-5c86-8d3a-6f7a5b9d4c21")  # name space of product and category ids
NETWORKS: Final = ("amazon", "awin", "commission_junction")
NETWORK_SHARES: Final = (0.5, 0.3, 0.2)
_RATES: Final = ((0.03, 0.045, 0.07), (0.05, 0.065, 0.08), (0.04, 0.06, 0.1))  # what each network pays
_MAKERS: Final = (
    "Alder & Finch",
    "Brightwater",
    "Copper Lane",
    "Dovecote",
    "Elm House",
    "Fairlight",
    "Goose Green",
    "Hobbs Mill",
)
_OPENED: Final = "2024-01-01T00:00:00Z"  # when everything entered the catalogue


@lru_cache(maxsize=1)
def product_ids() -> "np.ndarray":
    """uuid5 of each stock code, in the order of `shop().codes`."""
    import numpy as np

    return np.array([str(uuid.uuid5(_CATALOGUE, f"product/{code}")) for code in shop().codes], dtype=object)


@lru_cache(maxsize=1)
def category_ids() -> "np.ndarray":
    """The id of each category, in the order of the vocabulary."""
    import numpy as np

    return np.array([_category_id(slug) for slug in CATEGORIES], dtype=object)


def _category_id(slug: str) -> str:
    return str(uuid.uuid5(_CATALOGUE, f"category/{slug}"))


def categories() -> "pd.DataFrame":
    """Rows of public.categories, parents first."""
    import pandas as pd

    rows: list[tuple[str, str, str | None]] = [(slug, name, None) for slug, name in PARENTS.items()]
    rows += [(slug, name, _category_id(parent)) for slug, (name, parent) in CATEGORIES.items()]
    table = pd.DataFrame(rows, columns=["slug", "name", "parent_id"])
    table.insert(0, "id", [_category_id(slug) for slug in table["slug"]])
    return table.assign(sort_order=range(1, len(table) + 1), is_active=True, created_at=_OPENED)


def networks(draws: Draws) -> "np.ndarray":
    """Position in NETWORKS of each product's affiliate network."""
    import numpy as np

    return draws.choice("network", NETWORK_SHARES, np.arange(len(shop().codes)))


def commission_rates(draws: Draws) -> "np.ndarray":
    """The share of the price each product's network pays: one of the network's rates, by category."""
    import numpy as np

    step = draws.choice("rate", (1, 1, 1), networks(draws), shop().category)
    return np.array(_RATES)[networks(draws), step]


def products(draws: Draws, shape: Literal["a", "b"]) -> "pd.DataFrame":
    """Rows of public.products in catalogue shape A or B."""
    import numpy as np
    import pandas as pd

    known = shop()
    number = np.arange(len(known.codes))
    numbers = range(len(known.codes))
    makers = np.array(_MAKERS)[(known.category + draws.choice("maker", (3, 2, 1), number)) % len(_MAKERS)]
    sold = np.bincount(known.lines["product"], minlength=len(number))
    reviews = (sold * 3 * draws.exponential("reviews", number)).astype(int)
    network = np.array(NETWORKS)[networks(draws)]
    table = pd.DataFrame({
        "id": product_ids(),
        "title": [title.capitalize() for title in known.titles],
        "description": [_description(known, n) for n in numbers],
        "brand": [reading.brand or maker for reading, maker in zip(known.readings, makers, strict=True)],
        "image_url": [f"https://example.com/images/{code}.jpg" for code in known.codes],
        "affiliate_url": [f"https://example.com/{n}/{code}" for n, code in zip(network, known.codes, strict=True)],
        "currency": "GBP",
        "rating": np.where(reviews > 0, np.clip(4.1 + 0.5 * draws.normal("rating", number), 1, 5).round(2), np.nan),
        "review_count": reviews,
        "features": [_features(known, n) for n in numbers],
        "created_at": _OPENED,
        "updated_at": _OPENED,
        "is_active": draws.uniform("active", number) < 0.99,
    })  # fmt: skip
    if shape == "b":
        return table.assign(
            price=known.price,
            category=[CATEGORIES[known.readings[n].category].name for n in numbers],
            retailer=network,
            asin=where_said(
                network == "amazon", np.array([f"B0{code:0>8}"[:10] for code in known.codes], dtype=object)
            ),
        )
    return table.assign(
        price_min=known.price_min,
        price_max=known.price_max,
        category_id=category_ids()[known.category],
        tags=["{" + ",".join(reading.tags) + "}" for reading in known.readings],
        affiliate_network=network,
        commission_rate=commission_rates(draws),
        availability_status="available",
    )


def affiliate_urls(draws: Draws) -> "np.ndarray":
    """The address a click on each product leads to."""
    import numpy as np

    network = np.array(NETWORKS)[networks(draws)]
    return np.array(
        [f"https://example.com/{n}/{code}" for n, code in zip(network, shop().codes, strict=True)], dtype=object
    )


def _description(known: Shop, number: int) -> str:
    reading = known.readings[number]
    words = ", ".join(reading.tags)
    return f"{known.titles[number].capitalize()} from {CATEGORIES[reading.category].name.lower()}" + (
        f": {words}." if words else "."
    )


def _features(known: Shop, number: int) -> str:
    reading = known.readings[number]
    said = {
        "style": reading.styles,
        "colour": reading.colours,
        "material": reading.materials,
        "occasion": reading.occasions,
    }
    return json.dumps(
        {name: list(values) for name, values in said.items() if values} | {"stock_code": str(known.codes[number])}
    )
