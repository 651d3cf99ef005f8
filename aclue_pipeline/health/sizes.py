"""Remembers how large the tables are: a row per day and table in analytics.table_sizes. What growth is too much stands in
sql/health/table_growth.sql."""

import sqlalchemy as sa

from aclue_pipeline.catalog import Catalog
from aclue_pipeline.derived import ensure
from aclue_pipeline.postgres import Database
from aclue_pipeline.settings import get_settings

# Of a table that somebody holds alone, to ask for its size is to wait: it is left out, and is there again tomorrow.
_MEASURE = """
insert into analytics.table_sizes as t (day, table_name, total_bytes, row_estimate)
select (now() at time zone :timezone)::date, format('%I.%I', n.nspname, c.relname), pg_total_relation_size(c.oid),
       nullif(c.reltuples, -1)::bigint
from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'm') and n.nspname !~ '^pg_|^information_schema$'
    and not exists (select from pg_catalog.pg_locks l where l.relation = c.oid and l.granted and l.mode = 'AccessExclusiveLock')
on conflict (day, table_name) do update
set (total_bytes, row_estimate, measured_at) = (excluded.total_bytes, excluded.row_estimate, excluded.measured_at)
"""

# Every day for a quarter of a year, then Mondays for two years: forecasts need no more.
_FORGET = """
delete from analytics.table_sizes
using (select (now() at time zone :timezone)::date as today) as t
where day < t.today - 730 or (day < t.today - 90 and extract(isodow from day) <> 1)
"""


def measure(db: Database, catalog: Catalog) -> int:
    """Measure every table for today (of the reporting zone), and forget what is old, in one transaction; how many."""
    with db.begin() as connection:
        ensure(connection, catalog, catalog.tables["analytics.table_sizes"])
        connection.execute(sa.text("set local lock_timeout = '2s'"))
        zone = {"timezone": get_settings().timezone}
        connection.execute(sa.text(_FORGET), zone)
        return connection.execute(sa.text(_MEASURE), zone).rowcount
