"""docs/writing-events.md: what contract.yaml promises, access.csv allows and declared.json bounds, as a page for those who write an
app's clients. Every example and every refusal on it is tried by `aclue contract`."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from aclue_pipeline.catalog.docs import MARK
from aclue_pipeline.schema.access import Line, lines
from aclue_pipeline.schema.contract import Promise, promises
from aclue_pipeline.schema.declared import declared

_OPENING = """
# Writing events

*Written by `aclue docs` from [contract.yaml](../sql/schema/contract.yaml), [access.csv](../sql/schema/access.csv) and `declared.json`.*
Every example and every refusal below is tried by `aclue contract`, which an app's CI can run against its own database: one line a promise;
exit code 0, or 15 where one is broken, 26 where nothing could be tried. What it writes is rolled back.

The examples are for supabase-js (`supabase = createClient<Database>(url, key)`, types by `supabase gen types`) and supabase-py
(`supabase = create_client(url, key)`). `productId`, `myId` and the like are yours; times are ISO 8601 with a zone.

| in the examples | role in the database | is |
|---|---|---|
| visitor | anon | who has no session: the publishable key alone |
| user | authenticated | who signed in; `myId` is the session's user |
| guest | authenticated | an anonymous sign-in: a user like any other, who keeps the id when becoming permanent |
| server | service_role | the app's server, with the secret key: may do everything, and must see to it that what it writes is true |

- **A visitor asks for nothing back.** supabase-js returns rows only after `.select()`: leave it out. supabase-py returns rows unless told
  `returning="minimal"`: say it. Who reads nothing is refused the whole insert, with 42501, and the row is not written.
- **Give each event an id of your own** (`crypto.randomUUID()`, `uuid4()`), and send again what got no answer: 409 with code 23505 says that
  it was delivered before. `ignoreDuplicates` does not serve: the database would have to read the key.
- **Leave out what you do not know.** A time or an id that is left out, or NULL, is now and a new one. A column that is the server's alone
  refuses the whole row, and so does one that is not there (400, PGRST204: the REST layer says so before the database is asked).
- **A batch is one statement**, taken whole or refused whole, and the error does not say which row. After a refusal send its rows singly.
  Both libraries send every column that any row of the batch names, NULL where a row lacks it: give all rows the same columns, or say
  `{ defaultToNull: false }` (`default_to_null=False`). Rows older than a day are refused: no queue should grow older.
- **Errors** come as `error.code` (SQLSTATE) and `error.message`; in supabase-py an `APIError` is raised with both. Worth sending again: no
  answer, 429, 5xx; and 401 with a code PGRST3…, after the session was refreshed. Never: any other 400, 401, 403.
""".strip()


def page() -> str:
    tables = dict.fromkeys(one.table for one in promises())
    return "\n".join([MARK, _OPENING, *(line for table in tables for line in _table(table))]) + "\n"


def _table(table: str) -> Iterator[str]:
    mine = [one for one in promises() if one.table == table]
    yield from ("", f"## {table}", "", f"What each column says: [data dictionary](tables/schema.md#public{table}).", "")
    yield from ("| role | may | in rows | columns |", "|---|---|---|---|")
    for line in lines():
        if line.table == table and line.verb in ("insert", "update") and line.columns and line.role != "service_role":
            may = line.verb if line.allowed else f"not {line.verb}"
            why = f" ({line.why})" if line.why and not line.allowed else ""
            yield f"| {line.role} | {may} | {_whose(line)} | {', '.join(line.columns)}{why} |"
    yield from ("", "### What works", "", "```ts", f"const row = {_javascript(mine[0].least)}")
    yield from (f"// {_told(one)}\n{javascript(one)}" for one in mine if not one.refused)
    yield from ("```", "```python", f"row = {_python(mine[0].least)}")
    yield from (f"# {_told(one)}\n{python(one)}" for one in mine if not one.refused)
    yield from ("```", "", "### What is refused", "")
    yield from ("| who | what | HTTP | code | message | why, and what to do |", "|---|---|---|---|---|---|")
    for one in mine:
        if one.refused:
            code, _, message = one.refused.partition(" ")
            again = ", sent twice" if one.how == "the same insert again" else ""
            tried = f"{one.says}: `{javascript(one).partition(').')[2]}`{again}"
            yield f"| {one.client} | {tried} | {one.http} | {code} | `{message}` | {one.why} |"
    yield from (
        "",
        "<details><summary>What a row must keep to, else 400, 23514, and the constraint's name in the message</summary>",
        "",
    )
    yield from ("| constraint | |", "|---|---|")
    for key, thing in declared().things.items():
        if key.kind == "constraint" and key.table == table and str(thing.facts["definition"]).startswith("CHECK "):
            yield f"| {key.name} | `{' '.join(str(thing.facts['definition']).removeprefix('CHECK ').split())}` |"
    yield from ("", "</details>")


def _whose(line: Line) -> str:
    return f"{line.owner} {line.condition}".strip()


def _told(one: Promise) -> str:
    rows = f", {one.touches} rows" if one.touches != len(one.sent) else ""
    return f"{one.client}: {one.says} ({one.http}{rows})"


def javascript(one: Promise) -> str:
    """The request in supabase-js; `row` is the table's least row."""
    sent, found = _sent(one, _javascript, "..."), f'.eq("{one.key}", {_javascript(one.of)})'
    call = {
        "insert": f"insert({sent})",
        "the same insert again": f"insert({sent})",
        "insert and select": f"insert({sent}).select()",
        "upsert": f"upsert({sent})",
        "upsert ignoring duplicates": f'upsert({sent}, {{ onConflict: "id", ignoreDuplicates: true }})',
        "update": f"update({sent}){found}",
        "delete": f"delete(){found}",
    }[one.how]
    return f'await supabase.from("{one.table}").{call}'


def python(one: Promise) -> str:
    """The same in supabase-py."""
    sent, found = _sent(one, _python, "**"), f'.eq("{one.key}", {_python(one.of)})'
    minimal = 'returning="minimal"'
    call = {
        "insert": f"insert({sent}, {minimal})",
        "the same insert again": f"insert({sent}, {minimal})",
        "insert and select": f"insert({sent})",
        "upsert": f"upsert({sent}, {minimal})",
        "upsert ignoring duplicates": f'upsert({sent}, {minimal}, on_conflict="id", ignore_duplicates=True)',
        "update": f"update({sent}, {minimal}){found}",
        "delete": f"delete({minimal}){found}",
    }[one.how]
    return f'supabase.table("{one.table}").{call}.execute()'


def _sent(one: Promise, written: Callable[[Any], str], spread: str) -> str:
    """The rows as literals, over the least row where there is one."""
    rows = [written(row) for row in one.sent]
    if one.least:
        rows = [
            f"{row[0]}{spread}row, {row[1:]}" if given else "row" for row, given in zip(rows, one.sent, strict=True)
        ]
    return rows[0] if len(rows) == 1 else f"[{', '.join(rows)}]"


def _javascript(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_javascript(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_javascript, value))}]"
    if isinstance(value, str) and value.startswith("$"):
        return javascript_name(value)
    return json.dumps(value)


def javascript_name(name: str) -> str:
    """A variable of contract.yaml as JavaScript calls it: `$my_id` is myId."""
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name[1:])


def _python(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{name}": {_python(one)}' for name, one in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_python, value))}]"
    if isinstance(value, str):
        return value[1:] if value.startswith("$") else json.dumps(value)
    return repr(value)
