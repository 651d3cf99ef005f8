"""Whether a source was written to since it was looked at, cheaply enough to look every quarter of an hour."""

from typing import NamedTuple

import sqlalchemy as sa

from aclue_pipeline.errors import MissingPrerequisite
from aclue_pipeline.postgres import query

#: Tables with fewer rows than this, by the statistics, are read; others estimated, since an observation must stay cheap.
READ_BELOW = 200_000


class Seen(NamedTuple):
    """What a look at a table says."""

    version: str
    rows: int
    is_counted: bool


def version_of(connection: sa.Connection, table: str) -> Seen:
    """Data version and row count of one table.

    A small table is read: its version is the number of rows and the sum of their hashes, which says of any content whether it is
    the same. Of a large one the version is the server's count of rows ever inserted, updated and deleted, and the table's file
    (which TRUNCATE replaces): no scan, new after every write, also after one that was rolled back.
    Raises MissingPrerequisite where the table is not there.
    """
    found = query(
        connection,
        """select c.oid::bigint as id, pg_relation_filenode(c.oid)::bigint as file, c.reltuples::bigint as estimate,
                  s.n_tup_ins as inserted, s.n_tup_upd as updated, s.n_tup_del as deleted, s.n_live_tup as live
           from pg_class c left join pg_stat_all_tables s on s.relid = c.oid where c.oid = to_regclass(:name)""",
        name=table,
    )
    if not found:
        raise MissingPrerequisite(
            f"there is no table {table} on {connection.engine.url.database}; deploy it, or ask whoever owns it"
        )
    seen = found[0]
    estimate = max(seen["estimate"], seen["live"] or 0)
    if estimate < READ_BELOW:
        rows, content = _read(connection, table)
        return Seen(f"{rows}-{content}", rows, True)
    version = "-".join(str(seen[part]) for part in ("id", "file", "inserted", "updated", "deleted"))
    return Seen(version, estimate, False)


def _read(connection: sa.Connection, table: str) -> tuple[int, int]:
    """Number of rows, and the sum of their hashes."""
    schema, name = table.split(".")
    row = sa.cast(sa.literal_column("t"), sa.Text)
    hashes = sa.func.coalesce(sa.func.sum(sa.func.hashtextextended(row, 0)), 0)
    found = connection.execute(
        sa.select(sa.func.count(), hashes).select_from(sa.table(name, schema=schema).alias("t"))
    ).one()
    return int(found[0]), int(found[1])
