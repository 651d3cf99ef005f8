"""Observed sources: tables that others write and we only look at. One wrapper, since Dagster's call for it is beta; what a look
says (version, rows) and what a table must have (contract, freshness). Which tables are looked at stands in app.py and schema.py."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from aclue_pipeline.catalog import Catalog, Table
from aclue_pipeline.defs import beta
from aclue_pipeline.defs.describe import key_of
from aclue_pipeline.defs.metadata import check_result, metadata
from aclue_pipeline.defs.resources import DatabaseResource

if TYPE_CHECKING:
    import sqlalchemy as sa

#: Tables with fewer rows than this, by the statistics, are read; others estimated, since an observation must stay cheap.
READ_BELOW = 200_000

Look = Callable[["sa.Connection", Table], tuple[str, Mapping[str, Any]]]


def observe(
    specs: Sequence[dg.AssetSpec],
    name: str,
    look: Callable[["sa.Connection", dg.AssetKey], tuple[str, Mapping[str, Any]]],
) -> dg.AssetsDefinition:
    """Sources that one op observes over one connection, singly or together; `look` gives data version and metadata.

    Executable observations, unlike external assets, keep the order of a run: what is downstream waits for them.
    """

    @beta.observable(specs, name)
    def observed(context: dg.AssetExecutionContext, database: DatabaseResource) -> Iterator[dg.ObserveResult]:
        with database.begin() as connection:
            for asset in specs:
                if asset.key in context.selected_asset_keys:
                    version, told = look(connection, asset.key)
                    yield dg.ObserveResult(
                        asset_key=asset.key, data_version=dg.DataVersion(version), metadata=metadata(told)
                    )

    return observed


def look_at_table(connection: "sa.Connection", key: dg.AssetKey) -> tuple[str, Mapping[str, Any]]:
    """Data version and row count of one table.

    A small table is read: its version is the number of rows and the sum of their hashes, which says of any content whether it is
    the same. Of a large one the version is the server's count of rows ever inserted, updated and deleted, and the table's file
    (which TRUNCATE replaces): no scan, new after every write, also after one that was rolled back.
    Raises MissingPrerequisite where the table is not there.
    """
    from aclue_pipeline.errors import MissingPrerequisite
    from aclue_pipeline.postgres import query

    name = ".".join(key.path)
    found = query(
        connection,
        """select c.oid::bigint as id, pg_relation_filenode(c.oid)::bigint as file, c.reltuples::bigint as estimate,
                  s.n_tup_ins as inserted, s.n_tup_upd as updated, s.n_tup_del as deleted, s.n_live_tup as live
           from pg_class c left join pg_stat_all_tables s on s.relid = c.oid where c.oid = to_regclass(:name)""",
        name=name,
    )
    if not found:
        raise MissingPrerequisite(
            f"there is no table {name} on {connection.engine.url.database}; deploy it, or ask whoever owns it"
        )
    seen = found[0]
    estimate = max(seen["estimate"], seen["live"] or 0)
    if estimate < READ_BELOW:
        rows, content = _read(connection, key)
        return f"{rows}-{content}", {"dagster/row_count": rows, "rows are": "counted"}
    version = "-".join(str(seen[part]) for part in ("id", "file", "inserted", "updated", "deleted"))
    return version, {"dagster/row_count": estimate, "rows are": "estimated by the server's statistics"}


def _read(connection: "sa.Connection", key: dg.AssetKey) -> tuple[int, int]:
    """Number of rows, and the sum of their hashes."""
    import sqlalchemy as sa

    schema, name = key.path
    row = sa.cast(sa.literal_column("t"), sa.Text)
    hashes = sa.func.coalesce(sa.func.sum(sa.func.hashtextextended(row, 0)), 0)
    found = connection.execute(
        sa.select(sa.func.count(), hashes).select_from(sa.table(name, schema=schema).alias("t"))
    ).one()
    return int(found[0]), int(found[1])


# --- contract ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Contract:
    """What a table must have for our results to be right: columns by name and base type. `remedy` says what to do if not.

    `either`: further columns, of which one of the sets must be there as a whole (the two catalogue shapes).
    """

    table: Table
    columns: Mapping[str, str | None]
    remedy: str
    either: tuple[Mapping[str, str | None], ...] = ()

    def judge(self, present: Mapping[str, str]) -> dg.AssetCheckResult:
        """`present`: columns of the database, by name and base type; empty where the table is missing."""
        nearest = min(self.either, key=lambda shape: len(shape.keys() - present.keys()), default={})
        expected = {**self.columns, **nearest}
        missing = sorted(expected.keys() - present.keys())
        wrong = [
            f"{name} is {present[name]}, not {type_}"
            for name, type_ in sorted(expected.items())
            if type_ and name in present and present[name] != type_
        ]
        declared = {c.name for c in self.table.columns}
        told: dict[str, Any] = {
            "columns looked at": len(expected),
            "missing columns": missing,
            "wrong types": wrong,
            "further columns": sorted(present.keys() - declared),
        }
        passed = not missing and not wrong
        if not passed:
            told["remedy"] = self.remedy
        words = "; ".join(([f"missing: {', '.join(missing)}"] if missing else []) + wrong)
        words = words or f"all {len(expected)} columns are there, with their types"
        return check_result(key_of(self.table.key), "contract", passed, words, told)


def contract_checks(name: str, contracts: Sequence[Contract]) -> dg.AssetChecksDefinition:
    """One blocking check a table: has it the columns that our SQL reads? Without them, what follows would fail or be wrong."""

    @dg.multi_asset_check(
        name=name,
        specs=[
            dg.AssetCheckSpec(
                "contract",
                asset=key_of(contract.table.key),
                blocking=True,
                description="Has every column that is read from it, with the type that is expected. Blocks what reads it.",
            )
            for contract in contracts
        ],
        can_subset=True,
    )
    def checks(context: dg.AssetCheckExecutionContext, database: DatabaseResource) -> Iterator[dg.AssetCheckResult]:
        with database.begin() as connection:
            for contract in contracts:
                if dg.AssetCheckKey(key_of(contract.table.key), "contract") in context.selected_asset_check_keys:
                    yield contract.judge(columns_of(connection, contract.table.key))

    return checks


def columns_of(connection: "sa.Connection", table: str) -> dict[str, str]:
    """Columns of a table in the database with their base types; empty where there is no such table."""
    from aclue_pipeline.catalog.types import base_of
    from aclue_pipeline.postgres import query

    rows = query(
        connection,
        """select attname as name, format_type(atttypid, atttypmod) as type from pg_attribute
           where attrelid = to_regclass(:name) and attnum > 0 and not attisdropped""",
        name=table,
    )
    return {row["name"]: base_of(row["type"]) for row in rows}


def columns_read(catalog: Catalog, table: str) -> set[str]:
    """Columns of a source that any of our results rests on, by value or by filter."""
    return {column for of, column in catalog.users if of == table}


# --- freshness --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fresh:
    """The newest value of `column` is no older than `within`; where not, the app has probably stopped writing."""

    table: str
    column: str
    within: timedelta


def freshness_checks(name: str, promises: Sequence[Fresh]) -> dg.AssetChecksDefinition:
    """One warning a table. Dagster's own freshness policies look at materializations only, so at no observed source."""

    @dg.multi_asset_check(
        name=name,
        specs=[
            dg.AssetCheckSpec(
                "freshness",
                asset=key_of(promise.table),
                description=f"The newest {promise.column} is no older than {_hours(promise.within)}. Warns only.",
            )
            for promise in promises
        ],
        can_subset=True,
    )
    def checks(context: dg.AssetCheckExecutionContext, database: DatabaseResource) -> Iterator[dg.AssetCheckResult]:
        with database.begin() as connection:
            for promise in promises:
                if dg.AssetCheckKey(key_of(promise.table), "freshness") in context.selected_asset_check_keys:
                    yield _judge_freshness(connection, promise)

    return checks


def _judge_freshness(connection: "sa.Connection", promise: Fresh) -> dg.AssetCheckResult:
    import sqlalchemy as sa

    schema, name = promise.table.split(".")
    time: sa.ColumnClause[datetime] = sa.column(promise.column)
    # A client's clock may say infinity or the year 4713 BC; what is to come says nothing of what came.
    newest = connection.execute(
        sa.select(sa.func.max(time))
        .select_from(sa.table(name, schema=schema))
        .where(time.between(sa.text("timestamptz '2000-01-01 00:00:00+00'"), sa.func.now()))
    ).scalar_one()
    age = datetime.now(UTC) - newest if newest is not None else None
    passed = age is None or age <= promise.within
    # Not the time itself: it is one visitor's.
    told = {
        "applicable": age is not None,
        "hours old": age and round(age.total_seconds() / 3600, 1),
        "hours allowed": promise.within.total_seconds() / 3600,
    }
    says = "the table is empty" if age is None else f"newest {promise.column} {_hours(age)} ago"
    return check_result(key_of(promise.table), "freshness", passed, says, told, warn=True)


def _hours(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.0f} days"
