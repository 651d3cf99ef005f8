"""`aclue revenue` and `aclue funnel`: the daily tables of these rooms, replaced for a range of days."""

from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from aclue_pipeline.cli.context import Context, json_option, print_json, progress, yes_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from aclue_pipeline.catalog import DayResult
    from aclue_pipeline.postgres import Database

_DAY = click.DateTime(["%Y-%m-%d"])


@click.group(epilog="Example:  aclue revenue rebuild --from 2026-03-01 --to 2026-03-31")
def revenue() -> None:
    """What affiliate clicks brought: revenue_daily, commission_daily, product_revenue_daily."""


@click.group(epilog="Example:  aclue funnel rebuild --trailing")
def funnel() -> None:
    """How far sessions went: session_funnel_daily, ctr_by_position_daily."""


def _rebuild_command(room: str) -> click.Command:
    @click.command("rebuild", epilog=f"Example:  aclue {room} rebuild --from 2026-03-01 --to 2026-03-31")
    @click.option("--from", "first", type=_DAY, metavar="DAY", help="First day, YYYY-MM-DD.")
    @click.option("--to", "last", type=_DAY, metavar="DAY", help="Last day, counted too (yesterday).")
    @click.option("--trailing", is_flag=True, help="The last ACLUE_TRAILING_DAYS days, for late conversions.")
    @yes_option
    @json_option
    @click.pass_obj
    def rebuild(
        context: Context, first: datetime | None, last: datetime | None, trailing: bool, yes: bool, as_json: bool
    ) -> None:
        if trailing == (first is not None) or (trailing and last is not None):
            raise click.UsageError("say either --from DAY (and --to DAY), or --trailing")
        begin, end = _range(first.date() if first else None, last.date() if last else None)
        database = context.database()
        context.confirm_write(database, yes)
        results = _rebuild(database, room, begin, end, progress())
        if as_json:
            print_json([{"table": key, **asdict(day)} for key, days in results.items() for day in days])
        else:
            for key, days in results.items():
                click.echo(_summary(key, days))

    rebuild.help = (
        f"Compute the days of every {room} table again, and write those that came out different.\n\n"
        "Running it twice writes nothing the second time. Days are those of ACLUE_TIMEZONE."
    )
    return rebuild


def _range(first: date | None, last: date | None) -> tuple[date, date]:
    """First and last day: as given, else the trailing days up to yesterday in the reporting zone."""
    from aclue_pipeline.settings import get_settings

    settings = get_settings()
    yesterday = datetime.now(ZoneInfo(settings.timezone)).date() - timedelta(days=1)
    if first is None:
        first = max(yesterday - timedelta(days=settings.trailing_days - 1), settings.first_day)
    last = last or yesterday
    if last < first:
        raise click.UsageError(f"the range ends on {last}, before it begins on {first}")
    return first, last


def _rebuild(
    database: "Database", room: str, first: date, last: date, say: "Callable[[str], None]"
) -> "dict[str, list[DayResult]]":
    from aclue_pipeline.catalog import ensure_tables, replace_days, tables

    ensure_tables(database)
    results = {}
    for table in tables().values():
        if table.room == room and table.kind == "daily":

            def show(done: "list[DayResult]", key: str = table.key) -> None:
                say(f"  {_summary(key, done)}")

            results[table.key] = replace_days(database, table, first, last, progress=show)
    return results


def _summary(key: str, days: "list[DayResult]") -> str:
    changed = [day for day in days if day.changed]
    wrote = f"{len(changed)} written" if changed else "none came out different"
    heads: dict[str, Any] = {}
    for day in days:
        for name, (_, after) in day.headline.items():
            heads[name] = heads.get(name, 0) + (after or 0)
    told = "".join(f", {name} {value:,}" for name, value in heads.items())
    span = f"{days[0].day} to {days[-1].day}"
    return f"{key}: {span}, {len(days)} days, {wrote}, {sum(day.rows for day in days):,} rows{told}"


revenue.add_command(_rebuild_command("revenue"))
funnel.add_command(_rebuild_command("funnel"))
