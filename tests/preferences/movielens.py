"""MovieLens ratings read as swipes, to judge the method on real likes and dislikes. The data is not part of the project."""

from pathlib import Path

import numpy as np
import pandas as pd

from aclue_pipeline.preferences.arrays import DISLIKE, LIKE, SUPER_LIKE, Events, Items, Vocabulary
from aclue_pipeline.preferences.catalogue import items_of
from aclue_pipeline.preferences.facets import CONTEXT_KINDS
from tests.preferences.conftest import ids_of


def read(folder: Path) -> tuple[Events, Items, Vocabulary]:
    """Ratings of 4 and more are likes, 5 super-likes, 3 and less dislikes; 3.5 is a dislike. The first genre is the
    category, all genres and the decade are styles."""
    ratings = pd.read_csv(folder / "ratings.csv.gz")
    movies = pd.read_csv(folder / "movies.csv.gz").sort_values("movieId", ignore_index=True)
    decade = movies.title.str.extract(r"\((\d{3})\d\)\s*$")[0]
    genres = movies.genres.where(movies.genres != "(no genres listed)", "").str.split("|")
    styles = [
        [genre for genre in of if genre] + ([f"{ten}0s"] if isinstance(ten, str) else [])
        for of, ten in zip(genres, decade, strict=True)
    ]
    rows = [
        {"category": of[0] or None, "brand": None, "style": style, "colour": [], "price": None}
        for of, style in zip(genres, styles, strict=True)
    ]
    items, vocabulary = items_of(ids_of(movies.movieId.to_numpy()), rows)
    ratings = ratings.sort_values(["userId", "timestamp", "movieId"], kind="stable", ignore_index=True)
    rating = ratings.rating.to_numpy()
    like = rating >= 4
    events = Events(
        users=ratings.userId.nunique(),
        user=np.unique(ratings.userId, return_inverse=True)[1],
        item=np.searchsorted(movies.movieId, ratings.movieId),
        at=ratings.timestamp.to_numpy() * 1_000_000,
        value=np.where(like, 1.0, -1.0),
        source=np.where(rating == 5, SUPER_LIKE, np.where(like, LIKE, DISLIKE)),
        seconds=np.full(len(ratings), np.nan),
        strength=np.full(len(ratings), 0.5),
        training_weight=np.ones(len(ratings)),
        explicit=np.ones(len(ratings), bool),
        price_only=np.zeros(len(ratings), bool),
        context=np.full((len(ratings), len(CONTEXT_KINDS)), -1),
    )
    return events, items, vocabulary
