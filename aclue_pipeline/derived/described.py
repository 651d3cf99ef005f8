"""What was done to a table, view or function, and the comments that each carries in the database."""

from dataclasses import dataclass

from psycopg import sql

from aclue_pipeline.catalog import Function, Table
from aclue_pipeline.postgres import Pg, identifier


@dataclass(frozen=True)
class Change:
    """What was done to one table, view or function: "created", "added column x", "replaced", …"""

    table: str
    did: str

    def __str__(self) -> str:
        return f"{self.table}: {self.did}"


def describe(pg: Pg, table: Table) -> None:
    """Comments on the table and its columns."""
    kind = sql.SQL("view" if table.kind == "view" else "table")
    pg.execute(sql.SQL("comment on {} {} is {}").format(kind, identifier(table.key), sql.Literal(table.description)))
    for column in table.columns:
        comment = column.description + (" Personal data." if column.pii else "")
        name = sql.Identifier(table.schema, table.name, column.name)
        pg.execute(sql.SQL("comment on column {} is {}").format(name, sql.Literal(comment)))


def describe_function(pg: Pg, function: Function) -> None:
    comment = sql.SQL("comment on routine {} is {}")
    pg.execute(comment.format(identifier(function.key), sql.Literal(function.description)))
