"""The table itself: row level security and storage settings. That it exists at all is the plan's affair."""

import re
from collections.abc import Iterator

from aclue_pipeline.schema.objects.thing import Change, Declared, Key, LeftAlone, Statement
from aclue_pipeline.schema.scripts import Script

KIND = "table"
SECURITY = "row level security"

OBSERVED = """
select c.relname as table_name, said.name, said.definition
from pg_class c,
lateral (
    select 'row level security' as name, 'on' as definition where c.relrowsecurity
    union all select 'forced row level security', 'on' where c.relforcerowsecurity
    union all select 'persistence', c.relpersistence::text where c.relpersistence <> 'p'
    union all select option_name, option_value from pg_options_to_table(c.reloptions)
) as said
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and c.relname = any(:tables)
"""

normal = str.strip


def declared(script: Script) -> Iterator[Declared]:
    for statement in script.having("security"):
        yield Declared(Key(KIND, script.table, SECURITY), "on", (statement.text,))
    for statement in script.having("table"):
        settings = re.search(r"\) with \(([^()]*)\)$", statement.plain)
        for setting in settings[1].split(",") if settings else ():
            name, value = (part.strip() for part in setting.split("="))
            change = f"alter table public.{script.table} set ({name} = {value})"
            yield Declared(Key(KIND, script.table, name), value, (change,))


def repair(change: Change) -> Iterator[Statement]:
    if change.declared is None:
        raise LeftAlone("set by hand; it opens nothing")
    yield from change.statements(*change.declared.sql)
