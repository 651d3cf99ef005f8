"""The shop's products as rows of the app's tables, with the columns of both catalogue shapes. Names and prices are real; network,
commission rate, rating and, where the title names no collection, the maker are drawn."""

import json
import uuid
from typing import Final

import numpy as np
import pandas as pd

from aclue_pipeline.demo.draws import Draws, where_said
from aclue_pipeline.demo.planted import DELETED_PRODUCT_RANK
from aclue_pipeline.demo.shop import shop
from aclue_pipeline.demo.vocabulary import CATEGORIES, PARENTS, Reading

_NAMES: Final = uuid.UUID("0b8f3a0c-1f0d-5c86-8d3a-6f7a5b9d4c21")  # name space of product and category ids
NETWORKS: Final = ("amazon", "awin", "commission_junction")
_NETWORK_SHARES: Final = (0.5, 0.3, 0.2)
_RATES: Final = ((0.03, 0.045, 0.07), (0.05, 0.065, 0.08), (0.04, 0.06, 0.1))  # what each network pays
_MAKERS: Final = np.array([
    "Alder & Finch", "Brightwater", "Copper Lane", "Dovecote", "Elm House", "Fairlight", "Goose Green", "Hobbs Mill",
])  # fmt: skip
_OPENED: Final = "2024-01-01T00:00:00Z"  # when everything entered the catalogue


def _id(what: str) -> str:
    return str(uuid.uuid5(_NAMES, what))


def categories() -> pd.DataFrame:
    """Rows of public.categories, parents first."""
    rows: list[tuple[str, str, str | None]] = [(slug, name, None) for slug, name in PARENTS.items()]
    rows += [(slug, name, _id(f"category/{parent}")) for slug, (name, parent) in CATEGORIES.items()]
    table = pd.DataFrame(rows, columns=["slug", "name", "parent_id"])
    table.insert(0, "id", [_id(f"category/{slug}") for slug in table["slug"]])
    return table.assign(sort_order=range(1, len(table) + 1), is_active=True, created_at=_OPENED)


_links: dict[int, pd.DataFrame] = {}


def clickable(draws: Draws) -> pd.DataFrame:
    """What a link to each product says, by its number: product_id, category_id, network (position in NETWORKS), address, price (the
    middle of its range) and the share of it that the network pays, one of its rates by category. Made once for each seed."""
    if draws.seed not in _links:
        known = shop()
        network = draws.choice("network", _NETWORK_SHARES, np.arange(len(known.codes)))
        names = np.array(NETWORKS)[network]
        categories = np.array([_id(f"category/{slug}") for slug in CATEGORIES], dtype=object)
        _links[draws.seed] = pd.DataFrame({
            "product_id": [_id(f"product/{code}") for code in known.codes],
            "category_id": categories[known.category],
            "network": network,
            "affiliate_url": [f"https://example.com/{n}/{code}" for n, code in zip(names, known.codes, strict=True)],
            "price": known.price,
            "commission_rate": np.array(_RATES)[network, draws.choice("rate", (1, 1, 1), network, known.category)],
        })  # fmt: skip
    return _links[draws.seed]


def deleted_product(draws: Draws) -> str:
    """The id of the product that the app deletes on the day of the departures."""
    sold = np.bincount(shop().lines["product"], minlength=len(shop().codes))
    return str(clickable(draws)["product_id"][np.argsort(-sold, kind="stable")[DELETED_PRODUCT_RANK]])


def products(draws: Draws) -> pd.DataFrame:
    """Rows of public.products; a catalogue takes the columns that it has."""
    known, links = shop(), clickable(draws)
    number = np.arange(len(known.codes))
    makers = _MAKERS[(known.category + draws.choice("maker", (3, 2, 1), number)) % len(_MAKERS)]
    sold = np.bincount(known.lines["product"], minlength=len(number))
    reviews = (sold * 3 * draws.exponential("reviews", number)).astype(int)
    network = np.array(NETWORKS)[links["network"]]
    names = [CATEGORIES[reading.category].name for reading in known.readings]
    titles = [title.capitalize() for title in known.titles]
    tags = [reading.tags for reading in known.readings]
    described = zip(titles, names, tags, strict=True)
    return links.drop(columns=["network", "product_id"]).assign(
        id=links["product_id"],
        title=titles,
        description=[
            f"{t} from {n.lower()}" + (f": {', '.join(words)}." if words else ".") for t, n, words in described
        ],
        brand=[reading.brand or maker for reading, maker in zip(known.readings, makers, strict=True)],
        image_url=[f"https://example.com/images/{code}.jpg" for code in known.codes],
        currency="GBP",
        rating=np.where(reviews > 0, np.clip(4.1 + 0.5 * draws.normal("rating", number), 1, 5).round(2), np.nan),
        review_count=reviews,
        features=[_features(*of) for of in zip(known.readings, known.codes, strict=True)],
        created_at=_OPENED,
        updated_at=_OPENED,
        is_active=draws.uniform("active", number) < 0.99,
        category=names,
        retailer=network,
        asin=where_said(network == "amazon", np.array([f"B0{code:0>8}"[:10] for code in known.codes], dtype=object)),
        price_min=known.price_min,
        price_max=known.price_max,
        tags=["{" + ",".join(words) + "}" for words in tags],
        affiliate_network=network,
        availability_status="available",
    )


def _features(reading: Reading, code: str) -> str:
    said = {
        "style": reading.styles,
        "colour": reading.colours,
        "material": reading.materials,
        "occasion": reading.occasions,
    }
    return json.dumps({name: list(values) for name, values in said.items() if values} | {"stock_code": str(code)})
