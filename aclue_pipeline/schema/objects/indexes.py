"""Indexes that no constraint brings along. On a table with rows they are built beside readers and writers (CONCURRENTLY); what
such a build leaves behind when it is killed is an invalid index, dropped and built again."""

import re
from collections.abc import Iterator

from aclue_pipeline.schema import normal as forms
from aclue_pipeline.schema.objects.thing import NO_WRITES, Change, Declared, How, Key, LeftAlone, Statement, quoted
from aclue_pipeline.schema.scripts import Script

KIND = "index"

OBSERVED = """
select c.relname as table_name, ic.relname as name, pg_get_indexdef(i.indexrelid) as definition,
    i.indisvalid and i.indisready and i.indislive as ready
from pg_class c
join pg_index i on i.indrelid = c.oid
join pg_class ic on ic.oid = i.indexrelid
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and c.relname = any(:tables)
    and not exists (select from pg_constraint k where k.conindid = i.indexrelid and k.conrelid = c.oid)
"""


def normal(definition: str) -> str:
    head, _, predicate = re.sub("if not exists ", "", definition, flags=re.IGNORECASE).partition(" WHERE ")
    return forms.words(head) + (f" where {forms.expression(predicate)}" if predicate else "")


def declared(script: Script) -> Iterator[Declared]:
    for statement in script.having("index"):
        definition = re.sub(" where ", " WHERE ", statement.plain)
        yield Declared(Key(KIND, script.table, statement.name), definition, (statement.plain,))


def repair(change: Change) -> Iterator[Statement]:
    if change.declared is None:
        raise LeftAlone("not ours; drop it if nothing uses it")
    (create,) = change.declared.sql
    name = f"public.{quoted(change.key.name)}"
    if change.empty:
        if change.observed is not None:
            yield from change.statements(f"drop index if exists {name}")
        yield from change.statements(create, lock=NO_WRITES)
        return
    if change.observed is not None:
        # Its absence until it is built again slows queries down; it stops none.
        yield from change.statements(f"drop index concurrently if exists {name}", how=How.BUILD)
    yield from change.statements(create.replace(" index if ", " index concurrently if ", 1), how=How.BUILD)
