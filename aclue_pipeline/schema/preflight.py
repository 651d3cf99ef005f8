"""Before anything is changed: is this a database we can deploy to, and does this role have what it needs? Each trouble is one
named error. What is deployed already, and whether all of it, is answered here too."""

from collections.abc import Sequence

import sqlalchemy as sa

from aclue_pipeline.errors import MissingPrerequisite, MissingPrivilege, SchemaIncomplete, ServerTooOld
from aclue_pipeline.postgres import Database, app, query
from aclue_pipeline.schema.plan import plan_on
from aclue_pipeline.schema.scripts import PREREQUISITES, table_names
from aclue_pipeline.settings import sql_folder

#: Supabase's older projects; MERGE-free SQL, but security rules and NULLS NOT DISTINCT of before are not tried.
OLDEST = 15


def preflight(connection: sa.Connection, oldest: int = OLDEST) -> list[str]:
    """Notes worth knowing, where nothing stands in the way.

    Raises ServerTooOld below major version `oldest`, MissingPrerequisite, UnknownCatalogue, MissingPrivilege.
    """
    version = query(connection, "select current_setting('server_version_num')::int / 10000 as major")[0]["major"]
    if version < oldest:
        raise ServerTooOld(
            f"the server is PostgreSQL {version} and must be {oldest} or newer; upgrade the project first"
        )
    rows = query(connection, (sql_folder() / "schema" / f"{PREREQUISITES}.sql").read_text(encoding="utf-8"))
    unmet = [row for row in rows if not row["met"]]
    for trouble, error in (("missing", MissingPrerequisite), ("privilege", MissingPrivilege)):
        found = [row for row in unmet if row["trouble"] == trouble]
        if found:
            raise error(_sentence(trouble, [row["name"] for row in found], found[0]["remedy"]))
    app.shape(connection)
    require_ownership(connection, table_names())
    return [f"{row['name']} is not there: {row['remedy']}" for row in unmet]


def require_deployed(database: Database) -> None:
    """Raises SchemaIncomplete where the schema is not deployed, or only half of it, naming what is missing."""
    with database.begin() as connection:
        todo = plan_on(connection)
    if len(todo.missing) == len(todo.tables):
        raise SchemaIncomplete(f"the schema is not deployed on {database.label}; run `aclue deploy`")
    if todo.missing:
        there = len(todo.tables) - len(todo.missing)
        raise SchemaIncomplete(
            f"the schema is half deployed on {database.label}: {there} of {len(todo.tables)} tables are there,"
            f" {', '.join(todo.missing)} missing; run `aclue deploy`, which finishes it"
        )
    if todo.statements:
        first = todo.statements[0]
        raise SchemaIncomplete(
            f"the schema is half deployed on {database.label}: {first.key} is {first.why}"
            f" ({len(todo.statements)} statements still needed); run `aclue deploy`, which finishes it"
        )


def _sentence(trouble: str, names: list[str], remedy: str) -> str:
    said = ", ".join(names)
    if trouble == "missing":
        return f"{said} {'is' if len(names) == 1 else 'are'} missing, nothing was changed; {remedy}"
    return f"this role lacks {said}, nothing was changed; {remedy}"


def require_ownership(connection: sa.Connection, tables: Sequence[str]) -> None:
    """Raises MissingPrivilege where one of the tables is there and belongs to a role that this one cannot act for."""
    rows = query(
        connection,
        """select relname as name, pg_get_userbyid(relowner) as owner from pg_class
           where relnamespace = 'public'::regnamespace and relname = any(:tables) and not pg_has_role(relowner, 'USAGE')""",
        tables=list(tables),
    )
    if rows:
        names = ", ".join(row["name"] for row in rows)
        raise MissingPrivilege(
            f"this role does not own {names}, nothing was changed; connect as {rows[0]['owner']}, who does"
        )
