"""Comments on tables, columns, constraints, indexes, policies, triggers and functions: what the files say must be what a person
reads in the database. Comments on what is not declared are nobody's business."""

import re
from collections.abc import Iterator

from aclue_pipeline.schema.objects.thing import Change, Declared, Key, LeftAlone, Statement
from aclue_pipeline.schema.scripts import Script

KIND = "comment"

OBSERVED = """
with ours as (
    select oid, relname from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and relname = any(:tables)
)
select o.relname as table_name, 'table ' || o.relname as name, d.description as definition
from ours o join pg_description d on d.classoid = 'pg_class'::regclass and d.objoid = o.oid and d.objsubid = 0
union all
select o.relname, 'column ' || a.attname, d.description
from ours o join pg_attribute a on a.attrelid = o.oid
join pg_description d on d.classoid = 'pg_class'::regclass and d.objoid = o.oid and d.objsubid = a.attnum
where a.attnum > 0 and not a.attisdropped
union all
select o.relname, 'index ' || i.relname, d.description
from ours o join pg_index x on x.indrelid = o.oid join pg_class i on i.oid = x.indexrelid
join pg_description d on d.classoid = 'pg_class'::regclass and d.objoid = i.oid and d.objsubid = 0
union all
select o.relname, 'constraint ' || k.conname, d.description
from ours o join pg_constraint k on k.conrelid = o.oid
join pg_description d on d.classoid = 'pg_constraint'::regclass and d.objoid = k.oid
union all
select o.relname, 'policy ' || p.polname, d.description
from ours o join pg_policy p on p.polrelid = o.oid
join pg_description d on d.classoid = 'pg_policy'::regclass and d.objoid = p.oid
union all
select o.relname, 'trigger ' || t.tgname, d.description
from ours o join pg_trigger t on t.tgrelid = o.oid
join pg_description d on d.classoid = 'pg_trigger'::regclass and d.objoid = t.oid
union all
select '', 'function public.' || f.proname, d.description
from pg_proc f join pg_description d on d.classoid = 'pg_proc'::regclass and d.objoid = f.oid
where f.pronamespace = 'public'::regnamespace and 'public.' || f.proname = any(:functions)
"""

normal = str.strip


def declared(script: Script) -> Iterator[Declared]:
    for statement in script.having("comment"):
        said = re.search(r" is '((?:[^']|'')*)'$", statement.plain)
        assert said is not None, statement.plain
        yield Declared(Key(KIND, script.table, statement.name), said[1].replace("''", "'"), (statement.text,))


def repair(change: Change) -> Iterator[Statement]:
    if change.declared is None:
        raise LeftAlone("said by somebody else")
    yield from change.statements(*change.declared.sql, lock="")
