"""Columns: type, NOT NULL, default. A column is added where it is missing, never dropped and never retyped."""

import re
from collections.abc import Iterator

from aclue_pipeline.schema import normal as forms
from aclue_pipeline.schema.objects.thing import Change, Declared, Key, LeftAlone, Statement
from aclue_pipeline.schema.scripts import Script, Written

KIND = "column"

OBSERVED = """
select c.relname as table_name, a.attname as name,
    format_type(a.atttypid, a.atttypmod)
        || case when a.attnotnull then ' not null' else '' end
        || case when a.attgenerated <> '' then ' generated' when a.attidentity <> '' then ' identity' else '' end
        || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '') as definition
from pg_class c
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and c.relname = any(:tables)
"""

_DEFINITION = re.compile(
    r"(?P<type>.+?)(?P<required> not null)?(?P<made> generated| identity)?( default (?P<default>.+))?$", re.DOTALL
)


def elements(create_table: Written) -> list[str]:
    """The columns and constraints between the brackets of CREATE TABLE, each as one line."""
    text = create_table.plain
    end = re.search(r"\)( with \([^()]*\))?$", text)
    assert end is not None, create_table.name
    return forms.split(text[text.index("(") + 1 : end.start()])


def normal(definition: str) -> str:
    parts = _parts(definition)
    return (
        forms.type_name(parts["type"])
        + parts["required"]
        + parts["made"]
        + (f" default {forms.expression(parts['default'])}" if parts["default"] else "")
    )


def declared(script: Script) -> Iterator[Declared]:
    for statement in script.having("table"):
        for element in elements(statement):
            name, _, definition = element.partition(" ")
            if name != "constraint":
                add = f"alter table public.{script.table} add column if not exists {element}"
                yield Declared(Key(KIND, script.table, name), definition, (add,))


def repair(change: Change) -> Iterator[Statement]:
    if change.declared is None:
        raise LeftAlone("not ours, and dropping it would destroy what it holds")
    wanted = _parts(change.declared.definition)
    if change.observed is None:
        # A constant (or now()) is noted once for all rows; anything else would rewrite the table under its lock.
        if wanted["required"] and not change.empty and (not wanted["default"] or "random" in wanted["default"]):
            raise LeftAlone("the table has rows, and nothing says what it should hold in them; add and fill it by hand")
        yield from change.statements(*change.declared.sql)
        return
    found = _parts(change.observed.definition)
    if forms.type_name(wanted["type"]) + wanted["made"] != found["type"] + found["made"]:
        raise LeftAlone(f"it is {found['type']} and should be {wanted['type']}; a retype rewrites the whole table")
    alter = f"alter table public.{change.key.table} alter column {change.key.name}"
    default = wanted["default"]
    if forms.expression(default) != forms.expression(found["default"]):
        yield from change.statements(f"{alter} set default {default}" if default else f"{alter} drop default")
    if found["required"] and not wanted["required"]:
        yield from change.statements(f"{alter} drop not null")
    if wanted["required"] and not found["required"]:
        if not change.empty:
            raise LeftAlone(f"it lets NULL in, and the table has rows; where none is NULL: {alter} set not null")
        yield from change.statements(f"{alter} set not null")


def _parts(definition: str) -> dict[str, str]:
    found = _DEFINITION.match(definition)
    assert found is not None, definition
    return found.groupdict(default="")
