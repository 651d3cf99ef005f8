"""`aclue sync`: the facts are brought up to date with the app's events; `aclue revenue close` and `reopen`: months of commission."""

from datetime import date, datetime
from typing import TYPE_CHECKING

import click

from aclue_pipeline.cli.context import MONTH, Context, json_option, print_json, waiting, yes_option
from aclue_pipeline.cli.outlets import plain
from aclue_pipeline.settings import person

if TYPE_CHECKING:
    from aclue_pipeline.revenue.closing import Closed


@click.command(short_help="Take in what changed in the app's events.", epilog="Example:  aclue sync --full")
@click.option("--full", is_flag=True, help="Look at every row, also for those that are gone.")
@yes_option
@json_option
@click.pass_obj
def sync(context: Context, full: bool, yes: bool, as_json: bool) -> None:
    """Judge the clicks and sessions that changed since the last sync, keep them as facts, and mark the published days they reach.

    The days themselves are rebuilt by `aclue revenue rebuild` and `aclue funnel rebuild`.
    """
    from dataclasses import asdict

    from aclue_pipeline.derived.facts import sync

    database = context.writable(yes)
    with waiting("taking in events"):
        done = sync(database, context.catalog, full=full)
    if as_json:
        print_json(asdict(done))
    else:
        click.echo(done.sentence)


@click.command(epilog="Example:  aclue revenue close 2026-08")
@click.argument("months", metavar="MONTH...", nargs=-1, type=MONTH, required=True)
@yes_option
@json_option
@click.pass_obj
def close(context: Context, months: tuple[datetime, ...], yes: bool, as_json: bool) -> None:
    """Freeze the commission of months (YYYY-MM) as it is now.

    What changes of them later is booked as an adjustment in the first month that is not closed. Months close in order, once they
    are over and all their days are computed.
    """
    from aclue_pipeline.revenue import closing

    database = context.writable(yes)
    for month in months:
        _show(closing.close(database, context.catalog, month.date(), person()), "closed", as_json)


@click.command(epilog="Example:  aclue revenue reopen 2026-08")
@click.argument("month", metavar="MONTH", type=MONTH)
@yes_option
@json_option
@click.pass_obj
def reopen(context: Context, month: datetime, yes: bool, as_json: bool) -> None:
    """Open the last closed month (YYYY-MM) again. That it was closed, and by whom it was opened, stays on record."""
    from aclue_pipeline.revenue import closing

    _show(closing.reopen(context.writable(yes), context.catalog, month.date(), person()), "open again", as_json)


def _show(done: "Closed", what: str, as_json: bool) -> None:
    rows = [
        {"currency": currency, "affiliate_network": network, "commission": commission, "adjustments": adjustments}
        for (currency, network), (commission, adjustments) in done.amounts.items()
    ]
    if as_json:
        print_json({"month": _name(done.month), "state": what, "amounts": rows})
        return
    click.echo(f"{_name(done.month)} is {what}" + ("" if rows else ": no commission"))
    for row in rows:
        adjusted = f", adjustments of earlier months {row['adjustments']:,}" if row["adjustments"] else ""
        click.echo(plain(f"  {row['currency']}  {row['affiliate_network']}: {row['commission']:,}{adjusted}"))


def _name(month: date) -> str:
    return f"{month:%Y-%m}"
