"""`aclue report`: what is published, as a page for a person."""

from datetime import date, datetime, timedelta
from pathlib import Path

import click

from aclue_pipeline.cli.context import DAY, Context, in_order, waiting


@click.command(
    short_help="What is published, as one page to read, send and print.",
    epilog="Example:  aclue report --from 2026-03-01 --to 2026-03-31 --out march.html",
)
@click.option("--from", "first", type=DAY, metavar="DAY", help="First day, YYYY-MM-DD.  [default: 90 days]")
@click.option("--to", "last", type=DAY, metavar="DAY", help="Last day, counted too.  [default: yesterday]")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Where to.  [default: stdout]"
)
@click.pass_obj
def report(context: Context, first: datetime | None, last: datetime | None, out: Path | None) -> None:
    """Write one HTML page of charts, each with the numbers beside it: commission, funnel, people, attribution, recommendations.

    The page holds all it shows: it opens without a network, runs no script and prints. Reads only, as aclue_analyst may.
    """
    from aclue_pipeline import derived
    from aclue_pipeline.charts import style
    from aclue_pipeline.charts.page import report as written

    if not style.CAN_DRAW:
        click.echo("tables only: charts are drawn by the extra [charts], as in pip install '.[charts]'", err=True)
    database = context.database()
    until = last.date() if last else derived.today(database) - timedelta(days=1)
    since = first.date() if first else date.fromordinal(max(until.toordinal() - 89, 1))
    in_order(since, until)
    with waiting("computing the page"):
        page = written(database, since, until)
    if out is None:
        click.echo(page, nl=False)
        return
    out.write_text(page, encoding="utf-8")
    click.echo(f"{out}: {since} to {until}, {len(page.encode()) // 1024:,} kB", err=True)
