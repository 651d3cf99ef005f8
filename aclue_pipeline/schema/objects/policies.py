"""Row level security policies. One that no file declares is dropped: permissive policies add up, so it could only open what
the declared ones keep closed."""

import re
from collections.abc import Iterator

from aclue_pipeline.schema import normal as forms
from aclue_pipeline.schema.objects.thing import Change, Declared, Key, Statement, quoted
from aclue_pipeline.schema.scripts import Script

KIND = "policy"

OBSERVED = """
select c.relname as table_name, p.polname as name,
    'as ' || case when p.polpermissive then 'permissive' else 'restrictive' end
        || ' for ' || case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
            when 'd' then 'delete' else 'all' end
        || ' to ' || (
            select string_agg(said, ', ' order by said collate "C")
            from unnest(p.polroles) as role,
            lateral (select case when role = 0 then 'public' else pg_get_userbyid(role)::text end as said) as named)
        || coalesce(' using (' || pg_get_expr(p.polqual, p.polrelid) || ')', '')
        || coalesce(' with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')', '') as definition
from pg_class c join pg_policy p on p.polrelid = c.oid
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and c.relname = any(:tables)
"""

_DEFINITION = re.compile(
    r"as (?P<mode>\w+) for (?P<verb>\w+) to (?P<roles>.+?)(?: using \((?P<using>.*?)\))?(?: with check \((?P<check>.*)\))?$",
    re.DOTALL,
)


def normal(definition: str) -> str:
    found = _DEFINITION.match(definition)
    assert found is not None, definition
    roles = ", ".join(sorted(role.strip() for role in found["roles"].split(",")))
    conditions = [f"{name} {forms.expression(found[name] or '')}" for name in ("using", "check")]
    return "; ".join([found["mode"], found["verb"], roles, *conditions])


def declared(script: Script) -> Iterator[Declared]:
    for statement in script.having("policy"):
        key = Key(KIND, script.table, statement.name)
        yield Declared(key, statement.plain.split(f" on public.{script.table} ", 1)[1], (_drop(key), statement.text))


def repair(change: Change) -> Iterator[Statement]:
    yield from change.statements(*(change.declared.sql if change.declared else (_drop(change.key),)))


def _drop(key: Key) -> str:
    return f"drop policy if exists {quoted(key.name)} on public.{quoted(key.table)}"
