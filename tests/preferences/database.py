"""A small shop in a real database, and what the recalculation tests look at."""

import hashlib
import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from psycopg import sql

from aclue_pipeline import preferences
from aclue_pipeline.postgres import Database, Pg, query
from aclue_pipeline.postgres.server import EmbeddedServer
from aclue_pipeline.preferences.publish import BOOKKEEPING
from tests.conftest import template

_SHOP = Path(__file__).parents[2] / "benchmarks" / "preferences_data.sql"
USERS, PRODUCTS, SWIPES = 60, 80, 1500

Row = Mapping[str, Any]


def known(name: str) -> str:
    """The id under which the shop has a user or a product."""
    return str(uuid.UUID(hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()))


ME, MUG, TIP = known("user5"), known("product7"), known("tip")  # who writes, about what, and on which recommendation


def stock(db: Database, users: int = USERS, products: int = PRODUCTS, swipes: int = SWIPES) -> None:
    """Users, products, rounds of swiping and swipes, and some feedback on recommendations."""
    with db.begin() as connection:
        for statement in _SHOP.read_text().split(";\n"):
            if statement.strip():
                query(connection, statement, users=users, products=products, swipes=swipes)
        for n in range(1, 21):
            give_feedback(connection, n, n, value=(n % 5 - 2) / 2, kind="explicit" if n % 3 else "implicit")


def train(db: Database, **how: Any) -> preferences.Trained:
    """A new version, made the current one without being judged."""
    trained = preferences.train(db, **how)
    preferences.pin(db, trained.version)
    return trained


@template("deployed")
def stocked_shop(server: EmbeddedServer, name: str) -> None:
    """A small shop with a model, no profile yet."""
    db = Database(server.url(name))
    stock(db)
    train(db)
    db.close()


@template("stocked_shop")
def profiled_shop(server: EmbeddedServer, name: str) -> None:
    """The same with everybody's profile."""
    db = Database(server.url(name))
    preferences.recalculate(db, full=True)
    db.close()


def give_feedback(
    connection: Any, user: int, product: int, value: float = 1.0, kind: str = "explicit", tags: str = "{}"
) -> None:
    query(
        connection,
        """with made as (
               insert into public.recommendations (user_id, product_id)
               values (md5('user' || :user)::uuid, md5('product' || :product)::uuid) returning id
           )
           insert into public.recommendation_feedback
               (recommendation_id, user_id, product_id, feedback_type, feedback_action, feedback_value, feedback_tags, model_version)
           select id, md5('user' || :user)::uuid, md5('product' || :product)::uuid, :kind, 'like', :value, cast(:tags as text[]), '1'
           from made""",
        user=user,
        product=product,
        value=value,
        kind=kind,
        tags=tags,
    )


def swipe(connection: Any, user: int, product: int, direction: str = "right", days_ago: float = 0) -> None:
    query(
        connection,
        """insert into public.swipe_interactions (user_id, product_id, swipe_direction, swipe_timestamp)
           select id, md5('product' || :product)::uuid, :direction, now() - make_interval(secs => :seconds)
           from auth.users where id = md5('user' || :user)::uuid""",
        user=user,
        product=product,
        direction=direction,
        seconds=days_ago * 86_400,
    )


def profiles_in(db: Database) -> list[dict[str, Any]]:
    """All profiles without the bookkeeping columns."""
    with db.begin() as connection:
        rows = query(connection, "select * from public.user_preferences order by user_id")
    return [{name: value for name, value in row.items() if name not in BOOKKEEPING} for row in rows]


def fingerprints_in(db: Database) -> list[dict[str, Any]]:
    with db.begin() as connection:
        return query(
            connection,
            "select user_id, events, marks, model_version, cut from pipeline.profile_fingerprints order by user_id",
        )


def scalar(db: Database, statement: str, **parameters: Any) -> Any:
    with db.begin() as connection:
        rows = query(connection, statement, **parameters)
    return next(iter(rows[0].values())) if rows else None


def write(pg: Pg, role: str, table: str, row: Row, where: Row | None = None) -> None:
    """Insert a row, or update those `where`, as the app's client or server does: under the policies, and ME where it signs in."""
    claims = {"role": role} | ({"sub": ME} if role == "authenticated" else {})
    pg.execute("select set_config('request.jwt.claims', %s, true)", [json.dumps(claims)])
    pg.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
    into, names = sql.Identifier("public", table), [sql.Identifier(name) for name in row]
    values = list(row.values())
    if where is None:
        places = sql.SQL(", ").join(sql.Placeholder() * len(names))
        pg.execute(sql.SQL("insert into {} ({}) values ({})").format(into, sql.SQL(", ").join(names), places), values)
    else:
        sets = sql.SQL(", ").join(sql.SQL("{} = %s").format(name) for name in names)
        tests = sql.SQL(" and ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in where)
        pg.execute(sql.SQL("update {} set {} where {}").format(into, sets, tests), [*values, *where.values()])
    pg.execute("reset role")
