"""Everything the scripts declare and everything the database has, in one shape, so that they can be laid side by side.
One module per kind of object; each says how its kind is declared, observed and repaired. A new kind is one module and its name here."""

from collections.abc import Sequence

import sqlalchemy as sa
from psycopg import errors, sql

from aclue_pipeline.errors import MissingPrivilege
from aclue_pipeline.postgres import query
from aclue_pipeline.schema.objects import (
    columns,
    comments,
    constraints,
    functions,
    grants,
    indexes,
    policies,
    tables,
    triggers,
)
from aclue_pipeline.schema.objects.thing import Change, Declared, How, Key, LeftAlone, Observed, Statement
from aclue_pipeline.schema.scripts import Script

__all__ = [
    "KINDS",
    "Change",
    "Declared",
    "How",
    "Key",
    "LeftAlone",
    "Observed",
    "Statement",
    "declared",
    "existing",
    "has_rows",
    "observed",
]

#: In the order in which they are repaired: a policy may need a function, a constraint a column.
KINDS = {
    module.KIND: module
    for module in (functions, tables, columns, constraints, indexes, policies, grants, triggers, comments)
}


def declared(scripts: Sequence[Script]) -> dict[Key, Declared]:
    """Every object of the scripts by its key."""
    found = (thing for module in KINDS.values() for script in scripts for thing in module.declared(script))
    return {thing.key: thing for thing in found}


def existing(connection: sa.Connection, scripts: Sequence[Script]) -> set[str]:
    """Which of the scripts' tables are there."""
    rows = query(
        connection,
        """select relname from pg_class
           where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and relname = any(:tables)""",
        tables=[script.table for script in scripts],
    )
    return {row["relname"] for row in rows}


def has_rows(connection: sa.Connection, table: str) -> bool:
    """Whether a table of ours holds a row. Raises MissingPrivilege where row level security would hide some, if the session's
    `row_security` is off; else they would read as none."""
    asked = sql.SQL("select exists (select from public.{}) as some").format(sql.Identifier(table))
    try:
        return bool(query(connection, asked.as_string(None))[0]["some"])
    except sa.exc.ProgrammingError as error:
        if not isinstance(error.orig, errors.InsufficientPrivilege):
            raise
        raise MissingPrivilege(
            f"row level security hides rows of {table} from this role, or it may not read them; log in as the owner (without FORCE"
            " ROW LEVEL SECURITY) or as a role with BYPASSRLS"
        ) from None


def observed(connection: sa.Connection, scripts: Sequence[Script]) -> dict[Key, Observed]:
    """Every object that belongs to the scripts' tables, and their functions, as the server describes it.

    Names in the descriptions carry their schema, whatever the session's search_path is.
    """
    homes = {statement.name: script.table for script in scripts for statement in script.having("function")}
    names = {"tables": [script.table for script in scripts if script.table], "functions": list(homes)}
    path = query(connection, "select current_setting('search_path') as path, set_config('search_path', '', false)")[0][
        "path"
    ]
    found = {}
    for kind, module in KINDS.items():
        for row in query(connection, module.OBSERVED, **names):
            table = row["table_name"] or homes[row["name"].removeprefix("function ")]
            key = Key(kind, table, row["name"])
            found[key] = Observed(key, row["definition"], row.get("ready", True))
    query(connection, "select set_config('search_path', :path, false)", path=path)
    return found
