"""Statements of a test on a database, each call a transaction."""

from typing import Any

from aclue_pipeline.postgres import Database, query, script


def run(db: Database, text: str) -> None:
    """One or many, as they stand."""
    with db.begin() as connection:
        script(connection, text)


def ask(db: Database, statement: str, **values: Any) -> list[dict[str, Any]]:
    """The rows of one, with `:name` parameters."""
    with db.begin() as connection:
        return query(connection, statement, **values)
