"""`aclue health`: what slows the database down."""

from dataclasses import asdict

import click

from aclue_pipeline.cli.context import Context, json_option, print_json

_COLOURS = {"error": "red", "warn": "yellow", "info": None}


@click.command(epilog="Example:  aclue health table_growth --json")
@click.argument("names", metavar="[FINDING]...", nargs=-1)
@json_option
@click.pass_obj
def health(context: Context, names: tuple[str, ...], as_json: bool) -> None:
    """Look for slow statements, unused or invalid indexes, and tables that have outgrown their care.

    Reads the server's statistics only. Each finding says what mends it; none at all is good health.
    """
    from aclue_pipeline.health import examine

    found = examine(context.database(), names)
    if as_json:
        print_json([asdict(finding) for finding in found])
        return
    for finding in found:
        click.secho(f"{finding.severity:5} {finding.finding}  {finding.object}", fg=_COLOURS[finding.severity])
        click.echo(f"      {finding.detail}\n      → {finding.mend}")
    if not found:
        click.echo("nothing found: in good health")
