"""`aclue revenue import`, `imports` and `undo`: what the networks report of their own."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aclue_pipeline.cli.context import Context, json_option, print_json, waiting, yes_option
from aclue_pipeline.cli.outlets import plain
from aclue_pipeline.errors import LinesRejected
from aclue_pipeline.settings import person

if TYPE_CHECKING:
    from aclue_pipeline.revenue.imports import Imported
    from aclue_pipeline.revenue.reports import Rejected

_SHOWN = 20


def _code(_: click.Context, __: click.Parameter, code: str | None) -> str | None:
    if code is not None and not re.fullmatch("[A-Za-z]{3}", code):
        raise click.BadParameter(f"{code!r} is no currency: write its code, as GBP.")
    return code


@click.command("import", epilog="Example:  aclue revenue import transactions.csv --currency GBP")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--network", metavar="NAME", help="Network whose report it is.  [default: by its headers]")
@click.option(
    "--currency", metavar="CODE", callback=_code, help="Currency of its amounts, where it names none (ISO 4217)."
)
@yes_option
@json_option
@click.pass_obj
def import_(context: Context, file: Path, network: str | None, currency: str | None, yes: bool, as_json: bool) -> None:
    """Take in a report that a network exported: Awin's transactions, CJ's commissions, Amazon's Fee-Earnings, as CSV.

    Lines that cannot be read are rejected with the reason, and the command fails once all others are imported; a line that an
    earlier report told of counts once, as it stands in this one. The same file again changes nothing.
    commission_reconciliation follows at once.

    A report is known by its columns, and must have:

    amazon: Date Shipped, Ad Fees or Commission Income

    awin: id, date, commission, commission_status

    commission_junction: commissionId, eventDate, pubCommissionAmountPubCurrency or commissionAmount or publisherCommission or
    commission or pubCommissionAmountUsd, actionStatus or status
    """
    from aclue_pipeline.revenue.imports import import_report

    database = context.writable(yes)
    with waiting("importing"):
        done, rejected = import_report(
            database, context.catalog, file.read_bytes(), file.name, person(), network=network, currency=currency
        )
    if as_json:
        lines = [{"line": one.number, "reason": one.reason} for one in rejected] if done.is_new else []
        print_json({**_as_data(done), "is_new": done.is_new, "rejected_lines": lines})
    else:
        click.echo(_said(done) if done.is_new else f"imported before, nothing changed: {_said(done)}")
        _show(rejected if done.is_new else ())
    if rejected and done.is_new:
        raise LinesRejected(
            f"{len(rejected):,} of {done.lines:,} lines were rejected, the others are imported: put them right and import the file again"
        )


@click.command(epilog="Example:  aclue revenue imports --json")
@json_option
@click.pass_obj
def imports(context: Context, as_json: bool) -> None:
    """List the imports of network reports with their control totals, the latest first."""
    from aclue_pipeline.revenue.imports import imports as every

    found = every(context.database(), context.catalog)
    if as_json:
        print_json([_as_data(one) for one in found])
        return
    for one in found:
        undone = f"; undone {one.undone_at:%Y-%m-%d %H:%M}" if one.undone_at else ""
        click.echo(f"{_said(one)}; imported {one.imported_at:%Y-%m-%d %H:%M}{undone}")
    if not found:
        click.echo("nothing has been imported")


@click.command(epilog="Example:  aclue revenue undo 3")
@click.argument("number", metavar="NUMBER", type=click.IntRange(1))
@yes_option
@json_option
@click.pass_obj
def undo(context: Context, number: int, yes: bool, as_json: bool) -> None:
    """Take the import of that number back: what it replaced counts again. That it was made stays on record."""
    from aclue_pipeline.revenue.imports import undo as take_back

    done = take_back(context.writable(yes), context.catalog, number, person())
    if as_json:
        print_json(_as_data(done))
    else:
        click.echo(f"undone: {_said(done)}")


def _said(one: "Imported") -> str:
    """import 3: awin, june.csv, 120 lines of 2026-06-01 to 2026-06-30: 118 taken (4 reported before), 2 rejected; GBP 61.20"""
    days = f" of {one.first_day} to {one.last_day}" if one.first_day else ""
    before = f" ({one.reported_before:,} reported before)" if one.reported_before else ""
    totals = "".join(f"; {currency} {total:,}" for currency, total in one.totals.items())
    return plain(
        f"import {one.number}: {one.network}, {one.file_name}, {one.lines:,} lines{days}: "
        f"{one.taken:,} taken{before}, {one.rejected:,} rejected{totals}"
    )


def _show(rejected: "tuple[Rejected, ...]") -> None:
    for one in rejected[:_SHOWN]:
        click.echo(f"  line {one.number} rejected: {plain(one.reason)}")
    if len(rejected) > _SHOWN:
        click.echo(f"  and {len(rejected) - _SHOWN:,} more: analytics.network_reports has them all")


def _as_data(one: "Imported") -> dict[str, Any]:
    from dataclasses import asdict

    return {name: value for name, value in asdict(one).items() if name != "is_new"}
