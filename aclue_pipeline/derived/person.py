"""All that is held of one person, wherever it stands: to give it out, and to delete it. Whether the account still exists or not."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

from psycopg import errors, sql
from psycopg.rows import dict_row

from aclue_pipeline.catalog import Catalog
from aclue_pipeline.derived import facts
from aclue_pipeline.derived.erasure import Relation, clear_noted, clear_rows, of_ours, relations
from aclue_pipeline.derived.statement import is_there, named_errors
from aclue_pipeline.errors import DependentsExist, MissingPrerequisite, NothingFound
from aclue_pipeline.postgres import Database, Pg, identifier
from aclue_pipeline.postgres.locks import wait_for_lock

#: The account, wherever the tables' user_id refers to; ours refer to auth.users.
_ACCOUNTS = """
select n.nspname, c.relname, k.attname
from pg_constraint f
join pg_attribute u on u.attrelid = f.conrelid and u.attnum = f.conkey[1] and u.attname = 'user_id'
join pg_attribute k on k.attrelid = f.confrelid and k.attnum = f.confkey[1]
join pg_class c on c.oid = f.confrelid join pg_namespace n on n.oid = c.relnamespace
where f.contype = 'f' and cardinality(f.conkey) = 1 and f.conrelid = any(%s::regclass[]) group by 1, 2, 3 order by n.nspname = 'auth', 1, 2
"""

#: What visitors are known to be this user alone.
_VISITORS = """
select substr(v.identity, 3) from pipeline.person_numbers u
join pipeline.person_numbers v on v.person_number = u.person_number and not v.is_shared and v.identity like 'a:%%'
where u.identity = 'u:' || %s::text and v.identity !~ '^a:(#|erased:)'
"""


def export(db: Database, catalog: Catalog, user: UUID) -> dict[str, list[dict[str, Any]]]:
    """Rows that are held of a person, by table: what names the user, the visitor's rows that are known to be the user's, and the facts
    that carry the person's number. Raises NothingFound; MissingPrerequisite where nothing could be held."""
    found: dict[str, list[dict[str, Any]]] = {}
    with db.psycopg() as pg, named_errors(), pg.cursor(row_factory=dict_row) as cursor:
        if not relations(pg, catalog):
            raise MissingPrerequisite(
                f"no table of {db.label} names a user, so that this says nothing: is it the app's database?"
            )
        for key, query in _held(pg, catalog, user):
            if rows := cursor.execute(query).fetchall():
                found.setdefault(key, []).extend(rows)
    if not found:
        raise NothingFound(f"nothing is held of a user {user}")
    return found


def erase(db: Database, catalog: Catalog, user: UUID) -> dict[str, int]:
    """Delete what is held of a person, the account too: rows deleted or cleared, by table; {} where there was nothing.

    Rows that published numbers stand on stay, and name nobody any longer. Raises DependentsExist where a table of others holds on
    to the account; nothing is changed then.
    """
    facts.ensure_facts(db, catalog)
    with db.psycopg() as pg, named_errors():
        wait_for_lock(pg, facts.LOCK)
        return _erase(pg, catalog, user)


def _erase(pg: Pg, catalog: Catalog, user: UUID) -> dict[str, int]:
    tables, whose = relations(pg, catalog), sql.Literal(user)
    accounts = _accounts(pg, tables)
    done = {one.key: _count(pg, one.quoted, "user_id", user) for one in tables}
    done |= {f"{schema}.{name}": _count(pg, sql.Identifier(schema, name), key, user) for schema, name, key in accounts}
    for key in of_ours(pg, catalog):
        done[key] = _count(pg, identifier(key), "user_id", user)
    visitors = [name for (name,) in pg.execute(_VISITORS, [user]).fetchall()]
    clear_rows(pg, catalog, but=user)  # of who went before, which are not counted as this person's
    there = pg.execute("select token from pipeline.erasures where user_id = %s limit 1", [user]).fetchone()
    token = sql.Literal(there[0] if there else f"erased:{uuid4().hex}")
    note = """insert into pipeline.erasures (user_id, names, anonymous_id, session_id, token)
              select {user}, sha256(convert_to(jsonb_build_array(t.visitor, t.session)::text, 'UTF8')), t.visitor, t.session, {token}
              from ({names}) as t (visitor, session) on conflict do nothing"""
    known = sql.SQL("select distinct name, null::text from unnest({}::text[]) as name").format(sql.Literal(visitors))
    pg.execute(sql.SQL(note).format(user=whose, token=token, names=known))
    for table in (one for one in tables if one.outlives):
        visitor = sql.SQL("nullif(r.anonymous_id, '')" if "anonymous_id" in table.columns else "null::text")
        named = sql.SQL("select distinct {}, r.session_id from {} r where r.user_id = {}").format(
            visitor, table.quoted, whose
        )
        pg.execute(sql.SQL(note).format(user=whose, token=token, names=named))
        tokened = [sql.SQL("anonymous_id = {}").format(token)] if "anonymous_id" in table.columns else []
        update = sql.SQL("update {} r set {}, user_id = null where r.user_id = {}")
        pg.execute(update.format(table.quoted, table.assignments(*tokened), whose))
    try:
        for one, column in [
            *((sql.Identifier(schema, name), key) for schema, name, key in accounts),
            *((table.quoted, "user_id") for table in tables if not table.outlives),
            *((identifier(key), "user_id") for key in of_ours(pg, catalog)),
        ]:
            pg.execute(sql.SQL("delete from {} where {} = {}").format(one, sql.Identifier(column), whose))
    except errors.ForeignKeyViolation as error:
        raise DependentsExist(
            f"{error.diag.message_detail or error.diag.message_primary}: delete that first; nothing was changed"
        ) from None
    cleared = clear_noted(pg, catalog)
    for table in (one for one in tables if one.outlives):
        done[table.key] += cleared[table.key]
    return {key: rows for key, rows in done.items() if rows}


def _held(pg: Pg, catalog: Catalog, user: UUID) -> Iterator[tuple[str, sql.Composed]]:
    """By table, the query for what is held of the person."""
    tables, whose = relations(pg, catalog), sql.Literal(user)
    for schema, name, key in _accounts(pg, tables):
        yield f"{schema}.{name}", _rows(sql.Identifier(schema, name), key, whose)
    visitors = set[str]()
    numbered = is_there(pg, "pipeline.person_numbers")
    if numbered:
        visitors |= {name for (name,) in pg.execute(_VISITORS, [user]).fetchall()}
    for table in tables:
        yield table.key, _rows(table.quoted, "user_id", whose)
    for table in (one for one in tables if "anonymous_id" in one.columns):
        ownerless = sql.SQL("select * from {} where user_id is null and anonymous_id = any({}::text[])")
        yield table.key, ownerless.format(table.quoted, sql.Literal(sorted(visitors)))
    for key in of_ours(pg, catalog):
        yield key, _rows(identifier(key), "user_id", whose)
    if not numbered:
        return
    number = sql.SQL(
        "select n.person_number from pipeline.person_numbers n where n.identity = 'u:' || {}::text"
    ).format(whose)
    yield (
        "pipeline.person_numbers",
        sql.SQL("select * from pipeline.person_numbers where person_number in ({})").format(number),
    )
    for key in ("staging.click_facts", "staging.session_facts"):
        if is_there(pg, key):
            kept = sql.SQL("select * from {} where person_number in ({})")
            yield key, kept.format(identifier(key), number)


def _accounts(pg: Pg, tables: list[Relation]) -> list[tuple[str, str, str]]:
    return pg.execute(_ACCOUNTS, [[one.quoted.as_string(pg) for one in tables]]).fetchall()


def _rows(table: sql.Identifier, column: str, user: sql.Literal) -> sql.Composed:
    return sql.SQL("select * from {} where {} = {}").format(table, sql.Identifier(column), user)


def _count(pg: Pg, table: sql.Identifier, column: str, user: UUID) -> int:
    asked = sql.SQL("select count(*) from {} where {} = {}").format(table, sql.Identifier(column), sql.Literal(user))
    row = pg.execute(asked).fetchone()
    return int(row[0]) if row else 0
