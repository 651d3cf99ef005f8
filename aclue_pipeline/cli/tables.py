"""`aclue revenue` and `aclue funnel`: the daily tables of these rooms, replaced for a range of days."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import click

from aclue_pipeline.cli.context import Context, json_option, print_json, progress, yes_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from aclue_pipeline.catalog import Catalog
    from aclue_pipeline.derived import DayResult
    from aclue_pipeline.postgres import Database

_DAY = click.DateTime(["%Y-%m-%d"])


@click.group(
    short_help="What affiliate clicks brought, day by day.",
    epilog="Example:  aclue revenue rebuild --from 2026-03-01 --to 2026-03-31",
)
def revenue() -> None:
    """What affiliate clicks brought: revenue_daily, commission_daily, product_revenue_daily."""


@click.group(short_help="How far sessions went, day by day.", epilog="Example:  aclue funnel rebuild --trailing")
def funnel() -> None:
    """How far sessions went: session_funnel_daily, ctr_by_position_daily."""


# --- rebuild ----------------------------------------------------------------------------------------------------------


def _rebuild_command(room: str) -> click.Command:
    @click.command("rebuild", epilog=f"Example:  aclue {room} rebuild --from 2026-03-01 --to 2026-03-31")
    @click.option("--from", "first", type=_DAY, metavar="DAY", help="First day, YYYY-MM-DD.")
    @click.option("--to", "last", type=_DAY, metavar="DAY", help="Last day, counted too.  [default: yesterday]")
    @click.option("--trailing", is_flag=True, help="The last ACLUE_TRAILING_DAYS days, as without --from.")
    @yes_option
    @json_option
    @click.pass_obj
    def rebuild(
        context: Context, first: datetime | None, last: datetime | None, trailing: bool, yes: bool, as_json: bool
    ) -> None:
        from aclue_pipeline.derived import rebuild_range

        if trailing and first:
            raise click.UsageError("say either --trailing or --from DAY")
        database = context.database()
        begin, end = rebuild_range(_date(first), _date(last))
        context.confirm_write(database, yes)
        results = _rebuild(database, context.catalog, room, begin, end, progress())
        database.close()
        if as_json:
            print_json([_as_data(key, days) for key, days in results.items()])
        else:
            for line in _lines(results):
                click.echo(line)

    rebuild.help = (
        f"Compute the days of every {room} table again, and write those that came out different.\n\n"
        "Running it twice writes nothing the second time. Days are those of ACLUE_TIMEZONE."
    )
    return rebuild


def _date(given: datetime | None) -> date | None:
    return given.date() if given else None


def _rebuild(
    database: "Database", catalog: "Catalog", room: str, first: date, last: date, say: "Callable[[str], None]"
) -> "dict[str, list[DayResult]]":
    from aclue_pipeline.derived import replace_days

    results = {}
    for table in catalog.room(room, "daily"):

        def month_done(done: "list[DayResult]", key: str = table.key) -> None:
            say(_summary(key, done))

        results[table.key] = replace_days(database, catalog, table, first, last, progress=month_done)
    return results


def _lines(results: "dict[str, list[DayResult]]") -> list[str]:
    """A line per day that came out different, in the order of days, then what became of each table."""
    changed = [(day.day, key, day) for key, days in results.items() for day in days if day.changed]
    lines = [_day_line(key, day) for _, key, day in sorted(changed, key=lambda found: found[:2])]
    return [*lines, *(_summary(key, days) for key, days in results.items())]


def _day_line(key: str, result: "DayResult") -> str:
    """2026-03-01  analytics.revenue_daily: 12 rows, clicks 40 → 41, valid_clicks 38"""
    heads = [f"{name} {_moved(before, after)}" for name, (before, after) in result.headline.items()]
    return f"{result.day}  {key}: {', '.join([_counted(result.rows, 'row'), *heads])}"


def _moved(before: Any, after: Any) -> str:
    before, after = before or 0, after or 0
    return f"{after:,}" if before == after else f"{before:,} → {after:,}"


def _summary(key: str, days: "list[DayResult]") -> str:
    written = sum(day.changed for day in days)
    span = f"{days[0].day} to {days[-1].day}" if len(days) > 1 else f"{days[0].day}"
    wrote = f"{written:,} came out different" if written else "none came out different"
    rows = _counted(sum(day.rows for day in days), "row")
    return f"{key}: {span}, {_counted(len(days), 'day')}, {wrote}, {rows}"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _as_data(key: str, days: "list[DayResult]") -> dict[str, Any]:
    return {
        "table": key,
        "from": days[0].day,
        "to": days[-1].day,
        "days": len(days),
        "rows": sum(day.rows for day in days),
        "changed": [{"day": day.day, "rows": day.rows, "headline": _pairs(day)} for day in days if day.changed],
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
        from aclue_pipeline.derived import outdated_days

        database = context.database()
        found = {table.key: outdated_days(database, table) for table in context.catalog.room(room, "daily")}
        database.close()
        if as_json:
            print_json(found)
            return
        for key, days in found.items():
            if days:
                click.echo(f"{key}: {_counted(len(days), 'day')} of an older version of its SQL")
        stale = [day for days in found.values() for day in days]
        remedy = f"aclue {room} rebuild --from {min(stale)} --to {max(stale)}" if stale else ""
        click.echo(
            f"    remedy: {remedy}" if stale else "every computed day comes from the SQL that the files have now"
        )

    outdated.help = f"List the days of {room} tables that were computed by another version of their SQL."
    return outdated


for _group in (revenue, funnel):
    assert _group.name
    _group.add_command(_rebuild_command(_group.name))
    _group.add_command(_outdated_command(_group.name))
