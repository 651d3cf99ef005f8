"""What a connection leads to, and what may be done over it: the server and its clock, a pooler in between, the role. Only looks."""

import time
from collections.abc import Iterator

from aclue_pipeline.catalog import Catalog
from aclue_pipeline.checks import Judgement
from aclue_pipeline.derived.statement import one
from aclue_pipeline.derived.tables import refuse_blindness
from aclue_pipeline.errors import MissingPrivilege
from aclue_pipeline.postgres import Database, Pg, query
from aclue_pipeline.schema.declared import declared
from aclue_pipeline.schema.preflight import preflight
from aclue_pipeline.schema.session import session

#: The newest server that the tests have seen.
NEWEST = 18
#: Seconds between our clock and the server's: schedules and days are told by ours, events are dated by the server's.
_APART, _FAR_APART = 2, 60


def of_app(db: Database, catalog: Catalog) -> Iterator[Judgement]:
    """The app's database, as the pipeline needs it.

    Raises what `session` and `preflight` do of a connection or database that nothing can be done with, MissingPrivilege.
    """
    with session(db, lock=False) as pg:
        yield _server(pg, db)
        yield _clock(pg, db)
        preflight(pg, acts=False)
        yield Judgement("app", db.label, "passed", "error", "what the app and Supabase bring is there")
        missing = [name for name in declared().tables if not _there(pg, name)]
        yield Judgement(
            "deployed", db.label, "failed" if missing else "passed", "warn",
            f"{', '.join(missing)} not deployed" if missing else f"all {len(declared().tables)} tables are there",
            remedy="aclue plan, then aclue deploy",
        )  # fmt: skip
        yield _needless(pg, "the pipeline's role is made by aclue roles")
        _require_rights(pg, catalog)
        refuse_blindness(pg, catalog)
        yield Judgement(
            "rights", pg.info.user, "passed", "error", "reads every row of what is read, and may make what is derived"
        )


def of_storage(db: Database) -> Iterator[Judgement]:
    """Dagster's own database. Raises what `session` does of a connection that nothing can be done with, MissingPrivilege."""
    with session(db, lock=False) as pg:
        yield _server(pg, db)
        yield _needless(pg, "a role that owns this one database is enough")
    with db.begin() as connection:  # whose schema the URL may name, which the session has set aside
        [found] = query(connection, _READY)
    if not found["ready"]:
        raise MissingPrivilege(
            f"{found['role']} may not make Dagster's tables in {db.label}; its owner grants it by: grant create on schema"
            f" {found['schema'] or 'public'} to {found['role']}"
        )


_READY = """
select to_regclass('runs') is not null or coalesce(has_schema_privilege(current_schema(), 'create'), false) as ready,
    quote_ident(current_schema()) as schema, quote_ident(current_user) as role
"""


def _server(pg: Pg, db: Database) -> Judgement:
    version = pg.info.server_version // 10000
    newer = version > NEWEST
    says = f"newer than {NEWEST}, the newest that was tried" if newer else "a session has a server of its own"
    remedy = "run aclue verify after an upgrade of either"
    return Judgement(
        "server", db.label, "failed" if newer else "passed", "warn", f"PostgreSQL {version}, {says}", remedy=remedy
    )


def _clock(pg: Pg, db: Database) -> Judgement:
    asked = time.time()
    theirs = float(one(pg, "select extract(epoch from clock_timestamp())"))
    ours = (asked + time.time()) / 2  # as if both ways took as long
    apart = abs(theirs - ours)
    return Judgement(
        "clock", db.label, "passed" if apart < _APART else "failed", "warn" if apart < _FAR_APART else "error",
        f"{apart:.1f} s apart from this machine's", {"seconds": round(apart, 3)}, "let both follow the same time service (NTP)",
    )  # fmt: skip


def _needless(pg: Pg, instead: str) -> Judgement:
    """What the role may and nothing here needs."""
    row = pg.execute(_TOO_MUCH, [list(declared().tables)]).fetchone()
    much = row[0] if row else []
    says = ", ".join(much) or "may no more than is needed"
    return Judgement("least privilege", pg.info.user, "failed" if much else "passed", "warn", says, remedy=instead)


_TOO_MUCH = """
select array_remove(array[
    case when rolsuper then 'is a superuser' end,
    case when rolcreaterole and not rolsuper then 'makes roles' end,
    case when rolcreatedb and not rolsuper then 'makes databases' end,
    case when rolreplication and not rolsuper then 'reads the replication stream' end,
    case when not rolsuper and exists (
        select from pg_class c where c.relnamespace = to_regnamespace('public') and relname = any(%s) and pg_has_role(c.relowner, 'USAGE')
    ) then 'owns deployed tables' end
], null)
from pg_roles where rolname = current_user
"""


def _require_rights(pg: Pg, catalog: Catalog) -> None:
    read = [key for key, table in catalog.tables.items() if table.kind in ("app", "deployed")]
    lacks = [right for (right,) in pg.execute(_TOO_LITTLE, [read]).fetchall()]
    if lacks:
        raise MissingPrivilege(
            f"{pg.info.user} lacks {', '.join(lacks)}: work as aclue_pipeline, which `aclue roles` makes and equips"
        )


_TOO_LITTLE = """
select 'create on the database'
where not has_database_privilege(current_database(), 'create')
union all
select 'select on ' || key
from unnest(%s::text[]) as key
join (pg_class c join pg_namespace n on n.oid = c.relnamespace) on n.nspname || '.' || c.relname = key
where not has_schema_privilege(n.oid, 'usage') or not has_table_privilege(c.oid, 'select')
union all
select 'usage and create on schema ' || nspname
from pg_namespace
where nspname in ('pipeline', 'staging', 'analytics', 'history')
    and not (has_schema_privilege(oid, 'usage') and has_schema_privilege(oid, 'create'))
union all
select 'insert, update and delete on public.user_preferences'
from pg_class
where relnamespace = to_regnamespace('public') and relname = 'user_preferences'
    and not (has_table_privilege(oid, 'insert') and has_table_privilege(oid, 'update') and has_table_privilege(oid, 'delete'))
"""


def _there(pg: Pg, name: str) -> bool:
    # By the catalogue: to_regclass() fails where a schema may not be entered.
    found = "select exists (select from pg_class where relnamespace = to_regnamespace('public') and relname = %s)"
    return bool(one(pg, found, [name]))
