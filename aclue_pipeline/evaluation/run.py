"""One evaluation: the earlier events go into a throwaway database, are trained on and folded in there as in production, and the
later ones are predicted from the rows of user_preferences. What is asked for is never in that database."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, Literal
from uuid import UUID

import numpy as np
import pandas as pd
from psycopg.rows import dict_row

from aclue_pipeline import preferences
from aclue_pipeline.errors import DataRefused
from aclue_pipeline.evaluation.folder import Data, Rows
from aclue_pipeline.evaluation.throwaway import CARELESS, deployed_database
from aclue_pipeline.postgres import Database, Pg, script
from aclue_pipeline.preferences.arrays import EPOCH, Floats, Ints
from aclue_pipeline.preferences.baselines import Past, baselines, tuned
from aclue_pipeline.preferences.catalogue import UUID as IDS
from aclue_pipeline.preferences.lookup import Lookup
from aclue_pipeline.preferences.measures import calibration, ece, ece_floor, log_loss, reliability, user_auc
from aclue_pipeline.preferences.predictor import Weights, probability
from aclue_pipeline.preferences.quality import groups_of
from aclue_pipeline.preferences.splits import Mask, global_split, user_split

Split = Literal["user", "global"]
Say = Callable[[str], None]

_Y2K: Final = int(EPOCH.timestamp()) * 1_000_000  # microseconds of Unix; events before are none in production
_HI, _LO = 0x4000, 0x8000 << 48  # of the uuid that stands for a number: any of them keeps the order of the numbers
_USERS: Final = 2_000  # whose rows are held at a time


class Evaluation:
    """What was predicted, and how good it was."""

    def __init__(self, data: Data, test: Ints, probability: Floats, metrics: dict[str, Any]) -> None:
        self.metrics = metrics
        self._data, self._test, self._probability = data, test, probability

    def write_predictions(self, path: Path) -> None:
        """user, product, at as in the file, and p: in the order of the file."""
        predicted = pd.DataFrame({"number": self._test, "p": self._probability})
        self._data.duck.register("predicted", predicted)
        self._data.duck.sql(
            """select u.id as "user", p.id as product, s.said_at as "at", t.p as p
               from predicted as t join swipes as s on s.number = t.number
               join users as u on u.number = s."user" join products as p on p.number = s.product
               order by t.number"""
        ).write_csv(str(path))


def evaluate(
    data: Data,
    split: Split,
    scratch: Path,
    say: Say = lambda line: None,
    where: AbstractContextManager[tuple[Database, Database]] | None = None,
) -> Evaluation:
    """`scratch`: a folder for large files; `where`: an empty deployed database instead of one of its own, as throwaway gives it.

    Raises DataRefused where nothing is left to predict, or the times lie further apart than production keeps."""
    test, known, known_feedback = divided(data.swipes, data.feedback, data.users, split)
    if not len(test):
        raise DataRefused(f"there is nothing to predict: {_NOTHING[split]}")
    shift = _Y2K - _first(data)
    say(
        f"{data.users:,} users, {data.products:,} products, {len(data.swipes):,} swipes, of which {len(test):,} are predicted"
    )
    with where or deployed_database(CARELESS, room="preferences") as (database, admin):
        _load(admin, data, known, known_feedback, shift, scratch)
        say("training")
        trained = preferences.train(database)
        preferences.pin(database, trained.version)  # it is measured here, by what nobody has seen
        say(f"folding in, with {trained.version}")
        preferences.recalculate(database, full=True)
        said = _predicted(database, data.swipes.user[test], data.swipes.product[test])
        say("the cold curve: training again, without a fifth of the users")
        curve = preferences.cold_curve(database)
    say("measuring")
    metrics = _metrics(data, split, test, known, said) | {
        "cold_curve": curve.rename(columns={"profile": "model"}).to_dict("records")
    }
    metrics["data"]["trained_on"] = trained.events
    return Evaluation(data, test, said, _plain(metrics | {"model_version": trained.version}))


_NOTHING: Final = {
    "user": "no user has two swipes left, right or up",
    "global": "no swipe left, right or up is later than the 80 % quantile of their times",
}


def divided(swipes: Rows, feedback: Rows, users: int, split: Split) -> tuple[Ints, Mask, Mask]:
    """(rows of swipes that are predicted, mask of those before, mask of the feedback before).

    Before is, by user, before the first of that user's that is predicted, feedback at an earlier time; else up to the cut in time.
    """
    judged = np.flatnonzero(swipes.judged)
    if split == "global":
        later = global_split(swipes.at[judged])
        cut = swipes.at[judged][~later].max(initial=np.iinfo(np.int64).min)
        return judged[later], swipes.at <= cut, feedback.at <= cut
    test = judged[user_split(swipes.user[judged], swipes.at[judged], judged)]
    sequence = np.lexsort((np.arange(len(swipes)), swipes.at, swipes.user))
    place = np.empty(len(swipes), np.int64)
    place[sequence] = np.arange(len(swipes))
    never = np.iinfo(np.int64).max
    first, cut = np.full(users, never), np.full(users, never)
    np.minimum.at(first, swipes.user[test], place[test])
    np.minimum.at(cut, swipes.user[test], swipes.at[test])
    return test, place < first[swipes.user], feedback.at < cut[feedback.user]


def _first(data: Data) -> int:
    first, last = data.first_and_last()
    if first + (pd.Timestamp.now("UTC").value // 1000 - _Y2K) < last:
        raise DataRefused(
            f"from {_day(first)} to {_day(last)} is longer than the years since 2000, which production keeps: are all times right?"
        )
    return first


def _day(at: int) -> str:
    return str(np.datetime64(at, "us").astype("datetime64[D]"))


def _load(admin: Database, data: Data, known: Mask, known_feedback: Mask, shift: int, scratch: Path) -> None:
    """Only what is known; times moved as a whole, so that the first one is at the beginning of 2000."""
    data.duck.execute(
        f"create or replace macro uuid_of(n) as format('00000000-0000-4000-8000-{{:012x}}', n);"
        f"create or replace macro moved(t) as cast(make_timestamp(t + {shift}) as varchar) || 'Z'"
    )
    data.duck.register("known", pd.DataFrame({"number": np.flatnonzero(known)}))
    data.duck.register("known_feedback", pd.DataFrame({"number": np.flatnonzero(known_feedback)}))
    with admin.psycopg() as pg:
        pg.execute("set local session_replication_role = replica")  # every key was looked up while reading
        pg.execute(_INCOMING)
        for table, select in _TABLES.items():
            _copy(pg, table, data, select, scratch / "rows.csv")
        pg.execute(_FROM_INCOMING)
    with admin.autocommit() as connection:
        script(
            connection,
            "vacuum (analyze) auth.users, public.products, public.swipe_interactions, public.recommendation_feedback",
        )


def _copy(pg: Pg, table: str, data: Data, select: str, file: Path) -> None:
    data.duck.sql(select).write_csv(str(file), header=False)
    with file.open("rb") as rows, pg.cursor().copy(f"copy {table} from stdin (format csv)".encode()) as copy:
        while block := rows.read(1 << 20):
            copy.write(block)
    file.unlink()


_INCOMING: Final = """
    create temp table incoming_products (id uuid, title text, category text, brand text, price numeric, tags text) on commit drop;
    create temp table incoming_feedback (id uuid, user_id uuid, product_id uuid, type text, value numeric, tags text, at timestamptz)
        on commit drop
"""
_TABLES: Final = {
    "auth.users (id)": "select uuid_of(number) from users order by number",
    "incoming_products": """select uuid_of(number), title, left(category, 200), brand, price, tags from products order by number""",
    "public.swipe_interactions (id, user_id, product_id, swipe_direction, swipe_timestamp, time_spent_seconds, preference_strength)": """
        select uuid_of(s.number), uuid_of(s."user"), uuid_of(s.product), s.direction, moved(s."at"), s.time_spent, s.strength
        from swipes as s join known as k on k.number = s.number order by s.number""",
    "incoming_feedback": """
        select uuid_of(f.number), uuid_of(f."user"), uuid_of(f.product), f.type, f.value, f.tags, moved(f."at")
        from feedback as f join known_feedback as k on k.number = f.number order by f.number""",
}
_FROM_INCOMING: Final = """
    insert into public.categories (id, name, slug)
        select gen_random_uuid(), category, category from (select distinct category from incoming_products where category <> '') as c;
    insert into public.products (id, title, brand, category_id, price_min, price_max, tags)
        select p.id, p.title, p.brand, c.id, p.price, p.price, string_to_array(p.tags, '|')
        from incoming_products as p left join public.categories as c on c.slug = p.category;
    insert into public.recommendations (id, user_id, product_id, created_at) select id, user_id, product_id, at from incoming_feedback;
    insert into public.recommendation_feedback
        (id, recommendation_id, user_id, product_id, feedback_type, feedback_value, feedback_tags, created_at, model_version)
        select id, id, user_id, product_id, type, value, string_to_array(tags, '|'), at, 'none' from incoming_feedback
"""


def _predicted(db: Database, user: Ints, product: Ints) -> Floats:
    """The probability of a like for pairs of user and product, from the rows as they stand in the database."""
    said = np.empty(len(user))
    order = np.argsort(user, kind="stable")
    ids = np.zeros(len(product), IDS)
    ids["hi"], ids["lo"] = _HI, product.astype(np.uint64) + np.uint64(_LO)
    with db.psycopg() as pg:
        model = preferences.load_model(pg)
        item = Lookup(model.items.ids)(ids)
        users, start = np.unique(user[order], return_index=True)
        for first in range(0, len(users), _USERS):
            block = users[first : first + _USERS]
            end = start[first + _USERS] if first + _USERS < len(users) else len(order)
            mine = order[start[first] : end]
            rows = _rows(pg, [UUID(int=_HI << 64 | _LO | int(one)) for one in block])
            said[mine] = probability(
                Weights.of_rows(rows, model), np.searchsorted(block, user[mine]), item[mine], model
            )
    return said


def _rows(pg: Pg, users: list[UUID]) -> list[Mapping[str, Any] | None]:
    with pg.cursor(row_factory=dict_row) as cursor:
        cursor.execute("select * from public.user_preferences where user_id = any(%s)", [users])
        found = {row["user_id"]: row for row in cursor}
    return [found.get(user) for user in users]


def _metrics(data: Data, split: Split, test: Ints, known: Mask, said: Floats) -> dict[str, Any]:
    swipes = data.swipes
    before = np.flatnonzero(swipes.judged & known)
    before = before[np.lexsort((before, swipes.at[before], swipes.user[before]))]
    past = Past(
        data.users, data.products, swipes.user[before], swipes.product[before], swipes.like[before].astype(np.float64)
    )
    at = swipes.at[before]
    held = user_split(past.user, at, np.arange(len(before))) if split == "user" else global_split(at)
    user, like = swipes.user[test], swipes.like[test].astype(np.float64)
    others = baselines(past, tuned(past, held), user, swipes.product[test])
    segments = groups_of(np.bincount(past.user, minlength=data.users)[user])

    def measured(mask: Mask) -> dict[str, Any]:
        return {
            "n": int(mask.sum()),
            "users": len(np.unique(user[mask])),
            "model": _scores(like[mask], said[mask], user[mask]) | {"ece_floor": ece_floor(said[mask])},
            "baselines": {name: _scores(like[mask], p[mask], user[mask]) for name, p in others.items()},
        }

    by_segment = {name: measured(mask) for name, mask in segments.items()}
    return {
        "split": split,
        **by_segment["all"],
        "segments": by_segment,
        "reliability": reliability(like, said).to_dict("records"),
        "data": {
            "users": data.users,
            "products": data.products,
            "swipes": len(swipes),
            "feedback": len(data.feedback),
            "earlier": len(before),
        },
    }


def _plain(value: Any) -> Any:
    """As JSON has it: Python's own numbers, and null for what is none."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _scores(like: Floats, probability: Floats, user: Ints) -> dict[str, float]:
    slope, intercept = calibration(like, probability)
    return {
        "log_loss": log_loss(like, probability),
        "user_auc": user_auc(like, probability, user),
        "ece": ece(like, probability),
        "slope": slope,
        "intercept": intercept,
    }
