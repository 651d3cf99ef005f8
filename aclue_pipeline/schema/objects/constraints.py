"""Constraints: primary keys, uniqueness, CHECKs and foreign keys. NOT NULL belongs to the columns (only from 18 on does the
server list it here). On a table in use a constraint is added NOT VALID, which asks for a brief lock, and validated afterwards,
which stops nobody. A CHECK that rows break does not stay: it would refuse their conversion and the deletion of their users."""

import re
from collections.abc import Iterator

from aclue_pipeline.schema import normal as forms
from aclue_pipeline.schema.objects.columns import elements
from aclue_pipeline.schema.objects.thing import (
    EXCLUSIVE,
    NO_WRITES,
    Change,
    Declared,
    How,
    Key,
    LeftAlone,
    Observed,
    Statement,
    quoted,
)
from aclue_pipeline.schema.scripts import Script

KIND = "constraint"

OBSERVED = """
select c.relname as table_name, k.conname as name,
    regexp_replace(pg_get_constraintdef(k.oid), ' NOT VALID$', '') as definition,
    k.convalidated as ready
from pg_class c join pg_constraint k on k.conrelid = c.oid and k.contype <> 'n'
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and c.relname = any(:tables)
"""


def normal(definition: str) -> str:
    check = re.match(r"check \((.*)\)$", definition, re.IGNORECASE | re.DOTALL)
    return f"check {forms.expression(check[1])}" if check else forms.words(definition)


def declared(script: Script) -> Iterator[Declared]:
    for statement in script.having("table"):
        for element in elements(statement):
            if element.startswith("constraint "):
                _, name, definition = element.split(" ", 2)
                yield _declared(script.table, name, definition)
    for statement in script.having("key"):
        yield _declared(script.table, statement.name, statement.plain.split(f"add constraint {statement.name} ", 1)[1])


def _declared(table: str, name: str, definition: str) -> Declared:
    return Declared(
        Key(KIND, table, name), definition, (f"alter table public.{table} add constraint {name} {definition}",)
    )


def references(definition: str) -> str:
    """The table that a foreign key refers to; "" for other constraints."""
    found = re.match(r"foreign key ?\(.*?\) ?references ([\w.]+)", definition, re.IGNORECASE)
    return found[1] if found else ""


def repair(change: Change) -> Iterator[Statement]:
    key = change.key
    if change.declared is None:
        raise LeftAlone("not ours; what it refuses, somebody wanted refused")
    (add,) = change.declared.sql
    if change.observed is not None and normal(change.observed.definition) == normal(change.declared.definition):
        yield validated(key, change.declared)  # as declared, but the rows that were there before it are not proved
        return
    kind = change.declared.definition.split()[0].lower()
    if kind in ("primary", "unique"):
        if change.observed is not None or not change.empty:
            raise LeftAlone(f"its index would be built under a lock; where nobody writes: {add}")
        yield from change.statements(add)
        return
    drop = f"alter table public.{key.table} drop constraint {key.name}, " if change.observed is not None else ""
    text = (drop + add.removeprefix(f"alter table public.{key.table} ") if drop else add) + " not valid"
    other = references(change.declared.definition)
    if other:
        yield Statement(key, change.why, text, How.KEY, EXCLUSIVE if drop else NO_WRITES, other)
    else:
        yield from change.statements(text)
    yield validated(key, change.declared, change.observed)


def validated(key: Key, declared: Declared, before: Observed | None = None) -> Statement:
    """Prove that the rows already there keep to the constraint; `before`: what stood under its name."""
    alter, name = f"alter table public.{key.table}", quoted(key.name)
    check = re.match(r"check (\(.*\))$", declared.definition, re.DOTALL)
    broken = f"public.{key.table} where not {check[1]}" if check else ""
    undo = f"{alter} drop constraint {name}" + (
        f", add constraint {name} {before.definition} not valid" if before else ""
    )
    text = f"{alter} validate constraint {name}"
    return Statement(key, "not validated", text, How.VALIDATE, broken=broken, undo=undo)
