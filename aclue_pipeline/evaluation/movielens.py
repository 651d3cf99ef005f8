"""MovieLens ratings as a folder of swipes. The data is not part of the project: it is read from a folder that somebody names."""

from pathlib import Path

import pandas as pd

from aclue_pipeline.errors import DataRefused


def convert(movielens: Path, folder: Path) -> int:
    """Write users.csv, products.csv and swipes.csv; the number of swipes. 4 of 5 or more is a like, 5 a super-like, all else a dislike.
    The first genre is the category; all genres and the decade are tags. Raises DataRefused where there are no such ratings, or the
    folder holds anything already."""
    if folder.is_dir() and any(folder.iterdir()):
        raise DataRefused(f"{folder} holds files already, and none is overwritten: name a new folder, or an empty one")
    try:
        ratings, movies = pd.read_csv(_file(movielens, "ratings")), pd.read_csv(_file(movielens, "movies"))
        genres = movies.genres.where(movies.genres != "(no genres listed)", "")
        decade = movies.title.str.extract(r"\((\d{3})\d\)\s*$")[0]
        tags = genres.str.cat((decade + "0s").fillna(""), sep="|").str.strip("|")
        products = pd.DataFrame({"id": movies.movieId, "title": movies.title, "category": genres.str.split("|").str[0]})
        swipes = ratings[["userId", "movieId"]].set_axis(["user", "product"], axis=1)
        direction = ratings.rating.map(lambda stars: "up" if stars >= 5 else "right" if stars >= 4 else "left")
        frames = {
            "users": pd.DataFrame({"id": ratings.userId.drop_duplicates()}),
            "products": products.assign(brand="", price="", tags=tags),
            "swipes": swipes.assign(direction=direction, at=ratings.timestamp, time_spent="", strength=""),
        }
    except (OSError, ValueError, AttributeError, KeyError) as error:
        raise DataRefused(f"{movielens} holds no ratings and movies as MovieLens has them: {error}") from None
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in frames.items():
        part = folder / f".{name}.csv.part"
        frame.to_csv(part, index=False)
        part.replace(folder / f"{name}.csv")
    return len(ratings)


def _file(folder: Path, name: str) -> Path:
    plain = folder / f"{name}.csv"
    return plain if plain.exists() else folder / f"{name}.csv.gz"
