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
#: What the analyst sees: what is published and was, no event and no person.
_PUBLISHED = ["analytics", "history"]


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
                left.append(f"{one.text} ({why})")
    if left:
        raise MissingPrivilege(f"left for a role that may, as `aclue roles --sql` prints it: {'; '.join(left)}")
    return done


def script(db: Database) -> str:
    """All statements that are still needed, for whoever may run them."""
    with session(db, lock=False) as pg:
        return "".join(f"{one.text};  -- {one.says}\n" for one in statements(pg) if not _holds(pg, one))


def _holds(pg: psycopg.Connection, one: Statement) -> bool:
    try:
        row = pg.execute(f"select {one.done}".encode()).fetchone()
    except (
        errors.UndefinedObject,
        errors.InvalidSchemaName,
        errors.InsufficientPrivilege,
    ):  # no such role or schema yet, or nothing that this one may look at
        return False
    return bool(row and row[0])


def statements(pg: psycopg.Connection) -> Iterator[Statement]:
    """In the order in which they are run."""
    row = pg.execute("select current_database()").fetchone()
    assert row is not None
    for role, says in (
        (DEPLOYER, "deploys, verifies, takes back"),
        (PIPELINE, "reads the app's tables and ours, writes derived tables and profiles"),
        (ANALYST, "reads what is published"),
    ):
        yield Statement(f"{role} {says}", f"create role {role} login", f"to_regrole('{role}') is not null")
    # Both work in it, whoever comes first.
    yield Statement("the schema of both", "create schema pipeline", "to_regnamespace('pipeline') is not null")
    for role in (DEPLOYER, PIPELINE):
        bypasses = f"exists (select from pg_roles where rolbypassrls and rolname = '{role}')"
        yield Statement(f"{role} sees every row", f"alter role {role} bypassrls", bypasses)
        yield _grant(role, "create", "database", str(row[0]), "makes schemas")
        yield _grant(role, "usage, create", "schema", "pipeline", "keeps its notes")
    yield _grant("service_role", "usage", "schema", "pipeline", "calls pipeline.likely, reads pipeline.reasons")
    yield from _deployer(pg)
    yield _member(PIPELINE, "service_role", "does what the server may")
    yield _member(PIPELINE, "pg_read_all_stats", "finds slow statements, also of others")
    yield from _on_what_is_there(pg)


def _deployer(pg: psycopg.Connection) -> Iterator[Statement]:
    """What prerequisites.sql asks for, and what keys are taken and tried with."""
    yield _grant(DEPLOYER, "usage, create", "schema", "public", "makes tables")
    yield _grant(DEPLOYER, "usage", "schema", "auth", "names auth.users and auth.uid()")
    for target in sorted({target for shape in shapes().values() for target in shape.references.values()}):
        says = "refers to it, and tries it with rows that it takes back"
        yield _grant(DEPLOYER, "select, insert, delete, references", "table", target, says)
    for role in ROLES:
        yield _member(DEPLOYER, role, "tries what its clients may")
    owners = pg.execute(
        "select distinct pg_get_userbyid(relowner) from pg_class where relnamespace = to_regnamespace('public') and relname = any(%s)",
        [list(shapes())],
    ).fetchall()
    for (owner,) in owners:
        if owner != DEPLOYER:
            yield _member(DEPLOYER, owner, "owns the tables that are deployed")


def _on_what_is_there(pg: psycopg.Connection) -> Iterator[Statement]:
    """What only its owner can give, once it is made."""
    for schema, role in pg.execute(_MAKERS, [_PUBLISHED]).fetchall():
        yield _grant(ANALYST, "usage", "schema", schema, "enters it")
        for right, kinds, kind in (("select", "tables", "r"), ("execute", "functions", "f")):
            given = f"""exists (
                select from pg_default_acl d, aclexplode(d.defaclacl) a
                where d.defaclrole = to_regrole({_literal(role)}) and d.defaclnamespace = to_regnamespace('{schema}')
                    and d.defaclobjtype = '{kind}' and a.grantee = to_regrole('{ANALYST}'))"""
            text = f"alter default privileges for role {role} in schema {schema} grant {right} on {kinds} to {ANALYST}"
            yield Statement(f"{ANALYST}, {schema}: also {kinds} that {role} makes later", text, given)
    for on, name in pg.execute(_THERE, [_PUBLISHED, _PUBLISHED]).fetchall():
        if on == "function":
            yield _grant(ANALYST, "execute", on, name, "calls it")
        elif name.startswith("pipeline."):
            yield _grant(PIPELINE, "select, insert, update, delete", on, name, "works on what was noted")
        else:
            yield _grant(ANALYST, "select", on, name, "reads it")


#: Who makes tables in each schema of what is published.
_MAKERS = """
select distinct n.nspname, quote_ident(pg_get_userbyid(c.relowner))
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = any(%s)
order by 1, 2
"""

_THERE = """
select 'table', format('%%I.%%I', n.nspname, c.relname)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm')
    and (n.nspname = any(%s) or n.nspname = 'pipeline' and c.relname in ('deployments', 'erasures', 'adjustments'))
union all
select 'function', format('%%I.%%I(%%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes))
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where n.nspname = any(%s)
order by 1, 2
"""


def _grant(role: str, rights: str, on: str, name: str, says: str) -> Statement:
    """`name`: as the server writes it, of a database as it is."""
    quoted = sql.Identifier(name).as_string(None) if on == "database" else name
    each = (f"has_{on}_privilege('{role}', {_literal(name)}, '{right}')" for right in rights.split(", "))
    return Statement(f"{role}, {name}: {says}", f"grant {rights} on {on} {quoted} to {role}", " and ".join(each))


def _member(role: str, of: str, says: str) -> Statement:
    quoted = sql.Identifier(of).as_string(None)
    return Statement(f"{role} {says}", f"grant {quoted} to {role}", f"pg_has_role('{role}', {_literal(of)}, 'USAGE')")


def _literal(text: str) -> str:
    return sql.Literal(text).as_string(None)
