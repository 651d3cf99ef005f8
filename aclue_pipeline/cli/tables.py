"""`aclue revenue` and `aclue funnel`: the daily tables of these rooms, replaced for a range of days."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from aclue_pipeline.cli.attribution import attribution
from aclue_pipeline.cli.context import DAY, Context, json_option, print_json, progress, tell_hint, waiting, yes_option
from aclue_pipeline.cli.facts import close, reopen
from aclue_pipeline.cli.reports import import_, imports, undo
from aclue_pipeline.errors import DaysFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aclue_pipeline.catalog import Catalog
    from aclue_pipeline.derived import DayResult, Replaced
    from aclue_pipeline.postgres import Database


@click.group(
    short_help="What affiliate clicks brought, day by day.",
    epilog="Example:  aclue revenue rebuild --from 2026-03-01 --to 2026-03-31",
)
def revenue() -> None:
    """What affiliate clicks brought: revenue_daily, commission_daily, product_revenue_daily, attribution_daily."""


@click.group(short_help="How far sessions went, day by day.", epilog="Example:  aclue funnel rebuild")
def funnel() -> None:
    """How far sessions went, and how, and who came back: session_funnel_daily, session_quality_daily, people_active, …"""


# --- rebuild ----------------------------------------------------------------------------------------------------------


def _rebuild_command(room: str) -> click.Command:
    @click.command("rebuild", epilog=f"Example:  aclue {room} rebuild")
    @click.option("--from", "first", type=DAY, metavar="DAY", help="First day, YYYY-MM-DD.  [default: what is needed]")
    @click.option("--to", "last", type=DAY, metavar="DAY", help="Last day, counted too.  [default: yesterday]")
    @click.option("--restate", is_flag=True, help="Also days whose source rows are gone, from what is left of them.")
    @yes_option
    @json_option
    @click.pass_obj
    def rebuild(
        context: Context, first: datetime | None, last: datetime | None, restate: bool, yes: bool, as_json: bool
    ) -> None:
        from aclue_pipeline import derived

        if last and not first:
            raise click.UsageError("--to DAY needs --from DAY")
        if restate and not first:
            raise click.UsageError("--restate needs --from DAY: say which days")
        database, say = context.database(), progress()
        days = None
        if first:
            days = derived.span(
                *derived.rebuild_range(first.date(), last.date() if last else None, derived.today(database))
            )
        context.confirm_write(database, yes)
        failed: DaysFailed | None = None
        say(f"facts: {_synced(database, context.catalog)}")
        try:
            results = derived.rebuild(
                database, context.catalog, context.catalog.room(room, "daily", "whole"), days, restate=restate,
                progress=lambda key, done: say(_summary(key, done)),
            )  # fmt: skip
        except DaysFailed as error:
            results, failed = dict(error.results), error
        if as_json:
            print_json([_as_data(key, done) for key, done in results.items()])
        else:
            for line in _lines(results):
                click.echo(line)
        if failed is not None:
            raise failed

    rebuild.help = (
        f"Compute days of every {room} table again, and write the rows that came out different.\n\n"
        "The facts are synced first. Without --from: the days that need it, whatever their age, since they were never computed, "
        "facts behind them changed, or another version of the SQL or the settings computed them. Running it twice writes nothing "
        "the second time. Days are those of ACLUE_TIMEZONE."
    )
    return rebuild


def _synced(database: "Database", catalog: "Catalog") -> str:
    from aclue_pipeline import derived

    with waiting("taking in events"):
        return derived.sync(database, catalog).sentence


def _lines(results: "Mapping[str, list[DayResult] | Replaced]") -> list[str]:
    """A line per day that came out different, in the order of days, then what became of each table."""
    changed = [
        (day.day, key, day)
        for key, days in results.items()
        if isinstance(days, list)
        for day in days
        if day.changed or day.lost
    ]
    lines = [_day_line(key, day) for _, key, day in sorted(changed, key=lambda found: found[:2])]
    return [*lines, *(_summary(key, days) for key, days in results.items())]


def _day_line(key: str, result: "DayResult") -> str:
    """2026-03-01  analytics.revenue_daily: 12 rows, clicks 40 → 41, valid_clicks 38"""
    heads = [f"{name} {_moved(before, after)}" for name, (before, after) in result.headline.items()]
    if result.lost:
        heads = [f"kept as published, since {_counted(result.lost, 'source row')} went (--restate computes it again)"]
    elif result.restated:
        heads.append(f"{_counted(result.restated, 'published row')} restated")
    return f"{result.day}  {key}: {', '.join([_counted(result.rows, 'row'), *heads])}"


def _moved(before: Any, after: Any) -> str:
    before, after = before or 0, after or 0
    return f"{after:,}" if before == after else f"{before:,} → {after:,}"


def _summary(key: str, days: "list[DayResult] | Replaced") -> str:
    if not isinstance(days, list):
        moved = f"{days.written:,} written, {days.deleted:,} deleted" if days.changed else "none came out different"
        return f"{key}: {_counted(days.rows, 'row')}, {moved}"
    if not days:
        return f"{key}: no day needs to be rebuilt"
    written = sum(day.changed for day in days)
    span = f"{days[0].day} to {days[-1].day}" if len(days) > 1 else f"{days[0].day}"
    wrote = f"{written:,} came out different" if written else "none came out different"
    rows = _counted(sum(day.rows for day in days), "row")
    return f"{key}: {span}, {_counted(len(days), 'day')}, {wrote}, {rows}"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _as_data(key: str, days: "list[DayResult] | Replaced") -> dict[str, Any]:
    if not isinstance(days, list):
        return {"table": key, "rows": days.rows, "written": days.written, "deleted": days.deleted}
    return {
        "table": key,
        "from": days[0].day if days else None,
        "to": days[-1].day if days else None,
        "days": len(days),
        "rows": sum(day.rows for day in days),
        "changed": [
            {"day": day.day, "rows": day.rows, "restated": day.restated, "headline": _pairs(day)}
            for day in days
            if day.changed
        ],
        "kept": [{"day": day.day, "lost": day.lost} for day in days if day.lost],
    }


def _pairs(result: "DayResult") -> dict[str, dict[str, Any]]:
    return {name: {"before": _plain(pair[0]), "after": _plain(pair[1])} for name, pair in result.headline.items()}


def _plain(total: Any) -> Any:
    """A count as a number, although the server sums counts as numeric; 0 for a day without rows."""
    total = total or 0
    return int(total) if total == int(total) else total


# --- outdated ---------------------------------------------------------------------------------------------------------


def _outdated_command(room: str) -> click.Command:
    @click.command("outdated", epilog=f"Example:  aclue {room} outdated")
    @json_option
    @click.pass_obj
    def outdated(context: Context, as_json: bool) -> None:
        from aclue_pipeline.derived import missing_days, outdated_days

        database = context.database()
        tables = context.catalog.room(room, "daily")
        found = {table.key: outdated_days(database, context.catalog, table) for table in tables}
        missing = {table.key: missing_days(database, table) for table in tables}
        kept = {table.key: outdated_days(database, context.catalog, table, lost=True) for table in tables}
        if as_json:
            print_json({key: sorted([*days, *missing[key]]) for key, days in found.items()})
            return
        for key, days in missing.items():
            if days:
                click.echo(f"{key}: {_counted(len(days), 'day')} never computed, {days[0]} to {days[-1]}")
        for key, days in found.items():
            if days:
                click.echo(f"{key}: {_counted(len(days), 'day')} of another version, {days[0]} to {days[-1]}")
        for key, days in kept.items():
            if days:
                click.echo(
                    f"{key}: {_counted(len(days), 'day')} kept, since source rows are gone: {days[0]} to {days[-1]}"
                )
        stale = any(found.values()) or any(missing.values())
        remedy = f"    remedy: aclue {room} rebuild"
        tell_hint(remedy if stale else "every day that can be computed comes from the SQL and settings there are now")

    outdated.help = f"List the days of {room} tables that were never computed, or by another version of their SQL or other settings."
    return outdated


for _command in (attribution, close, reopen, import_, imports, undo):
    revenue.add_command(_command)
for _group in (revenue, funnel):
    assert _group.name
    _group.add_command(_rebuild_command(_group.name))
    _group.add_command(_outdated_command(_group.name))
