"""`aclue health`: what slows the database down."""

from dataclasses import asdict

import click

from aclue_pipeline.cli.context import Context, json_option, print_json, show


@click.command(
    short_help="Slow statements, missing and useless indexes, growth.",
    epilog="Example:  aclue health table_growth --json",
)
@click.argument("names", metavar="[FINDING]...", nargs=-1)
@json_option
@click.pass_obj
def health(context: Context, names: tuple[str, ...], as_json: bool) -> None:
    """Look for slow statements, missing, unused or invalid indexes, and tables that grow fast.

    Only reads. Each finding says its remedy: ✗ act now, ! it will hurt, i worth knowing, – cannot be told.
    None at all is good health. The exit code is 0 whatever is found.
    """
    from aclue_pipeline.health import examine

    database = context.database()
    judgements = examine(database, context.catalog, names)
    database.close()
    if as_json:
        print_json([asdict(one) for one in judgements])
        return
    for one in judgements:
        show(one)
    if not judgements:
        click.echo("nothing found: in good health")
