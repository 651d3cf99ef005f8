"""A standing check of every table of days: none is missing, and Dagster has no day on record whose last run failed."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import dagster as dg
from dagster._time import get_current_datetime

from aclue_pipeline.catalog import Catalog, Table
from aclue_pipeline.checks import Check, Judgement, Outcome
from aclue_pipeline.defs.checks import key, result, spec
from aclue_pipeline.defs.metadata import key_of
from aclue_pipeline.defs.resources import DatabaseResource
from aclue_pipeline.defs.steps import clearly, step
from aclue_pipeline.derived import missing_days, today

CHECK = "every_day"

_SAYS = "Every day up to the day before yesterday has been computed, and no day's last run failed."


def standing(catalog: Catalog, room: str, days: dg.PartitionsDefinition[str]) -> list[dg.AssetChecksDefinition]:
    """One op for all tables of days of a room."""
    tables = catalog.room(room, "daily")
    if not tables:
        return []

    @dg.multi_asset_check(
        name=f"days_of_{room}",
        specs=[spec(Check(CHECK, table.key, "error", _SAYS)) for table in tables],
        can_subset=True,
        **step(),
    )
    @clearly
    def judged(context: dg.AssetCheckExecutionContext, database: DatabaseResource) -> Iterator[dg.AssetCheckResult]:
        last = today(database, get_current_datetime()) - timedelta(days=2)  # yesterday is computed by night
        for table in tables:
            if key(table.key, CHECK) in context.selected_asset_check_keys:
                failed = _failed(context.instance, table, days)
                yield result(_complete(table, missing_days(database, table, last), failed))

    return [judged]


def _failed(instance: dg.DagsterInstance, table: Table, days: dg.PartitionsDefinition[str]) -> list[date]:
    statuses = instance.get_status_by_partition(key_of(table.key), days.get_partition_keys(), days) or {}
    return [date.fromisoformat(day) for day, status in statuses.items() if status and status.value == "FAILED"]


def _complete(table: Table, missing: Sequence[date], failed: Sequence[date]) -> Judgement:
    """Never computed is what a rebuild without a range computes; what failed may be there all the same, computed on another way."""
    found = [
        f"{what}: {len(days)} of the days, {days[0]} to {days[-1]}"
        for what, days in (("never computed", missing), ("failed", failed))
        if days
    ]
    remedies = [f"aclue {table.room} rebuild"] * bool(missing) + ["a backfill of the failed days"] * bool(failed)
    outcome: Outcome = "failed" if found else "passed"
    evidence = {
        "never computed": [day.isoformat() for day in missing[:50]],
        "failed": [day.isoformat() for day in failed[:50]],
    }
    return Judgement(
        CHECK, table.key, outcome, "error", "; ".join(found) or "every day is there", evidence, "; ".join(remedies)
    )
