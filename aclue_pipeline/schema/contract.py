"""What an app's clients may rely on: reads sql/schema/contract.yaml and tries every promise in it, as Supabase's REST layer sends
it, inside a transaction that is rolled back. The page that tells clients about it is writing.py's."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, Literal
from uuid import uuid4

import psycopg
import yaml
from psycopg import errors, sql

from aclue_pipeline.checks import Judgement
from aclue_pipeline.errors import SqlFileError
from aclue_pipeline.postgres import Database, Pg, claims
from aclue_pipeline.schema.verify.probes import CannotTry, become, casting, rolled_back
from aclue_pipeline.schema.verify.trials import Cast
from aclue_pipeline.settings import sql_folder

Row = dict[str, Any]

_CLIENTS = ("visitor", "user", "guest", "server")
How = Literal[
    "insert",
    "insert and select",
    "upsert",
    "upsert ignoring duplicates",
    "the same insert again",
    "update",
    "delete",
]
#: HTTP status of a refusal, as PostgREST answers; 42501 is 401 without a user's token. Any other is 400.
_HTTP = {"42501": 403, "23503": 409, "23505": 409}


@dataclass(frozen=True)
class Promise:
    """One request of a client, and what it gets. `sent` is laid over `least`; `of`: whose rows it changes; `refused`: SQLSTATE
    and message, empty where the request is taken."""

    table: str
    says: str
    client: str
    how: How
    least: Row
    sent: tuple[Row, ...]
    of: str
    refused: str
    why: str
    holds: str
    touches: int

    @property
    def rows(self) -> list[Row]:
        return [self.least | row for row in self.sent]

    @property
    def key(self) -> str:
        """The column by which its rows are found again."""
        return "user_id" if self.table == "user_preferences" else "session_id"

    @property
    def columns(self) -> list[str]:
        """Every column that any row names: what a client library sends for all of them."""
        return list(dict.fromkeys(column for row in self.rows for column in row))

    @property
    def code(self) -> str:
        return self.refused.partition(" ")[0]

    @property
    def http(self) -> int:
        if self.refused:
            return 401 if (self.code, self.client) == ("42501", "visitor") else _HTTP.get(self.code, 400)
        return 204 if self.how in ("update", "delete") else 201


@cache
def promises() -> tuple[Promise, ...]:
    """Every promise of contract.yaml, in its order. Raises SqlFileError for a word it does not know."""
    text = (sql_folder() / "schema" / "contract.yaml").read_text(encoding="utf-8")
    return tuple(_promises(yaml.safe_load(text)))


def _promises(tables: Mapping[str, Any]) -> Iterator[Promise]:
    for table, said in tables.items():
        for one in said["promises"]:
            how, send = one.get("how", "insert"), one.get("send", {})
            unknown = one.keys() - {"says", "as", "send", "how", "of", "refused", "why", "holds", "touches"}
            if unknown or one["as"] not in _CLIENTS or how not in How.__args__:  # type: ignore[attr-defined]
                raise SqlFileError(f"sql/schema/contract.yaml: {one['says']!r} says something that nobody reads")
            yield Promise(
                table,
                one["says"],
                one["as"],
                how,
                {} if how in ("update", "delete") else said["least"],
                tuple(send if isinstance(send, list) else [send]),
                one.get("of", "$my_id" if table == "user_preferences" else "$session_id"),
                one.get("refused", ""),
                one.get("why", ""),
                one.get("holds", ""),
                one.get("touches", len(send) if isinstance(send, list) else 1),
            )


def judge(db: Database) -> list[Judgement]:
    """One judgement for each promise. Safe on a database in use, as verifying it is."""
    try:
        with db.psycopg() as pg, rolled_back(pg):
            pg.execute("set local row_security = on; set local search_path = public, extensions")
            cast = casting(pg)
            return [_judgement(promise, _wrong(pg, promise, cast)) for promise in promises()]
    except CannotTry as error:
        return [Judgement("contract", "contract", "not judged", "error", str(error), remedy=error.remedy)]


def _judgement(promise: Promise, wrong: str) -> Judgement:
    answer = promise.refused or "taken"
    sentence = f"{promise.says}: {wrong}, not {answer}" if wrong else f"{promise.says}: {promise.http} {answer}"
    outcome: Literal["passed", "failed"] = "failed" if wrong else "passed"
    return Judgement(promise.table, promise.table, outcome, "error", sentence, remedy="aclue deploy")


def _wrong(pg: Pg, promise: Promise, cast: Cast) -> str:
    """What came of the request, where it is something else than promised; else nothing."""
    me, other = (cast.guest, cast.user) if promise.client == "guest" else (cast.user, cast.guest)
    values = _values(pg, cast, me, other)
    statement = _statement(promise, values)
    identity = {"visitor": claims.anon(), "server": claims.service_role()}.get(promise.client) or claims.user(
        me, anonymous_sign_in=promise.client == "guest"
    )
    try:
        with pg.transaction(force_rollback=True):
            _prepare(pg, promise, values)
            become(pg, identity)
            if promise.how == "the same insert again":
                pg.execute(statement)
            (touched,) = pg.execute(statement).fetchone() or (0,)
            pg.execute("reset role")
            (kept,) = pg.execute(_holds(promise, values)).fetchone() or (False,)
    except (errors.LockNotAvailable, errors.QueryCanceled):
        raise
    except psycopg.Error as error:
        said = f"{error.sqlstate} {error.diag.message_primary}"
        return "" if said == promise.refused else said
    if promise.refused:
        return "taken"
    if touched != promise.touches:
        return f"{touched} rows"
    return "" if kept else f"taken, but not so that {promise.holds}"


def _values(pg: Pg, cast: Cast, me: str, other: str) -> dict[str, Any]:
    row = pg.execute("select now()").fetchone()
    assert row is not None
    now = row[0]
    return {
        "$product_id": cast.product,
        "$session_id": f"aclue-contract-{uuid4()}",
        "$event_id": str(uuid4()),
        "$unknown_id": str(uuid4()),
        "$my_id": me,
        "$somebody_elses_id": other,
        "$recommendation_id": cast.recommended[me],
        "$somebody_elses_recommendation_id": cast.recommended[other],
        "$now": now.isoformat(),
        "$a_minute_ago": (now - timedelta(minutes=1)).isoformat(),
        "$two_days_ago": (now - timedelta(days=2)).isoformat(),
        "$in_an_hour": (now + timedelta(hours=1)).isoformat(),
        "$too_much": {"x": "x" * 16_384},
    }


def _prepare(pg: Pg, promise: Promise, values: Mapping[str, Any]) -> None:
    """A profile of somebody else's and none of one's own; a row to change."""
    if promise.table == "user_preferences":
        pg.execute("delete from public.user_preferences where user_id = %s", [values["$my_id"]])
        somebody = "insert into public.user_preferences (user_id) values (%s) on conflict do nothing"
        pg.execute(somebody, [values["$somebody_elses_id"]])
    elif promise.how == "update":
        least = next(
            one for one in promises() if one.table == promise.table and one.how == "insert" and not one.refused
        )
        become(pg, claims.service_role())
        pg.execute(_statement(least, values))
        pg.execute("reset role")


def _holds(promise: Promise, values: Mapping[str, Any]) -> sql.Composed:
    return sql.SQL("select coalesce(bool_and({}), true) from {} where {} = {}").format(
        sql.SQL(promise.holds or "true"),
        sql.Identifier("public", promise.table),
        sql.Identifier(promise.key),
        sql.Literal(values[promise.of]),
    )


def _statement(promise: Promise, values: Mapping[str, Any]) -> sql.Composed:
    """As PostgREST sends it: the body as JSON, the columns by name, and how many rows came of it."""
    table = sql.Identifier("public", promise.table)
    columns = [sql.Identifier(column) for column in promise.columns]
    body = json.dumps(
        [
            {name: values.get(value, value) if isinstance(value, str) else value for name, value in row.items()}
            for row in promise.rows
        ]
    )
    listed = sql.SQL(", ").join(columns)
    from_body = sql.SQL("from json_populate_recordset(null::{}, {}) as pgrst_body").format(table, sql.Literal(body))
    where = sql.SQL("where {}.{} = {}").format(table, sql.Identifier(promise.key), sql.Literal(values[promise.of]))
    if promise.how == "delete":
        change = sql.SQL("delete from {} {}").format(table, where)
    elif promise.how == "update":
        assigned = sql.SQL(", ").join(sql.SQL("{0} = pgrst_body.{0}").format(column) for column in columns)
        change = sql.SQL("update {} set {} {} {}").format(table, assigned, from_body, where)
    else:
        change = sql.SQL("insert into {} ({}) select {} {}").format(table, listed, listed, from_body)
    if promise.how == "upsert":
        merged = sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(column) for column in columns)
        change += sql.SQL(" on conflict ({}) do update set {}").format(sql.Identifier(promise.key), merged)
    elif promise.how == "upsert ignoring duplicates":
        change += sql.SQL(" on conflict (id) do nothing")
    returned = sql.SQL("{}.*").format(table) if promise.how == "insert and select" else sql.SQL("1")
    return sql.SQL(
        "with pgrst_source as ({} returning {}) select count(_postgrest_t) from (select * from pgrst_source) as _postgrest_t"
    ).format(change, returned)
