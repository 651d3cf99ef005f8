"""The app's side of the database: which shape its catalogue has, and, for demo and tests, a stand-in for a Supabase project
with the app's own tables (sql/app). What we deploy beside them belongs to the room schema."""

from typing import Literal

import sqlalchemy as sa

from aclue_pipeline.errors import MissingPrerequisite, UnknownCatalogue
from aclue_pipeline.postgres.connection import Database, Pg, driver, query, script
from aclue_pipeline.settings import sql_folder

Shape = Literal["a", "b"]

# The columns by which a catalogue is recognised (schema.md calls them shape A and shape B).
_MARKS: dict[Shape, frozenset[str]] = {
    "a": frozenset({"price_min", "price_max", "category_id"}),
    "b": frozenset({"price", "category"}),
}


def shape(pg: Pg) -> Shape:
    """The shape of the app's catalogue; "a", the richer one, where a table in migration has the columns of both.

    Raises MissingPrerequisite where there is no public.products, UnknownCatalogue where it has neither shape.
    """
    columns = _columns(pg, "public.products")
    if not columns:
        raise MissingPrerequisite(
            "the table public.products is missing; it belongs to the app, so deploy the app's own schema first"
        )
    for name, marks in _MARKS.items():
        if marks <= columns:
            return name
    raise UnknownCatalogue(
        "public.products has neither price_min, price_max and category_id nor price and category;"
        " add the columns of one of the two, nothing was changed"
    )


def install(admin_url: str, shape: Shape | None, default_grants: bool = True) -> None:
    """Make the database of `admin_url` (a superuser's) a Supabase project, with the app's tables unless `shape` is None.

    `default_grants`: whether new tables in public are granted whole to the client roles (projects before October 2026) or
    to nobody. Running it again adds what is missing and may switch the default grants; rows are never touched.
    Raises UnknownCatalogue where the app's tables are there in the other shape.
    """
    database = Database(admin_url)
    try:
        with database.begin() as connection:
            script(connection, _sql("roles"))
        with database.begin() as connection:
            if not query(connection, "select to_regnamespace('auth') is not null as there")[0]["there"]:
                script(connection, _sql("supabase"))
            script(connection, _sql("default_grants" if default_grants else "no_default_grants"))
            if shape is not None:
                _install_tables(connection, shape)
    finally:
        database.close()


def _install_tables(connection: sa.Connection, wanted: Shape) -> None:
    pg = driver(connection)
    if not _columns(pg, "public.products"):
        script(connection, "set local role postgres")
        script(connection, _sql("tables"))
        script(connection, _sql(f"shape_{wanted}"))
    elif shape(pg) != wanted:
        raise UnknownCatalogue(
            f"this database has the app's tables in the other shape than {wanted}; use a database of its own"
        )


def _columns(pg: Pg, table: str) -> frozenset[str]:
    # pg_attribute, since information_schema hides the columns that this role may not use.
    asked = "select attname from pg_attribute where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped"
    return frozenset(name for (name,) in pg.execute(asked, [table]).fetchall())


def _sql(name: str) -> str:
    return (sql_folder() / "app" / f"{name}.sql").read_text(encoding="utf-8")
