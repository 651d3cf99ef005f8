"""Derived tables as assets, one factory per kind, whatever the room: a new file in sql/ is an asset without a line of Python. Daily
ones are partitioned: a range of days in one run, one line per day in the metadata. What the numbers mean stands in the files."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from aclue_pipeline.catalog import Catalog, Table, sqltext
from aclue_pipeline.checks import Check, Judgement
from aclue_pipeline.defs import beta, charts, describe
from aclue_pipeline.defs.checks import Built, checks_of, result, spec
from aclue_pipeline.defs.complete import standing
from aclue_pipeline.defs.metadata import fitting, key_of, metadata, preview, tabular, written
from aclue_pipeline.defs.observed import forget_materializations, known_version
from aclue_pipeline.defs.resources import DatabaseResource
from aclue_pipeline.defs.steps import clearly, step
from aclue_pipeline.derived import ensure, glance, outdated_days, replace_days, replace_whole, restated
from aclue_pipeline.derived import sync as sync_facts
from aclue_pipeline.errors import DaysFailed
from aclue_pipeline.settings import get_settings

if TYPE_CHECKING:
    import sqlalchemy as sa

    from aclue_pipeline.derived import DayResult
    from aclue_pipeline.postgres import Database

_SAME_SQL = "Every computed day was computed by the SQL and the settings there are now; names the days that were not."

_NO_DAYS = (
    "no days were chosen: take Materialize, then Missing or any days; or, for what was never computed or changed since, the sensor"
    " rebuild_dirty_days: Preview tick result, Launch all"
)

#: Lines that are shown of a table with one for each day; a year's backfill has more than anybody reads.
_DAYS_SHOWN = 31

#: Currencies of which a day's commission is told, those with the most; and characters of their names, which clients may have written.
_CURRENCIES, _UNIT = 3, 12


def days() -> dg.DailyPartitionsDefinition:
    """Calendar days of the reporting zone from ACLUE_FIRST_DAY on; a day exists once it is over."""
    settings = get_settings()
    return dg.DailyPartitionsDefinition(start_date=settings.first_day.isoformat(), timezone=settings.timezone)


def build_room(catalog: Catalog, room: str) -> Built:
    """Every derived table of a room, and its checks."""
    builders = {"daily": daily_asset, "whole": whole_asset, "view": view_asset}
    assets = [builders[table.kind](catalog, table) for table in catalog.room(room, *builders)]
    facts = catalog.room(room, "facts")
    return [*assets, *([facts_asset(catalog, facts)] if facts else [])], [
        *checks_of(catalog, room),
        *standing(catalog, room, days()),
    ]


def view_asset(catalog: Catalog, table: Table) -> dg.AssetsDefinition:
    """The asset of a view: brings it up to date, counts it. An observation, since a view is always current: as something that was
    made it would be out of date ("Unsynced") with every row that comes in, and as one of Dagster's virtual assets whatever reads it
    would be, with every look at a source."""

    @beta.observable([describe.spec(catalog, table)], describe.op_name(table))
    @clearly
    def view(context: dg.AssetExecutionContext, database: DatabaseResource) -> dg.ObserveResult:
        with database.begin() as connection:
            changes = ensure(connection, catalog, table)
            rows = {
                **charts.sections(connection, table),
                **look(connection, table),
                "done": "; ".join(map(str, changes)) or "nothing to do: a view is always as its sources",
            }
        forget_materializations(context.instance, key_of(table.key))
        below = (catalog.tables[key] for key in describe.next_to(catalog, table))
        read = (known_version(context.instance, key_of(one.key), one.kind != "facts") or "" for one in below)
        version = sqltext.digest(catalog.version(table, get_settings()), *read)
        return dg.ObserveResult(data_version=dg.DataVersion(version), metadata=metadata(rows))

    return view


def look(connection: "sa.Connection", table: Table) -> Mapping[str, Any]:
    """Row count, where that is quick; some rows of a table that counts many people (it has a headline). Rows of any other are about
    one visitor, and the event log keeps what it is told for ever."""
    rows: dict[str, Any] = {}
    if table.headline:
        rows["preview"] = preview(*glance.sample(connection, table))
    count = glance.count(connection, table)
    if count is None:
        return {**rows, "rows are": f"not counted: that takes more than {glance.COUNT_SECONDS} s"}
    return {**rows, "dagster/row_count": count}


class SyncConfig(dg.Config):
    full: bool = False


def facts_asset(catalog: Catalog, tables: Sequence[Table]) -> dg.AssetsDefinition:
    """The facts, which one step keeps together, in one transaction, whichever of them is asked for."""

    @dg.multi_asset(specs=[describe.spec(catalog, table) for table in tables], name="sync", can_subset=True, **step())
    @clearly
    def sync(
        context: dg.AssetExecutionContext, config: SyncConfig, database: DatabaseResource
    ) -> Iterator[dg.MaterializeResult[None]]:
        done = sync_facts(database, catalog, full=config.full)
        context.log.info(done.sentence)
        with database.begin() as connection:
            for table in (table for table in tables if key_of(table.key) in context.selected_asset_keys):
                rows = {**look(connection, table), "written": done.written[table.key], "sync": done.sentence}
                yield dg.MaterializeResult(asset_key=key_of(table.key), metadata=metadata(rows))

    return sync


def daily_asset(catalog: Catalog, table: Table) -> dg.AssetsDefinition:
    # By multi_asset, whose backfill_policy is stable; that of @asset is beta.
    @dg.multi_asset(
        specs=[describe.spec(catalog, table)],
        name=describe.op_name(table),
        partitions_def=days(),
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=[spec(Check("same_sql", table.key, "warn", _SAME_SQL))],
        **step(table.room),
    )
    @clearly
    def daily(context: dg.AssetExecutionContext, database: DatabaseResource) -> Iterator[dg.MaterializeResult[None]]:
        # The launchpad starts it without days; the dialog asks for them.
        if not (context.has_partition_key or context.has_partition_key_range):
            raise dg.Failure(_NO_DAYS, allow_retries=False)
        keys = context.partition_key_range
        run_id = context.run.run_id
        try:
            results = replace_days(
                database, catalog, table, date.fromisoformat(keys.start), date.fromisoformat(keys.end), run_id=run_id,
                progress=lambda done: context.log.info(summary(done)),
            )  # fmt: skip
        except DaysFailed as error:
            for done in error.results[table.key]:
                context.log_event(
                    dg.AssetMaterialization(
                        key_of(table.key),
                        partition=done.day.isoformat(),
                        metadata=metadata(of_day(done, [], {})),
                    )
                )
            raise
        moves, money = restated(database, table, run_id=run_id), earned(database, table, results)
        # What is about the whole range stands on its last day, once, not on each of hundreds of events.
        context.add_asset_metadata(
            metadata(of_range(database, catalog, table, results, moves, money)), partition_key=keys.end
        )
        for done in results:
            said = of_day(done, [move for move in moves if move["day"] == done.day], money[done.day])
            context.add_asset_metadata(metadata(said), partition_key=done.day.isoformat())
        yield dg.MaterializeResult(check_results=[result(_same_sql(database, catalog, table))])

    return daily


def whole_asset(catalog: Catalog, table: Table) -> dg.AssetsDefinition:
    @dg.multi_asset(specs=[describe.spec(catalog, table)], name=describe.op_name(table), **step(table.room))
    @clearly
    def whole(context: dg.AssetExecutionContext, database: DatabaseResource) -> Iterator[dg.MaterializeResult[None]]:
        done = replace_whole(database, catalog, table, run_id=context.run.run_id)
        moves = restated(database, table, run_id=context.run.run_id)
        with database.begin() as connection:
            rows = {**charts.sections(connection, table), "changed": done.changed, **look(connection, table)}
        yield dg.MaterializeResult(metadata=metadata({**rows, **_moved(moves)}))

    return whole


def of_day(result: "DayResult", moves: Sequence[Mapping[str, Any]], money: Mapping[str, float]) -> dict[str, Any]:
    now = {name: after or 0 for name, (_, after) in result.headline.items()}
    lost = {"source rows lost": result.lost} if result.lost else {}
    rows = {"dagster/partition_row_count": result.rows, "changed": result.changed}
    return {**money, **now, **rows, **lost, **_moved(moves)}


Money = Mapping[date, Mapping[str, float]]


def earned(database: "Database", table: Table, results: Sequence["DayResult"]) -> Money:
    """Day → its actual commission in each of the currencies with the most, 0 on a day without: numbers, of which the UI draws a line."""
    with database.begin() as connection:
        rows = glance.money_per_day(connection, table, [result.day for result in results])
        # On days without a click, the currencies of those before.
        known = rows or glance.money_per_day(connection, table)
    sums: dict[str, float] = defaultdict(float)
    for row in known:
        sums[row["series"]] += row["value"]
    largest = sorted(sums, key=lambda currency: (-sums[currency], currency))[:_CURRENCIES]
    none = {f"actual commission, {currency[:_UNIT]}": 0.0 for currency in largest}
    found: dict[date, dict[str, float]] = {result.day: {**none} for result in results}
    for row in rows:
        if row["series"] in largest and row["day"] in found:
            found[row["day"]][f"actual commission, {row['series'][:_UNIT]}"] = row["value"]
    return found


def of_range(
    database: "Database",
    catalog: Catalog,
    table: Table,
    results: Sequence["DayResult"],
    moves: Sequence[Mapping[str, Any]],
    money: Money,
) -> dict[str, Any]:
    """How the newest days look, what this run did, and a line for each of its days."""
    with database.begin() as connection:
        return {
            **charts.of_daily(connection, catalog, table),
            "this run": summary(results),
            **look(connection, table),
            **_moved(moves),
            "days of this run": _lines(
                fitting([line(result, money[result.day]) for result in _worth_showing(results)]), len(results)
            ),
        }


#: Not of the whole day: rows that did not move are not in it.
_MOVED = "before → after of moved rows"


def _moved(moves: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How published numbers moved, and why: a line per day, currency and column, the newest day first."""
    if not moves:
        return {}
    lines = [
        {
            **({"day": move["day"]} if move["day"] else {}),
            _MOVED: (
                f"{move['column']} {_short(move['before'], move['column'])} → {_short(move['after'], move['column'])}"
                f"{' ' if move['currency'] else ''}{move['currency'] or ''} ({', '.join(move['causes'])})"
            ),
        }
        for move in reversed(moves[-_DAYS_SHOWN:])
    ]
    return {"published numbers that moved": _lines(lines, len(moves))}


def _lines(lines: Sequence[Mapping[str, Any]], of: int) -> dg.MetadataValue[Any]:
    """As a table that ends with what is not in it."""
    left = [{next(iter(lines[0])): f"… and {of - len(lines):,} more"}] if of > len(lines) else []
    return tabular([*lines, *left])


def _worth_showing(results: Sequence["DayResult"]) -> Sequence["DayResult"]:
    """The newest first; of a long range those that changed, where any did."""
    kept = [result for result in results if result.changed] if len(results) > _DAYS_SHOWN else results
    return (kept or results)[: -_DAYS_SHOWN - 1 : -1]


def line(result: "DayResult", money: Mapping[str, float]) -> Mapping[str, Any]:
    """A day's line: before → after where a headline number moved."""
    heads = {
        name: f"{_short(before, name)} → {_short(after, name)}"
        if result.changed and before != after and before is not None
        else _short(after, name)
        for name, (before, after) in result.headline.items()
    }
    earned = {name.removeprefix("actual "): amount for name, amount in money.items()}
    return {"day": result.day, **earned, **heads, "written": "yes" if result.changed else "no"}


def _short(value: Any, name: str) -> str:
    return "0" if value is None else str(written(name, value) or f"{value:,}")


def summary(results: Sequence["DayResult"]) -> str:
    changed = [result.day for result in results if result.changed]
    first, last, rows = results[0].day, results[-1].day, sum(result.rows for result in results)
    wrote = "none came out different"
    if changed:
        wrote = (
            f"{len(changed)} written ({changed[0]} … {changed[-1]})" if len(changed) > 1 else f"{changed[0]} written"
        )
    span = f"{len(results)} days, {first} to {last}" if len(results) > 1 else f"{first}"
    return f"{wrote}, of {span}; {rows:,} row{'' if rows == 1 else 's'}"


def _same_sql(database: "Database", catalog: Catalog, table: Table) -> Judgement:
    outdated = outdated_days(database, catalog, table)
    kept = outdated_days(database, catalog, table, lost=True)
    evidence = {
        "days of another version": [day.isoformat() for day in outdated[:50]],
        "how many": len(outdated),
        "kept, since their source rows are gone": [day.isoformat() for day in kept[:50]],
    }
    if not outdated:
        sentence = "every day comes from this SQL and these settings"
        return Judgement("same_sql", table.key, "passed", "warn", sentence, evidence)
    sentence = f"of an older version of the SQL or the settings: {len(outdated)} of the days"
    return Judgement("same_sql", table.key, "failed", "warn", sentence, evidence, f"aclue {table.room} rebuild")
