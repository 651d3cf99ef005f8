"""The functions that our triggers and policies call, compared to the letter. Replacing one locks no table."""

import re
from collections.abc import Iterator

from aclue_pipeline.schema import normal as forms
from aclue_pipeline.schema.objects.thing import Change, Declared, Key, Statement
from aclue_pipeline.schema.scripts import Script

KIND = "function"

# Only declared names are asked for; whose table's file declares a function is not known to the server.
OBSERVED = """
select '' as table_name, 'public.' || p.proname as name, pg_get_functiondef(p.oid) as definition
from pg_proc p
where p.pronamespace = 'public'::regnamespace and p.prokind = 'f' and 'public.' || p.proname = any(:functions)
"""


def normal(definition: str) -> str:
    head, _, body = re.sub(r"\$function\$", "$$", definition).partition("$$")
    return f"{forms.words(head)} $${body.strip()}"


def declared(script: Script) -> Iterator[Declared]:
    for statement in script.having("function"):
        definition = statement.text[statement.text.lower().index("create or replace") :]
        yield Declared(Key(KIND, script.table, statement.name), definition, (statement.text,))


def repair(change: Change) -> Iterator[Statement]:
    assert change.declared is not None  # none but declared names are looked for
    yield from change.statements(*change.declared.sql, lock="")
