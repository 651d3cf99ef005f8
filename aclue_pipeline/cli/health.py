"""`aclue health`: what slows the database down."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from aclue_pipeline.cli.context import Context, json_option, print_json

if TYPE_CHECKING:
    from aclue_pipeline.health import Finding

_COLOURS = {"error": "red", "warn": "yellow"}


@click.command(
    short_help="Slow statements, useless indexes, growth.", epilog="Example:  aclue health table_growth --json"
)
@click.argument("names", metavar="[FINDING]...", nargs=-1)
@json_option
@click.pass_obj
def health(context: Context, names: tuple[str, ...], as_json: bool) -> None:
    """Look for slow statements, unused or invalid indexes, and tables that grow fast.

    Only reads. Each finding says its remedy; none at all is good health. The exit code is 0 whatever is found.
    """
    from aclue_pipeline.health import examine

    database = context.database()
    found = examine(database, context.catalog, names)
    database.close()
    if as_json:
        print_json([asdict(finding) for finding in found])
        return
    for finding in found:
        _show(finding)
    if not found:
        click.echo("nothing found: in good health")


def _show(finding: "Finding") -> None:
    if finding.severity == "not applicable":
        click.echo(f"{click.style('–', dim=True)} {finding.finding}: not judged here, {finding.detail}")
    else:
        severity = click.style(finding.severity, fg=_COLOURS.get(finding.severity))
        click.echo(f"{severity} {finding.finding}: {finding.object} {finding.detail}")
    click.echo(f"    remedy: {finding.remedy}")
