"""The shop's products as rows of the app's tables, with the columns of both catalogue shapes. Names and prices are real; network,
commission rate, rating and, where the title names no collection, the maker are drawn."""

import json
import uuid
from functools import lru_cache
from typing import Final

import numpy as np
import pandas as pd

from aclue_pipeline.demo.draws import Draws, where_said
from aclue_pipeline.demo.planted import DELETED_PRODUCT_RANK
from aclue_pipeline.demo.shop import CATEGORIES, shop

_NAMES: Final = uuid.UUID("0b8f3a0c-1f0d-5c86-8d3a-6f7a5b9d4c21")  # name space of product and category ids
NETWORKS: Final = ("amazon", "awin", "commission_junction")
_NETWORK_SHARES: Final = (0.5, 0.3, 0.2)
_RATES: Final = ((0.03, 0.045, 0.07), (0.05, 0.065, 0.08), (0.04, 0.06, 0.1))  # what each network pays
_MAKERS: Final = np.array([
    "Alder & Finch", "Brightwater", "Copper Lane", "Dovecote", "Elm House", "Fairlight", "Goose Green", "Hobbs Mill",
])  # fmt: skip
_OPENED: Final = "2024-01-01T00:00:00Z"  # when everything entered the catalogue


def _ids(kind: str, names: pd.Series) -> np.ndarray:
    return np.array([str(uuid.uuid5(_NAMES, f"{kind}/{name}")) if name else None for name in names], dtype=object)


def categories() -> pd.DataFrame:
    """Rows of public.categories, parents first."""
    return CATEGORIES.drop(columns="parent").assign(
        id=_ids("category", CATEGORIES["slug"]),
        parent_id=_ids("category", CATEGORIES["parent"]),
        sort_order=range(1, len(CATEGORIES) + 1),
        is_active=True,
        created_at=_OPENED,
    )


@lru_cache(maxsize=2)
def clickable(draws: Draws) -> pd.DataFrame:
    """What a link to each product says, by its number: product_id, category_id, network (position in NETWORKS), address, price (the
    middle of its range) and the share of it that the network pays, one of its rates by category."""
    known = shop()
    codes = known.products["code"]
    network = draws.choice("network", _NETWORK_SHARES, np.arange(len(codes)))
    return pd.DataFrame({
        "product_id": _ids("product", codes),
        "category_id": _ids("category", known.products["category"]),
        "network": network,
        "affiliate_url": [f"https://example.com/{NETWORKS[n]}/{code}" for n, code in zip(network, codes, strict=True)],
        "price": known.price,
        "commission_rate": np.array(_RATES)[network, draws.choice("rate", (1, 1, 1), network, known.category)],
    })  # fmt: skip


def deleted_product(draws: Draws) -> str:
    """The id of the product that the app deletes on the day of the departures."""
    return str(clickable(draws)["product_id"][np.argsort(-shop().sold, kind="stable")[DELETED_PRODUCT_RANK]])


def products(draws: Draws) -> pd.DataFrame:
    """Rows of public.products; a catalogue takes the columns that it has."""
    known, links = shop(), clickable(draws)
    rows = known.products
    number = np.arange(len(rows))
    makers = _MAKERS[(known.category + draws.choice("maker", (3, 2, 1), number)) % len(_MAKERS)]
    reviews = (known.sold * 3 * draws.exponential("reviews", number)).astype(int)
    network = np.array(NETWORKS)[links["network"]]
    names = rows["category"].map(CATEGORIES.set_index("slug")["name"])
    titles = rows["title"].str.capitalize()
    features = [
        {name: said.split() for name, said in one.items() if said} | {"stock_code": code}
        for one, code in zip(
            rows[["style", "colour", "material", "occasion"]].to_dict("records"), rows["code"], strict=True
        )
    ]
    tags = [list(dict.fromkeys(word for name in one if name != "stock_code" for word in one[name])) for one in features]
    described = [f": {', '.join(words)}." if words else "." for words in tags]
    return links.drop(columns=["network", "product_id"]).assign(
        id=links["product_id"],
        title=titles,
        description=titles + " from " + names.str.lower() + described,
        brand=rows["brand"].where(rows["brand"] != "", pd.Series(makers)),
        image_url="https://example.com/images/" + rows["code"] + ".jpg",
        currency="GBP",
        rating=np.where(reviews > 0, np.clip(4.1 + 0.5 * draws.normal("rating", number), 1, 5).round(2), np.nan),
        review_count=reviews,
        features=[json.dumps(one) for one in features],
        created_at=_OPENED,
        updated_at=_OPENED,
        is_active=draws.uniform("active", number) < 0.99,
        category=names,
        retailer=network,
        asin=where_said(network == "amazon", ("B0" + rows["code"].str.zfill(8)).str[:10].to_numpy(dtype=object)),
        price_min=rows["price_min"],
        price_max=rows["price_max"],
        tags=["{" + ",".join(words) + "}" for words in tags],
        affiliate_network=network,
        availability_status="available",
    )
