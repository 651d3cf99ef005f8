"""Small worlds as folders of files: people who like one of three categories, with ids of any form."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

USERS = "id\nann\nbob\n"
PRODUCTS = 'id,title,category,brand,price,tags\nmug,"Mug, blue",kitchen,Acme,4.50,blue|ceramic\npen,,,,,\n'
SWIPES = "user,product,direction,at,time_spent,strength\nann,mug,right,1700000000,5,0.9\nann,pen,left,2023-11-15T00:00:00Z,,\n"


def write(folder: Path, **files: "str | bytes") -> Path:
    """users.csv, products.csv and swipes.csv, unless said otherwise; an empty text is no file."""
    folder.mkdir(exist_ok=True)
    for name, text in {"users": USERS, "products": PRODUCTS, "swipes": SWIPES, **files}.items():
        if text:
            (folder / f"{name}.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    return folder


def swipes_of(users: int = 40, products: int = 30, n: int = 900, seed: int = 1) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    user, product = random.integers(0, users, n), random.integers(0, products, n)
    like = random.random(n) < 1 / (1 + np.exp(-np.where((user + product) % 3 == 0, 1.5, -1.0)))
    up, down = random.random(n) < 0.2, random.random(n) < 0.1
    direction = np.where(down, "down", np.where(like, np.where(up, "up", "right"), "left"))
    at = 900_000_000 + random.integers(0, 300, n) * 86_400  # many of the same time; before 2000 at first
    return pd.DataFrame(
        {
            "user": [f"u {i}" for i in user],
            "product": [f"p'{i}" for i in product],
            "direction": direction,
            "at": at,
        }
    )


def write_world(folder: Path, swipes: pd.DataFrame, feedback: "Sequence[Mapping[str, object]]" = ()) -> Path:
    """A folder of these swipes, with a user and a product that nobody met."""
    folder.mkdir(exist_ok=True)
    users = [*swipes.user.unique(), "nobody"]
    products = list(dict.fromkeys([*sorted(swipes["product"].unique()), "new"]))
    pd.DataFrame({"id": users}).to_csv(folder / "users.csv", index=False)
    categories = [f"kind {place % 3}" for place in range(len(products))]
    pd.DataFrame({"id": products, "category": categories}).to_csv(folder / "products.csv", index=False)
    swipes.to_csv(folder / "swipes.csv", index=False)
    if feedback:
        pd.DataFrame(list(feedback)).to_csv(folder / "feedback.csv", index=False)
    return folder
