"""Daily tables as partitioned assets, whatever the room: a range of days in one run, one line per day in the metadata. A new
file in sql/revenue or sql/funnel is an asset without a line of Python; what the numbers mean stands there."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from aclue_pipeline.catalog import Catalog, Table
from aclue_pipeline.defs import charts, describe
from aclue_pipeline.defs.checks import Built, checks_of
from aclue_pipeline.defs.metadata import check_result, metadata, tabular
from aclue_pipeline.defs.resources import DatabaseResource
from aclue_pipeline.defs.staging import look, view_asset
from aclue_pipeline.derived import outdated_days, replace_days
from aclue_pipeline.settings import get_settings

if TYPE_CHECKING:
    from aclue_pipeline.derived import DayResult
    from aclue_pipeline.postgres import Database

_SCHEDULED = (
    "Rebuilt every night for the trailing days by the schedule `nightly_revenue_and_funnel`; any range by a backfill."
)

#: Lines of the per-day table that are shown; a year's backfill has more than anybody reads.
_DAYS_SHOWN = 400


def days() -> dg.DailyPartitionsDefinition:
    """Calendar days of the reporting zone from ACLUE_FIRST_DAY on; a day exists once it is over."""
    settings = get_settings()
    return dg.DailyPartitionsDefinition(start_date=settings.first_day.isoformat(), timezone=settings.timezone)


def build_room(catalog: Catalog, room: str) -> Built:
    """Every derived table of a room, daily ones partitioned, views as they are; and its checks."""
    assets = [
        daily_asset(catalog, table) if table.kind == "daily" else view_asset(catalog, table)
        for table in catalog.room(room, "daily", "view")
    ]
    return assets, checks_of(catalog, room)


def daily_asset(catalog: Catalog, table: Table) -> dg.AssetsDefinition:
    # By multi_asset, whose backfill_policy is stable; that of @asset is beta.
    @dg.multi_asset(
        specs=[describe.spec(catalog, table, table.room, says=_SCHEDULED)],
        name=describe.op_name(table),
        partitions_def=days(),
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=[
            dg.AssetCheckSpec(
                "same_sql",
                asset=describe.key_of(table.key),
                description="Every computed day was computed by the SQL that the file has now; names the days that were not.",
            )
        ],
    )
    def daily(context: dg.AssetExecutionContext, database: DatabaseResource) -> Iterator[dg.MaterializeResult[None]]:
        keys = context.partition_key_range
        results = replace_days(
            database, catalog, table, date.fromisoformat(keys.start), date.fromisoformat(keys.end), run_id=context.run.run_id,
            progress=lambda done: context.log.info(summary(done)),
        )  # fmt: skip
        for result in results:
            context.add_asset_metadata(metadata(of_day(result)), partition_key=result.day.isoformat())
        # What is about the whole range stands on its last day, once, not on each of hundreds of events.
        context.add_asset_metadata(metadata(of_range(database, table, results)), partition_key=keys.end)
        yield dg.MaterializeResult(check_results=[_same_sql(database, table)])

    return daily


def of_day(result: "DayResult") -> dict[str, Any]:
    now = {name: after or 0 for name, (_, after) in result.headline.items()}
    return {"dagster/partition_row_count": result.rows, "changed": result.changed, **now}


def of_range(database: "Database", table: Table, results: Sequence["DayResult"]) -> dict[str, Any]:
    """The line per day, the table's rows and, where numbers moved, how they look now."""
    with database.begin() as connection:
        return {
            **charts.of_daily(connection, table, moved=any(result.changed for result in results)),
            "summary": summary(results),
            "days": tabular(map(line, _worth_showing(results))),
            **look(connection, table),
        }


def _worth_showing(results: Sequence["DayResult"]) -> Sequence["DayResult"]:
    """All of them; of a very long range the changed ones first in line, and the newest."""
    if len(results) <= _DAYS_SHOWN:
        return results
    kept = [result for result in results if result.changed][-_DAYS_SHOWN:]
    return kept or results[-_DAYS_SHOWN:]


def line(result: "DayResult") -> Mapping[str, Any]:
    """A day's line: before → after where a headline number moved."""
    heads = {
        name: f"{_short(before)} → {_short(after)}"
        if result.changed and before != after and before is not None
        else _short(after)
        for name, (before, after) in result.headline.items()
    }
    return {"day": result.day, "rows": result.rows, "written": "yes" if result.changed else "", **heads}


def _short(value: Any) -> str:
    return "0" if value is None else f"{value:,}"


def summary(results: Sequence["DayResult"]) -> str:
    changed = [result.day for result in results if result.changed]
    span = f"{results[0].day} to {results[-1].day}" if len(results) > 1 else f"{results[0].day}"
    wrote = "none came out different" if not changed else f"{len(changed)} written ({changed[0]} … {changed[-1]})"
    return (
        f"{span}: {len(results)} day{'s' if len(results) > 1 else ''}, {sum(r.rows for r in results):,} rows; {wrote}"
    )


def _same_sql(database: "Database", table: Table) -> dg.AssetCheckResult:
    outdated = outdated_days(database, table)
    told: dict[str, Any] = {
        "days of another version": [day.isoformat() for day in outdated[:50]],
        "how many": len(outdated),
    }
    if outdated:
        told["remedy"] = f"aclue {table.room} rebuild --from {outdated[0]} --to {outdated[-1]}"
    says = (
        f"{len(outdated)} days come from an older version of the SQL" if outdated else "every day comes from this SQL"
    )
    return check_result(describe.key_of(table.key), "same_sql", not outdated, says, told, warn=True)
