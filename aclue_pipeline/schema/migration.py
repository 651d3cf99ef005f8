"""A first deployment as one migration, for who deploys by `supabase db push` or in the SQL editor: it can be run again, ends within the
editor's minute, and keeps nobody waiting. What is more than a first deployment is `aclue deploy`'s work, and it says so."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from aclue_pipeline.catalog.sqltext import without_comments
from aclue_pipeline.derived.statement import is_there
from aclue_pipeline.postgres import Pg
from aclue_pipeline.schema.census import Census, Key, Thing
from aclue_pipeline.schema.change import Case, ident, quoted
from aclue_pipeline.schema.declared import declared
from aclue_pipeline.schema.history import MADE
from aclue_pipeline.schema.remedies import functions, tables
from aclue_pipeline.settings import sql_folder

#: The editor stops a script after a minute.
SECONDS = 45
_NAME = "aclue_first_deployment"


def export(folder: Path) -> Path:
    """Write the migration; its name begins with its version, as Supabase's own do."""
    path = folder / f"{datetime.now(UTC):%Y%m%d%H%M%S}_{_NAME}.sql"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(text(), encoding="utf-8")
    return path


def marked(pg: Pg, path: Path) -> bool:
    """Note the file as run, in Supabase's own list, where there is one: what it would do is done."""
    if not is_there(pg, "supabase_migrations.schema_migrations"):
        return False
    version, _, name = path.stem.partition("_")
    pg.execute(
        "insert into supabase_migrations.schema_migrations (version, name, statements) values (%s, %s, %s) on conflict do nothing",
        [version, name, [path.read_text(encoding="utf-8")]],
    )
    return True


def text() -> str:
    census = declared()
    parts = [_HEADER, f"create schema if not exists pipeline;\n{''.join(_made())}"]
    parts += [";\n".join(_function(census, thing)) + ";" for thing in census.of("function")]
    parts += [_table(census, name) for name in census.tables]
    parts += [_keys([one for one in census.of("constraint") if one.notes["contype"] == "f"]), _FOOTER]
    return "\n\n".join(parts) + "\n"


_HEADER = f"""-- The first deployment of the five tables, written by `aclue export supabase`. Run again, it leaves what is there.
-- Whoever writes to the app's tables is not kept waiting: the foreign keys are tried, not queued for, for up to {SECONDS} seconds.
-- Later releases, and tables that are in use already, are deployed by `aclue deploy`."""

_FOOTER = "notify pgrst, 'reload schema';"


def _made() -> Iterator[str]:
    for name in MADE:
        body = without_comments((sql_folder() / "pipeline" / f"{name}.sql").read_text(encoding="utf-8"))
        yield f"{body.replace('create table ', 'create table if not exists ', 1)};\n"


def _function(census: Census, thing: Thing) -> Sequence[str]:
    return functions.function(Case(thing.key, thing, None, census, Census({}), rows=False)).steps[0].statements[1:]


def _table(census: Census, name: str) -> str:
    """Made whole, or left as it is: if it is there it must have its indexes, which are not built under a lock."""
    made = ";\n    ".join(f"execute {_dollars(one)}" for one in tables.made(census, name))
    indexes = [quoted(one.key.name) for one in census.of("index", table=name)]
    lacks = " or ".join(f"to_regclass('public.' || quote_ident({index})) is null" for index in indexes)
    return f"""do $aclue$
begin
    if to_regclass({quoted(ident("public", name))}) is not null then
        if {lacks} then
            raise exception 'public.{name} is there and lacks indexes: run aclue deploy, which builds them beside its users';
        end if;
        return;
    end if;
    {made};
end
$aclue$;"""


def _keys(keys: Sequence[Thing]) -> str:
    """All of them at once, when all the tables they refer to are free: nobody ever queues behind them."""
    others = sorted({str(key.notes["references"]) for key in keys})
    adding = "\n            ".join(_adding(key) for key in keys)
    return f"""do $aclue$
declare
    patience constant timestamptz := clock_timestamp() + interval '{SECONDS} seconds';
begin
    loop
        begin
            lock table {", ".join(others)} in share row exclusive mode nowait;
            {adding}
            return;
        exception when lock_not_available or deadlock_detected then
            if clock_timestamp() > patience then
                raise notice 'the foreign keys are still to be added, since their tables are in use: run this once more, or aclue deploy';
                return;
            end if;
            perform pg_sleep(0.01 + random() * 0.03);
        end;
    end loop;
end
$aclue$;"""


def _adding(key: Thing) -> str:
    table, name = ident("public", key.key.table), key.key.name
    comment = declared().things.get(Key("comment", key.key.table, f"constraint {name}"))
    said = (
        f" comment on constraint {ident(name)} on {table} is {quoted(str(comment.facts['text']))};" if comment else ""
    )
    missing = f"not exists (select from pg_constraint where conrelid = {quoted(table)}::regclass and conname = {quoted(name)})"
    return (
        f"if {missing} then alter table {table} add constraint {ident(name)} {key.facts['definition']};{said} end if;"
    )


def _dollars(statement: str) -> str:
    assert "$each$" not in statement
    return f"$each${statement}$each$"
