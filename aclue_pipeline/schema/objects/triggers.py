"""Triggers, and the functions that triggers and policies call. A trigger that no file declares may be a web hook of the app's,
so it is left; it shows in the fingerprint."""

import re
from collections.abc import Iterator

from aclue_pipeline.schema import normal as forms
from aclue_pipeline.schema.objects.thing import NO_WRITES, Change, Declared, Key, LeftAlone, Statement
from aclue_pipeline.schema.scripts import Script

KIND = "trigger"

_WHEN = re.compile(r" when (\(.*\)) (execute function .*)$", re.IGNORECASE | re.DOTALL)

OBSERVED = """
select c.relname as table_name, t.tgname as name,
    pg_get_triggerdef(t.oid)
        || case t.tgenabled when 'O' then '' when 'D' then ' (disabled)' else ' (' || t.tgenabled::text || ')' end as definition
from pg_class c join pg_trigger t on t.tgrelid = c.oid and not t.tgisinternal
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and c.relname = any(:tables)
"""


def normal(definition: str) -> str:
    said = forms.words(definition).replace("create or replace trigger", "create trigger", 1)
    when = _WHEN.search(definition)
    return said if when is None else f"{said.partition(' when(')[0]} {forms.expression(when[1])} {forms.words(when[2])}"


def declared(script: Script) -> Iterator[Declared]:
    for statement in script.having("trigger"):
        yield Declared(Key(KIND, script.table, statement.name), statement.plain, (statement.text,))


def repair(change: Change) -> Iterator[Statement]:
    if change.declared is None:
        raise LeftAlone("not ours; perhaps a web hook of the app's")
    yield from change.statements(*change.declared.sql, lock=NO_WRITES)
