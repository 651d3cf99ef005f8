"""What a fresh deployment of sql/schema consists of: its census, taken once on a scratch server and shipped as declared.json, so
that no SQL is read here and every word in it is the server's."""

import json
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

from aclue_pipeline.catalog.sqltext import digest, without_comments
from aclue_pipeline.postgres import Database, app, query, script
from aclue_pipeline.postgres.server import SUPERUSER, EmbeddedServer
from aclue_pipeline.schema.census import Census, Thing, as_json, of_json, take
from aclue_pipeline.schema.census.thing import OWNER
from aclue_pipeline.settings import sql_folder

#: Of a database's own, not of the deployment.
_PASSING = {"oid", "rows_estimate", "has_rows"}
_TABLES = "select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
_FUNCTIONS = "select nspname || '.' || proname as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace"


def declared() -> Census:
    return _read(path(), path().stat().st_mtime_ns)


@lru_cache(maxsize=1)
def _read(file: Path, changed: int) -> Census:
    return of_json(json.loads(file.read_text(encoding="utf-8"))["things"])


def path() -> Path:
    return sql_folder() / "schema" / "declared.json"


def files() -> list[Path]:
    """The scripts in the order in which they are run: what the others call comes first; prerequisites.sql only asks."""
    found = (sql_folder() / "schema").glob("*.sql")
    return sorted((file for file in found if file.stem != "prerequisites"), key=lambda f: (f.stem != "functions", f))


def outdated() -> bool:
    """Whether the scripts say another thing than when declared.json was written; asks no server."""
    return not path().exists() or json.loads(path().read_text(encoding="utf-8"))["sql"] != _digest()


def _digest() -> str:
    return digest(*(without_comments(file.read_text(encoding="utf-8")) for file in files()))


def write() -> None:
    """Deploy the scripts as they stand on a server made for it, and write down what they made."""
    with TemporaryDirectory() as home:
        server = EmbeddedServer(Path(home), settings={"fsync": "off"})
        server.start()
        try:
            server.create_database("scratch")
            app.install(server.url("scratch", SUPERUSER), "a")
            database = Database(server.url("scratch"))
            try:
                said = as_json(fresh(database))
            finally:
                database.close()
        finally:
            server.stop()
    path().write_text(f'{{"sql": "{_digest()}", "things": {said}}}\n', encoding="utf-8")


def fresh(database: Database) -> Census:
    """Run the scripts on a database with the app's tables and none of ours; returns the census of what they made."""
    with database.begin() as connection:

        def there(asked: str) -> set[str]:
            return {row["name"] for row in query(connection, asked)}

        before = {asked: there(asked) for asked in (_TABLES, _FUNCTIONS)}
        script(connection, "create schema if not exists pipeline")
        for file in files():
            script(connection, file.read_text(encoding="utf-8"))
        made = [sorted(there(asked) - names) for asked, names in before.items()]
    with database.psycopg() as pg:
        return as_declared(take(pg, *made), pg.info.user)


def as_declared(census: Census, owner: str) -> Census:
    """The census as any database's would read: the owner's name, and what passes, left out."""

    def general(thing: Thing) -> Thing:
        role = {"owner": "role", "function": "owner"}.get(thing.key.kind, "")
        facts = {**thing.facts, role: OWNER} if thing.facts.get(role) == owner else thing.facts
        return replace(thing, facts=facts, notes={n: said for n, said in thing.notes.items() if n not in _PASSING})

    return Census({key: general(thing) for key, thing in census.things.items()})


def table_names() -> tuple[str, ...]:
    """The deployed tables, all in schema public."""
    return declared().tables
