"""Roles that work on a deployment, each with no more rights than its work needs: who deploys, the pipeline, and who looks at what it
publishes. Made here as far as this role may; the rest is for whoever may."""

from collections.abc import Iterator
from typing import NamedTuple

import psycopg
from psycopg import errors, sql

from aclue_pipeline.errors import MissingPrivilege
from aclue_pipeline.postgres import Database
from aclue_pipeline.schema.access import ROLES
from aclue_pipeline.schema.session import session
from aclue_pipeline.schema.verify.shape import shapes

DEPLOYER, PIPELINE, ANALYST = "aclue_deployer", "aclue_pipeline", "aclue_analyst"
#: What the analyst sees: published tables, no event and no person.
_PUBLISHED = "analytics"


class Statement(NamedTuple):
    """`done`: a question to PostgreSQL that is answered yes where the statement is not needed any more."""

    says: str
    text: str
    done: str


def roles(db: Database) -> list[str]:
    """Make them; what was done. Running it again adds what is missing. Raises MissingPrivilege with the statements that somebody
    else must run, after all others."""
    done, left = [], []
    with session(db, lock=False) as pg:
        for one in statements(pg):
            if _holds(pg, one):
                continue
            why = "no such right to give"  # where the server merely warns
            try:
                pg.execute(one.text.encode())
            except (errors.InsufficientPrivilege, errors.InvalidGrantOperation, errors.UndefinedObject) as error:
                why = str(error).partition("\n")[0]
            if _holds(pg, one):
                done.append(one.says)
            else:
                left.append(f"{one.text};  -- {why}")
    if left:
        raise MissingPrivilege(f"left for a role that may: {' '.join(left)}")
    return done


def script(db: Database) -> str:
    """All statements that are still needed, for whoever may run them."""
    with session(db, lock=False) as pg:
        return "".join(f"{one.text};  -- {one.says}\n" for one in statements(pg) if not _holds(pg, one))


def _holds(pg: psycopg.Connection, one: Statement) -> bool:
    try:
        row = pg.execute(f"select {one.done}".encode()).fetchone()
    except errors.UndefinedObject:  # no such role yet
        return False
    return bool(row and row[0])


def statements(pg: psycopg.Connection) -> Iterator[Statement]:
    """In the order in which they are run."""
    row = pg.execute("select current_database(), to_regnamespace(%s) is not null", [_PUBLISHED]).fetchone()
    assert row is not None
    database, published = row
    for role, attributes, says in (
        (DEPLOYER, "login bypassrls", "deploys, verifies, takes back"),
        (PIPELINE, "login bypassrls", "reads the app's tables and ours, writes derived tables and profiles"),
        (ANALYST, "login", "reads what is published"),
    ):
        yield _said(
            f"{role} {says}", "create role {} {}", f"to_regrole('{role}') is not null", role, sql.SQL(attributes)
        )
    for role in (DEPLOYER, PIPELINE):
        yield _said(
            f"{role} makes schemas",
            "grant create on database {} to {}",
            f"has_database_privilege('{role}', current_database(), 'CREATE')",
            database,
            role,
        )
    yield _member(PIPELINE, "service_role", "does what the server may")
    for role in ROLES:
        yield _member(DEPLOYER, role, "tries what its clients may")
    yield from _deployer(pg)
    if published:
        schema = sql.Identifier(_PUBLISHED)
        yield _said(
            f"{ANALYST} enters {_PUBLISHED}",
            "grant usage on schema {} to {}",
            f"has_schema_privilege('{ANALYST}', '{_PUBLISHED}', 'USAGE')",
            schema,
            ANALYST,
        )
        unread = f"""not exists (select from pg_class where relnamespace = '{_PUBLISHED}'::regnamespace
            and relkind in ('r', 'p', 'v', 'm') and not has_table_privilege('{ANALYST}', oid, 'SELECT'))"""
        yield _said(f"{ANALYST} reads it", "grant select on all tables in schema {} to {}", unread, schema, ANALYST)


def _deployer(pg: psycopg.Connection) -> Iterator[Statement]:
    """What prerequisites.sql asks for, and what keys are taken and tried with."""
    yield _said(
        f"{DEPLOYER} makes tables in public",
        "grant usage, create on schema public to {}",
        f"has_schema_privilege('{DEPLOYER}', 'public', 'CREATE')",
        DEPLOYER,
    )
    yield _said(
        f"{DEPLOYER} names auth.users and auth.uid()",
        "grant usage on schema auth to {}",
        f"has_schema_privilege('{DEPLOYER}', 'auth', 'USAGE')",
        DEPLOYER,
    )
    for target in sorted({target for shape in shapes().values() for target in shape.references.values()}):
        rights = ("SELECT", "INSERT", "DELETE", "REFERENCES")
        yield _said(
            f"{DEPLOYER} refers to {target}, and tries it with rows that it takes back",
            f"grant {', '.join(rights).lower()} on {{}} to {{}}",
            " and ".join(f"has_table_privilege('{DEPLOYER}', '{target}', '{right}')" for right in rights),
            sql.SQL(target),
            DEPLOYER,
        )
    owners = pg.execute(
        "select distinct pg_get_userbyid(relowner) from pg_class where relnamespace = to_regnamespace('public') and relname = any(%s)",
        [list(shapes())],
    ).fetchall()
    for (owner,) in owners:
        if owner != DEPLOYER:
            yield _member(DEPLOYER, owner, "owns the tables that are deployed")


def _member(role: str, of: str, why: str) -> Statement:
    return _said(f"{role} {why}", "grant {} to {}", f"pg_has_role('{role}', '{of}', 'USAGE')", of, role)


def _said(says: str, text: str, done: str, *names: str | sql.Composable) -> Statement:
    composed = sql.SQL(text).format(*(sql.Identifier(one) if isinstance(one, str) else one for one in names))
    return Statement(says, composed.as_string(None), done)
