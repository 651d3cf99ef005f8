"""`aclue revenue attribution`: who is credited with the sales of a range, by models that need all its paths at once."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from aclue_pipeline.cli.context import DAY, Context, in_order, json_option, print_json, waiting
from aclue_pipeline.cli.outlets import plain

if TYPE_CHECKING:
    from aclue_pipeline.revenue.attribution import Model

_DIMENSIONS = ["source_page", "affiliate_network", "utm_source", "utm_medium", "utm_campaign"]


@click.command(epilog="Example:  aclue revenue attribution --model markov --from 2026-03-01 --dimension utm_source")
@click.option(
    "--model", type=click.Choice(["markov", "shapley"]), required=True, help="How sales are shared among touches."
)
@click.option("--from", "first", type=DAY, metavar="DAY", required=True, help="First day of the sales, YYYY-MM-DD.")
@click.option("--to", "last", type=DAY, metavar="DAY", help="Last day, counted too.  [default: yesterday]")
@click.option(
    "--dimension", type=click.Choice(_DIMENSIONS), default="source_page", show_default=True, help="What touches are told apart by."
)  # fmt: skip
@json_option
@click.pass_obj
def attribution(
    context: Context, model: "Model", first: datetime, last: datetime | None, dimension: str, as_json: bool
) -> None:
    """Say which touches the sales of a range of days are credited to, by Markov chains or Shapley values.

    markov: by the share of the sales that would be lost without a touch, paths that led nowhere counted, too. shapley: each
    sale in equal parts to the different touches on its path. Each currency adds up exactly. The models that need no range are
    in the table attribution_daily.
    """
    from aclue_pipeline import derived
    from aclue_pipeline.revenue.attribution import credits, read_paths

    database = context.database()
    until = last.date() if last else derived.today(database) - timedelta(days=1)
    in_order(first.date(), until)
    with waiting("sharing sales out"):
        found = credits(read_paths(database, context.catalog, first.date(), until, dimension), model)
    if as_json:
        print_json([vars(one) for one in found])
        return
    for one in found:
        money = "no amount yet" if one.commission is None else f"{one.commission:,} {one.currency}"
        click.echo(plain(f"{one.touch}: {one.conversions:,} conversions, {money}"))
    if not found:
        click.echo(f"no sale from {first.date()} to {until}")
