"""One short text for everything that is deployed: two databases with the same fingerprint have the same columns, constraints,
indexes, policies, grants, triggers, functions, comments and security flags, on whatever server version and however they came by
them. Taken over the server's own words, so that it sees what a comparison of meanings forgives."""

from typing import Any

import sqlalchemy as sa

from aclue_pipeline.catalog.sqltext import digest
from aclue_pipeline.postgres import query
from aclue_pipeline.schema import objects
from aclue_pipeline.schema.scripts import scripts, table_names


def fingerprint(connection: sa.Connection) -> str:
    """16 hexadecimal digits; also of a database with nothing deployed."""
    things = objects.observed(connection, scripts())
    return digest(*(f"{key!r} {things[key].definition} {things[key].ready}" for key in sorted(things)))


def counted(connection: sa.Connection) -> list[dict[str, Any]]:
    """Of each of our tables that is there, how many columns, indexes, keys, policies and triggers it has."""
    return query(
        connection,
        """select c.relname as table,
                  (select count(*) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
                  (select count(*) from pg_index i where i.indrelid = c.oid) as indexes,
                  (select count(*) from pg_constraint k where k.conrelid = c.oid and k.contype = 'f') as foreign_keys,
                  (select count(*) from pg_policy p where p.polrelid = c.oid) as policies,
                  (select count(*) from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal) as triggers,
                  c.relrowsecurity as row_level_security
           from pg_class c where c.oid in (select to_regclass(name) from unnest(cast(:names as text[])) as name) order by 1""",
        names=[f"public.{table}" for table in table_names()],
    )
