"""The history of deployments, kept in the database that they change. A row begins before anything is changed, so that what closes
data can note in its own transaction how to bring it back."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from aclue_pipeline import __version__
from aclue_pipeline.catalog import sqltext
from aclue_pipeline.derived.statement import is_there, one
from aclue_pipeline.errors import Impossible, MissingPrivilege, NotOurs
from aclue_pipeline.postgres import Pg
from aclue_pipeline.schema.census import fingerprint, take
from aclue_pipeline.schema.declared import declared
from aclue_pipeline.settings import person, revision, sql_folder

#: Tables of sql/pipeline that must be there before anything is changed: this history, and what the triggers of ours write to.
MADE = ("deployments", "erasures", "adjustments")
#: What the triggers, which act as the tables' owner, do with them.
_RIGHTS = {"erasures": ("SELECT", "INSERT"), "adjustments": ("SELECT", "INSERT", "UPDATE", "DELETE")}


def began(pg: Pg, action: str, owner: str, plan: str, before: str, allowed: Any = ()) -> int:
    """The number of a deployment that begins now; makes the schema and the table where they are missing."""
    try:
        return _began(pg, action, owner, plan, before, allowed)
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.DuplicateTable) as error:
        raise MissingPrivilege(
            f"this role may not write the history of deployments ({error.diag.message_primary}), nothing was changed; connect as the"
            " owner of schema pipeline"
        ) from None
    except psycopg.errors.RaiseException as error:  # an event trigger of the project's
        raise Impossible(
            f"the history of deployments cannot be kept: {error.diag.message_primary}; nothing was changed"
        ) from None


def _began(pg: Pg, action: str, owner: str, plan: str, before: str, allowed: Any) -> int:
    made = [name for name in MADE if not is_there(pg, f"pipeline.{name}")]
    if made:
        files = (sql_folder() / "pipeline" / f"{name}.sql" for name in made)
        bodies = [sqltext.without_comments(file.read_text(encoding="utf-8")) for file in files]
        schema = [] if one(pg, "select to_regnamespace('pipeline') is not null") else ["create schema pipeline"]
        pg.execute(f"begin; {'; '.join([*schema, *bodies])}; commit".encode())
    for name, rights in _RIGHTS.items():
        held = """select has_schema_privilege(%(owner)s, 'pipeline', 'USAGE')
                  and (select bool_and(has_table_privilege(%(owner)s, %(table)s, one)) from unnest(%(rights)s::text[]) as one)"""
        if not one(pg, held, {"owner": owner, "table": f"pipeline.{name}", "rights": list(rights)}):
            grants = f"grant usage on schema pipeline to {{owner}}; grant {', '.join(rights)} on pipeline.{name} to {{owner}}"
            pg.execute(sql.SQL(grants).format(owner=sql.Identifier(owner)))
    insert = """insert into pipeline.deployments (action, done_by, owner, version, revision, plan, before, allowed)
                values (%s, session_user || ': ' || %s, %s, %s, %s, %s, %s, %s) returning deployment"""
    values = [action, person(), owner, __version__, revision() or None, plan, before, sorted(allowed)]
    return int(one(pg, insert, values))


def noted(deployment: int, undo: str) -> str:
    """The statement that notes, within the transaction that closes something, what brings it back."""
    update = sql.SQL("update pipeline.deployments set brings_back = brings_back || {}::text where deployment = {}")
    return update.format(sql.Literal(undo), sql.Literal(deployment)).as_string(None)


def ended(pg: Pg, deployment: int, after: str, outcome: Mapping[str, str]) -> None:
    pg.execute(
        "update pipeline.deployments set ended_at = clock_timestamp(), after = %s, outcome = %s where deployment = %s",
        [after, json.dumps(outcome), deployment],
    )


@contextmanager
def recorded(
    pg: Pg, action: str, relations: Sequence[int], say: Callable[[str], None], allowed: Collection[str] = ()
) -> Iterator[Callable[[str], None]]:
    """A row for what moves these relations, with each line that was said of it, also where it ends half-way."""
    done: dict[str, str] = {}

    def heard(line: str) -> None:
        done[line.partition(" …")[0]] = line
        say(line)

    owner = one(pg, "select min(pg_get_userbyid(relowner)) from pg_class where oid = any(%s)", [list(relations)])
    plan = sqltext.digest(action, *map(str, relations))
    number = began(pg, action, owner or pg.info.user, plan, _fingerprint(pg), allowed)
    try:
        yield heard
    finally:
        if not pg.closed:
            ended(pg, number, _fingerprint(pg), done)


def _fingerprint(pg: Pg) -> str:
    return fingerprint(take(pg, declared().tables, declared().functions))


def last_owner(pg: Pg) -> str | None:
    """The role that owned the tables after the last deployment, if it is there still."""
    if not _there(pg):
        return None
    rows = pg.execute(
        "select owner from pipeline.deployments where to_regrole(quote_ident(owner)) is not null order by deployment desc limit 1"
    ).fetchall()
    return str(rows[0][0]) if rows else None


def deployments(pg: Pg) -> list[dict[str, Any]]:
    """Every deployment, the newest first; [] before the first."""
    if not _there(pg):
        return []
    with pg.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """select deployment, action, began_at, extract(epoch from ended_at - began_at)::float as seconds, done_by, owner, version,
                      revision, plan, before, after, allowed, brings_back, outcome
               from pipeline.deployments order by deployment desc"""
        ).fetchall()


def who(done_by: str) -> str:
    """ "postgres: ana" → in words, a person before the role that they used."""
    role, _, person = done_by.rpartition(": ")
    return f"{person} (database role {role})"


def _there(pg: Pg) -> bool:
    """Whether it is, as far as this role may look. Raises NotOurs where the name is somebody else's."""
    rows = pg.execute(
        """select has_schema_privilege(n.oid, 'USAGE') and has_table_privilege(c.oid, 'SELECT'),
                  exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'brings_back')
           from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'pipeline' and c.relname = 'deployments'"""
    ).fetchall()
    if any(not ours for _, ours in rows):
        raise NotOurs(
            "pipeline.deployments is somebody else's, nothing was changed; the history of deployments is to be kept under that name:"
            " rename it"
        )
    return any(readable for readable, _ in rows)
