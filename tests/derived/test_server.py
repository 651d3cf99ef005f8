"""What the catalog says without a database is what the server says with one: columns, types, comments of every table."""

import pytest

from aclue_pipeline.catalog.table import ENSURED, SELECTED
from aclue_pipeline.catalog.types import base_of
from aclue_pipeline.postgres import Database, query
from tests.support.catalogs import CATALOG

pytestmark = pytest.mark.database


def on_server(db: Database) -> dict[str, dict[str, tuple[str, str]]]:
    """Table → column → (base type, comment)."""
    with db.begin() as connection:
        rows = query(
            connection,
            """select n.nspname || '.' || c.relname as key, a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
                      coalesce(col_description(c.oid, a.attnum), '') as said
               from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
               where n.nspname in ('public', 'auth', 'staging', 'analytics', 'pipeline') and c.relkind in ('r', 'v', 'p')
                 and a.attnum > 0 and not a.attisdropped order by a.attnum""",
        )
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for row in rows:
        found.setdefault(row["key"], {})[row["name"]] = (base_of(row["type"]), row["said"])
    return found


def test_derived_tables_have_the_columns_types_and_comments_that_their_files_say(deployed_db: Database) -> None:
    server = on_server(deployed_db)
    wrong = []
    for table in CATALOG.tables.values():
        if table.kind in ENSURED:
            there = server.get(table.key, {})
            assert list(there) == [column.name for column in table.columns], table.key
            wrong += [
                f"{table.key}.{c.name}: {c.type} here, {there[c.name][0]} there"
                for c in table.columns
                if c.type != there[c.name][0]
            ]
            assert all(said for _, said in there.values()), table.key
    assert not wrong, "write a cast in the SELECT where the parser cannot tell a type:\n" + "\n".join(wrong)


def test_deployed_tables_have_the_columns_and_types_that_their_files_say(
    deployed_db: Database, deployed_db_b: Database
) -> None:
    server, other = on_server(deployed_db), on_server(deployed_db_b)
    for table in CATALOG.tables.values():
        if table.kind in ("deployed", "app"):
            # Both catalogue shapes count as one table.
            there = {**other[table.key], **server[table.key]}
            assert {column.name: column.type for column in table.columns} == {
                name: type_ for name, (type_, _) in there.items()
            }, table.key


def test_every_column_of_a_select_rests_on_something() -> None:
    """Constants and bookkeeping rest on nothing; what results of Python rest on their headers say, column by column."""
    silent = [
        f"{table.key}.{column.name}"
        for table in CATALOG.tables.values()
        if table.upstream and table.kind in SELECTED
        for column in table.columns
        if not column.lineage and not column.bookkeeping
    ]
    assert not silent, f"give these a `-- lineage:`, or a source: {', '.join(silent)}"
