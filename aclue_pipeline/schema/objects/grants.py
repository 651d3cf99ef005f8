"""Grants on tables, columns and functions, as one whole per table or function: the file's REVOKE and GRANTs are run together or
not at all, so that the result is the same whatever a project's default privileges gave. The owner's own rights are not looked at."""

import re
from collections.abc import Iterator
from itertools import groupby

from aclue_pipeline.schema import normal as forms
from aclue_pipeline.schema.objects.thing import Change, Declared, Key, Statement, quoted
from aclue_pipeline.schema.scripts import Script, Written

KIND = "grants"

# One line per role, verb and column ("" for the whole table). Tables without any grant are observed as "".
OBSERVED = """
with held as (
    select c.relname as table_name, 'table public.' || c.relname as name, c.relowner as owner, acl.*, '' as column_name
    from pg_class c left join lateral aclexplode(c.relacl) as acl on true
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and c.relname = any(:tables)
    union all
    select c.relname, 'table public.' || c.relname, c.relowner, acl.*, a.attname
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    cross join lateral aclexplode(a.attacl) as acl
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and c.relname = any(:tables)
    union all
    select '', 'function public.' || p.proname, p.proowner, acl.*, ''
    from pg_proc p left join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as acl on true
    where p.pronamespace = 'public'::regnamespace and p.prokind = 'f' and 'public.' || p.proname = any(:functions)
)
select table_name, name, coalesce(string_agg(line, E'\n' order by line collate "C"), '') as definition
from (
    select table_name, name,
        case when grantee <> owner then
            case when grantee = 0 then 'public' else pg_get_userbyid(grantee)::text end || '|' || lower(privilege_type)
            || '|' || column_name || case when is_grantable then '|grantable' else '' end
        end as line
    from held
) as lines
group by table_name, name
"""

_GRANT = re.compile(r"grant (?P<rights>.+) on (?P<object>.+?) to (?P<roles>[\w, ]+)$", re.IGNORECASE)

normal = str.strip


def declared(script: Script) -> Iterator[Declared]:
    for name, found in groupby(sorted(script.having("grant"), key=lambda one: one.name), key=lambda one: one.name):
        written = list(found)
        lines = sorted(line for statement in written for line in _lines(statement))
        yield Declared(Key(KIND, script.table, name), "\n".join(lines), tuple(one.text for one in written))


def repair(change: Change) -> Iterator[Statement]:
    assert change.declared is not None  # every table and function that is looked at is declared
    strangers = _roles(change.observed.definition if change.observed else "") - _roles(change.declared.definition)
    for role in sorted(strangers - {"public"}):
        yield from change.statements(f"revoke all on {_revokable(change.declared)} from {quoted(role)}", lock="")
    yield from change.statements(*change.declared.sql, lock="")


def _lines(statement: Written) -> Iterator[str]:
    found = _GRANT.match(statement.plain)
    if found is None:
        return  # a REVOKE leaves nothing
    for right in forms.split(found["rights"]):
        verb, _, columns = right.partition(" (")
        for role in found["roles"].split(","):
            for column in columns.rstrip(")").split(",") if columns else ("",):
                yield f"{role.strip()}|{verb.strip().lower()}|{column.strip()}"


def _roles(definition: str) -> set[str]:
    return {line.split("|")[0] for line in definition.splitlines()}


def _revokable(declared: Declared) -> str:
    """The object with the arguments of a function, as the file's own REVOKE names it."""
    found = re.search(r"revoke all on (.+) from ", declared.sql[0], re.IGNORECASE)
    assert found is not None, declared.sql[0]
    return found[1]
