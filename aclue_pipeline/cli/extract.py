"""`aclue extract`: a published table as a file."""

import sys
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aclue_pipeline.cli.context import DAY, TABLE, Context, in_order, waiting
from aclue_pipeline.errors import FileUnusable

if TYPE_CHECKING:
    from aclue_pipeline.catalog import Table
    from aclue_pipeline.postgres import Database


@click.command(
    short_help="A published table as CSV or Parquet.",
    epilog="Example:  aclue extract revenue_daily --from 2026-03-01 --format parquet --out revenue.parquet",
)
@click.argument("table", type=TABLE)
@click.option("--from", "first", type=DAY, metavar="DAY", help="First day, YYYY-MM-DD.  [default: the table's]")
@click.option("--to", "last", type=DAY, metavar="DAY", help="Last day, counted too.  [default: the table's]")
@click.option(
    "--format", "form", type=click.Choice(["csv", "parquet"]), default="csv", show_default=True, help="Of the file."
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Where to.  [default: stdout]"
)
@click.pass_obj
def extract(
    context: Context, table: str, first: datetime | None, last: datetime | None, form: str, out: Path | None
) -> None:
    """Write a published table's rows, in the order of days, to a file.

    CSV is for a spreadsheet: a text that would run as a formula begins with an apostrophe there. Parquet has every column in its
    type, numbers exact. The file stands there whole or not at all. The taste model goes, too: taste_items (vectors of products, by
    version) and taste_models (weights).
    """
    from aclue_pipeline.derived.extract import published

    if form == "parquet" and out is None:
        raise click.UsageError("--format parquet needs --out FILE")
    if first and last:
        in_order(first.date(), last.date())
    days = (first.date() if first else None, last.date() if last else None)
    database, wanted = context.database(), published(context.catalog, table)
    with waiting("reading"):
        rows = _to_file(database, wanted, days, form, out) if out else _to_stdout(database, wanted, days)
    click.echo(f"{wanted.key}: {rows:,} rows{f' in {out}' if out else ''}", err=True)


def _to_stdout(database: "Database", table: "Table", days: tuple[date | None, date | None]) -> int:
    from aclue_pipeline.derived.extract import to_csv

    rows = to_csv(database, table, days, sys.stdout.buffer.write)
    sys.stdout.flush()
    return rows


def _to_file(database: "Database", table: "Table", days: tuple[date | None, date | None], form: str, out: Path) -> int:
    from aclue_pipeline.derived.extract import to_csv, to_parquet

    device = out.exists() and not out.is_file()  # such as /dev/stdout, which no file may replace
    part = out if device else out.with_name(f".{out.name}.part")
    try:
        if form == "parquet":
            rows = to_parquet(database, table, days, part)
        else:
            with part.open("wb") as file:
                rows = to_csv(database, table, days, file.write)
        if not device:
            part.replace(out)
    except OSError as error:
        raise FileUnusable(f"{out} cannot be written: {error.strerror}; name another place") from error
    finally:
        if not device:
            part.unlink(missing_ok=True)
    return rows
