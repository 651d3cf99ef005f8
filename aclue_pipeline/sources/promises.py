"""What tables that others write promise us, as checks."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from aclue_pipeline.catalog import Table
from aclue_pipeline.catalog.types import base_of
from aclue_pipeline.checks import Check, Judgement
from aclue_pipeline.postgres import Database, query

Columns = Mapping[str, str | None]


def contract(table: Table, columns: Columns, remedy: str, either: Sequence[Columns] = ()) -> Check:
    """The table has these columns, by name and base type, and the whole of one of the sets in `either` (the two catalogue shapes).
    Without them, what follows would fail or be wrong, so it blocks."""

    def judge(db: Database) -> Judgement:
        with db.begin() as connection:
            present = _columns_of(connection, table.key)
        nearest = min(either, key=lambda shape: len(shape.keys() - present.keys()), default={})
        expected = {**columns, **nearest}
        missing = sorted(expected.keys() - present.keys())
        wrong = [
            f"{name} is {present[name]}, not {type_}"
            for name, type_ in sorted(expected.items())
            if type_ and name in present and present[name] != type_
        ]
        words = "; ".join(([f"missing: {', '.join(missing)}"] if missing else []) + wrong)
        if not present:
            words = "there is no such table"
        evidence = {
            "columns looked at": len(expected),
            "missing columns": missing,
            "wrong types": wrong,
            "further columns": sorted(present.keys() - {column.name for column in table.columns}),
        }
        sentence = words or f"all {len(expected)} columns are there, with their types"
        return Judgement("contract", table.key, "failed" if words else "passed", "blocking", sentence, evidence, remedy)

    says = "Has every column that is read from it, with the type that is expected. Blocks what reads it."
    return Check("contract", table.key, "blocking", says, judge)


def _columns_of(connection: sa.Connection, table: str) -> dict[str, str]:
    """Columns of a table in the database with their base types; empty where there is no such table."""
    rows = query(
        connection,
        """select attname as name, format_type(atttypid, atttypmod) as type from pg_attribute
           where attrelid = to_regclass(:name) and attnum > 0 and not attisdropped""",
        name=table,
    )
    return {row["name"]: base_of(row["type"]) for row in rows}


def freshness(table: str, column: str, within: timedelta) -> Check:
    """The newest time in `column` is no older than `within`; where it is, the app has probably stopped writing. Dagster's own
    freshness policies look at materializations only, so at no observed source."""

    def judge(db: Database) -> Judgement:
        schema, name = table.split(".")
        time: sa.ColumnClause[datetime] = sa.column(column)
        # A client's clock may say infinity or the year 4713 BC; what is to come says nothing of what came.
        newest = (
            sa.select(sa.func.max(time))
            .select_from(sa.table(name, schema=schema))
            .where(time.between(sa.text("timestamptz '2000-01-01 00:00:00+00'"), sa.func.now()))
        )
        with db.begin() as connection:
            last = connection.execute(newest).scalar_one()
        allowed = {"hours allowed": within.total_seconds() / 3600}
        if last is None:
            return Judgement("freshness", table, "passed", "warn", "nothing to judge yet: the table is empty", allowed)
        age = datetime.now(UTC) - last
        # Not the time itself: it is one visitor's.
        evidence = {"hours old": round(age.total_seconds() / 3600, 1), **allowed}
        return Judgement(
            "freshness",
            table,
            "passed" if age <= within else "failed",
            "warn",
            f"newest {column} {_hours(age)} ago",
            evidence,
            f"ask the app's people whether anything still writes {table}",
        )

    return Check(
        "freshness", table, "warn", f"The newest {column} is no older than {_hours(within)}. Warns only.", judge
    )


def _hours(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.0f} days"
