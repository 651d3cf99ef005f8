"""What was published before: rows that others replaced go to history.<table> under a publication number, and what that did to
each number to analytics.restatements, with its causes. history.<table>(at) reads what was published at any time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg import errors, sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from aclue_pipeline.catalog import Table
from aclue_pipeline.derived.statement import columns_of, execute, is_there, listed, local_day, one, row
from aclue_pipeline.errors import CannotEvolve
from aclue_pipeline.postgres import Database, Pg, identifier


@dataclass(frozen=True)
class Publication:
    """What one transaction published: its number, rows written and deleted, and per day (None: a whole table) how many cells
    that had been published before came out different."""

    number: int
    written: int
    deleted: int
    restated: dict[date | None, int]


def publish(
    pg: Pg, table: Table, run_id: str | None, version: str, causes: Mapping[str, Sequence[str]] | None
) -> Publication:
    """Put the rows of aclue_new in the place of those that aclue_moved names, and these into the table's history.

    `causes`: the days that had been published before ("" for a whole table; None: it never was), each with what moves numbers
    although no fact changed.
    """
    number = one(pg, "select nextval(pg_get_serial_sequence('pipeline.publications', 'number'))")
    columns = listed(columns_of(pg, table.key))
    deleted = execute(
        pg,
        """with gone as (delete from {table} t using aclue_moved m where {same_key} returning t.*)
           insert into {history} ({all}, replaced_by) select {all}, {number} from gone""",
        table, all=columns, number=number,
    ).rowcount  # fmt: skip
    written = execute(
        pg,
        """insert into {table} ({written}, run_id, publication)
           select {written}, {run_id}, {number} from aclue_new t where exists (select from aclue_moved m where {same_key})
           order by {grain}""",
        table, run_id=run_id, number=number,
    ).rowcount  # fmt: skip
    at = one(pg, "select clock_timestamp()")
    restated = _restate(pg, table, number, at, causes) if causes else {}
    days = execute(pg, "select count(distinct {clock}) from aclue_moved", table).fetchone() if table.clock else (0,)
    pg.execute(
        """insert into pipeline.publications (number, table_name, at, run_id, version, days, rows)
           overriding system value values (%s, %s, %s, %s, %s, %s, %s)""",
        [number, table.key, at, run_id, version, *(days or ()), written + deleted],
    )
    return Publication(number, written, deleted, restated)


#: A cell's causes are those of the changed facts whose dimensions agree with it as far as both have them; where none do, that time
#: went on, or those of its whole day.
_RESTATE = """
    with before as (select {day} as day, {cell} as cell, to_jsonb(r) as numbers from {history} r where r.replaced_by = {number}),
    after as (
        select {day} as day, {cell} as cell, to_jsonb(r) as numbers
        from (select t.* from aclue_new t where exists (select from aclue_moved m where {same_key})) as r
    ),
    cells as (
        select
            coalesce(b.day, a.day) as day,
            coalesce(b.cell, a.cell) as cell,
            b.numbers as before,
            a.numbers as after,
            {causes}::jsonb -> coalesce(coalesce(b.day, a.day)::text, '') as known
        from before b full join after a on coalesce(a.day, '-infinity') = coalesce(b.day, '-infinity') and a.cell = b.cell
    ),
    caused as (
        select c.*, array(
            select x.cause from (
                select f.cause from aclue_causes f
                where f.day is not distinct from c.day and not exists (
                    select from jsonb_each_text(f.cell) as k (name, value)
                    where c.cell ? k.name and c.cell ->> k.name is distinct from k.value
                )
                union
                select jsonb_array_elements_text(c.known)
            ) as x order by 1
        ) as causes
        from cells c
        where c.known is not null
    ),
    written as (
        insert into analytics.restatements (publication, table_name, day, cell, column_name, before, after, causes, at)
        select
            {number}, {key}, c.day, c.cell, n.name, (c.before ->> n.name)::numeric, (c.after ->> n.name)::numeric,
            case
                when c.causes <> '{{}}' then c.causes
                when {time_went_on} then array['new day']
                else coalesce(
                    nullif(array(select distinct f.cause from aclue_causes f where f.day is not distinct from c.day order by 1), '{{}}'),
                    array['unexplained']
                )
            end,
            {at}
        from caused c cross join unnest({numbers}::text[]) as n (name)
        where (c.before ->> n.name)::numeric is distinct from (c.after ->> n.name)::numeric
        returning day, cell
    )
    select day, count(distinct cell) from written group by 1
"""


def _restate(
    pg: Pg, table: Table, number: int, at: datetime, causes: Mapping[str, Sequence[str]]
) -> dict[date | None, int]:
    """Write what became of each number that had been published before; cells by day."""
    execute(
        pg,
        """create temporary table aclue_causes on commit drop as
           with noted as (
               select {noted_day}, d.cause, d.cell from pipeline.dirty d
               where d.table_name = {key} and {is_of_it}
               union
               -- What moved the tables that a whole one is made of moved it.
               select null, unnest(r.causes), r.cell from analytics.restatements r
               where r.table_name = any({upstream})
                 and r.publication > (select max(p.number) from pipeline.publications p where p.table_name = {key})
           )
           -- By the table's own dimensions alone: thousands of causes become a few, and each cell is compared with all of them.
           select distinct n.day, n.cause, k.cell from noted n cross join lateral (
               select coalesce(jsonb_object_agg(e.key, e.value), '{{}}') as cell from jsonb_each(n.cell) e where e.key = any({dimensions})
           ) as k""",
        table,
        dimensions=list(table.grain),
        noted_day=sql.SQL("d.day" if table.clock else "null::date as day"),
        is_of_it=sql.SQL("d.day in (select m.{} from aclue_moved m)").format(sql.Identifier(table.clock))
        if table.clock
        else sql.SQL("d.cause <> 'new day'"),
        upstream=[] if table.clock else list(table.upstream),
    )
    for key in () if table.clock else table.upstream:
        if "publication" in (names := columns_of(pg, key)):
            shared = (sql.SQL("{}, u.{}").format(sql.Literal(n), sql.Identifier(n)) for n in table.grain if n in names)
            execute(
                pg,
                """insert into aclue_causes
                   select distinct null::date, 'new day', jsonb_build_object({shared}) from {source} u
                   where u.publication > (select max(p.number) from pipeline.publications p where p.table_name = {key})
                     and not exists (select from analytics.restatements r where r.publication = u.publication and r.day = u.day)""",
                table, shared=sql.SQL(", ").join(shared), source=identifier(key),
            )  # fmt: skip
    rows = execute(
        pg, _RESTATE, table, number=number, at=at, causes=Jsonb(dict(causes)), numbers=_numbers(pg, table),
        time_went_on=not table.clock and _time_went_on(pg, table),
    )  # fmt: skip
    return dict(rows.fetchall())


def _time_went_on(pg: Pg, table: Table) -> bool:
    """Whether a day is over, or has events, that was not or had not when the table was last published."""
    last, noted = row(
        pg,
        """select max(p.at), exists (select from pipeline.dirty d where d.table_name = %(key)s and d.cause = 'new day')
           from pipeline.publications p where p.table_name = %(key)s""",
        {"key": table.key},
    )
    return bool(noted) or local_day(pg, last) < local_day(pg)


def _numbers(pg: Pg, table: Table) -> list[str]:
    """Columns that hold a number, keys and bookkeeping apart."""
    rows = pg.execute(
        """select a.attname from pg_attribute a join pg_type t on t.oid = a.atttypid
           where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped and t.typcategory = 'N' order by a.attnum""",
        [table.key],
    )
    ours = {column.name for column in table.columns if not column.bookkeeping} - set(table.grain)
    return [name for (name,) in rows if name in ours]


# --- what was published at a time ---------------------------------------------------------------------------------------


_AS_OF = """
    create or replace function {history}(at timestamptz) returns table ({typed}) language plpgsql stable
    security definer set search_path = pg_catalog, pg_temp as $body$
    #variable_conflict use_column
    declare
        published bigint;
        boundary record;
    begin
        select coalesce(max(p.number), 0) into published
        from pipeline.publications p where p.table_name = {key} and p.at <= $1;
        select p.number, p.at, p.archived into boundary
        from pipeline.publications p where p.table_name = {key} and p.archived is not null order by p.number desc limit 1;
        if boundary.number > published then
            raise exception '% had another grain until %: what was published before is kept in %', {key}, boundary.at, boundary.archived;
        end if;
        return query
        select {live} from {table} t where coalesce(t.publication, 0) <= published
        union all
        select {gone} from {history} h where coalesce(h.publication, 0) <= published and h.replaced_by > published;
    end
    $body$
"""


def ensure_history(pg: Pg, table: Table) -> None:
    """history.<table> with every column that the table has, and the function of that name that reads both as of a time."""
    want = columns_of(pg, table.key)
    if not is_there(pg, f"history.{table.name}"):
        execute(pg, "create table {history} (like {table})", table)
        execute(pg, "alter table {history} add column replaced_by bigint not null", table)
        execute(pg, "create index on {history} ({first}, replaced_by)", table, first=sql.Identifier(table.grain[0]))
    have = columns_of(pg, f"history.{table.name}")
    for name, kind in want.items():
        what = {"column": sql.Identifier(name), "kind": sql.SQL(kind)}
        if name not in have:
            execute(pg, "alter table {history} add column {column} {kind}", table, **what)
        elif have[name] != kind:
            execute(pg, "alter table {history} alter column {column} type {kind}", table, **what)
    _drop_function(pg, table)
    typed = sql.SQL(", ").join(sql.Identifier(name) + sql.SQL(f" {kind}") for name, kind in want.items())
    execute(pg, _AS_OF, table, typed=typed, live=listed(want, "t"), gone=listed(want, "h"))
    execute(pg, "revoke execute on function {history}(timestamptz) from public", table)
    says = f"The rows of {table.key} as they were published at a time."
    execute(pg, "comment on function {history}(timestamptz) is {says}", table, says=says)
    says = "The publication that replaced or deleted the row (pipeline.publications)."
    execute(pg, "comment on column {history}.replaced_by is {says}", table, says=says)


def archive(pg: Pg, table: Table, version: str) -> str:
    """Set the table and its history aside whole, since its grain changes; the name under which it stays."""
    name = f"{table.name}_{version[:8]}"
    if is_there(pg, f"history.{name}"):
        raise CannotEvolve(
            f"{table.key} has another grain than its file, and history.{name} is there already: rename that"
        )
    _drop_function(pg, table)
    for old, new in ((f"history.{table.name}", f"{name}_replaced"), (table.key, name)):
        if is_there(pg, old):
            pg.execute(sql.SQL("alter table {} rename to {}").format(identifier(old), sql.Identifier(new)))
    execute(pg, "alter table {renamed} set schema history", table, renamed=sql.Identifier(table.schema, name))
    pg.execute("delete from pipeline.days where table_name = %s", [table.key])
    pg.execute("delete from pipeline.dirty where table_name = %s", [table.key])
    pg.execute(
        """insert into pipeline.publications (table_name, at, version, days, rows, archived)
           values (%s, clock_timestamp(), %s, 0, 0, %s)""",
        [table.key, version, f"history.{name}"],
    )
    return f"history.{name}"


def _drop_function(pg: Pg, table: Table) -> None:
    try:
        execute(pg, "drop function if exists {history}(timestamptz)", table)
    except errors.DependentObjectsStillExist as error:
        others = error.diag.message_detail
        raise CannotEvolve(
            f"history.{table.name}(at) must be created again, but others stand on it ({others})"
        ) from None


def restated(
    db: Database, table: Table, *, run_id: str | None = None, day: date | None = None, since: date | None = None
) -> list[dict[str, Any]]:
    """What became of published numbers, by day, currency (where the grain has one) and column: before, after and causes. Only
    columns that may be summed."""
    names = [column.name for column in table.columns if not column.summing.startswith(("Not additive", "Ratio of"))]
    statement = """
        select r.day, r.cell ->> 'currency' as currency, r.column_name as "column", p.at, p.run_id, r.publication,
            coalesce(sum(r.before), 0) as before, coalesce(sum(r.after), 0) as after,
            (select array_agg(distinct cause) from unnest(string_to_array(string_agg(array_to_string(r.causes, ';'), ';'), ';')) as cause
             where cause <> '') as causes
        from analytics.restatements r join pipeline.publications p on p.number = r.publication
        where r.table_name = %(table)s and r.column_name = any(%(names)s)
          and (%(run_id)s::text is null or p.run_id = %(run_id)s)
          and (%(day)s::date is null or r.day = %(day)s)
          and (%(since)s::date is null or p.at >= %(since)s)
        group by 1, 2, 3, 4, 5, 6 order by r.publication, 1, 2, array_position(%(names)s::text[], r.column_name)"""
    with db.psycopg() as pg, pg.cursor(row_factory=dict_row) as cursor:
        values = {"table": table.key, "names": names, "run_id": run_id, "day": day, "since": since}
        return [change | {"causes": change["causes"] or []} for change in cursor.execute(statement, values).fetchall()]
